"""Lists written as text give their strings, and nothing else is taken for one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.tags.lists import written_list

TAGS = ["1girl", "blonde hair", "jojo's pose", 'say "hi"', "(o)_(o)", "[]", "a, b"]


@pytest.mark.parametrize(
    "written",
    [
        str(TAGS),
        str(tuple(TAGS)),
        json.dumps(TAGS),
        str(np.array(TAGS)),
        str(np.array(TAGS, dtype=object)),
        repr(np.array(TAGS)),
        repr(list(np.array(TAGS))),
        repr([tag.encode() for tag in TAGS]),
        str(dict.fromkeys(TAGS, 0.5)),
        repr(dict.fromkeys(TAGS, np.float32(0.5))),
        f"  {TAGS}\n",
        f"list({TAGS})",
        f"array({TAGS}, dtype=object)",
        str([TAGS]),
    ],
)
def test_every_notation_gives_the_same_strings(written: str) -> None:
    assert written_list(written) == TAGS


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("[]", []),
        ("()", []),
        ("set()", []),
        ("['1girl' None nan 'solo']", ["1girl", "solo"]),
        ("['a' 'b' ... 'y' 'z']", ["a", "b", "y", "z"]),
        (r"['\u3042', 'caf\xe9']", ["あ", "café"]),
        ("{'1girl', 'solo'}", ["1girl", "solo"]),
        ("('1girl',)", ["1girl"]),
    ],
)
def test_odd_lists(written: str, found: list[str]) -> None:
    assert written_list(written) == found


@pytest.mark.parametrize(
    "written",
    [
        "1girl, solo",
        "[hat]",
        "(smile:1.2)",
        "((smile))",
        "(o)_(o)",
        "['unfinished",
        "it's, don't",
        "['a'b]",
        "[1, 2, 3]",
        "{a|b}, 'c'",
        "'1girl'",
        "",
        "(:d)",
    ],
)
def test_what_is_no_list(written: str) -> None:
    assert written_list(written) is None


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6))
def test_python_and_json_lists_come_back(strings: list[str]) -> None:
    assert written_list(repr(strings)) == strings
    assert written_list(json.dumps(strings)) == strings
