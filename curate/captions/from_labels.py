"""Sentences made of accepted labels: many forms, one of them for each item by its id, and nothing that is not known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from curate.captions.base import Caption, LabelCaptioner
from curate.captions.phrases import Phrases, Phrasing, listed, with_article
from curate.captions.sayable import Sayable
from schema.plugins import Options
from schema.vocabulary import load_vocabulary

OPENERS = ("{}", "This is {}", "A picture of {}", "An image of {}", "Pictured is {}", "Here is {}")
"""How a sentence can begin: none says what kind of picture it is, for nobody has accepted that."""
NOTHING = "nothing is known of it that could be said"


class SentenceOptions(Options):
    """Options of ``[caption.from_labels]``."""

    attributes: tuple[str, ...] = Field((), description="Attributes that are said; empty: all of them.")
    names: bool = Field(True, description="Say the names of characters and works that the source states.")
    sentences: int = Field(1, ge=1, le=8, description="Sentences of different form, one a line.")


class FromLabels(LabelCaptioner):
    """'A young adult woman with long blonde hair, wearing a green yukata.' from accepted labels and names."""

    name = "from_labels"
    Options: ClassVar[type[Options]] = SentenceOptions
    options: SentenceOptions

    def load(self) -> None:
        """See RowPlugin."""
        vocabulary = load_vocabulary(self.settings.tags.vocabulary or None)
        for name in self.options.attributes:
            vocabulary.attribute(name)
        self._phrasing = Phrasing(vocabulary)

    def caption(self, item: Sayable) -> Caption:
        """See LabelCaptioner."""
        lines = self.lines(item, self.options.sentences)
        return Caption("\n".join(lines)) if lines else Caption(reason=NOTHING)

    def lines(self, item: Sayable, count: int) -> list[str]:
        """Return up to ``count`` different sentences about an item, the same for the same item and labels."""
        wanted = self.options.attributes
        labels = {name: values for name, values in item.labels.items() if not wanted or name in wanted}
        if item.several:
            labels = {}
        phrases = self._phrasing.phrases(labels)
        names = _names(item) if self.options.names else ""
        if not labels and not names:
            return []
        draw = random.Random(item.seed)
        found: dict[str, None] = {}
        for _ in range(count * 8):
            found.setdefault(sentence(phrases, names, draw))
            if len(found) >= count:
                break
        return list(found)


def sentence(phrases: Phrases, names: str, draw: random.Random) -> str:
    """Return one sentence or two of these phrases, in a form that is drawn."""
    clauses = list(phrases.clauses)
    draw.shuffle(clauses)
    said = [clause.replace("{}", listed(values)) for clause, values in clauses]
    subject = with_article(phrases.subject)
    if names:
        subject = names if phrases.subject == "character" else f"{names}, {subject}"
        subject += "," * bool(said)
    opener = draw.choice(OPENERS)
    second = [part for part in said if part.split(" ", 1)[0] in _VERBS] if draw.random() < 0.4 else []
    first = [part for part in said if part not in second]
    if not first:
        first, second = said, []
    whole = " ".join([opener.replace("{}", subject), _comma(first)]).strip().rstrip(",")
    text = f"{whole[:1].upper()}{whole[1:]}."
    if second:
        verbs = listed([_VERBS[part.split(" ", 1)[0]].format(part.split(" ", 1)[1]) for part in second])
        text += f" {phrases.pronoun[:1].upper()}{phrases.pronoun[1:]} {verbs}."
    return text


_VERBS = {"with": "has {}", "wearing": "is wearing {}", "looking": "is looking {}"}


def _comma(parts: Sequence[str]) -> str:
    return ", ".join(parts)


def _names(item: Sayable) -> str:
    """Return 'hatsune miku from vocaloid' of the names that the source states; empty where several are."""
    characters = item.names("characters")
    if len(characters) != 1 or item.several:
        return ""
    name, _, series = characters[0].partition("_(")
    works = [work.replace("_", " ") for work in item.names("copyrights")] or (
        [series.rstrip(")").replace("_", " ")] if series else []
    )
    plain = name.replace("_", " ").strip().title()
    return f"{plain} from {works[0].title()}" if works and works[0] else plain
