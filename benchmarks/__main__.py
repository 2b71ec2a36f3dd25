"""All benchmarks of the engine at one size, one after the other; results go to build/bench as JSON and Markdown.

python -m benchmarks --size small        (or: make bench SIZE=small)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SIZES = {"small": 20_000, "medium": 100_000, "large": 1_000_000, "full": 5_000_000}
# All pairs of a million take hours: FAISS and the exact search answer a share of the queries and are scaled.
SHARES = {"small": 1.0, "medium": 1.0, "large": 0.01, "full": 0.001}


def main() -> None:
    """Run each benchmark in its own process and join the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--out", default="build/bench")
    chosen = parser.parse_args()
    out, items = Path(chosen.out) / chosen.size, SIZES[chosen.size]
    runs = {
        "embed": ["bench_embed", "--images", "64" if chosen.size == "small" else "256"],
        "graph": [
            "bench_graph",
            "--items",
            str(items),
            "--share",
            str(SHARES[chosen.size]),
        ],
        "flow": ["bench_flow", "--items", str(items), "--store", str(out / "store")],
        "query": ["bench_query", "--store", str(out / "store")],
    }
    out.mkdir(parents=True, exist_ok=True)
    if (out / "store").exists():
        sys.exit(f"{out / 'store'} is left from an earlier run: remove it, or name another --out")
    bad = []
    for name, (module, *rest) in runs.items():
        command = [sys.executable, "-m", f"benchmarks.{module}", *rest, "--out", str(out / name)]
        if subprocess.run(command).returncode:
            bad.append(name)
    tables = [
        (out / name).with_suffix(".md").read_text(encoding="utf-8")
        for name in runs
        if (out / name).with_suffix(".md").exists()
    ]
    (out / "results.md").write_text("\n".join(tables), encoding="utf-8")
    print(f"{out / 'results.md'}" + (f"; failed: {', '.join(bad)}" if bad else ""))
    sys.exit(len(bad))


if __name__ == "__main__":
    main()
