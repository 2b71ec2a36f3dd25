"""``likeness demo``: draw a small collection, run the whole flow on it, say what was found of what was drawn."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import SettingsError
from schema.sections.curation import GateSettings, SelectSettings
from schema.settings import ExportSettings, LabelSettings, Settings
from ui.demo.collection import RECORD, Drawn, draw_collection
from ui.terminal.summary import command, funnel, funnel_text, show
from ui.terminal.tables import cell, seconds, table

if TYPE_CHECKING:
    from index.store import Store
    from schema.vocabulary import Attribute

CONFIG = "demo.toml"
GATES = (
    GateSettings(
        name="bars",
        where="frame_bars != 'none'",
        reason="bars or a frame round the picture; the drawing is smaller than the file",
    ),
    GateSettings(
        name="hair unknown",
        where="hair_color IS NULL",
        action="flag",
        reason="no hair colour is known, so that a caption cannot name it",
    ),
)
"""What the demo screens by: something measured, and something not known."""
SAME = ("kept", "same artwork", "same file")


@dataclass(frozen=True, slots=True)
class Found:
    """Labels of one attribute against what was drawn.

    ``known``: pictures of one character where the drawing shows the attribute; ``labelled`` of these have a label,
    ``right`` of them nothing wrong; ``inferred`` is how many values the picture's own tags or text did not say, and
    ``inferred_right`` how many of those are right.
    """

    attribute: str
    known: int
    labelled: int
    right: int
    inferred: int
    inferred_right: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Pairs of files of one picture: drawn, found, missed by kind of edit, and pairs found that are none.

    ``by_kind`` counts pairs of an original and a copy, by the copy's edit: drawn, found, and with the original kept.
    """

    drawn: int
    found: int
    false: int
    missed: dict[str, int]
    by_kind: dict[str, tuple[int, int, int]]


def run_demo(
    uri: str,
    settings: Settings,
    *,
    count: int,
    port: int | None = None,
    review: bool = True,
    verbose: bool = False,
) -> None:
    """Run the demo and print it; in a terminal, serve the review page until Ctrl-C."""
    from index.store import Store
    from ui.flow import run_all

    if "://" in uri:
        raise SettingsError("the demo draws into a folder; --store cannot be an object-store URI")
    folder = Path(uri).expanduser()
    with Store.open(uri, create=True) as store:
        if store.count("items") and not (folder / RECORD).exists():
            raise SettingsError(f"{uri} is a store of yours, not a demo", "Name a new folder with --store.")
    started = time.monotonic()
    print(f"Drawing {count} pictures of recurring characters into {folder / 'pictures'} ...", flush=True)
    drawn = draw_collection(folder, count)
    print(_drawn_line(drawn) + f" ({seconds(time.monotonic() - started)})\n", flush=True)
    chosen = demo_settings(settings)
    run_all(uri, chosen, [str(folder / "pictures")], lambda done: show(done, verbose))
    config = folder / CONFIG
    write_settings(chosen, config)
    with Store.open(uri) as store:
        print("\n" + funnel_text(funnel(store)) + "\n")
        print(comparison(store, drawn, chosen.label.precision))
        print("\n" + why_hint(store, uri))
    print(f"\nAll of it took {seconds(time.monotonic() - started)}.")
    if not review or not sys.stdout.isatty():
        print(f"Open the review page with: {command('review', '--store', uri, '--config', str(config))}")
        return
    from ui.serve import serve

    serve(uri, chosen, port=port)


def why_hint(store: Store, uri: str) -> str:
    """Return the command that says why an item is out by a gate, or why one is in."""
    found = store.read("selection", ["item_id"], "left_out LIKE 'gate:%'") if store.has("selection") else None
    if found is None or not found.num_rows:
        return f"Why an item is in or out: {command('why', 'ITEM', '--store', uri)}"
    return f"Why one of them is out: {command('why', found.column(0)[0].as_py(), '--store', uri)}"


