"""Searching by picture and by filters from boxes, against counts made item by item."""

from __future__ import annotations

from pathlib import Path

import pytest

from schema.errors import FilterError
from ui.review.search import SearchRequest, filter_expression, predicted_labels, quoted, search
from ui.review.workspace import Workspace


def test_filters_meet_across_tables(small_workspace: Workspace) -> None:
    where = filter_expression(
        small_workspace, {"hair_color": ["blonde", "red"]}, tag="1girl", expert="width >= 64"
    )
    oracle = [
        i.row
        for i in small_workspace.items(small_workspace.rows())
        if i.labels["hair_color"].values in (("blonde",), ("red",))
    ]
    tags = {r["row"]: r["tags"] for r in small_workspace.store.read("items", ["row", "tags"]).to_pylist()}
    assert small_workspace.rows(where).tolist() == [r for r in oracle if "1girl" in tags[r]]
    assert set(
        small_workspace.rows(filter_expression(small_workspace, {"hair_color": ["(unknown)"]})).tolist()
    ) == {r for r in range(29) if r % 3 == 0 and r % 2 == 0}
    assert small_workspace.rows(filter_expression(small_workspace, {"dress": ["green yukata"]})).tolist() == [
        0,
        5,
        10,
        15,
        20,
        25,
    ]
    assert small_workspace.rows(filter_expression(small_workspace, {}, kind="duplicates")).tolist() == [1, 3]
    assert small_workspace.rows(
        filter_expression(small_workspace, {}, kind="several characters")
    ).tolist() == [20]


@pytest.mark.parametrize("where", ["nonsense = 1", "width >", "1=1; DROP TABLE items", "width = 'x"])
def test_bad_conditions_are_told(small_workspace: Workspace, where: str) -> None:
    with pytest.raises(FilterError):
        small_workspace.rows(filter_expression(small_workspace, {}, expert=where))


def test_quotes_cannot_leave_a_string(small_workspace: Workspace) -> None:
    assert quoted("x' OR '1'='1") == "'x'' OR ''1''=''1'"
    assert small_workspace.rows(filter_expression(small_workspace, {}, tag="x' OR '1'='1")).tolist() == []


def test_search_by_a_stored_picture(small_workspace: Workspace) -> None:
    data = (Path(str(small_workspace.store.folder)) / "pictures" / "04.png").read_bytes()
    hits = search(small_workspace, SearchRequest((data,)), 6)
    assert hits.rows[0] == 4
    assert hits.similarity[4] == pytest.approx(1.0, abs=1e-3)
    assert ("hair_color", "black") in [
        (o.attribute, o.value) for o in predicted_labels(small_workspace, hits)
    ]
    filtered = search(small_workspace, SearchRequest((data,), where="hair_color = 'red'"), 6)
    assert {i.labels["hair_color"].text for i in small_workspace.items(filtered.rows)} == {"red"}


def test_several_pictures_and_what_it_should_not_be(small_workspace: Workspace) -> None:
    folder = Path(str(small_workspace.store.folder)) / "pictures"
    black, red = (folder / name for name in ("04.png", "06.png"))
    between = search(small_workspace, SearchRequest((black.read_bytes(), red.read_bytes())), 8)
    values = {i.labels["hair_color"].text for i in small_workspace.items(between.rows)}
    assert {4, 6} <= set(between.rows.tolist()) and {"black", "red"} <= values
    away = search(small_workspace, SearchRequest((black.read_bytes(),), excluded=(red.read_bytes(),)), 28)
    alone = search(small_workspace, SearchRequest((black.read_bytes(),)), 28)
    assert away.rows.tolist().index(6) > alone.rows.tolist().index(6)
    with pytest.raises(FilterError, match="nothing to search for"):
        search(small_workspace, SearchRequest(excluded=("hat",)))


def test_a_sample_is_drawn_from_what_matches(small_workspace: Workspace) -> None:
    where = "hair_color = 'red'"
    matching = set(search(small_workspace, SearchRequest(where=where)).rows.tolist())

    def drawn(seed: int) -> tuple[int, ...]:
        return tuple(search(small_workspace, SearchRequest(where=where, sample=3, seed=seed)).rows.tolist())

    samples = [drawn(seed) for seed in range(12)]
    assert all(len(rows) == 3 and set(rows) <= matching for rows in samples)
    assert len(set(samples)) > 1 and drawn(4) == samples[4]
