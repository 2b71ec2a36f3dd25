"""What every result carries: the machine, the versions, how busy it was; and a Markdown table beside the JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "torch", "faiss-gpu", "faiss-cpu", "lancedb", "pyarrow", "open_clip_torch", "ray")


def machine() -> dict[str, Any]:
    """Return processor, cores, memory, load and the versions of what does the work."""
    found: dict[str, Any] = {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            found["processor"] = line.partition(":")[2].strip()
            break
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of equal keys as a Markdown table."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_shown(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def write(out: str | Path, title: str, rows: Sequence[dict[str, Any]], **facts: Any) -> None:
    """Write OUT.json and OUT.md, and print the table."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    known = machine()
    result = {"title": title, "machine": known, **facts, "rows": list(rows)}
    out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    said = ", ".join(f"{name} {value}" for name, value in {**known, **facts}.items())
    text = f"## {title}\n\n{table(rows)}\n\n{said}\n"
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
