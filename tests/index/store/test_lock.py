"""The run lock: one holder, who is named; a dead holder holds nothing; the lock file stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.store.lock import HOLDER, LOCK, RunLock
from schema.errors import StoreBusy, StoreError


def test_the_holder_is_named_until_it_lets_go(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(StoreBusy, match=f"process {os.getpid()} on "):
        RunLock(tmp_path)
    lock.release()
    lock.release()
    assert (tmp_path / LOCK).exists()
    assert not (tmp_path / HOLDER).exists()
    RunLock(tmp_path).release()


def test_a_process_that_died_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from index.store.lock import RunLock; "
        f"lock = RunLock(Path({str(tmp_path)!r})); print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert died.stdout == "held\n"
    assert died.returncode != 0
    assert (tmp_path / HOLDER).exists()
    RunLock(tmp_path).release()


def test_a_damaged_note_of_the_holder_does_no_harm(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    (tmp_path / HOLDER).write_text("{")
    with pytest.raises(StoreBusy, match="holder unknown"):
        RunLock(tmp_path)
    lock.release()


def test_a_folder_that_cannot_be_written_to_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot write to the store"):
        RunLock(tmp_path / "file")
