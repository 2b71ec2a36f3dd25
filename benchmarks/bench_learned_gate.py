"""A learned gate on drawn characters: 'wanted' is one human character; answers come from the truth, in two orders.

    python -m benchmarks.bench_learned_gate --data DIR [--out OUT]

DIR holds ``metadata.jsonl``, ``mobilenet_v3.npy`` (vectors of a plain encoder, in its order) and ``truth.csv``.
After 1, 5 and 25 % of the items are answered, ``label`` fits the attribute on the answers alone, and the gate
is judged on the items that nobody answered. The order 'queue' asks the first percent at random, then what the
page's queue of unlabelled items has first; 'random' asks at random throughout. Items of one family (a character
in other skins) are barred from vouching for each other in the calibration, and are judged like all others.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.report import write
from index.neighbours.graph import run_index
from index.reviews.open import open_log
from index.store import Store
from index.store.runs import Runs
from label.stage import run_label
from schema import tables
from schema.arrays import Bools, Rows
from schema.ids import text_id
from schema.records import Decision
from schema.settings import Settings, load_settings
from ui.review.queues import unlabelled
from ui.review.workspace import Workspace

VOCABULARY = '[wanted]\ntitle = "Wanted"\nkind = "single-label"\n[wanted.values.yes]\n[wanted.values.no]\n'
STEPS = (0.01, 0.05, 0.25)
KEY = "mobilenet"


def read_truth(folder: Path) -> tuple[list[dict[str, Any]], Bools, list[str]]:
    """Return the records, which of them are wanted, and their families."""
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = {line["file_name"]: line for line in csv.DictReader(file)}
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    known = [truth[record["file_name"]] for record in records]
    wanted = np.array([line["n_people"] == "1" and line["species"] == "human" for line in known])
    return records, wanted, [line["family"] for line in known]


def fill(
    store: Store, records: list[dict[str, Any]], families: list[str], vectors: npt.NDArray[np.float16]
) -> None:
    """Write items, vectors, and the families as groups of versions."""
    items = []
    for row, record in enumerate(records):
        tags = [tag.strip() for tag in record["tags"].split(",") if tag.strip()]
        items.append(
            dict.fromkeys(tables.ITEMS.names)
            | {"row": row, "item_id": text_id(record["file_name"]), "source": 0, "ordinal": row, "commit": 1}
            | {"keys": [record["file_name"]], "uri": record["file_name"], "tags": tags, "status": "ok"}
        )
    store.append("items", pa.Table.from_pylist(items, tables.ITEMS), tables.ITEMS)
    groups = [
        {
            "row": row,
            "item_id": items[row]["item_id"],
            "group_id": f"g{row}",
            "verdict": "variant",
            "keep": True,
        }
        | {"reason": "family", "family": family}
        for row, family in enumerate(families)
    ]
    store.replace("groups", pa.Table.from_pylist(groups, tables.GROUPS), tables.GROUPS)
    schema = tables.vectors(vectors.shape[1])
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    ids = pa.array([item["item_id"] for item in items])
    with Runs(store).start("embed", {}, ["items"]) as run:
        batch = pa.record_batch([pa.array(range(len(items))), ids, values], schema=schema)
        store.append(f"vectors_{KEY}", [batch], schema)
        run.facts["key"] = KEY


def answer(store: Store, rows: Rows, wanted: Bools) -> None:
    """Answer items as the truth has them."""
    taken = store.take("items", np.sort(rows), ["row", "item_id"]).to_pylist()
    decisions = [
        Decision(
            record["row"], record["item_id"], "label", "wanted", "yes" if wanted[record["row"]] else "no"
        )
        for record in taken
    ]
    log = open_log(store)
    try:
        log.append(decisions, "truth")
    finally:
        log.close()


def judge(store: Store, answered: Bools, wanted: Bools) -> dict[str, Any]:
    """Return how right the labels of items that nobody answered are, and how many are left to people."""
    said = np.array([value or "" for value in store.read("labels", ["wanted"]).column(0).to_pylist()])
    fresh = ~answered
    out, kept = fresh & (said == "no"), fresh & (said == "yes")
    unwanted = fresh & ~wanted
    return {
        "decided": float((out | kept).sum() / fresh.sum()),
        "left to people": int((fresh & (said == "")).sum()),
        "precision of out": float((~wanted[out]).mean()) if out.any() else float("nan"),
        "recall of out": float(out.sum() and (out & ~wanted).sum() / unwanted.sum()),
        "precision of kept": float(wanted[kept].mean()) if kept.any() else float("nan"),
        "recall of kept": float((kept & wanted).sum() / (fresh & wanted).sum()),
    }


def run(folder: Path, settings: Settings, order: str, data: Path) -> list[dict[str, Any]]:
    """Return a row for each step of one order."""
    records, wanted, families = read_truth(data)
    vectors = np.load(data / "mobilenet_v3.npy")
    n = len(records)
    answered = np.zeros(n, bool)
    drawn = np.random.default_rng(0).permutation(n)
    rows = []
    with Store.open(folder, create=True, write=True) as store:
        fill(store, records, families, vectors)
        run_index(store, settings)
        for step in STEPS:
            need = round(step * n) - int(answered.sum())
            chosen = drawn[~answered[drawn]][:need]
            if order == "queue" and answered.any():
                workspace = Workspace(store, settings)
                queue = unlabelled(workspace, workspace.attribute("wanted"))
                queue = queue[~answered[queue]][:need]
                rest = chosen[~np.isin(chosen, queue)][: need - len(queue)]
                chosen = np.concatenate([queue, rest])
            answer(store, chosen, wanted)
            answered[chosen] = True
            begun = time.monotonic()
            run_label(store, settings, full=True)
            spent = time.monotonic() - begun
            found = {
                "order": order,
                "answered": f"{step:.0%}",
                **judge(store, answered, wanted),
                "label_s": spent,
            }
            rows.append(found)
    return rows


def main() -> None:
    """Run both orders and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--precision", type=float, default=0.95)
    parser.add_argument("--out", default="build/bench/learned_gate")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Path(folder) / "vocabulary.toml"
        vocabulary.write_text(VOCABULARY, encoding="utf-8")
        chosen = [f"tags.vocabulary={vocabulary}", f"label.precision={given.precision}"]
        settings = load_settings(None, chosen)
        for order in ("random", "queue"):
            rows += run(Path(folder) / order, settings, order, given.data)
    _, wanted, _ = read_truth(given.data)
    write(given.out, "a learned gate", rows, items=len(wanted), wanted=float(wanted.mean()))


if __name__ == "__main__":
    main()
