"""One TOML file is one run: typed sections, no unknown keys, frozen; ``--set section.key=value`` overrides.

The resolved settings are stored with every run, so a table always says how it was made.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator

from schema.errors import SettingsError
from schema.sections.base import PluginSection, Section
from schema.sections.curation import GateSettings, SelectSettings, check_gates
from schema.sections.names import NamesSettings
from schema.sections.output import CaptionSettings as CaptionSettings
from schema.sections.output import ExportSettings as ExportSettings
from schema.setting_text import environment_overrides, explain, field_type, parse

FORMER_NAMES = {"label.donors_cap": "label.max_reference_items"}
"""Settings that have another name now; the former one works, and whoever runs it is told."""
FORMER_SOURCES = {"votes": "knn", "prompts": "zero_shot"}
"""Entries of ``label.sources`` by the names that they had."""


class IngestSettings(Section):
    """From files, tags and texts to items."""

    background: str = Field("#ffffff", description="Colour that transparency is laid on, as #rrggbb.")
    max_pixels: int = Field(120_000_000, gt=0, description="Larger pictures are refused before decoding.")
    max_bytes: int = Field(512 * 2**20, gt=0, description="Larger files are refused before reading.")
    thumbnail: int = Field(256, ge=32, le=1024, description="Long side of the stored thumbnail, in pixels.")
    workers: int = Field(0, ge=0, description="Decoding threads; 0 takes one per core.")
    commit_rows: int = Field(50_000, ge=1, description="Items per commit.")
    key_column: str = Field("", description="Column of the original id; empty finds id or key by itself.")
    image_column: str = Field("", description="Column of the path, bytes or {bytes, path}; empty finds it.")
    tags_column: str = Field("", description="Column of the tags; empty finds tags, tag_string or caption.")
    text_column: str = Field("", description="Column of the description; empty finds text or description.")
    identity_column: str = Field("", description="Column that names the same character; empty uses none.")
    folder_columns: tuple[str, ...] = Field(
        (),
        description="What the folders above a picture name, outermost first: character, artist, any column.",
    )
    refresh: Literal["never", "fast", "full"] = Field(
        "fast",
        description="Known files: never looked at again, by size and time of change (fast), or read again (full).",
    )
    keep_missing: bool = Field(False, description="Files that are gone stay in the data set.")
    extra_columns: int = Field(
        256, ge=0, description="Most columns of a source that have no meaning of their own and are kept."
    )
    retry_failed: bool = Field(False, description="Try failed keys again.")


class TagsSettings(Section):
    """Tag files that the user names."""

    vocabulary: str = Field("", description="Attribute vocabulary; empty takes configs/attributes.toml.")
    aliases: tuple[str, ...] = Field((), description="Tagcomplete CSV files: name, category, count, aliases.")
    implications: tuple[str, ...] = Field((), description="Danbooru implication exports, CSV or JSON.")
    encoding: str = Field("", description="Encoding of captions and lists that are no UTF-8; empty tells it.")


class EncoderSettings(PluginSection):
    """From a picture or text to a vector."""

    kind: str = Field(
        "open_clip",
        description="Encoder: open_clip, timm, precomputed, or package.module:Class.",
    )
    model: str = Field("likeness-avatar", description="open_clip model name, hub id (hf-hub:...).")
    pretrained: str = Field("bundled", description="open_clip tag, local checkpoint file, or 'bundled'.")
    path: str = Field("", description="File of precomputed vectors, npy or Parquet.")
    id_column: str = Field("", description="Id column of a Parquet of vectors; empty finds it.")
    vector_column: str = Field("", description="Vector column of a Parquet of vectors; empty finds it.")
    fit: Literal["letterbox", "crop"] = Field(
        "letterbox", description="Whole picture, or the model's own crop."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 on CUDA and on processors that multiply it, else fp32."
    )
    batch: int = Field(0, ge=0, description="Pictures per batch; 0 chooses and halves when memory runs out.")
    workers: int = Field(0, ge=0, description="Decoding threads; 0 takes one per core.")
    commit_rows: int = Field(50_000, ge=1, description="Vectors per commit.")
    replicas: int = Field(
        0, ge=0, description="Encoders at once on a Ray cluster; 0: one per GPU or two cores."
    )
    compile: bool = Field(False, description="torch.compile the image tower.")
    jpeg: Literal["auto", "cpu"] = Field(
        "auto", description="auto: baseline JPEGs are decoded by the GPU where it can; cpu: never."
    )
    retry_failed: bool = Field(False, description="Embed again what failed in an earlier run.")


class MeasureSettings(PluginSection):
    """What is computed of each item besides its vector."""

    names: tuple[str, ...] = Field(
        (), description="Measures that likeness run makes; entries of the table of measures."
    )
    workers: int = Field(0, ge=0, description="Decoding threads; 0 takes one per core.")
    commit_rows: int = Field(50_000, ge=1, description="Items per commit.")
    retry_failed: bool = Field(False, description="Measure again what failed in an earlier run.")


class FinetuneSettings(Section):
    """Training an open_clip model on tagged items."""

    source: Literal["store", "avatars"] = Field(
        "store", description="Tagged items of the store, or drawn avatars."
    )
    model: str = Field("likeness-avatar", description="open_clip model to train; as encoder.model.")
    pretrained: str = Field(
        "bundled", description="Weights to start from; as encoder.pretrained, 'random': none."
    )
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N; bf16 on CUDA, fp32 on a CPU.")
    drawings: int = Field(
        12_000, ge=100, description="Avatars to draw for training, by each of the two hands."
    )
    held_out: float = Field(
        0.05, gt=0, lt=0.5, description="Share of the pictures held out to choose the checkpoint."
    )
    held_out_most: int = Field(2000, ge=10, description="Held-out pictures are at most this many.")
    batch: int = Field(64, ge=2, description="Pictures per step.")
    captions: int = Field(32, ge=0, description="Pictures per step whose captions are contrasted.")
    contrast: float = Field(
        0.2, ge=0, description="Weight of the contrastive loss beside the attribute softmax."
    )
    learning_rate: float = Field(
        1e-4, gt=0, description="Peak of the learning rate; about 2e-3 from random weights."
    )
    weight_decay: float = Field(0.05, ge=0, description="Weight decay of matrices.")
    warmup: int = Field(200, ge=0, description="Steps in which the learning rate rises.")
    steps: int = Field(2000, ge=1, description="Most steps.")
    minutes: float = Field(600.0, gt=0, description="Most minutes.")
    evaluate_every: int = Field(
        200, ge=1, description="Steps between evaluations; a killed run goes on from the last."
    )
    patience: int = Field(
        8, ge=1, description="Evaluations without a better score after which training stops."
    )
    scratch: bool = Field(
        False, description="For random weights: image tower first, by a table; then the text tower."
    )
    text_steps: int = Field(600, ge=1, description="Steps of the text tower after a training from scratch.")
    grow: bool = Field(False, description="Train on small pictures first; for convolutional towers.")
    augment: float = Field(
        1.0, ge=0, le=1.5, description="Strength of the random changes of training pictures."
    )
    seed: int = Field(0, description="Seed of the split, the order, the sentences and the changes.")


class IndexSettings(Section):
    """The kNN graph and the interactive search index."""

    k: int = Field(32, ge=1, le=1024, description="Neighbours per item.")
    searcher: str = Field("auto", description="Entry of the searcher table; auto chooses by size and device.")
    exact_below: int = Field(60_000, ge=0, description="auto: exact search up to this many items on a CPU.")
    recall: float = Field(
        0.95, gt=0, le=1, description="Recall the approximate graph and index are tuned to."
    )
    recall_sample: int = Field(1000, ge=10, description="Items whose exact neighbours measure the recall.")
    search_index: Literal["auto", "none", "IVF_PQ", "IVF_HNSW_SQ", "IVF_FLAT", "IVF_RQ"] = Field(
        "auto", description="LanceDB index for interactive queries; auto builds one above 200 000 items."
    )
    search_index_above: int = Field(
        200_000, ge=0, description="auto: a full scan is quick enough below this."
    )
    threads: int = Field(0, ge=0, description="Threads of the search; 0 takes all cores.")
    seed: int = Field(0, description="Seed of samples and trained quantisers.")


class LabelSettings(Section):
    """Votes, calibration and thresholds."""

    precision: float = Field(0.95, gt=0.5, lt=1, description="Precision asked of accepted labels.")
    precision_by_attribute: dict[str, float] = Field(
        default_factory=dict, description="Other precision by attribute."
    )
    min_support: int = Field(15, ge=5, description="Fewer held-out items than this and a value abstains.")
    sources: tuple[str, ...] = Field(
        ("tags", "text", "detector", "knn", "probe", "zero_shot"),
        description="Sources of labels that are switched on; entries of the table of sources.",
    )
    detector: str = Field("", description="Detector that counts characters: file reads counts; empty: none.")
    detector_path: str = Field(
        "", description="Parquet or CSV file of counts, with a column of keys and one of counts."
    )
    max_reference_items: int = Field(
        8_000, ge=100, description="Most labelled items that one attribute learns from; more are sampled."
    )
    refit: float = Field(
        0.2, ge=0, description="Share of labelled items or of all that may change before a run learns anew."
    )
    noise_limit: int = Field(
        1000, ge=1, description="Entries of each list of doubtful or missing tags, by attribute."
    )
    threads: int = Field(0, ge=0, description="Threads of learning and judging; 0 takes all cores.")
    seed: int = Field(0, description="Seed of samples and folds.")

    @field_validator("sources", mode="before")
    @classmethod
    def _sources_of_before(cls, given: object) -> object:
        if not isinstance(given, (list, tuple)):
            return given
        return tuple(FORMER_SOURCES.get(name, name) if isinstance(name, str) else name for name in given)


class DedupeSettings(Section):
    """Duplicate groups, verdicts, and which copy stays."""

    similarity: float = Field(
        0.90, gt=-1, lt=1, description="Graph edges below this cosine are no candidates."
    )
    hamming: int = Field(
        8, ge=0, le=16, description="Perceptual hashes up to this many bits apart are candidates."
    )
    outlines: bool = Field(
        True, description="Hash the outlines of every thumbnail: finds crops, rims, other grounds."
    )
    patience: int = Field(
        4, ge=1, description="Candidates in a row that the pixels may refute before an item is left."
    )
    drawing: float = Field(
        0.90, gt=0, lt=1, description="Correlation of lines from which two are one drawing."
    )
    shared: float = Field(
        0.90, gt=0, le=1, description="Share of lines that both versions of one drawing have."
    )
    area: float = Field(
        0.02, ge=0, lt=1, description="Share of the content that may differ clearly in colour."
    )
    tint: float = Field(
        0.25, ge=0, lt=1, description="Share of the content that may differ slightly in colour."
    )
    detail: float = Field(
        40, ge=0, description="Largest patch of lines that only one has, in pixels of a 192 px frame."
    )
    toned_area: float = Field(
        0.006, ge=0, lt=1, description="As area, when a change of tone had to be assumed."
    )
    min_samples: int = Field(1, ge=1, le=64, description="Neighbours in the core distance of HDBSCAN.")
    originals: bool = Field(
        True, description="Measure which copy the others were made from; files are read again for it."
    )
    full_pixels: int = Field(
        24_000_000, ge=0, description="Files of more pixels are not read again to find the original."
    )
    keep: tuple[str, ...] = Field(
        ("source", "posted", "source_score", "tags", "first"),
        description="Which of two equally good copies stays: columns of items or measures, -NAME for less.",
    )
    sources: tuple[int, ...] = Field(
        (), description="Source numbers, best first, for the 'source' criterion."
    )
    threads: int = Field(0, ge=0, description="Threads of the pixel check; 0 takes all cores.")


class ReviewSettings(Section):
    """The review page."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8501, ge=1, le=65535, description="Port to listen on.")
    user_header: str = Field(
        "", description="Header in which a proxy names the reviewer; empty asks for a name."
    )
    proxies: tuple[str, ...] = Field(
        (), description="Addresses or networks of the proxies whose user header is believed."
    )
    administrators: tuple[str, ...] = Field(
        (),
        description="Reviewers whose word on an age lets an item through the protected gate; none by default.",
    )
    page_items: int = Field(120, ge=6, le=1000, description="Pictures on one page of a gallery.")


