"""Duplicates of real drawings: precision and recall of 'same artwork' by kind of edit, beside plain thresholds.

    python -m benchmarks.bench_neardup --data FOLDER --out build/neardup --peer PYTHON
    python -m benchmarks.bench_neardup --families FOLDER --out build/families

FOLDER of --data holds pictures and ``groups.csv`` (file_name, group, edit); pictures of one group are one artwork, and
look-alikes have groups of their own. The whole flow runs (ingest, embed, index, dedupe); a pair counts as found
when both are in one group and neither is a variant. The plain methods judge pairs by a threshold that is the best
one for them on these very pictures, ours is used as shipped. PYTHON is one with imagededup installed.

FOLDER of --families holds pictures and ``truth.csv`` (file_name, family): how many pairs of one drawing in other
colours are called the same artwork, and how many are linked.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import subprocess
import tempfile
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dedupe.stage import run_dedupe
from embed.ingest.stage import run_ingest
from index.neighbours.graph import run_index
from index.store import Store
from schema.settings import Settings, load_settings

HARD = ("hflip", "rot5")
Scores = npt.NDArray[np.float64]


def main() -> None:
    """Run the flow and the plain methods, write OUT.json and OUT.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with groups.csv")
    parser.add_argument("--families", help="folder with truth.csv")
    parser.add_argument("--peer", default="", help="a Python that has imagededup")
    parser.add_argument("--out", default="build/bench_neardup")
    parser.add_argument("--store", default="", help="keep the store here; it is used again when it is there")
    parser.add_argument("--encoder", choices=("bundled", "plain"), default="bundled")
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for likeness")
    options = parser.parse_args()
    if options.families:
        families(Path(options.families), options)
        return
    if not options.data:
        parser.error("name a folder: --data or --families")
    folder = Path(options.data)
    with (folder / "groups.csv").open(newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory(prefix="bench-neardup-") as name:
        path = options.store or f"{name}/store"
        settings = load_settings(None, options.set)
        with Store.open(path, create=True, write=True) as store:
            result = measure(store, folder, truth, settings, options.encoder, Path(name), options.peer)
    result |= {
        "machine": platform.processor() or platform.machine(),
        "data": str(folder),
        "encoder": options.encoder,
    }
    write(result, Path(options.out))


def measure(
    store: Store,
    folder: Path,
    truth: list[dict[str, str]],
    settings: Settings,
    encoder: str,
    scratch: Path,
    peer: str = "",
) -> dict[str, Any]:
    """Return counts of pairs for our groups and for plain thresholds."""
    begun = time.monotonic()
    run_ingest(store, settings, [str(folder)])
    if encoder == "plain":
        settings = plain_vectors(store, settings, scratch)
    from embed.vectors.stage import run_embed

    run_embed(store, settings)
    run_index(store, settings)
    before = time.monotonic()
    summary = run_dedupe(store, settings)
    seconds = time.monotonic() - before
    rows = rows_of(store, [record["file_name"] for record in truth])
    art = np.asarray([int(record["group"]) for record in truth])
    edits = [record["edit"] for record in truth]
    left, right = np.triu_indices(len(rows), 1)
    known = (rows[left] >= 0) & (rows[right] >= 0)
    left, right = left[known], right[known]
    same = art[left] == art[right]
    hard = np.isin(edits, HARD)
    plain = ~(hard[left] | hard[right])
    found = groups_of(store)
    together = (rows[left] == rows[right]) | np.asarray(
        [
            found.get(int(rows[a]), a - 10**9) == found.get(int(rows[b]), b)
            for a, b in zip(left, right, strict=True)
        ]
    )
    result: dict[str, Any] = {
        "pictures": len(rows),
        "seconds": {"dedupe": seconds, "all": time.monotonic() - begun},
        "counts": summary.counts,
        "ours": figures(together, same, plain),
        "by_kind": by_kind(together, same, left, right, edits),
        "groups": dict(Counter(Counter(found.values()).values())),
    }
    vectors = vectors_of(store)
    result["cosine"] = best_threshold(vectors[rows[left]], vectors[rows[right]], same, plain)
    words = store.column("items", "phash").view(np.uint64)
    distance = np.bitwise_count(words[rows[left]] ^ words[rows[right]])
    result["phash"] = best_cut(-distance.astype(np.float64), same, plain)
    held = np.isin(art, np.unique(art)[::4])
    quarter = held[left] & held[right]
    result["ours on every fourth group"] = figures(together[quarter], same[quarter], plain[quarter])
    if peer:
        result |= against_imagededup(peer, folder, truth, scratch, left, right, same, plain)
    return result


def against_imagededup(
    python: str,
    folder: Path,
    truth: list[dict[str, str]],
    scratch: Path,
    left: npt.NDArray[np.intp],
    right: npt.NDArray[np.intp],
    same: npt.NDArray[np.bool_],
    plain: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    """Return the figures of imagededup's PHash and CNN, each at its best threshold, or why there are none."""
    names = [Path(record["file_name"]) for record in truth]
    script = Path(__file__).with_name("peer_imagededup.py")
    subprocess.run(
        [python, str(script), str(folder / names[0].parent), str(scratch / "peer.npz")], check=True
    )
    with np.load(scratch / "peer.npz") as found:
        peer = dict(found)
    place = {name: at for at, name in enumerate(peer["names"].tolist())}
    at = np.asarray([place.get(name.name, -1) for name in names])
    seen = (at[left] >= 0) & (at[right] >= 0)
    left, right = left[seen], right[seen]
    words = peer["phash"][at]
    distance = np.bitwise_count(words[left] ^ words[right]).astype(np.float64)
    result = {"imagededup phash": best_cut(-distance, same[seen], plain[seen])}
    if "cnn" in peer:
        vectors = peer["cnn"][at]
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        result["imagededup cnn"] = best_threshold(vectors[left], vectors[right], same[seen], plain[seen])
        return result
    return {**result, "imagededup cnn not run": str(peer["cnn_reason"])}


def families(folder: Path, options: argparse.Namespace) -> None:
    """Measure what becomes of pairs of one drawing in other colours; write OUT.json and print it."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = [record for record in csv.DictReader(file) if record["family"]]
    settings = load_settings(None, options.set)
    with tempfile.TemporaryDirectory(prefix="bench-families-") as name:
        path = options.store or f"{name}/store"
        with Store.open(path, create=True, write=True) as store:
            run_ingest(store, settings, [str(folder)])
            from embed.vectors.stage import run_embed

            run_embed(store, settings)
            run_index(store, settings)
            begun, cpu = time.monotonic(), time.process_time()
            summary = run_dedupe(store, settings)
            seconds = {"dedupe": time.monotonic() - begun, "processor": time.process_time() - cpu}
            rows = rows_of(store, [record["file_name"] for record in truth])
            groups = store.read("groups", ["row", "group_id", "verdict", "family"]).to_pylist()
    artwork = {r["row"]: r["group_id"] for r in groups if r["verdict"] != "variant"}
    linked = {r["row"]: r["family"] for r in groups}
    members: dict[str, list[int]] = {}
    for row, record in zip(rows.tolist(), truth, strict=True):
        if row >= 0 and row not in members.setdefault(record["family"], []):
            members[record["family"]].append(row)
    pairs = [pair for each in members.values() for pair in combinations(each, 2)]
    same = sum(a in artwork and artwork[a] == artwork.get(b) for a, b in pairs)
    tied = sum(a in linked and linked[a] == linked.get(b) for a, b in pairs)
    result = {
        "data": str(folder),
        "items": len(rows),
        "seconds": seconds,
        "family pairs": len(pairs),
        "called the same artwork": same / max(len(pairs), 1),
        "linked": tied / max(len(pairs), 1),
        "counts": summary.counts,
    }
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))


def figures(
    called: npt.NDArray[np.bool_], same: npt.NDArray[np.bool_], plain: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Return precision over all pairs, recall over all kinds but the hard ones, and recall over those."""
    return {
        "precision": float((called & same).sum() / max(called.sum(), 1)),
        "recall": float((called & same & plain).sum() / max((same & plain).sum(), 1)),
        "recall_hard": float((called & same & ~plain).sum() / max((same & ~plain).sum(), 1)),
        "wrong_pairs": int((called & ~same).sum()),
    }


def by_kind(
    called: npt.NDArray[np.bool_],
    same: npt.NDArray[np.bool_],
    left: npt.NDArray[np.intp],
    right: npt.NDArray[np.intp],
    edits: list[str],
) -> dict[str, dict[str, float]]:
    """Return, per kind of edit, the share of its pairs with the original and with all of its group that were found."""
    kinds = np.asarray(edits)
    found = {}
    for kind in sorted(set(edits)):
        mine = same & ((kinds[left] == kind) | (kinds[right] == kind))
        if not mine.any():
            continue
        first = mine & ((kinds[left] == "orig") | (kinds[right] == "orig"))
        found[kind] = {"original": float(called[first].mean()), "group": float(called[mine].mean())}
    return found


def best_threshold(
    a: Any, b: Any, same: npt.NDArray[np.bool_], plain: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Return the figures of a cosine threshold, the best there is for these pairs."""
    scores = np.concatenate(
        [
            (x.astype(np.float32) * y.astype(np.float32)).sum(axis=1)
            for x, y in zip(np.array_split(a, 64), np.array_split(b, 64), strict=True)
        ]
    )
    return best_cut(scores.astype(np.float64), same, plain)


def best_cut(scores: Scores, same: npt.NDArray[np.bool_], plain: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the figures at the threshold of the highest F1, and the recall where precision is 0.99."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(same[order])
    precision = hits / np.arange(1, len(order) + 1)
    recall = hits / max(int(same.sum()), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    cut = scores[order][int(np.argmax(f1))]
    at = np.flatnonzero(precision >= 0.99)
    strict = float(recall[at[-1]]) if len(at) else 0.0
    return {
        "threshold": float(cut),
        **figures(scores >= cut, same, plain),
        "recall_at_precision_0.99": strict,
    }


def rows_of(store: Store, names: list[str]) -> npt.NDArray[np.int64]:
    """Return the row of each file, -1 where it is not in the store."""
    found = {}
    for batch in store.items(["row", "keys"]):
        for row, keys in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
            found.update({Path(key).stem: row for key in keys})
    return np.asarray([found.get(Path(name).stem, -1) for name in names], dtype=np.int64)


def groups_of(store: Store) -> dict[int, str]:
    """Return the group of every row that is a copy or has copies."""
    table = store.read("groups", ["row", "group_id", "verdict"])
    return {r["row"]: r["group_id"] for r in table.to_pylist() if r["verdict"] != "variant"}


def vectors_of(store: Store) -> npt.NDArray[np.float16]:
    """Return vectors by row; zeros where there is none."""
    found = store.vectors(store.encoder_key())
    whole = np.zeros((store.n_items(), found.data.shape[1]), dtype=np.float16)
    whole[found.rows] = found.data
    return whole


def plain_vectors(store: Store, settings: Settings, scratch: Path) -> Settings:
    """Write a Parquet of small colour pictures as vectors, and return settings that read it."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    keys, vectors = [], []
    items = store.read("items", ["row", "keys"]).to_pylist()
    pictures = store.read("thumbnails", ["row", "thumbnail"]).to_pylist()
    named = {record["row"]: record["keys"][0] for record in items}
    for record in pictures:
        image = Image.open(io.BytesIO(record["thumbnail"])).convert("RGB")
        image.thumbnail((16, 16))
        canvas = Image.new("RGB", (16, 16), (128, 128, 128))
        canvas.paste(image, ((16 - image.width) // 2, (16 - image.height) // 2))
        values = np.asarray(canvas, dtype=np.float32).ravel() - 128
        keys.append(named[record["row"]])
        vectors.append(values / max(float(np.linalg.norm(values)), 1e-6))
    path = scratch / "plain.parquet"
    column = pa.array([v.tolist() for v in vectors], pa.list_(pa.float32()))
    pq.write_table(pa.table({"id": keys, "vector": column}), path)
    chosen = settings.encoder.model_copy(update={"kind": "precomputed", "path": str(path)})
    return settings.model_copy(update={"encoder": chosen})


def write(result: dict[str, Any], out: Path) -> None:
    """Write OUT.json and OUT.md, and print the table."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    lines = [
        f"{result['pictures']} pictures of {result['data']}; encoder {result['encoder']};"
        f" dedupe {result['seconds']['dedupe']:.0f} s",
        "",
        "| method | precision | recall | recall, mirror and rotation | wrong pairs | recall at precision 0.99 |",
        "|---|---|---|---|---|---|",
    ]
    methods = ("ours", "ours on every fourth group", "cosine", "phash", "imagededup phash", "imagededup cnn")
    for name in methods:
        each = result.get(name)
        if each is None:
            continue
        strict = each.get("recall_at_precision_0.99")
        lines.append(
            f"| {name} | {each['precision']:.4f} | {each['recall']:.4f} | {each['recall_hard']:.4f} |"
            f" {each['wrong_pairs']} | {'' if strict is None else f'{strict:.4f}'} |"
        )
    if "imagededup cnn not run" in result:
        lines += ["", f"imagededup's CNN was not run: {result['imagededup cnn not run']}"]
    lines += ["", "| kind | found with the original | found with its group |", "|---|---|---|"]
    for kind, each in result["by_kind"].items():
        lines.append(f"| {kind} | {each['original']:.3f} | {each['group']:.3f} |")
    text = "\n".join(lines) + "\n"
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
