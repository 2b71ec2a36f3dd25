"""A simulated reviewer: how fast do the queues raise the accuracy of one attribute, against random order?

    python -m benchmarks.bench_queues STORE TRUTH.csv [--attribute hair_color] [--decisions 100,300,1000] [--json OUT]

STORE has been ingested, embedded and indexed; TRUTH.csv has file_name and a column of the attribute. The reviewer
takes the queue's first items in rounds, answers from the truth ('unknown' where it has none), and the store is
labelled anew after each round. Accuracy is over all items whose truth is known; no label counts as wrong. The store
is copied for every queue, the original stays as it is.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from index.store import Store
from schema.settings import Settings, load_settings
from ui import decisions, flow, queues
from ui.desk import Desk, Rows

WORDS = {"gray": "grey", "blond": "blonde"}
ROUND = 100


def truth_of(store: Store, path: Path, column: str, values: set[str]) -> dict[int, str]:
    """Return the true value by row, of items that have one in the vocabulary."""
    with path.open(encoding="utf-8", newline="") as file:
        by_name = {r["file_name"]: WORDS.get(r[column], r[column]) for r in csv.DictReader(file)}
    found = {}
    for batch in store.scan("items", ["row", "uri"]):
        for record in batch.to_pylist():
            name = (record["uri"] or "").split("/images/")[-1]
            value = by_name.get(f"images/{name}")
            if value in values:
                found[record["row"]] = value
    return found


def accuracy(desk: Desk, name: str, truth: dict[int, str]) -> float:
    """Return the share of items whose label is the true one."""
    rows = sorted(truth)
    right = 0
    for start in range(0, len(rows), 2000):
        items = desk.items(rows[start : start + 2000], [name])
        right += sum(item.labels[name].values == (truth[item.row],) for item in items)
    return right / len(rows)


def order_of(desk: Desk, queue: str, name: str, seed: int) -> Rows:
    """Return the present order of a queue; 'random' is the control."""
    if queue != "random":
        return queues.queue(desk, queue, desk.attribute(name))
    rows = list(desk.rows())
    random.Random(seed).shuffle(rows)
    decided = {row for row, of in desk.effect().labels if of == name}
    return np.array([row for row in rows if row not in decided], np.int64)


def simulate(
    source: Path, queue: str, name: str, truth: dict[int, str], steps: list[int], settings: Settings
) -> list[dict[str, Any]]:
    """Review a copy of the store by one queue; return accuracy after each step."""
    made = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "store"
        shutil.copytree(source, folder)
        done = 0
        for step in [0, *steps]:
            while done < step:
                with Store.open(folder) as store:
                    desk = Desk(store, settings)
                    rows = order_of(desk, queue, name, 0)[: min(ROUND, step - done)]
                    if not len(rows):
                        break
                    made_now = []
                    for item in desk.items(rows, [name]):
                        value = truth.get(item.row)
                        action = "set" if value else decisions.UNKNOWN
                        made_now += decisions.label_decisions(
                            [item], desk.attribute(name), action, value or ""
                        )
                    decisions.write(desk, made_now, "simulated", None, "")
                    done += len(rows)
                if done < step:
                    with Store.open(folder, write=True) as store:
                        flow.label(store, settings)
            with Store.open(folder, write=True) as store:
                flow.label(store, settings)
            with Store.open(folder) as store:
                found = accuracy(Desk(store, settings), name, truth)
            made.append({"queue": queue, "decisions": done, "accuracy": round(found, 4)})
            print(f"{queue:32} {done:6} {found:.4f}", flush=True)
    return made


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("truth")
    parser.add_argument("--attribute", default="hair_color")
    parser.add_argument("--decisions", default="100,300,1000")
    parser.add_argument("--queues", default="")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--json")
    given = parser.parse_args()
    settings = load_settings(None, given.overrides)
    with Store.open(given.store) as store:
        desk = Desk(store, settings)
        values = {v.name for v in desk.attribute(given.attribute).values}
        truth = truth_of(store, Path(given.truth), given.attribute, values)
    print(f"{len(truth)} items with a known {given.attribute}")
    steps = [int(n) for n in given.decisions.split(",")]
    names = [n for n in given.queues.split(";") if n] or ["random", *(q for q in queues.QUEUES if q != "New")]
    found = [
        r
        for name in names
        for r in simulate(Path(given.store), name, given.attribute, truth, steps, settings)
    ]
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
