"""Jobs done: stages run, failures said, one writer, cancelled on the way, going on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from index.store import Store
from schema.settings import Settings
from ui.jobs.line import JobLine, job_line
from ui.jobs.records import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Job
from ui.jobs.work import Worker
from ui.jobs.worker import run_worker

Lines = Callable[[], JobLine]
Work = Callable[[JobLine, Path], Job]


def test_a_job_ingests_and_says_what_it_did(
    lines: Lines, work: Work, tmp_path: Path, small_images: Path
) -> None:
    line = lines()
    line.add("ingest", {"sources": [str(small_images)]})
    job = work(line, tmp_path / "store")
    assert (job.state, job.counts["ingest"]["items"]) == (DONE, 12)
    assert job.finished >= job.started >= job.created
    assert any("12 new pictures" in text for text in line.log(job.id))
    line.add("ingest", {"sources": [str(small_images)]})
    assert work(line, tmp_path / "store").counts["ingest"].get("items", 0) == 0
    with Store.open(tmp_path / "store") as store:
        assert store.n_items() == 12


def test_a_job_that_fails_has_the_sentence_and_the_hint_and_is_tried_again(
    tmp_path: Path, work: Work, small_images: Path
) -> None:
    line = job_line(str(tmp_path / "store"))
    gone = tmp_path / "gone"
    added, _ = line.add("ingest", {"sources": [str(gone)]})
    job = work(line, tmp_path / "store")
    assert job.state == FAILED and "cannot read the source" in job.error and job.hint
    small_images.rename(gone)
    line.retry(added.id)
    again = work(line, tmp_path / "store")
    assert (again.id, again.state, again.error) == (added.id, DONE, "")
    line.close()


def test_a_job_waits_for_a_run_that_holds_the_store(tmp_path: Path, small_images: Path) -> None:
    line = job_line(str(tmp_path / "store"))
    job, _ = line.add("ingest", {"sources": [str(small_images)]})
    worker = Worker(line, str(tmp_path / "store"), Settings())
    with Store.open(tmp_path / "store", create=True, write=True):
        thread = threading.Thread(target=worker.do, args=(job.id, 1))
        thread.start()
        _until(lambda: any("another run is writing" in text for text in line.log(job.id)))
        assert line.find(job.id).state == RUNNING
    thread.join()
    assert line.find(job.id).state == DONE
    line.close()


@pytest.mark.parametrize("who", ["caller", "worker"])
def test_a_running_job_is_stopped_and_what_it_did_is_kept(
    tmp_path: Path, small_images: Path, who: str
) -> None:
    line = job_line(str(tmp_path / "store"))
    job, _ = line.add("ingest", {"sources": [str(small_images)]})
    worker = Worker(line, str(tmp_path / "store"), Settings())
    with Store.open(tmp_path / "store", create=True, write=True):  # it waits, and hears while it waits
        thread = threading.Thread(target=worker.do, args=(job.id, 1))
        thread.start()
        _until(lambda: line.find(job.id).state == RUNNING)
        if who == "caller":
            line.cancel(job.id)
        else:
            worker.stop()
        thread.join()
    stands = line.find(job.id)
    assert (stands.state, stands.attempt) == ((CANCELLED, 1) if who == "caller" else (QUEUED, 2))
    assert run_worker(str(tmp_path / "store"), Settings(), drain=True) >= 1
    assert line.find(job.id).state == (CANCELLED if who == "caller" else DONE)
    line.close()


def test_a_job_goes_on_when_its_worker_was_killed(tmp_path: Path, small_images: Path) -> None:
    uri = tmp_path / "store"
    Store.open(uri, create=True, write=True).close()
    command = [sys.executable, "-m", "likeness", "worker", "--store", str(uri)]
    line = job_line(str(uri))
    with Store.open(uri, write=True):  # so that the job cannot be done before the kill
        job, _ = line.add("ingest", {"sources": [str(small_images)]})
        worker = subprocess.Popen(command)
        _until(lambda: line.find(job.id).state == RUNNING)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert line.find(job.id).state == RUNNING, "nobody was left to say otherwise"
    assert run_worker(str(uri), Settings(), drain=True) >= 1
    done = line.find(job.id)
    assert (done.state, done.attempt, done.counts["ingest"]["items"]) == (DONE, 2, 12)
    line.close()


def _until(reached: Callable[[], bool]) -> None:
    for _ in range(1200):
        if reached():
            return
        time.sleep(0.05)
    raise AssertionError("did not happen within a minute")
