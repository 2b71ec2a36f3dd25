"""Jobs in line: asked for once, claimed once, stopped, tried again, and back in line when their worker is gone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from schema.errors import InputError, LikenessError, StoreError
from ui.jobs import alive
from ui.jobs import line as line_module
from ui.jobs.line import JobLine, job_line
from ui.jobs.queue import without_password
from ui.jobs.records import CANCELLED, DONE, FAILED, QUEUED, RUNNING

Lines = Callable[[], JobLine]


def test_a_job_is_seen_by_every_process_and_claimed_by_one(lines: Lines) -> None:
    asking, first, second = lines(), lines(), lines()
    job, new = asking.add("label", {"full": True}, "Ann")
    assert new and job.state == QUEUED
    assert second.find(job.id) == job and [each.id for each in second.all()] == [job.id]
    claimed = first.claim(job.id, 1)
    assert claimed is not None and claimed.state == RUNNING and claimed.options == {"full": True}
    assert second.claim(job.id, 1) is None
    first.tell_progress(job.id, "label", 3, 10)
    first.write_log(job.id, "one\ntwo")
    told = asking.find(job.id)
    assert (told.stage, told.done, told.total) == ("label", 3, 10)
    assert [text[25:] for text in asking.log(job.id)] == ["one", "two"] or len(asking.log(job.id)) == 2
    first.note(job.id, state=DONE)
    assert second.claim(job.id, 1) is None and asking.find(job.id).state == DONE


def test_an_idempotency_key_gives_the_job_that_there_is(lines: Lines) -> None:
    line, other = lines(), lines()
    job, _ = line.add("label", {}, "Ann", "k1")
    assert other.add("label", {}, "Ann", "k1") == (job, False)
    assert other.add("label", {}, "Bea", "k1")[1], "keys of two callers are two keys"
    with pytest.raises(InputError, match="another request"):
        other.add("dedupe", {}, "Ann", "k1")
    assert len(line.all()) == 2


def test_a_waiting_job_is_cancelled_at_once_and_tried_again(lines: Lines) -> None:
    line = lines()
    job, _ = line.add("label", {})
    assert line.cancel(job.id).state == CANCELLED
    assert line.claim(job.id, 1) is None
    again = line.retry(job.id)
    assert again.state == QUEUED and again.attempt == 2
    with pytest.raises(InputError, match="this job is queued"):
        line.retry(job.id)
    claimed = line.claim(job.id, 2)
    assert claimed is not None
    assert line.cancel(job.id).cancelling and line.is_stopped(claimed)
    line.note(job.id, state=FAILED, error="no", hint="do")
    assert line.cancel(job.id).state == FAILED, "what is over stays as it is"
    with pytest.raises(StoreError, match="there is no job"):
        line.cancel("0" * 32)


def test_jobs_of_a_worker_that_is_gone_come_back(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    line = lines()
    running, claimed, lost, alive = (line.add("label", {"n": n})[0] for n in range(4))
    monkeypatch.setattr(line_module, "worker_name", lambda: f"{_host()} 999999999 1")
    line.claim(running.id, 1)
    line._data.put_if_empty(
        f"claim:{claimed.id}:1", json.dumps({"worker": line_module.worker_name()}).encode()
    )
    monkeypatch.undo()
    line.claim(alive.id, 1)
    while line.huey.dequeue() is not None:  # all messages went with their worker
        pass
    assert {job.id for job in line.recover()} == {running.id, claimed.id, lost.id}
    states = {job.id: (job.state, job.attempt) for job in line.all()}
    assert states == {
        running.id: (QUEUED, 2), claimed.id: (QUEUED, 2), lost.id: (QUEUED, 1), alive.id: (RUNNING, 1)
    }  # fmt: skip
    assert line.recover() == []


def test_a_worker_of_another_machine_is_gone_when_it_is_silent(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = lines()
    job, _ = line.add("label", {})
    monkeypatch.setattr(line_module, "worker_name", lambda: "elsewhere 1 1")
    line.claim(job.id, 1)
    assert line.recover() == []
    monkeypatch.setattr(alive, "SILENT_SECONDS", -1.0)
    assert [each.id for each in line.recover()] == [job.id]


def test_one_job_writes_at_a_time(lines: Lines) -> None:
    line = lines()
    first, second = line.add("label", {})[0], line.add("dedupe", {})[0]
    line.claim(first.id, 1)
    line.claim(second.id, 1)
    assert line.take_turn(first) and not line.take_turn(second)
    line.end_turn()
    assert line.take_turn(second) and not line.take_turn(first)
    line.note(second.id, state=DONE)
    assert line.take_turn(first), "a turn that was never ended is over with its job"


def test_messages_are_json_and_never_pickled(tmp_path: Path) -> None:
    line = JobLine(str(tmp_path / "jobs.sqlite"), "store")
    job, _ = line.add("label", {})
    line.close()
    (data,) = sqlite3.connect(tmp_path / "jobs.sqlite").execute("select data from task").fetchone()
    assert [job.id, 1] in json.loads(bytes(data))


def test_a_queue_that_cannot_be_is_said_without_its_password(tmp_path: Path) -> None:
    assert without_password("redis://ann:secret@host:1/0") == "redis://host:1/0"
    with pytest.raises(LikenessError) as error:
        JobLine("redis://ann:secret@127.0.0.1:1/0", "store")
    assert "secret" not in str(error.value) and "127.0.0.1:1" in str(error.value)
    with pytest.raises(StoreError, match="is no queue"):
        JobLine("amqp://host", "store")
    with pytest.raises(StoreError, match=r"serve\.queue"):
        job_line("s3://bucket/store")


def _host() -> str:
    import socket

    return socket.gethostname()
