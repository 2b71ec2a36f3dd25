"""Four reviewers at once at 200 decisions a minute each, one of them killed over and over: is anything lost?

    python -m benchmarks.bench_reviewers [--minutes 2] [--folder DIR] [--json OUT]

Each reviewer is a process that writes to one review log and says so on its standard output only after the call
returned. The clock covers one call, from the decision to its being on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from index.reviews.sqlite import SqliteLog

REVIEWERS = 4
PER_MINUTE = 200
KILL_EVERY = 5.0
REVIEWER = """
import sys, time
from index.reviews.sqlite import SqliteLog
from schema.records import Decision
path, name, pause, first = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
log = SqliteLog(path)
n = first
while True:
    begun = time.perf_counter()
    log.append([Decision(n, f"{n:032x}", "label", "hair_color", "red", seen="bench")], name)
    took = time.perf_counter() - begun
    print(n, took, flush=True)
    n += 1
    time.sleep(max(0.0, pause - took))
"""


class Reviewer:
    """One process that decides at a steady pace, and what it has confirmed."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.confirmed: list[int] = []
        self.took: list[float] = []
        self.start()

    def start(self) -> None:
        """Start it, or start it again where it was."""
        first = self.confirmed[-1] + 2 if self.confirmed else 0
        words = [sys.executable, "-c", REVIEWER, str(self.path), self.name, str(60 / PER_MINUTE), str(first)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self.thread.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            number, took = line.split()
            self.confirmed.append(int(number))
            self.took.append(float(took))

    def kill(self) -> None:
        """Kill it as a crash would, and read what it still said."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.thread.join()


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--folder")
    parser.add_argument("--json")
    given = parser.parse_args()
    path = Path(given.folder or tempfile.mkdtemp()) / "reviews.sqlite3"
    people = [Reviewer(path, f"reviewer {n + 1}") for n in range(REVIEWERS)]
    until = time.monotonic() + 60 * given.minutes
    kills = 0
    while time.monotonic() < until:
        time.sleep(min(KILL_EVERY, max(0.0, until - time.monotonic())))
        people[0].kill()
        people[0].start()
        kills += 1
    for each in people:
        each.kill()
    written = [(r.reviewer, r.row) for r in SqliteLog(path).scan()]
    confirmed = [(each.name, row) for each in people for row in each.confirmed]
    lost = set(confirmed) - set(written)
    double = len(written) - len(set(written))
    milliseconds = 1000 * np.array([t for each in people for t in each.took])
    p50, p95 = np.percentile(milliseconds, [50, 95])
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"machine: {machine}")
    print(f"{REVIEWERS} reviewers, {given.minutes:g} minutes, {kills + REVIEWERS} SIGKILLs")
    print(f"confirmed {len(confirmed)}, in the log {len(written)}, lost {len(lost)}, double {double}")
    print(f"a decision on disk: p50 {p50:.1f} ms, p95 {p95:.1f} ms, longest {milliseconds.max():.0f} ms")
    if given.json:
        record = {
            "machine": machine, "confirmed": len(confirmed), "written": len(written), "lost": len(lost),
            "double": double, "p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2),
        }  # fmt: skip
        Path(given.json).write_text(json.dumps(record, indent=2))
    sys.exit(1 if lost or double else 0)


if __name__ == "__main__":
    main()
