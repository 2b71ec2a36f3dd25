"""From vectors to export at a chosen size: seconds and peak memory of every stage, each in a process of its own.

    python -m benchmarks.bench_flow --items 100000 --dim 512 --out build/flow [--store DIR]

The collection is synthetic (benchmarks/synthetic.py). Dedupe looks at every picture once, some 2 ms each, as ingest and
embed do; with --planted that is done beforehand, and what is timed starts from vectors alone. The clock of a stage
covers its whole process, the start of Python included; the peak is what the kernel counted for it, mapped files
included. With --store the store stays, and a call that was stopped goes on: a stage that ended is not run again, its
row is read from DIR.stages.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import write
from benchmarks.synthetic import Collection
from index.store import Store
from index.store.runs import Runs
from schema.settings import load_settings

# 'fill' stands for ingest and embed and is not counted; 'again' runs the flow once more: it should find nothing to do.
STAGES = ("fill", "index", "dedupe", "label", "compact", "export", "again")
COUNTED = STAGES[1:-1]


def main() -> None:
    """Run the stages, or with --stage one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--out", default="build/bench_flow")
    parser.add_argument("--store", default="", help="keep the store here, and go on with what is there")
    parser.add_argument("--until", choices=STAGES, default=STAGES[-1], help="stop after this stage")
    parser.add_argument("--stage", choices=STAGES, help="run this stage alone, in this process")
    parser.add_argument(
        "--planted",
        action="store_true",
        help="sketches of the pictures are there already: dedupe starts from vectors, not from pictures",
    )
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as for likeness")
    chosen = parser.parse_args()
    if chosen.stage:
        run_stage(chosen)
        return
    with tempfile.TemporaryDirectory(prefix="bench-flow-") as temporary:
        chosen.store = chosen.store or str(Path(temporary) / "store")
        rows = run_all(chosen)
        facts = recorded(chosen.store)
    report(chosen, rows, facts)
    sys.exit(int(any(row["exit"] for row in rows)))


def run_all(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the stages in order and return their rows; a stage that failed ends it."""
    kept = Path(f"{chosen.store}.stages.json")
    asked = {name: getattr(chosen, name) for name in ("items", "dim", "planted", "set")}
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {"asked": asked, "rows": []}
    if known["asked"] != asked:
        sys.exit(f"{kept} is of another run: {known['asked']}")
    rows: list[dict[str, Any]] = known["rows"]
    for stage in STAGES[len(rows) : STAGES.index(chosen.until) + 1]:
        row = measure(stage, chosen)
        print(json.dumps(row), file=sys.stderr, flush=True)
        if row["exit"]:
            return [*rows, row]
        rows.append(row)
        kept.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return rows


def measure(stage: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run one stage in its own process and return its seconds and its peak of resident memory."""
    command = [sys.executable, "-m", "benchmarks.bench_flow", "--stage", stage, "--store", chosen.store]
    command += ["--items", str(chosen.items), "--dim", str(chosen.dim)]
    command += ["--planted"] if chosen.planted else []
    command += [part for each in chosen.set for part in ("--set", each)]
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    store = Path(chosen.store)
    return {
        "stage": stage,
        "seconds": round(seconds, 1),
        "items/s": round(chosen.items / seconds),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_gib": round(used.ru_maxrss / 2**20, 2),
        "store_gib": round(size(store) + size(store.with_name("export")), 2),
        "exit": process.returncode,
    }


def size(folder: Path) -> float:
    """Return what the files below a folder take, in GiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**30


def run_stage(chosen: argparse.Namespace) -> None:
    """Run a stage on the store, as the command line does."""
    settings = load_settings(None, chosen.set)
    with Store.open(chosen.store, create=chosen.stage == "fill", write=True) as store:
        if chosen.stage == "fill":
            Collection(chosen.items, chosen.dim).fill(store, chosen.planted)
            return
        from ui import flow

        if chosen.stage == "export":
            flow.run_stage(
                "export", store, settings, out=str(Path(chosen.store).with_name("export")), format="parquet"
            )
        elif chosen.stage == "again":
            again = [getattr(flow, stage)(store, settings) for stage in COUNTED[:-1]]
            if not all(summary.skipped for summary in again):
                sys.exit(f"ran again: {[summary.stage for summary in again if not summary.skipped]}")
        else:
            getattr(flow, chosen.stage)(store, settings)


def report(chosen: argparse.Namespace, rows: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Write the table, with the sum of what is counted."""
    whole = [row for row in rows if row["stage"] in COUNTED]
    if len(whole) == len(COUNTED):
        seconds = sum(row["seconds"] for row in whole)
        total = {
            "stage": "vectors to export",
            "seconds": round(seconds, 1),
            "items/s": round(chosen.items / seconds),
            "cpu_seconds": round(sum(row["cpu_seconds"] for row in whole), 1),
            "peak_gib": max(row["peak_gib"] for row in whole),
            "store_gib": whole[-1]["store_gib"],
            "exit": max(abs(row["exit"]) for row in whole),
        }
        rows = [*rows, total]
    free = shutil.disk_usage(Path(chosen.store).parent if chosen.store else "/").free
    title = f"From vectors to export: {chosen.items:,} x {chosen.dim}"
    disk = {"disk_free_gib": round(free / 2**30)}
    asked = {"items": chosen.items, "dim": chosen.dim, "sketches planted": chosen.planted}
    write(chosen.out, title, rows, **asked, **disk, **facts)


def recorded(uri: str) -> dict[str, Any]:
    """Return what the runs said of recall and of groups."""
    with Store.open(uri) as store:
        index = Runs(store).last("index") or {"facts": {}}
        dedupe = Runs(store).last("dedupe") or {"counts": {}}
    names = ("searcher", "recall", "lists", "probes", "search_index", "search_setting", "search_recall")
    facts = {name: index["facts"][name] for name in names if name in index["facts"]}
    return facts | {name: dedupe["counts"][name] for name in COUNTS if name in dedupe["counts"]}


COUNTS = ("candidates", "measured", "left_out", "groups", "dropped")


if __name__ == "__main__":
    main()
