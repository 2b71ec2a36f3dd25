"""The ledger of finished shards: what a kill leaves of it is used again."""

from __future__ import annotations

from pathlib import Path

from curate.export.shards import LEDGER, ShardLedger, WrittenFile


def test_a_line_that_was_cut_off_costs_its_own_shard_alone(tmp_path: Path) -> None:
    ledger = ShardLedger(tmp_path, "a request")
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())
        ledger.finish(name, 1, [WrittenFile.of(name, name.encode())], [])
    ledger.close(keep=True)
    path = tmp_path / LEDGER
    path.write_text(path.read_text()[:-20])
    again = ShardLedger(tmp_path, "a request")
    assert list(again.shards) == ["one"]
    again.finish("two", 1, [WrittenFile.of("two", b"two")], [])
    again.close(keep=True)
    third = ShardLedger(tmp_path, "a request")
    assert list(third.shards) == ["one", "two"]
    third.close()


def test_another_request_begins_anew(tmp_path: Path) -> None:
    ledger = ShardLedger(tmp_path, "a request")
    ledger.finish("one", 0, [], [])
    ledger.close(keep=True)
    other = ShardLedger(tmp_path, "another request")
    assert other.shards == {}
    other.close()
    assert not (tmp_path / LEDGER).exists()
