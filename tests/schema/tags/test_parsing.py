"""Tags as people write them end in one canonical form; prose is told from tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.tags.parsing import parse_caption, parse_tags


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("1girl, solo, long hair", ["1girl", "solo", "long_hair"]),
        ("1girl solo long_hair", ["1girl", "solo", "long_hair"]),
        ("Solo,  Medium Hair,  Original ,", ["solo", "medium_hair", "original"]),
        (",, ,1girl,,", ["1girl"]),
        ("(dark skin:1.2), ((smile)), [hat], {red eyes}", ["dark_skin", "smile", "hat", "red_eyes"]),
        ("(red hair, blue eyes:1.3), hat", ["red_hair", "blue_eyes", "hat"]),
        (r"saber \(fate\), (rin \(fate\):1.1)", ["saber_(fate)", "rin_(fate)"]),
        ("saber_(fate) hatsune_miku", ["saber_(fate)", "hatsune_miku"]),
        ("blue eyes, Blue_Eyes, BLUE  EYES", ["blue_eyes"]),
        (":3, ;), ^_^, :d, o_o, >:(", [":3", ";)", "^_^", ":d", "o_o", ">:("]),
        ("smile, <lora:style:0.8>, BREAK, hat", ["smile", "hat"]),
        ("tag:1.2, 16:9", ["tag", "16:9"]),
        ("blonde hair", ["blonde_hair"]),
        ("looking at viewer", ["looking_at_viewer"]),
        ("jojo&#039;s pose", ["jojo's_pose"]),
        ("", []),
        (None, []),
        (["Long Hair", "", "smile, hat"], ["long_hair", "smile", "hat"]),
        ("()", ["()"]),
        ("((((", ["(((("]),
    ],
)
def test_tags_as_written(written: str | list[str] | None, tags: list[str]) -> None:
    assert parse_tags(written) == tags


@pytest.mark.parametrize(
    ("caption", "tags", "text"),
    [
        ("1girl, solo, smile", ["1girl", "solo", "smile"], ""),
        ("no_humans simple_background general", ["no_humans", "simple_background", "general"], ""),
        ("a girl with long blonde hair, smiling", [], "a girl with long blonde hair, smiling"),
        ("The old wizard raises his staff.", [], "The old wizard raises his staff."),
        (
            "young woman standing in a field, wearing a hat",
            [],
            "young woman standing in a field, wearing a hat",
        ),
        ("blonde hair", ["blonde_hair"], ""),
        (
            "1girl, looking at viewer, hands on own hips",
            ["1girl", "looking_at_viewer", "hands_on_own_hips"],
            "",
        ),
        (
            "1girl, hat\nA girl in a hat stands by the sea.",
            ["1girl", "hat"],
            "A girl in a hat stands by the sea.",
        ),
        ("", [], ""),
        (" \n, ,\n", [], ""),
    ],
)
def test_captions(caption: str, tags: list[str], text: str) -> None:
    assert parse_caption(caption) == (tags, text)


@given(st.lists(st.text(max_size=20), max_size=6))
def test_parsing_is_idempotent_and_clean(pieces: list[str]) -> None:
    tags = parse_tags(", ".join(pieces))
    assert len(set(tags)) == len(tags)
    for tag in tags:
        assert tag and not any(c.isspace() or c == "," for c in tag)


@given(st.text(max_size=80))
def test_no_caption_breaks_the_parser(caption: str) -> None:
    tags, text = parse_caption(caption)
    assert all(tags) and isinstance(text, str)
