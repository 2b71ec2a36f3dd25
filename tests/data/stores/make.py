"""Makes the packed stores of this folder, and beside each the record of what must be found in it again.

It ran at commit ab78517, the last one before the rooms and the words of the project were redone, and it imports the
modules of that commit: to run it again, check that commit out, put this file back and call
``python tests/data/stores/make.py``. The packs are what that code wrote; never make them with later code.

No pack holds a picture: the sources are drawn into a temporary folder that goes away, every stored thumbnail is
replaced by one white pixel, and the outline sketches keep their hashes but lose their small views.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from embed.stage import run_embed
from expect import record
from index.runs import MOVED, Runs
from index.walk import slabs_of, walk
from PIL import Image
from ui.audits import AUDIT
from ui.clusters import group_decisions
from ui.decisions import label_decisions
from ui.demo_collection import Drawn, draw_collection
from ui.desk import Desk

from embed.avatars import caption, draw, random_character, random_outfit, tags
from index.reviews import export_reviews
from index.store import Store
from schema import tables
from schema.records import Decision
from schema.settings import Settings, load_settings
from ui import flow

HERE = Path(__file__).resolve().parent
# Wide enough that a vote tells hair from hair; the models of all attributes still fit into the pack.
DIM = 16
SETTINGS = ("index.k=8", "label.precision=0.8", "label.min_support=8", "encoder.kind=precomputed")
ATTRIBUTES = (
    "gender", "hair_style", "hair_color", "hair_length", "eye_color", "expression", "accessories", "subjects",
)  # fmt: skip
PACKED = ("store", "vectors.parquet", "reviews.jsonl", "vocabulary.toml")
FIRST, SECOND = "Ana", "Björn"


def main() -> None:
    """Make all packs."""
    with tempfile.TemporaryDirectory(prefix="likeness-stores-") as name:
        scratch = Path(name)
        make_local(scratch / "local")
        make_bucket(scratch / "bucket")
        make_interrupted(scratch / "interrupted")


# ---- the three stores


def make_local(folder: Path) -> None:
    """A folder store that went through every stage, with reviews before, between and after the runs."""
    sources = [draw_pictures(folder, 64, seed=7), draw_parquet(folder), write_texts(folder)]
    settings = with_vectors(folder, sources, (f"tags.vocabulary={write_vocabulary(folder)}",))
    uri = str(folder / "store")
    flow.run_all(uri, settings, sources)
    with Store.open(uri, write=True) as store:
        review_labels(store, settings)
        flow.label(store, settings)
        review_groups(store, settings)
        flow.dedupe(store, settings)
        flow.label(store, settings)
        review_last(store, settings)
        tidy(store)
        record(HERE / "local.json", store, SETTINGS)
    pack("local", folder)


def make_bucket(folder: Path) -> None:
    """A store as it lies behind an object-store URI: reviews in a table, and an export of them beside it."""
    sources = [draw_pictures(folder, 40, seed=11)]
    more = ("label.sources=tags,text,votes",)
    settings = with_vectors(folder, sources, more)
    uri = f"file-object-store://{folder / 'store'}"
    flow.run_all(uri, settings, sources)
    with Store.open(uri, write=True) as store:
        review_labels(store, settings)
        review_groups(store, settings)
        flow.dedupe(store, settings)
        flow.label(store, settings)
        review_last(store, settings)
        tidy(store)
        export_reviews(store, folder / "reviews.jsonl")
        record(HERE / "bucket.json", store, (*SETTINGS, *more))
    pack("bucket", folder)


def make_interrupted(folder: Path) -> None:
    """A store whose embed run was cut in the middle of its third commit: failures written, vectors not yet."""
    sources = [draw_pictures(folder, 26, seed=5)]
    settings = with_vectors(folder, sources, without=(2, 19))
    with Store.open(folder / "store", create=True, write=True) as store:
        flow.ingest(store, settings, sources)
        try:
            run_embed(store, settings, cut_walk)
        except InterruptedError:
            tidy(store)
        record(HERE / "interrupted.json", store, SETTINGS)
    pack("interrupted", folder)


def cut_walk(
    slabs: Any, stage: Any, commit: Callable[[pa.Table], None], *, commit_rows: int, bar: Any
) -> int:
    """Walk in commits of eight rows and stop inside the third."""
    done = 0

    def cut(result: pa.Table) -> None:
        nonlocal done
        done += 1
        if done < 3:
            commit(result)
            return
        commit(result.filter(result.column("reason").is_valid()))
        raise InterruptedError

    return walk(slabs_of(slabs, 8), stage, cut, commit_rows=8, bar=bar)


# ---- what they are made from


def draw_pictures(folder: Path, count: int, seed: int) -> str:
    """Draw a folder of pictures with captions: originals, copies, pairs of characters, broken files."""
    draw_collection(folder / "drawn", count, seed)
    return str(folder / "drawn" / "pictures")


def draw_parquet(folder: Path) -> str:
    """Write a second source: bytes, tags, descriptions and names of characters.

    Three files are also in the first source, with tags that contradict those they have there.
    """
    rng = random.Random(3)
    rows: list[dict[str, Any]] = []
    people = [random_character(rng) for _ in range(3)]
    for number in range(9):
        who = number % 3
        outfit = random_outfit(rng, people[who], steady=True)
        buffer = io.BytesIO()
        draw(people[who], outfit, 192).save(buffer, "PNG")
        said = tags(people[who], outfit) if number % 4 else []
        text = caption(people[who], outfit) if not number % 2 else ""
        rows.append({"id": f"bulk-{number}", "image": buffer.getvalue(), "tags": said, "description": text,
                     "character": f"person {who}"})  # fmt: skip
    files = [Drawn(**each) for each in json.loads((folder / "drawn" / "truth.json").read_text())["files"]]
    for each in [each for each in files if each.given and each.edit == "original"][:3]:
        data = (folder / "drawn" / "pictures" / each.name).read_bytes()
        rows.append(
            {
                "id": f"again-{each.name}",
                "image": data,
                "tags": opposed(each.given or each.tags),
                "description": "",
                "character": "someone",
            }
        )
    rows.append({"id": "bad", "image": b"no picture", "tags": ["1girl"], "description": "", "character": ""})
    path = folder / "second.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def opposed(said: Sequence[str]) -> list[str]:
    """Return tags that contradict these in gender and length of hair."""
    hair = "short_hair" if "long_hair" in said else "long_hair"
    return ["1boy" if "1girl" in said else "1girl", hair]


def write_texts(folder: Path) -> str:
    """Write a third source: characters described in words, without a picture."""
    rng = random.Random(4)
    rows = []
    for number in range(5):
        who = random_character(rng)
        outfit = random_outfit(rng, who, steady=True)
        rows.append({"id": f"text-{number}", "description": caption(who, outfit)})
    path = folder / "texts.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def write_vocabulary(folder: Path) -> Path:
    """Write a vocabulary of a user's own: some attributes of the one that is shipped."""
    shipped = (HERE.parents[2] / "configs" / "attributes.toml").read_text(encoding="utf-8")
    kept: list[str] = []
    keeps = False
    for line in shipped.splitlines():
        if line.startswith("["):
            keeps = line.strip("[]").split(".")[0] in ATTRIBUTES
        if keeps and line:
            kept.append(line)
    path = folder / "vocabulary.toml"
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