def write_settings(settings: Settings, path: Path) -> None:
    """Write the settings that differ from the defaults as TOML, so that later commands on the demo can name them."""
    lines = ["# The settings of this demo: likeness COMMAND --store ... --config this file"]
    for section, values in settings.model_dump(exclude_defaults=True).items():
        for entry in values if isinstance(values, (list, tuple)) else [values]:
            lines.append(f"[{section}]" if entry is values else f"[[{section}]]")
            lines += [f"{name} = {_toml(value)}" for name, value in entry.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: object) -> str:
    """Return a value as TOML, which spells texts, numbers, truth values and lists as JSON does."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def demo_settings(settings: Settings) -> Settings:
    """Return settings that a small collection can meet, and a small screening, where the user asked for nothing else.

    A precision of 0.95 is proved by some sixty right answers per value; three hundred pictures do not have them.
    """
    change: dict[str, object] = {}
    if settings.label == LabelSettings():
        change["label"] = settings.label.model_copy(update={"precision": 0.85, "min_support": 5})
    if not settings.gate and settings.select == SelectSettings():
        names = tuple(dict.fromkeys((*settings.measure.names, "frame")))
        change["measure"] = settings.measure.model_copy(update={"names": names})
        change["gate"] = GATES
        change["select"] = SelectSettings(rank="percentile(frame_sharpness)", by="hair_color")
        if settings.export == ExportSettings():
            change["export"] = settings.export.model_copy(update={"val": 0.1, "test": 0.1})
    return settings.model_copy(update=change)


def _drawn_line(drawn: list[Drawn]) -> str:
    kinds = Counter(each.edit for each in drawn)
    people = len({each.character for each in drawn if each.character >= 0})
    copies = sum(n for kind, n in kinds.items() if kind not in ("original", "two characters", "broken"))
    untagged = sum(each.given is None for each in drawn)
    return (
        f"  {kinds['original']} pictures of {people} characters, {copies} copies of them in "
        f"{len(kinds) - 3} kinds, {kinds['two characters']} with two characters, {kinds['broken']} broken files; "
        f"{untagged} without tags"
    )


def comparison(store: Store, drawn: list[Drawn], asked: float = 0.95) -> str:
    """Return what the store found against what was drawn, as text."""
    rows = rows_of(store)
    found = label_findings(store, drawn, rows)
    pairs = duplicate_findings(store, drawn, rows)
    body = [
        (
            f.attribute,
            f.known,
            f.labelled,
            f.right / f.labelled if f.labelled else None,
            f.inferred,
            f.inferred_right / f.inferred if f.inferred else None,
        )
        for f in found
    ]
    headings = ["attribute", "drawn", "labelled", "right", "values beyond own tags", "right of these"]
    kinds = [(kind, *counted) for kind, counted in sorted(pairs.by_kind.items())]
    broken = [each.name for each in drawn if each.edit == "broken"]
    refused = sum(1 for r in store.scan("items", ["keys"], "status = 'failed'") for _ in range(r.num_rows))
    several = {rows[each.name] for each in drawn if each.edit == "two characters" and each.name in rows}
    flagged = {int(r) for b in store.scan("labels", ["row"], "ambiguous") for r in b.column(0).to_pylist()}
    return "\n".join(
        [
            f"found against drawn: labels (a precision of {asked:g} was asked for)",
            table(headings, body, indent=2),
            "",
            f"found against drawn: copies ({cell(pairs.found)} of {cell(pairs.drawn)} pairs found, "
            f"{cell(pairs.false)} false)",
            table(["kind of copy", "drawn", "found", "originals kept"], kinds, indent=2),
            "",
            f"pictures with two characters: {len(several & flagged)} of {len(several)} flagged, "
            f"{len(flagged - several)} others flagged",
            f"broken files: {refused} of {len(broken)} refused with a reason",
        ]
    )


def rows_of(store: Store) -> dict[str, int]:
    """Return the row of each file by its name; a copy of the same bytes has its original's row."""
    found = {}
    for batch in store.items(["row", "keys"]):
        for record in batch.to_pylist():
            for key in record["keys"] or []:
                found[Path(key).name] = record["row"]
                found.setdefault(Path(key).stem, record["row"])
    return dict(found.items())


