"""Which copy is kept of each group and of each pair, by kind of edit, beside most pixels and the largest file.

    python -m benchmarks.bench_originals --data FOLDER --out build/originals [--peer PYTHON] [--part even|odd|all]

FOLDER holds pictures and ``groups.csv`` (file_name, group, edit, source, strength): pictures of one group are one
artwork, ``orig`` is what the others were made from. The whole flow runs once (ingest, embed, index, dedupe); a group
counts as right when its original is kept. Then every pair (original, one edit) is chosen between alone; pairs that were
not called the same artwork are counted apart, and copies whose bytes are the original's are none. PYTHON is one with
imagededup, whose choice is what its ``find_duplicates_to_remove`` leaves.

--part takes every other group: rules are made on one half and reported on the other.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.bench_neardup import rows_of
from dedupe.direction.cache import DirectionCache
from dedupe.direction.findings import Facts
from dedupe.direction.measure import measure_direction
from dedupe.direction.record import Direction
from dedupe.direction.subjects import FileLimits, Subjects
from dedupe.group.keep import KeepPolicy, columns_of
from dedupe.group.originals import Originals
from dedupe.stage import run_dedupe
from dedupe.verify.pairs import Pixels
from embed.ingest.stage import run_ingest
from index.images.reader import Reader
from index.neighbours.graph import run_index
from index.store import Store
from schema.arrays import Ints
from schema.settings import Settings, load_settings

ORIGINAL = "orig"
KNOWABLE = (
    "jpeg90 jpeg40 jpeg12 webp50 half quarter blur2 noise12 palette32 crop3 crop10 pad10 watermark gray sepia darkbg"
).split()
"""Edits whose original can be known from the pair alone; of the others it is reported."""


@dataclass(slots=True)
class Tally:
    """What became of the pairs of one kind of edit, by who chose."""

    pairs: int = 0
    right: Counter[str] = field(default_factory=Counter)
    undecided: int = 0
    apart: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """One picture: its file, group, kind of edit and row in the store (-1 where it has none)."""

    path: Path
    group: int
    edit: str
    row: int


def main() -> None:
    """Run the flow, choose, write OUT.json and OUT.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with groups.csv")
    parser.add_argument("--out", default="build/bench_originals")
    parser.add_argument("--store", default="", help="keep the store here; it is used again when it is there")
    parser.add_argument("--peer", default="", help="a Python that has imagededup")
    parser.add_argument("--part", choices=("all", "even", "odd"), default="all")
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for likeness")
    options = parser.parse_args()
    folder = Path(options.data)
    settings = load_settings(None, options.set)
    with (
        tempfile.TemporaryDirectory(prefix="bench-originals-") as name,
        Store.open(options.store or f"{name}/store", create=True, write=True) as store,
    ):
        seconds = flow(store, settings, folder)
        truth = read_truth(store, folder, options.part)
        peer = removed_by_imagededup(options.peer, truth, Path(name)) if options.peer else None
        groups = kept_in_groups(store, truth)
        pairs = kept_in_pairs(store, settings, truth, peer)
    write(Path(options.out), folder, options.part, seconds, groups, pairs)


def flow(store: Store, settings: Settings, folder: Path) -> dict[str, float]:
    """Run the stages; return seconds of dedupe by the clock and by the processor."""
    from embed.vectors.stage import run_embed

    run_ingest(store, settings, [str(folder)])
    run_embed(store, settings)
    run_index(store, settings)
    begun, processor = time.monotonic(), time.process_time()
    summary = run_dedupe(store, settings)
    print("\n".join(summary.notes))
    return {"seconds": time.monotonic() - begun, "processor seconds": time.process_time() - processor}


