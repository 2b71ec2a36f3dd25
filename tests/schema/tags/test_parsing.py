"""Tags as people write them end in one canonical form; prose is told from tags."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.tags.parsing import looks_like_tags, parse_caption, parse_tags, read_tags


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
        ("()", []),
        ("((((, '', \"\"", []),
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


FACES = r"""0_0 (o)_(o) +_+ +_- ._. <o>_<o> <|>_<|> =_= >_< 3_3 6_9 >_o @_@ ^_^ o_o u_u x_x |_| ||_|| :3 :d ;d :o :< >:)
    \m/ \o/ \||/ !? ^o^ d: ;) :/ +++ ... =3 \(^o^)/ _(:3 :| ;|""".split()


@pytest.mark.parametrize("joint", [", ", " ", "\n", ","])
def test_faces_come_back_whole(joint: str) -> None:
    assert parse_tags(joint.join(["1girl", *FACES, "long_hair"])) == ["1girl", *FACES, "long_hair"]
    assert parse_tags(FACES) == FACES


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("form", ["({})", "(({}))", "[{}]", "{{{}}}", "({}:1.2)", "'{}'", '"{}"'])
def test_faces_lose_the_brackets_of_a_prompt(face: str, form: str) -> None:
    assert parse_tags(["1girl", form.format(face)]) == ["1girl", face]


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        (r"\(o\)_\(o\), ;\), >:\), :d", ["(o)_(o)", ";)", ">:)", ":d"]),
        ("&gt;_&lt;, &lt;o&gt;_&lt;o&gt;", [">_<", "<o>_<o>"]),
        ("> <, ^ ^, @ @", [">_<", "^_^", "@_@"]),
        (
            "1 girl, 2 girls, 1 boys, 3girl, multiple girl",
            ["1girl", "2girls", "1boy", "3girls", "multiple_girls"],
        ),
        ("one girl, two boys, 6+girls", ["1girl", "2boys", "6+girls"]),
        ("1Girl, Blonde Hair, Smile.", ["1girl", "blonde_hair", "smile"]),
        ("super smash bros., c.c., vs.", ["super_smash_bros.", "c.c.", "vs."]),
        ("1girl, super smash bros.", ["1girl", "super_smash_bros."]),
        ("samus aran ||| blonde hair, 1girl ||| best", ["samus_aran", "blonde_hair", "1girl", "best"]),
        ("1girl;;;blonde hair;;;hat, sky", ["1girl", "blonde_hair", "hat", "sky"]),
        ("1girl|blonde hair|smile", ["1girl", "blonde_hair", "smile"]),
        ("{blonde hair|blue eyes}, 1girl", ["blonde_hair", "blue_eyes", "1girl"]),
        ("1girl;solo;long hair", ["1girl", "solo", "long_hair"]),
        ("1girl; solo", ["1girl", "solo"]),
        ("steins;gate", ["steins;gate"]),
        ("robotics;notes, chaos;head", ["robotics;notes", "chaos;head"]),
        ("1girl\u3001blonde hair\uff0cblue eyes", ["1girl", "blonde_hair", "blue_eyes"]),
        ('"blonde hair", \'smile\', "1girl"', ["blonde_hair", "smile", "1girl"]),
        (
            'don\'t say "lazy", maxa\', "pour la justice" (genshin impact)',
            ['don\'t_say_"lazy"', "maxa'", '"pour_la_justice"_(genshin_impact)'],
        ),
        ("saber (fate), artoria (lancer) (fate)", ["saber_(fate)", "artoria_(lancer)_(fate)"]),
        ("['1girl', 'blonde hair']", ["1girl", "blonde_hair"]),
        ("['1girl' '(o)_(o)']", ["1girl", "(o)_(o)"]),
        ("{'1girl': 0.99, 'saber_(fate)': 0.5}", ["1girl", "saber_(fate)"]),
        (["['1girl', 'hat']"], ["1girl", "hat"]),
        ("e\u0301clair, \u00e9clair", ["\u00e9clair"]),
        (
            "fire emblem: three houses, re:zero, reverse:1999",
            ["fire_emblem:_three_houses", "re:zero", "reverse:1999"],
        ),
    ],
)
def test_spellings(written: str | list[str], tags: list[str]) -> None:
    assert parse_tags(written) == tags


def test_namespaces_say_the_category() -> None:
    found = read_tags(
        "general:1girl, character:samus aran, series: metroid, Creator:Some Body, hair:blonde hair, meta:highres, "
        "rating:Safe, title:By the Sea, url:https://example.org/A_b, person:1girl"
    )
    assert list(found.tags) == ["1girl", "samus_aran", "metroid", "some_body", "blonde_hair", "highres"]
    assert {name: list(tags) for name, tags in found.by_category.items()} == {
        "character": ["samus_aran"], "copyright": ["metroid"], "artist": ["some_body"], "meta": ["highres"],
    }  # fmt: skip
    assert found.rating == "safe"
    assert found.fields == {"title": "By the Sea", "url": "https://example.org/A_b"}


def test_a_sentence_behind_tags_is_text() -> None:
    said = "1girl, blonde hair, smile. She is standing in front of a castle, holding a sword and looking at the viewer."
    tags, text = parse_caption(said)
    assert tags == ["1girl", "blonde_hair", "smile"]
    assert text.startswith("She is standing") and text.endswith("viewer.")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("1girl, solo, smile", True),
        ("1girl solo long_hair", True),
        ("A girl with long hair, smiling.", False),
        ("a photo of a cat", False),
        ("Portrait", False),
    ],
)
def test_lists_are_told_from_descriptions(text: str, tags: bool) -> None:
    assert looks_like_tags(text) == tags


def test_real_tags_are_not_changed(real_data: Path) -> None:
    file = real_data / "tags" / "danbooru.csv"
    if not file.is_file():
        pytest.skip(f"no tag file at {file}")
    with open(file, encoding="utf-8", newline="") as lines:
        names = [row[0] for row in csv.reader(lines) if "," not in row[0]]
    changed = [name for name in names if parse_tags(f"_a, {name}, _b")[1:2] != [name]]
    assert changed == ["a"] * changed.count("a")


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
