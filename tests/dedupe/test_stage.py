"""The whole stage on a small store, by hashes alone: groups, verdicts, what a second run and new items cost."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dedupe.stage import run_dedupe
from embed.ingest.stage import run_ingest
from index.reviews.open import open_log
from index.store import Store
from schema.records import Decision
from schema.settings import load_settings

SETTINGS = load_settings(None, ["dedupe.hamming=16", "dedupe.threads=1"])


def groups(store: Store) -> dict[str, dict[str, Any]]:
    keys = {r["row"]: Path(r["keys"][0]).stem for r in store.read("items", ["row", "keys"]).to_pylist()}
    return {keys[r["row"]]: r for r in store.read("groups").to_pylist()}


@pytest.fixture
def store(tmp_path: Path, collection: Path) -> Any:
    with Store.open(tmp_path / "store", create=True, write=True) as opened:
        run_ingest(opened, SETTINGS, [str(collection)])
        yield opened


def test_groups_verdicts_and_reasons(store: Store) -> None:
    summary = run_dedupe(store, SETTINGS)
    found = groups(store)
    assert set(found) == {"0", "0_jpeg", "0_small", "0_grey", "0_mirror", "0_skin"}
    assert len({record["group_id"] for record in found.values()}) == 1
    assert found["0"]["verdict"] == "kept"
    assert found["0_skin"]["verdict"] == "variant"
    assert found["0_skin"]["keep"]
    assert all(
        found[f"0_{edit}"]["verdict"] == "same artwork" for edit in ("jpeg", "small", "grey", "mirror")
    )
    assert sum(not record["keep"] for record in found.values()) == 4 == summary.counts["dropped"]
    assert found["0_small"]["criterion"] == "detail"
    assert found["0_small"]["value"] < 0.6 < found["0_small"]["kept_value"] == 1.0
    assert found["0_jpeg"]["criterion"] == "compression"
    assert found["0_jpeg"]["value"] > found["0_jpeg"]["kept_value"] == 0.0
    assert found["0_grey"]["criterion"] == "grey"
    assert found["0_mirror"]["criterion"] == "mirrored"
    assert all(found[f"0_{edit}"]["reason"] for edit in ("jpeg", "small", "grey", "mirror"))
    assert any("1 grey" in note and "1 mirrored" in note for note in summary.notes)


def test_choosing_anew_measures_no_pair_again(store: Store) -> None:
    first = run_dedupe(store, SETTINGS)
    assert first.counts["new_directions"] == store.count("directions") > 0
    anew = load_settings(None, ["dedupe.hamming=16", "dedupe.threads=1", 'dedupe.keep=["-tags", "width"]'])
    second = run_dedupe(store, anew)
    assert (second.counts["new_pairs"], second.counts["new_directions"]) == (0, 0)
    assert groups(store)["0"]["verdict"] == "kept"


def test_directions_of_an_older_version_are_measured_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dedupe(store, SETTINGS)
    before = store.count("directions")
    monkeypatch.setattr("dedupe.direction.cache.VERSION", 10**6)
    again = run_dedupe(store, load_settings(None, ["dedupe.hamming=15", "dedupe.threads=1"]))
    assert again.counts["new_directions"] == store.count("directions") == before
    assert set(store.read("directions", ["version"]).column(0).to_pylist()) == {10**6}


def test_files_that_are_gone_are_counted_and_their_copies_told_by_thumbnails(
    store: Store, collection: Path
) -> None:
    for path in collection.glob("0_*.*"):
        path.unlink()
    summary = run_dedupe(store, SETTINGS)
    assert summary.counts["not_read_again"] == 4
    assert any("could not be read again" in note for note in summary.notes)
    found = groups(store)
    assert found["0_grey"]["criterion"] == "grey"
    assert found["0_small"]["criterion"] == "pixels"
    assert not store.read("directions", where="read").num_rows


def test_originals_can_be_left_to_the_criteria(store: Store) -> None:
    options = ["dedupe.hamming=16", "dedupe.threads=1", "dedupe.originals=false", 'dedupe.keep=["-width"]']
    run_dedupe(store, load_settings(None, options))
    assert not store.has("directions")
    assert groups(store)["0_small"]["criterion"] in ("pixels", None)


def test_a_second_run_does_nothing_and_new_items_cost_only_themselves(
    store: Store, collection: Path, face: Callable[..., Image.Image]
) -> None:
    run_dedupe(store, SETTINGS)
    before = store.read("groups").to_pylist()
    assert run_dedupe(store, SETTINGS).skipped
    face(1).resize((100, 100), Image.Resampling.BICUBIC).save(collection / "1_small.png")
    run_ingest(store, SETTINGS, [str(collection)])
    summary = run_dedupe(store, SETTINGS)
    after = store.read("groups").to_pylist()
    assert [record for record in after if record["row"] in {r["row"] for r in before}] == before
    assert groups(store)["1_small"]["verdict"] == "same artwork"
    assert summary.counts["new_pairs"] <= 8


def test_a_picture_that_is_gone_is_not_the_copy_that_stays(store: Store, collection: Path) -> None:
    run_dedupe(store, SETTINGS)
    assert groups(store)["0"]["keep"]
    whole = (collection / "0.png").read_bytes()
    (collection / "0.png").unlink()
    run_ingest(store, SETTINGS, [str(collection)])
    run_dedupe(store, SETTINGS)
    found = groups(store)
    assert "0" not in found
    assert sum(record["keep"] and record["verdict"] == "kept" for record in found.values()) == 1
    (collection / "0.png").write_bytes(whole)
    run_ingest(store, SETTINGS, [str(collection)])
    run_dedupe(store, SETTINGS)
    assert groups(store)["0"]["keep"]


def test_new_items_are_held_against_the_store_alone(
    store: Store, collection: Path, face: Callable[..., Image.Image]
) -> None:
    first = run_dedupe(store, SETTINGS)
    before = {r["item_id"]: r["group_id"] for r in store.read("groups").to_pylist()}
    face(0).resize((64, 64), Image.Resampling.BICUBIC).save(collection / "0_tiny.png")
    run_ingest(store, SETTINGS, [str(collection)])
    summary = run_dedupe(store, SETTINGS)
    # Only pairs with the new picture are candidates; the copies found before are not asked again.
    assert 0 < summary.counts["candidates"] < first.counts["candidates"]
    assert summary.counts["new_pairs"] <= 3
    after = groups(store)
    assert after["0_tiny"]["group_id"] == after["0"]["group_id"]
    assert after["0_tiny"]["verdict"] == "same artwork"
    assert before.items() <= {r["item_id"]: r["group_id"] for r in store.read("groups").to_pylist()}.items()


def test_a_dry_run_changes_no_groups(store: Store, tmp_path: Path) -> None:
    plan = tmp_path / "plan.csv"
    summary = run_dedupe(store, SETTINGS, plan)
    assert not store.has("groups")
    with plan.open(newline="", encoding="utf-8") as file:
        told = {Path(record["key"]).stem: record for record in csv.DictReader(file)}
    assert summary.counts["dropped"] == sum(record["keep"] == "False" for record in told.values()) == 4
    assert not run_dedupe(store, SETTINGS).skipped
    found = groups(store)
    assert told.keys() == found.keys()
    assert all(told[name]["reason"] == found[name]["reason"] for name in told)
    stricter = load_settings(
        None, ["dedupe.hamming=16", "dedupe.threads=1", "dedupe.shared=1.0", "dedupe.drawing=0.999"]
    )
    run_dedupe(store, stricter, plan)
    assert groups(store) == found


def test_moved_thresholds_use_what_was_measured(store: Store) -> None:
    run_dedupe(store, SETTINGS)
    stricter = load_settings(
        None, ["dedupe.hamming=16", "dedupe.threads=1", "dedupe.shared=1.0", "dedupe.drawing=0.999"]
    )
    summary = run_dedupe(store, stricter)
    assert not summary.skipped
    # Clusters that fall apart ask for a pair or two that they had made needless.
    assert summary.counts.get("new_pairs", 0) <= 4
    assert groups(store).get("0_skin") is None


def test_reviews_outrank_the_pixels(store: Store) -> None:
    run_dedupe(store, SETTINGS)
    found = groups(store)
    grey, mirror = found["0_grey"], found["0_mirror"]
    mates = tuple(record["item_id"] for name, record in found.items() if name != "0_grey")
    log = open_log(store)
    log.append(
        [
            Decision(
                grey["row"], grey["item_id"], "group", None, "not_duplicate", "set", grey["group_id"], mates
            ),
            Decision(mirror["row"], mirror["item_id"], "group", None, "keep", "set", mirror["group_id"]),
        ],
        "ann",
    )
    log.close()
    run_dedupe(store, SETTINGS)
    again = groups(store)
    assert "0_grey" not in again
    assert again["0_mirror"]["verdict"] == "kept"
    assert not again["0_mirror"]["proposed"]
    assert again["0"]["proposed"]
    assert "ann" in again["0_mirror"]["reason"]
    assert not again["0"]["keep"]
    assert again["0"]["group_id"] == found["0"]["group_id"]


def test_an_empty_store(tmp_path: Path) -> None:
    with Store.open(tmp_path / "empty", create=True, write=True) as opened:
        assert run_dedupe(opened, SETTINGS).counts.get("groups", 0) == 0
