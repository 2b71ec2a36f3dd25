"""Whether a worker lives: on this machine its process is looked up, on another one it has to be heard of."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

SILENT_SECONDS = 60.0
"""A worker on another machine that has said nothing for so long is gone; one of this machine is looked up."""


def worker_name() -> str:
    """Return a name that tells whether a worker lives: its machine and process, and when that began."""
    return f"{socket.gethostname()} {os.getpid()} {_began(os.getpid())}"


def lives(worker: str, heard: float) -> bool:
    """Tell whether the worker of this name lives, which was last heard of at the time ``heard``."""
    host, _, rest = worker.partition(" ")
    pid, _, began = rest.partition(" ")
    if host != socket.gethostname():
        return time.time() - heard < SILENT_SECONDS
    # Numbers of processes come round: the one of today began at another time.
    return bool(pid) and _began(int(pid)) == began


def _began(pid: int) -> str:
    """Return when a process of this machine began, in its own units; empty for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if Path("/proc").is_dir():
            return ""
    except OSError:
        return ""
    else:
        fields = text.rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "alive"