def read_truth(store: Store, folder: Path, part: str) -> list[Truth]:
    """Return the pictures of groups with an original, of every other group where ``part`` says so."""
    with (folder / "groups.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    with_original = sorted({int(r["group"]) for r in records if r["edit"] == ORIGINAL})
    chosen = set({"all": with_original, "even": with_original[::2], "odd": with_original[1::2]}[part])
    records = [r for r in records if int(r["group"]) in chosen]
    rows = rows_of(store, [r["file_name"] for r in records])
    return [
        Truth(folder / r["file_name"], int(r["group"]), r["edit"], row)
        for r, row in zip(records, rows.tolist(), strict=True)
    ]


def kept_in_groups(store: Store, truth: list[Truth]) -> dict[str, Any]:
    """Return in how many groups the original was kept, and what was kept in the others.

    A group of the truth that was found in several parts is right when the part with the original keeps it.
    """
    records = {r["row"]: r for r in store.read("groups").to_pylist()}
    members: dict[str, list[int]] = defaultdict(list)
    for row, record in records.items():
        if record["verdict"] != "variant":
            members[record["group_id"]].append(row)
    edit_of = {each.row: each.edit for each in truth}
    kept: Counter[str] = Counter()
    wrong = []
    for each in truth:
        if each.edit != ORIGINAL or each.row not in records or records[each.row]["verdict"] == "variant":
            continue
        group = members[records[each.row]["group_id"]]
        if len(group) < 2:
            continue
        stays = next(row for row in group if records[row]["keep"])
        name = ORIGINAL if stays == each.row else edit_of.get(stays, "another group's")
        kept[name] += 1
        if stays != each.row:
            wrong.append({"group": each.group, "kept": name, "reason": records[each.row]["reason"]})
    return {"groups": kept.total(), "kept": dict(kept.most_common()), "wrong": wrong}


class Chooser:
    """Chooses between two rows of a store as dedupe does."""

    def __init__(self, store: Store, settings: Settings, rows: Ints) -> None:
        options = settings.dedupe
        names = ["row", "width", "height", "lossless", "alpha", "uri"]
        items = {r["row"]: r for r in store.take_items(rows, names).to_pylist()}
        self._cache = DirectionCache.of(store)
        reader = Reader(settings.ingest.max_bytes)
        self._subjects = Subjects(
            items, Pixels(store).get, reader, FileLimits(settings.ingest, options.full_pixels)
        )
        policy = KeepPolicy.resolve(options.keep, options.sources, columns_of(store, store.tables()))
        facts = {
            row: Facts(bool(r["lossless"]), bool(r["alpha"]), r["width"], r["height"])
            for row, r in items.items()
        }
        self._originals = Originals(facts, policy.ranks(store, rows), policy, self._direction)
        self.measured, self.seconds = 0, 0.0

    def _direction(self, row: int, other: int) -> Direction | None:
        found = self._cache.get(row, other)
        if found is None:
            own, its = self._subjects.get(row), self._subjects.get(other)
            if own is None or its is None:
                return None
            begun = time.thread_time()
            found = self._cache.add(row, other, measure_direction(own, its))
            self.seconds += time.thread_time() - begun
            self.measured += 1
        return found

    def keep(self, row: int, other: int) -> tuple[int, bool]:
        """Return which of two rows stays, and whether the pixels could not tell."""
        kept = self._originals.choose([row, other])[0]
        reasons = self._originals.reasons(kept, [row, other])
        return kept, next(iter(reasons.values())).undecided


def kept_in_pairs(
    store: Store, settings: Settings, truth: list[Truth], peer: dict[str, set[str]] | None
) -> dict[str, Tally]:
    """Return, by kind of edit, how often the original is kept of a pair with one edit."""
    import numpy as np

    originals = {each.group: each for each in truth if each.edit == ORIGINAL}
    rows = np.unique([each.row for each in truth if each.row >= 0])
    groups = {r["row"]: r["group_id"] for r in store.read("groups").to_pylist() if r["verdict"] != "variant"}
    sizes = {r["row"]: (r["width"] * r["height"], r["bytes"]) for r in store.take_items(rows).to_pylist()}
    chooser = Chooser(store, settings, rows)
    found: dict[str, Tally] = defaultdict(Tally)
    for each in truth:
        original = originals[each.group]
        if each.edit == ORIGINAL or min(each.row, original.row) < 0 or each.row == original.row:
            continue
        tally = found[each.edit]
        tally.pairs += 1
        own, its = groups.get(original.row), groups.get(each.row)
        if own is None or own != its:
            tally.apart += 1
        kept, undecided = chooser.keep(original.row, each.row)
        tally.undecided += undecided
        tally.right["ours"] += kept == original.row and not undecided
        for place, name in ((0, "most pixels"), (1, "largest file")):
            tally.right[name] += sizes[original.row][place] > sizes[each.row][place]
        if peer is not None:
            tally.right["imagededup"] += original.path.name not in peer[each.edit]
    print(
        f"{chooser.measured} pairs measured, {1000 * chooser.seconds / max(chooser.measured, 1):.1f} ms each"
    )
    return found


def removed_by_imagededup(python: str, truth: list[Truth], scratch: Path) -> dict[str, set[str]]:
    """Return which files imagededup would remove, by kind of edit, where only originals and that kind are there."""
    script = (
        "import json, sys\nfrom imagededup.methods import PHash\n"
        "plan = json.load(open(sys.argv[1]))\nhasher = PHash(verbose=False)\nfound = {}\n"
        "for kind, folder in plan.items():\n"
        "    codes = hasher.encode_images(image_dir=folder, num_enc_workers=0)\n"
        "    found[kind] = hasher.find_duplicates_to_remove(encoding_map=codes, max_distance_threshold=10)\n"
        "json.dump(found, open(sys.argv[2], 'w'))\n"
    )
    originals = {each.group: each for each in truth if each.edit == ORIGINAL}
    plan = {}
    for kind in {each.edit for each in truth} - {ORIGINAL}:
        place = scratch / f"peer_{kind}"
        place.mkdir()
        for each in truth:
            if each.edit == kind and each.group in originals:
                for path in (each.path, originals[each.group].path):
                    target = place / path.name
                    if not target.exists():
                        target.symlink_to(path.resolve())
        plan[kind] = str(place)
    (scratch / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    command = [python, "-c", script, str(scratch / "plan.json"), str(scratch / "removed.json")]
    subprocess.run(command, check=True)
    removed = json.loads((scratch / "removed.json").read_text(encoding="utf-8"))
    return {kind: set(names) for kind, names in removed.items()}


def write(
    out: Path,
    folder: Path,
    part: str,
    seconds: dict[str, float],
    groups: dict[str, Any],
    pairs: dict[str, Tally],
) -> None:
    """Write OUT.json and OUT.md, and print the table."""
    kept = groups["kept"].get(ORIGINAL, 0)
    print(f"groups: the original is kept in {kept} of {groups['groups']}")
    print(json.dumps(groups, indent=1))
    rows = []
    for kind in sorted(pairs, key=lambda name: (name not in KNOWABLE, name)):
        tally = pairs[kind]
        row: dict[str, Any] = {"edit": kind, "pairs": tally.pairs, "not called copies": tally.apart}
        for name in ("ours", "most pixels", "largest file", "imagededup"):
            if name in tally.right or name != "imagededup":
                row[name] = round(tally.right[name] / max(tally.pairs, 1), 3)
        row["undecided"] = tally.undecided
        row["can be known"] = "yes" if kind in KNOWABLE else "no"
        rows.append(row)
    facts = {"data": str(folder), "part": part, "originals kept": f"{kept} of {groups['groups']} groups"}
    report.write(out, "Originals kept of pairs with one edit", rows, **facts, **seconds, groups=groups)


if __name__ == "__main__":
    main()