def label_findings(store: Store, drawn: list[Drawn], rows: dict[str, int]) -> list[Found]:
    """Compare the labels table with the tags that a perfect uploader would have given."""
    from schema.vocabulary import load_vocabulary
    from ui.review.items import label_of

    labels = {r["row"]: r for b in store.scan("labels") for r in b.to_pylist()}
    items: dict[int, Drawn] = {}
    for each in drawn:
        row = rows.get(each.name, rows.get(Path(each.name).stem))
        if row is not None and each.character >= 0:
            items.setdefault(row, each)
    made = []
    for attribute in load_vocabulary().attributes:
        counts: Counter[str] = Counter()
        for row, each in items.items():
            true = said_by(attribute, each.tags)
            if not true or row not in labels:
                continue
            counts["known"] += 1
            label = label_of(labels[row], attribute.name)
            if not label.values:
                continue
            real = set(attribute.expand(true))
            counts["labelled"] += 1
            counts["right"] += set(attribute.expand(label.values)) <= real
            if label.source in ("tag", "text", "review"):
                continue
            # A precision is asked of values, and an item can have several.
            own = set(attribute.expand(said_by(attribute, each.given or [])))
            for value in set(label.values) - own:
                counts["inferred"] += 1
                counts["inferred right"] += set(attribute.expand([value])) <= real
        if counts["known"]:
            made.append(
                Found(
                    attribute.name,
                    counts["known"],
                    counts["labelled"],
                    counts["right"],
                    counts["inferred"],
                    counts["inferred right"],
                )
            )
    return made


def said_by(attribute: Attribute, tags: list[str]) -> list[str]:
    """Return the values that complete, correct tags say of an attribute."""
    given = set(tags)
    found = []
    for value in attribute.values:
        plain = set(value.tags) & given
        coloured = [
            f"{colour} {value.name}"
            for colour in attribute.colors
            for tag in value.tags
            if value.colored and f"{colour}_{tag}" in given
        ]
        if plain or coloured:
            found += coloured or [value.name]
    if not attribute.multi_label:
        strong = [v for v in found if not any(attribute.beats(w, v) for w in found if w != v)]
        return strong[:1] if len(strong) == 1 else []
    return attribute.specific(found)


def duplicate_findings(store: Store, drawn: list[Drawn], rows: dict[str, int]) -> Duplicates:
    """Compare pairs of files in one group, called the same artwork, with pairs drawn from one picture."""
    groups: dict[int, str] = {}
    set_aside: set[int] = set()
    for batch in store.scan("groups", ["row", "group_id", "verdict", "keep"]):
        for record in batch.to_pylist():
            if record["verdict"] in SAME:
                groups[record["row"]] = record["group_id"]
            if not record["keep"]:
                set_aside.add(record["row"])
    files = [(each, rows.get(each.name, rows.get(Path(each.name).stem))) for each in drawn]
    kinds: dict[str, list[int]] = {}
    found = false = total = 0
    for i, (first, a) in enumerate(files):
        for second, b in files[i + 1 :]:
            if a is None or b is None or first.picture < 0:
                continue
            together = a == b or (a in groups and groups[a] == groups.get(b))
            if first.picture == second.picture:
                total += 1
                found += together
                if first.edit == "original":
                    counted = kinds.setdefault(second.edit, [0, 0, 0])
                    counted[0] += 1
                    counted[1] += together
                    counted[2] += together and a not in set_aside
            else:
                false += together
    missed = {kind: n - got for kind, (n, got, _) in kinds.items() if n > got}
    return Duplicates(
        total, found, false, missed, {kind: (n, got, kept) for kind, (n, got, kept) in kinds.items()}
    )
