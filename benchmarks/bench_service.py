"""Measures the HTTP API under an open loop: requests come at a fixed rate, whether or not those before were answered.

    python -m benchmarks.bench_service [--items 1000000] [--rate 30] [--seconds 120] [--store DIR] [--out OUT]

The synthetic store is that of bench_review (labels of every attribute, groups, a graph of ten neighbours, thumbnails),
built once. The service is a process of its own, reached over 50 kept connections on this machine. The clock starts
when a request is due, not when a connection is free, so that a slow answer counts against those behind it, too.
Similar items by id come from the stored graph, as they do for up to as many items as it holds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import queue
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from benchmarks.bench_review import build
from benchmarks.report import write

CONNECTIONS = 50
FILTERS = (
    "hair_color = 'blonde'",
    "hair_color = 'black' and expression = 'smile'",
    "width >= 400 and keep",
    "hair_color_confidence < 0.9",
    "eye_color is null",
    "keep = false",
)
SORTS = ("", "-width", "hair_color_confidence", "-row")


def request_of(number: int, items: int) -> tuple[str, str]:
    """Return the kind and the path of one request; the same number is the same request."""
    draw = random.Random(number)
    kind = draw.choice(("similar by id", "listing", "listing", "item", "thumbnail"))
    row = draw.randrange(items)
    if kind == "similar by id":
        return kind, f"/v1/similar?id={row}&count=10"
    if kind == "item":
        return kind, f"/v1/items/{row}?include=group&include=neighbours"
    if kind == "thumbnail":
        return kind, f"/v1/items/{row}/thumbnail"
    asked = {"where": draw.choice(FILTERS), "sort": draw.choice(SORTS), "limit": draw.choice((20, 100))}
    return "filtered listing", "/v1/items?" + urlencode(asked)


class Load:
    """An open loop of requests over kept connections."""

    def __init__(self, port: int, items: int) -> None:
        self._port = port
        self._items = items
        self._due: queue.Queue[tuple[int, float] | None] = queue.Queue()
        self._lock = threading.Lock()
        self.taken: dict[str, list[float]] = {}
        self.errors: list[str] = []

    def run(self, rate: float, seconds: float) -> None:
        """Send requests at a rate for so long, and wait for the last answers."""
        threads = [threading.Thread(target=self._connection) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        begun = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            self._due.put((number, due))
        for _ in threads:
            self._due.put(None)
        for thread in threads:
            thread.join()

    def _connection(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while (each := self._due.get()) is not None:
            number, due = each
            kind, path = request_of(number, self._items)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                wrong = "" if answer.status == 200 else f"{answer.status} {path} {body[:200]!r}"
            except (OSError, http.client.HTTPException) as error:
                wrong = f"{path}: {error!r}"
                connection.close()
            with self._lock:
                self.taken.setdefault(kind, []).append(time.perf_counter() - due)
                if wrong:
                    self.errors.append(wrong)
        connection.close()


def memory_mib(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def started(store: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the service, and wait until it answers."""
    words = ["serve", "--store", str(store), "--port", str(port), "--no-worker"]
    process = subprocess.Popen([sys.executable, "-m", "likeness", *words], stdout=subprocess.DEVNULL)
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.1)
    raise SystemExit("the service did not start")


def main() -> None:
    """Build the store, start the service, load it, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--out", default="benchmarks/scratch/service")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        store = chosen.store or Path(temporary) / "store"
        build(store, chosen.items)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = started(store, port)
        try:
            first = Load(port, chosen.items)
            first.run(4, 10)  # what is kept after the first time is told apart
            before = memory_mib(process.pid)
            load = Load(port, chosen.items)
            load.run(chosen.rate, chosen.seconds)
            after = memory_mib(process.pid)
        finally:
            process.terminate()
            process.wait(60)
    rows: list[dict[str, Any]] = []
    for kind, seconds in sorted(load.taken.items()):
        p50, p95, p99 = (1000 * float(np.quantile(seconds, q)) for q in (0.5, 0.95, 0.99))
        rows.append({"request": kind, "requests": len(seconds), "p50 ms": p50, "p95 ms": p95, "p99 ms": p99})
    for wrong in load.errors[:5]:
        print(wrong, file=sys.stderr)
    cold = max(max(seconds) for seconds in first.taken.values())
    facts = {
        "items": chosen.items, "requests_a_second": chosen.rate, "seconds": chosen.seconds, "errors": len(load.errors),
        "memory_mib_before": before, "memory_mib_after": after, "slowest_of_the_first_s": round(cold, 2),
    }  # fmt: skip
    write(chosen.out, f"The HTTP API over {chosen.items:,} items, open loop", rows, **facts)
    print(json.dumps({"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
