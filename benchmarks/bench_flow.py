"""From vectors to export at a chosen size: seconds and peak memory of every stage, each in a process of its own.

    python -m benchmarks.bench_flow --items 100000 --dim 512 --out build/flow [--store DIR]

The collection is synthetic (benchmarks/synthetic.py). The clock of a stage covers its whole process, the start of
Python included; the peak is what the kernel counted for it, mapped files included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import write
from benchmarks.synthetic import Collection
from index.runs import Runs
from index.store import Store
from schema.settings import load_settings

STAGES = ("fill", "index", "dedupe", "label", "export")


def main() -> None:
    """Run the stages, or with --stage one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--out", default="build/bench_flow")
    parser.add_argument("--store", default="", help="keep the store here")
    parser.add_argument("--stage", choices=STAGES, help="run this stage alone, in this process")
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for likeness")
    chosen = parser.parse_args()
    if chosen.stage:
        run_stage(chosen)
        return
    with tempfile.TemporaryDirectory(prefix="bench-flow-") as temporary:
        chosen.store = chosen.store or str(Path(temporary) / "store")
        rows = [measure(stage, chosen) for stage in STAGES]
        facts = recorded(chosen.store)
    whole = [row for row in rows if row["stage"] != "fill"]
    rows.append(
        {
            "stage": "vectors to export",
            "seconds": round(sum(row["seconds"] for row in whole), 1),
            "peak_gib": max(row["peak_gib"] for row in whole),
            "cpu_seconds": round(sum(row["cpu_seconds"] for row in whole), 1),
            "exit": max(abs(row["exit"]) for row in whole),
        }
    )
    title = f"From vectors to export: {chosen.items:,} x {chosen.dim}"
    write(chosen.out, title, rows, items=chosen.items, dim=chosen.dim, **facts)
    sys.exit(int(any(row["exit"] for row in rows)))


def measure(stage: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run one stage in its own process and return its seconds and its peak of resident memory."""
    command = [sys.executable, "-m", "benchmarks.bench_flow", "--stage", stage, "--store", chosen.store]
    command += ["--items", str(chosen.items), "--dim", str(chosen.dim)]
    command += [part for each in chosen.set for part in ("--set", each)]
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    row = {
        "stage": stage,
        "seconds": round(seconds, 1),
        "peak_gib": round(used.ru_maxrss / 2**20, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "exit": process.returncode,
    }
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def run_stage(chosen: argparse.Namespace) -> None:
    """Run a stage on the store, as the command line does."""
    settings = load_settings(None, chosen.set)
    with Store.open(chosen.store, create=chosen.stage == "fill", write=True) as store:
        if chosen.stage == "fill":
            Collection(chosen.items, chosen.dim).fill(store)
        elif chosen.stage == "index":
            from index.neighbours import run_index

            run_index(store, settings)
        elif chosen.stage == "dedupe":
            from dedupe.stage import run_dedupe

            run_dedupe(store, settings)
        elif chosen.stage == "label":
            from label.stage import run_label

            run_label(store, settings)
        else:
            from index.export import run_export

            run_export(store, settings, Path(chosen.store).with_name("export"))


def recorded(uri: str) -> dict[str, Any]:
    """Return what the runs said of recall and of groups."""
    with Store.open(uri) as store:
        index = Runs(store).last("index") or {"facts": {}}
        dedupe = Runs(store).last("dedupe") or {"counts": {}}
    names = ("searcher", "recall", "lists", "probes", "search_index", "search_recall")
    facts = {name: index["facts"][name] for name in names if name in index["facts"]}
    return facts | {
        name: dedupe["counts"][name] for name in ("groups", "dropped") if name in dedupe["counts"]
    }


if __name__ == "__main__":
    main()
