"""The measures, by name: what is computed of each item, a table for each. A new one is a class and a line here."""

from __future__ import annotations

from curate.measures.base import Measure
from schema.plugins import Seam

MEASURES = {
    "alignment": "curate.measures.alignment:Alignment",
    "colour": "curate.measures.colour:Colour",
    "frame": "curate.measures.frame:Frame",
    "judge": "curate.measures.vlm:Judge",
    "kind": "curate.measures.kind:Kind",
    "people": "curate.measures.people:People",
    "pose": "curate.measures.pose:Pose",
    "rating": "curate.measures.rating:Rating",
    "relevance": "curate.measures.relevance:Relevance",
    "score": "curate.measures.score:Score",
    "tagger": "curate.measures.tagger:Tagger",
    "text": "curate.measures.text:Text",
    "vlm": "curate.measures.vlm:Vlm",
}

SEAM = Seam(MEASURES, "measure", "measure.names", "likeness.measures", Measure)

__all__ = ["MEASURES", "SEAM", "Measure", "measure_class"]


def measure_class(name: str) -> type[Measure]:
    """Return the class of an entry of MEASURES; raises SettingsError that lists the entries."""
    found: type[Measure] = SEAM.load(name)
    return found
