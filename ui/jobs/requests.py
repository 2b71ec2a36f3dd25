"""What can be asked for as a job: a stage or the whole flow, with the options of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from schema.settings import Settings
from ui import flow
from ui.jobs.roots import below_roots

Path = Annotated[str, Field(min_length=1, max_length=2000)]
Sources = Annotated[
    list[Path], Field(max_length=100, description="Folders, listings, tars or addresses below a root.")
]
Where = Annotated[str, Field(max_length=20_000, description="Filter; empty: all items.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class IngestJob(_Request):
    """Read files, tags and texts into items."""

    kind: Literal["ingest"]
    sources: Sources = Field(min_length=1)
    refresh: Literal["never", "fast", "full"] | None = None
    keep_missing: bool = False


class RunJob(_Request):
    """All stages in order, from ingest (with sources) to label; what is up to date is skipped."""

    kind: Literal["run"]
    sources: Sources = Field(default_factory=list)
    refresh: Literal["never", "fast", "full"] | None = None
    keep_missing: bool = False

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"kind": "run", "sources": ["/data/anime"]}}
    )


class MeasureJob(_Request):
    """Measure items; ``names`` are measures, without any those of the settings, or all."""

    kind: Literal["measure"]
    names: list[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,60}$")]] = Field(
        default_factory=list, max_length=100
    )
    where: Where = ""


class StageJob(_Request):
    """One stage without options; gates and select go by the settings of the server."""

    kind: Literal["embed", "index", "dedupe", "gates", "select"]


class LabelJob(_Request):
    """Label every attribute; ``full`` fits everything anew."""

    kind: Literal["label"]
    full: bool = False


class ExportJob(_Request):
    """Write a data set of what a filter matches to a folder or an address below a root; the protected gate applies."""

    kind: Literal["export"]
    out: Path
    format: str = Field("parquet", pattern="^[a-z][a-z0-9_]{0,40}$")
    where: Where = ""
    everything: bool = False

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "kind": "export",
                "out": "/data/out/blonde",
                "format": "parquet",
                "where": "hair_color = 'blonde'",
            }
        },
    )


JobRequest: TypeAlias = Annotated[
    IngestJob | RunJob | MeasureJob | StageJob | LabelJob | ExportJob, Field(discriminator="kind")
]


def options_of(request: Any, settings: Settings, roots: Sequence[str]) -> dict[str, Any]:
    """Return the options of a request as JSON, its paths below the roots.

    Raises InputError for a path that is not, and what the stage itself would say: SourceError for a source that is not
    there, SettingsError for an unknown measure.
    """
    options: dict[str, Any] = request.model_dump(exclude={"kind"})
    if "sources" in options:
        options["sources"] = [below_roots(each, roots) for each in options["sources"]]
    if "out" in options:
        options["out"] = below_roots(options["out"], roots)
    checked = [flow.stage("ingest" if request.kind == "run" else request.kind)]
    for stage in checked:
        if options.get("sources") or stage.name != "ingest":
            flow.check(stage, settings, options)
    return {name: value for name, value in options.items() if value not in ("", None)}