def with_vectors(
    folder: Path, sources: Sequence[str], more: Sequence[str] = (), without: Sequence[int] = ()
) -> Settings:
    """Embed with the bundled encoder, keep the leading components, and return settings that read them as a file."""
    plain = load_settings(None, SETTINGS[:3])
    with Store.open(folder / "first", create=True, write=True) as store:
        flow.ingest(store, plain, sources)
        flow.embed(store, plain)
        found = store.read(f"vectors_{store.encoder_key()}")
    vectors = np.stack([np.asarray(v, np.float32) for v in found["vector"].to_pylist()])
    vectors -= vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(vectors, full_matrices=False)
    small = vectors @ axes[:DIM].T
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    keep = np.setdiff1d(np.arange(len(small)), without)
    table = pa.table(
        {
            "item_id": pa.array([found["item_id"][i].as_py() for i in keep]),
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(small[keep].ravel().astype(np.float16)).cast(pa.float32()), DIM
            ),
        }
    )
    pq.write_table(table, folder / "vectors.parquet", compression="zstd")
    shutil.rmtree(folder / "first")
    return load_settings(None, [*SETTINGS, *more, f"encoder.path={folder / 'vectors.parquet'}"])


# ---- what reviewers said


def review_labels(store: Store, settings: Settings) -> None:
    """Two reviewers decide on labels in every way the page has."""
    desk = Desk(store, settings)
    rows = [int(row) for row in store.column("labels", "row")]
    labels = store.read("labels").to_pylist()

    def press(reviewer: str, chosen: Sequence[int], name: str, action: str, value: str = "") -> str:
        items = desk.items(chosen)
        return write(desk, label_decisions(items, desk.attribute(name), action, value), reviewer)

    def labelled(name: str, kinds: Sequence[str] = ("tag", "text", "vote", "probe", "fused")) -> list[int]:
        return [r["row"] for r in labels if r[name] and r[f"{name}_source"] in kinds]

    def silent(name: str) -> list[int]:
        return [r["row"] for r in labels if not r[name] and r["row"] in rows]

    press(FIRST, silent("hair_color")[:3], "hair_color", "set", "purple")
    press(FIRST, labelled("hair_color")[:2], "hair_color", "set", "white")
    press(FIRST, silent("accessories")[2:5], "accessories", "set", "glasses")
    press(SECOND, labelled("accessories")[:1], "accessories", "set", "hat")
    many = next(
        r for r in labels if len(r["accessories"] or []) >= 1 and r["row"] not in labelled("accessories")[:1]
    )
    press(SECOND, [many["row"]], "accessories", "remove", many["accessories"][0])
    press(SECOND, [*silent("hair_length")[:2], labelled("hair_length")[0]], "hair_length", "unknown")
    press(FIRST, labelled("hair_style")[:2], "hair_style", "reject")
    press(SECOND, labelled("gender", ("tag",))[:1], "gender", "reject")
    press(FIRST, labelled("expression")[:3], "expression", "accept")
    guessed = labelled("gender", ("vote", "probe", "fused"))
    audit = desk.attribute("gender")
    for number, row in enumerate(guessed[:4]):
        item = desk.items([row])
        shown = item[0].labels["gender"].values[0]
        other = "female" if shown == "male" else "male"
        made = label_decisions(item, audit, *(("set", other) if number == 2 else ("accept",)))
        write(desk, [replace(d, seen=f"{AUDIT}{d.seen}") for d in made], SECOND)
    ambiguous = [r["row"] for r in labels if r["ambiguous"]]
    single = [r["row"] for r in labels if not r["ambiguous"]]
    press(FIRST, single[4:6], "gender", "several")
    press(SECOND, ambiguous[:1] or single[5:6], "gender", "one")
    # Taken back by the other reviewer; and taken back, then brought back.
    batch = press(FIRST, silent("eye_color")[:4], "eye_color", "set", "red")
    desk.log.undo(batch, SECOND)
    batch = press(SECOND, silent("eye_color")[4:6], "eye_color", "set", "green")
    desk.log.undo(desk.log.undo(batch, FIRST), SECOND)
    # Decided twice on one item: the later decision stands.
    press(SECOND, silent("hair_color")[:1], "hair_color", "set", "pink")
    desk.log.close()


