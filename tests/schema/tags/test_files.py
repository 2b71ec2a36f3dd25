"""Tag files of the user: formats, the closure of implications, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.errors import VocabularyError
from schema.tags.files import load_aliases, load_implications


def test_implication_formats_and_closure(tmp_path: Path) -> None:
    csv = tmp_path / "i.csv"
    csv.write_text(
        "id,antecedent_name,consequent_name,created_at,status\n1,a,b,,active\n2,b,c,,active\n3,c,a,,active\n"
    )
    lines = tmp_path / "i.jsonl"
    lines.write_text('{"antecedent_name": "c", "consequent_name": "d", "status": "active"}\nnonsense\n')
    found = load_implications([csv, lines])
    assert {tag: set(implied) for tag, implied in found.tags.items()} == {
        "a": {"b", "c", "d"}, "b": {"a", "c", "d"}, "c": {"a", "b", "d"},
    }  # fmt: skip
    assert found.skipped == 1


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30))
def test_closure_against_matrix_powers(
    tmp_path_factory: pytest.TempPathFactory, edges: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("graph") / "i.csv"
    rows = "".join(f"t{a},t{b},active\n" for a, b in edges)
    path.write_text("antecedent_name,consequent_name,status\n" + rows)
    reach = {(a, b) for a, b in edges}
    for _ in range(9):
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c}
    found = load_implications([path]).tags
    assert {(tag, end) for tag, ends in found.items() for end in ends} == {
        (f"t{a}", f"t{b}") for a, b in reach if a != b
    }


def test_unusable_tag_files(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("one,two\nthree,four\n")
    with pytest.raises(VocabularyError, match="antecedent_name and consequent_name"):
        load_implications([file])
    with pytest.raises(VocabularyError, match="no tagcomplete CSV"):
        load_aliases([file])
    with pytest.raises(VocabularyError, match="cannot read the tag file"):
        load_aliases([tmp_path / "none.csv"])
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VocabularyError, match="not UTF-8"):
        load_implications([file])