class ServeSettings(Section):
    """The HTTP API and the jobs that it takes."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8600, ge=1, le=65535, description="Port to listen on.")
    roots: tuple[str, ...] = Field(
        (),
        description="Folders and addresses below which jobs read sources and write exports; none by default.",
    )
    queue: str = Field(
        "", description="Where jobs wait: a file of SQLite, or redis://HOST:PORT/N; empty: beside the store."
    )
    tokens: tuple[str, ...] = Field(
        (), description="Bearer tokens, NAME:ROLE:SHA256 in hexadecimal; the role is read, review or write."
    )
    max_body: int = Field(64 * 2**20, ge=1024, description="Most bytes of the body of a request.")


class Settings(Section):
    """All sections of one run."""

    ingest: IngestSettings = IngestSettings()
    tags: TagsSettings = TagsSettings()
    encoder: EncoderSettings = EncoderSettings()
    measure: MeasureSettings = MeasureSettings()
    caption: CaptionSettings = CaptionSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    index: IndexSettings = IndexSettings()
    label: LabelSettings = LabelSettings()
    names: NamesSettings = NamesSettings()
    dedupe: DedupeSettings = DedupeSettings()
    transform: tuple[dict[str, Any], ...] = ()
    gate: Annotated[tuple[GateSettings, ...], AfterValidator(check_gates)] = ()
    select: SelectSettings = SelectSettings()
    review: ReviewSettings = ReviewSettings()
    export: ExportSettings = ExportSettings()
    serve: ServeSettings = ServeSettings()


def load_settings(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    note: Callable[[str], None] = lambda _: None,
) -> Settings:
    """Return the settings of one run: defaults, then the file, then ``section.key=value`` overrides.

    ``note`` is told of settings that are given by a former name. Raises SettingsError that names the unknown key or
    bad value and the allowed ones.
    """
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"cannot read the settings file {path}: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not valid TOML: {error}") from error
    for override in (*environment_overrides(), *overrides):
        _apply(data, override)
    for former, name in FORMER_NAMES.items():
        section, _, key = former.partition(".")
        given = data.get(section)
        if isinstance(given, dict) and key in given:
            given.setdefault(name.partition(".")[2], given.pop(key))
            note(f"the setting {former} is now called {name}")
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise SettingsError((f"{path}: " if path else "") + explain(error, Settings)) from error


def _apply(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot or not section or not key:
        raise SettingsError(f"--set {override!r} is not of the form section.key=value")
    table = data.setdefault(section, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{section} is not a section")
    *parents, leaf = key.split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{section}.{parent} is not a table")
    name = FORMER_NAMES.get(f"{section}.{key}", f"{section}.{key}")
    table[leaf] = parse(text.strip(), field_type(Settings, name.split(".")))