def review_groups(store: Store, settings: Settings) -> None:
    """Two reviewers decide on groups in every way the page has; each on groups of its own where there are enough."""
    desk = Desk(store, settings)
    members: dict[str, list[int]] = {}
    for group in store.read("groups").to_pylist():
        members.setdefault(group["group_id"], []).append(group["row"])
    wide = [rows for rows in members.values() if len(rows) >= 3]
    narrow = [rows for rows in members.values() if len(rows) == 2]

    def press(reviewer: str, chosen: Sequence[int], group: Sequence[int], action: str) -> None:
        rest = [row for row in group if row not in chosen]
        write(desk, group_decisions(desk.items(chosen), action, desk.items(rest)), reviewer)

    press(FIRST, [wide[0][2]], wide[0], "split")
    press(SECOND, [wide[0][1]], wide[0], "keep")
    press(FIRST, [narrow[0][1]], narrow[0], "not_duplicate")
    press(SECOND, [narrow[1][1]], narrow[1], "keep")
    press(SECOND, [narrow[2][1]], narrow[2], "variant")
    press(FIRST, [narrow[3][0], narrow[4][0]], [], "merge")
    press(FIRST, [narrow[5][1]], narrow[5], "same_artwork")
    batch = write(desk, group_decisions(desk.items([narrow[6][1]]), "keep", []), FIRST)
    desk.log.undo(batch, SECOND)
    desk.log.close()


