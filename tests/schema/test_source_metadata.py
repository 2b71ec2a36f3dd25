"""Ratings, numbers and times as sites write them; facts that fill each other; extras with the narrowest type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from schema.source_metadata import (
    COLUMN_OF,
    FIELDS,
    SourceMetadata,
    as_type,
    extra_name,
    extra_type,
    number,
    rating_letter,
    typed,
    utc_time,
)


@pytest.mark.parametrize(
    ("written", "letter"),
    [
        ("g", "g"), ("General", "g"), ("rating:general", "g"), ("SFW", "g"), ("safe", "g"),
        ("s", "s"), ("sensitive", "s"), ("suggestive", "s"),
        ("q", "q"), ("Questionable", "q"), ("rating:q", "q"), ("r15", "q"),
        ("e", "e"), ("explicit", "e"), ("R-18", "e"), ("R-18G", "e"), ("nsfw", "e"),
        ("", ""), (None, ""), (True, ""), (7, ""), ("nothing known", ""),
    ],
)  # fmt: skip
def test_ratings_in_all_spellings(written: object, letter: str) -> None:
    assert rating_letter(written) == letter


def test_safe_is_what_the_site_means_by_it() -> None:
    assert rating_letter("Safe", safe="s") == "s"
    assert rating_letter("safe") == "g"


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2024-05-31T14:00:00.000+02:00", "2024-05-31T12:00:00Z"),
        ("2024-05-31 12:00:00", "2024-05-31T12:00:00Z"),
        ("2024-05-31 12:00:00 UTC", "2024-05-31T12:00:00Z"),
        ("2024-05-31", "2024-05-31"),
        ("2024-05-31T12:00:00Z", "2024-05-31T12:00:00Z"),
        (1717156800, "2024-05-31T12:00:00Z"),
        ("1717156800", "2024-05-31T12:00:00Z"),
        (1717156800000, "2024-05-31T12:00:00Z"),
        ("Fri May 31 07:00:00 -0500 2024", "2024-05-31T12:00:00Z"),
        ("Fri, 31 May 2024 12:00:00 GMT", "2024-05-31T12:00:00Z"),
        ({"json_class": "Time", "s": 1717156800, "n": 0}, "2024-05-31T12:00:00Z"),
        (datetime(2024, 5, 31, 14, tzinfo=timezone(timedelta(hours=2))), "2024-05-31T12:00:00Z"),
        (datetime(2024, 5, 31, 12, tzinfo=UTC), "2024-05-31T12:00:00Z"),
        ("yesterday", ""), ("", ""), (None, ""), (5, ""), (1e30, ""), ("99999999999999", ""),
    ],
)  # fmt: skip
def test_times_as_sites_write_them(written: object, time: str) -> None:
    assert utc_time(written) == time


@pytest.mark.parametrize(
    ("written", "value"),
    [("5", 5.0), (" -3 ", -3.0), ("1,234", 1234.0), (2.5, 2.5), ("1e3", 1000.0), ("x", None), (True, None),
     (float("inf"), None), ("nan", None), ("", None), (None, None), ("1" * 400, None)],
)  # fmt: skip
def test_numbers(written: object, value: float | None) -> None:
    assert number(written) == value


def test_facts_fill_each_other() -> None:
    one = SourceMetadata(rating="g", artists=("a",), extras={"x": 1})
    other = SourceMetadata(rating="e", score=3.0, artists=("b", "a"), extras={"x": 2, "y": "z"})
    both = one.filled(other)
    assert (both.rating, both.score, both.artists) == ("g", 3.0, ("a", "b"))
    assert both.extras == {"x": 1, "y": "z"}


def test_columns_fit_their_schema() -> None:
    full = SourceMetadata(
        "g", 1.5, 2, ("a",), ("b",), ("c",), ("d",), "https://e", "https://f", "2024-05-31", "g", 10, "CC0"
    )
    table = pa.Table.from_pylist([full.columns(), SourceMetadata().columns()], pa.schema(FIELDS))
    assert table.column_names == list(COLUMN_OF.values())
    assert table.to_pylist()[0]["source_rating"] == "g"
    assert table.to_pylist()[1] == {
        name: [] if pa.types.is_list(table.schema.field(name).type) else None for name in table.column_names
    }


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], pa.int64()), ([1, 2.5], pa.float64()), ([True, False], pa.bool_()), ([True, 1], pa.string()),
        (["a", 1], pa.string()), ([("a",), ()], pa.list_(pa.string())), ([("a",), "b"], pa.string()),
        ([2**70], pa.string()), ([None], None), ([], None),
    ],
)  # fmt: skip
def test_extras_get_the_narrowest_type(values: list[object], kind: pa.DataType | None) -> None:
    found = extra_type(values)  # type: ignore[arg-type]
    assert found == kind
    if kind is not None:
        pa.array([as_type(value, kind) for value in values], kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "column"),
    [("year", "year"), ("Gender", "source_Gender"), ("articleType", "articleType"), ("a b.c", "a_b_c"),
     ("2nd", "column_2nd"), ("width", "source_width"), ("é", "é"), ("?", "column")],
)  # fmt: skip
def test_extras_keep_their_names(name: str, column: str) -> None:
    assert extra_name(name, {"gender", "width"}) == column


def test_extras_take_no_name_of_ours() -> None:
    assert extra_name("score", {"score", "source_score"}) == "source_score_as_given"


@pytest.mark.parametrize(
    ("cell", "value"),
    [("5", 5), ("-5", -5), ("007", "007"), ("5.0", 5.0), ("1e5", 1e5), ("True", True), ("false", False), ("", None),
     (" ", None), ("12.5 kg", "12.5 kg"), ("1" * 30, "1" * 30)],
)  # fmt: skip
def test_cells_of_a_csv_are_typed(cell: str, value: object) -> None:
    found = typed(cell)
    assert found == value and type(found) is type(value)
