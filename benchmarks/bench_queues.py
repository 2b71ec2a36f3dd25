"""A simulated reviewer: how fast do the queues raise the accuracy of one attribute, against random order?

    python -m benchmarks.bench_queues STORE TRUTH.csv [--attribute hair_color] [--decisions 100,300,1000] [--json OUT]

STORE has been ingested, embedded and indexed; TRUTH.csv has file_name and a column of the attribute. The reviewer
takes the queue's first items, answers from the truth ('unknown' where it has none) and the store is labelled anew
after each step and each ROUND decisions, by the label stage itself: only what the answers touch, with the models of
the first run. Accuracy is over all items whose truth is known; no label counts as wrong, a decided item as its answer.

The store is copied once and labelled once, with a vocabulary of the one attribute (and of 'subjects', which says whose
labels are asked for); every queue starts from a copy of that. The control draws from all pictures nobody has decided.
'shown' is the share of answers that had a truth to give: the rest were 'unknown'.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from index.store import Store
from schema.arrays import Rows
from schema.settings import Settings, load_settings
from schema.vocabulary import DEFAULT_PATH
from ui import flow
from ui.review import actions, queues
from ui.review.workspace import Workspace

WORDS = {"gray": "grey", "blond": "blonde"}
ROUND = 100
LEFT_OUT = ("New", "Duplicates that disagree")
"""Queues of another purpose: nothing is new in a still store, and groups are the concern of dedupe."""


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


def accuracy(workspace: Workspace, name: str, truth: dict[int, str]) -> float:
    """Return the share of items whose label is the true one."""
    rows = sorted(truth)
    right = 0
    for start in range(0, len(rows), 2000):
        items = workspace.items(rows[start : start + 2000], [name])
        right += sum(item.labels[name].values == (truth[item.row],) for item in items)
    return right / len(rows)


RANDOM, RANDOM_OPEN = "random", "random, unlabelled only"
"""The control, and what is left of a queue's gain when chance orders the same items."""


def order_of(workspace: Workspace, queue: str, name: str, seed: int) -> Rows:
    """Return the present order of a queue, or one that chance makes, of all pictures or of the unlabelled ones."""
    if queue not in (RANDOM, RANDOM_OPEN):
        return queues.queue(workspace, queue, workspace.attribute(name))
    rows = workspace.rows().tolist()
    if queue == RANDOM_OPEN:
        open_ = queues.queue(workspace, "Unlabelled, most useful first", workspace.attribute(name))
        rows = sorted(open_.tolist())
    random.Random(seed).shuffle(rows)
    decided = {row for row, of in workspace.reviewed().labels if of == name}
    return np.array([row for row in rows if row not in decided], np.int64)


def vocabulary_of(name: str, folder: Path) -> Path:
    """Write a vocabulary of one attribute, and of the number of characters, and return its path."""
    blocks = re.split(r"^(?=\[\w+\]\n)", DEFAULT_PATH.read_text(encoding="utf-8"), flags=re.MULTILINE)
    wanted = [block for block in blocks if block.startswith((f"[{name}]", "[subjects]"))]
    path = folder / "vocabulary.toml"
    path.write_text("".join(wanted), encoding="utf-8")
    return path


def prepare(source: Path, scratch: Path, name: str, overrides: list[str]) -> Settings:
    """Copy the store, label it with one attribute, and return the settings of all further runs."""
    shutil.copytree(source, scratch / "labelled")
    for lance in ("labels", "label_models", "label_noise", "label_state"):
        shutil.rmtree(scratch / "labelled" / f"{lance}.lance", ignore_errors=True)
    for log in (scratch / "labelled").glob("reviews.sqlite3*"):
        log.unlink()
    vocabulary = vocabulary_of(name, scratch)
    # Models stay those of the first run: what differs between queues is what was answered, and rounds are cheap.
    settings = load_settings(None, [f"tags.vocabulary={vocabulary}", "label.refit=1000", *overrides])
    with Store.open(scratch / "labelled", write=True) as store:
        flow.run_stage("label", store, settings)
    return settings


def simulate(
    scratch: Path, queue: str, name: str, truth: dict[int, str], steps: list[int], settings: Settings
) -> list[dict[str, Any]]:
    """Review a copy of the labelled store by one queue; return accuracy after each step."""
    made = []
    folder = scratch / "reviewed"
    shutil.copytree(scratch / "labelled", folder)
    done = told = 0
    for step in [0, *steps]:
        while done < step:
            with Store.open(folder) as store:
                workspace = Workspace(store, settings)
                rows = order_of(workspace, queue, name, 0)[: min(ROUND, step - done)]
                if not len(rows):
                    break
                answers = []
                for item in workspace.items(rows, [name]):
                    value = truth.get(item.row)
                    action = "set" if value else actions.UNKNOWN
                    told += value is not None
                    answers += actions.label_decisions([item], workspace.attribute(name), action, value or "")
                actions.write(workspace, answers, "simulated", None, "")
                done += len(rows)
            with Store.open(folder, write=True) as store:
                flow.run_stage("label", store, settings)
        with Store.open(folder) as store:
            found = accuracy(Workspace(store, settings), name, truth)
        shown = round(told / done, 3) if done else 0.0
        made.append({"queue": queue, "decisions": done, "accuracy": round(found, 4), "shown": shown})
        print(f"{queue:32} {done:6} {found:.4f} {shown:6.2f}", flush=True)
        if done < step:
            break
    shutil.rmtree(folder)
    return made


def needed(points: list[dict[str, Any]], accuracy: float) -> float | None:
    """Return after how many decisions a queue reached an accuracy, between steps by a straight line; None: never."""
    for before, after in pairwise(points):
        if before["accuracy"] < accuracy <= after["accuracy"]:
            share = (accuracy - before["accuracy"]) / (after["accuracy"] - before["accuracy"])
            return float(before["decisions"] + share * (after["decisions"] - before["decisions"]))
    return None


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
    steps = [int(n) for n in given.decisions.split(",")]
    names = [n for n in given.queues.split(";") if n] or [
        RANDOM,
        RANDOM_OPEN,
        *(q for q in queues.QUEUES if q not in LEFT_OUT),
    ]
    begun = time.monotonic()
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        settings = prepare(Path(given.store), scratch, given.attribute, given.overrides)
        with Store.open(scratch / "labelled") as store:
            values = {v.name for v in Workspace(store, settings).attribute(given.attribute).values}
            truth = truth_of(store, Path(given.truth), given.attribute, values)
            print(f"{len(truth)} of {store.n_items()} items have a known {given.attribute}")
        print(f"labelled the first time: {time.monotonic() - begun:.0f} s")
        print(f"{'queue':32} {'answers':>6} accuracy shown")
        for name in names:
            found[name] = simulate(scratch, name, given.attribute, truth, steps, settings)
    ratios = {}
    if RANDOM in found:
        for name, points in found.items():
            if name != RANDOM:
                ratios[name] = {
                    at["decisions"]: need and round(need / at["decisions"], 2)
                    for at in found[RANDOM][1:]
                    for need in [needed(points, at["accuracy"])]
                }
                print(
                    f"{name:32} decisions for the same accuracy, as a share of random order's: {ratios[name]}"
                )
    print(f"{time.monotonic() - begun:.0f} s in all, load {os.getloadavg()[0]:.1f}")
    if given.json:
        Path(given.json).write_text(json.dumps({"points": found, "against random": ratios}, indent=2))


if __name__ == "__main__":
    main()