def review_last(store: Store, settings: Settings) -> None:
    """Decisions that no run has read yet."""
    desk = Desk(store, settings)
    rows = [r["row"] for r in store.read("labels").to_pylist() if not r["hair_length"]][-3:]
    write(desk, label_decisions(desk.items(rows), desk.attribute("hair_length"), "set", "medium"), SECOND)
    group = store.read("groups", ["row", "keep"]).to_pylist()
    row = [r["row"] for r in group if not r["keep"]][-1]
    write(desk, group_decisions(desk.items([row]), "keep", []), FIRST)
    desk.log.close()


def write(desk: Desk, decisions: Sequence[Decision], reviewer: str) -> str:
    """Write one batch as the page does and return its id."""
    assert decisions
    return desk.log.append(decisions, reviewer, as_of=desk.log.position())


# ---- small and without pictures


def tidy(store: Store) -> None:
    """Blank what shows pictures, join fragments and drop old versions; no stage has more to do afterwards."""
    moved: dict[str, list[int]] = {}
    before = {name: store.version(name) for name in store.tables()}
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(pixel, "WEBP")
    found = store.read("thumbnails").to_pylist()
    blank = [{**each, "thumbnail": pixel.getvalue()} for each in found]
    store.replace("thumbnails", pa.Table.from_pylist(blank, tables.THUMBNAILS), tables.THUMBNAILS)
    if store.has("sketches"):
        schema = store.schema("sketches")
        sketches = [
            {**each, "views": [0] * len(each["views"]), "colours": [0] * len(each["colours"])}
            for each in store.read("sketches").to_pylist()
        ]
        store.replace("sketches", pa.Table.from_pylist(sketches, schema), schema)
    for name in before:
        if name not in ("runs", "reviews"):
            _clean(store, name)
            if store.version(name) != before[name]:
                moved[name] = [before[name], store.version(name)]
    if store.has("runs"):
        with Runs(store).start("compact", {"table": "all"}) as run:
            run.facts[MOVED] = moved
    for name in ("runs", "reviews"):
        if store.has(name):
            _clean(store, name)


def _clean(store: Store, name: str) -> None:
    store.table(name).optimize(cleanup_older_than=timedelta(0), delete_unverified=True)


def pack(name: str, folder: Path) -> None:
    """Write the store and the files that belong to it as one tar; neither pictures nor locks go in."""
    kept = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "run.lock"]
    kept = [p for p in kept if p.relative_to(folder).parts[0] in PACKED]
    with tarfile.open(HERE / f"{name}.tar.xz", "w:xz", preset=9) as tar:
        for path in kept:
            entry = tar.gettarinfo(path, path.relative_to(folder).as_posix())
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            with path.open("rb") as file:
                tar.addfile(entry, file)


if __name__ == "__main__":
    main()
