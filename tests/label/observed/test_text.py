"""Descriptions to values: adjectives with their nouns, denials, several people, and words that depend on the noun."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from label.observed.lexicon import tokenize
from label.observed.text import TextReader
from schema.tags.parsing import parse_tags
from schema.tags.values import TagReader
from schema.vocabulary import DEFAULT_PATH, load_vocabulary

VOCABULARY = load_vocabulary()
READER = TextReader(VOCABULARY)


def test_the_whole_sentence() -> None:
    parsed = READER.read("A teenage girl with a long blonde ponytail in a school uniform.")
    assert parsed.values == {
        "age": ["teen"],
        "gender": ["female"],
        "hair_style": ["ponytail"],
        "hair_color": ["blonde"],
        "hair_length": ["long"],
        "dress": ["school uniform"],
        "subjects": ["one"],
    }
    assert parsed.ambiguous is None and not parsed.conflicts and not parsed.denied


@pytest.mark.parametrize(
    ("text", "attribute", "values"),
    [
        ("short hair", "hair_length", ["short"]),
        ("a short girl", "body_type", ["short"]),
        ("a short girl", "hair_length", None),
        ("a girl in shorts", "hair_length", None),
        ("a girl in shorts", "body_type", None),
        ("a girl in shorts", "dress", ["shorts"]),
        ("a girl in a short skirt", "dress", ["miniskirt"]),
        ("a girl with light skin", "hair_color", None),
        ("light blue hair", "hair_color", ["blue"]),
        ("light brown haired girl", "hair_color", ["brown"]),
        ("a cool girl", "expression", None),
        ("black-haired woman", "hair_color", ["black"]),
        ("black-haired woman", "ethnicity", None),
        ("a woman: white hair", "ethnicity", None),
        ("a girl is petting white cats", "ethnicity", None),
        ("eye color: blue", "eye_color", ["blue"]),
        ("a black woman", "ethnicity", ["black"]),
        ("a japanese school uniform", "ethnicity", None),
        ("her hair is long and black, eyes are blue", "hair_color", ["black"]),
        ("her hair is long and black, eyes are blue", "eye_color", ["blue"]),
        ("hair dyed pink", "hair_color", ["pink"]),
        ("medium-light skin tone, white hair", "hair_length", None),
        ("black, curly, long hair", "hair_color", ["black"]),
        ("black and white hair", "hair_color", ["multicolored"]),
        ("blue and green eyes", "eye_color", ["heterochromia"]),
        ("a black hair ribbon", "hair_color", None),
        ("a black hair ribbon", "accessories", ["hair ribbon"]),
        ("a woman in a green yukata", "dress", ["green yukata"]),
        ("a black and white dress", "dress", ["dress"]),
        ("a white shirt and a blue skirt", "dress", ["white shirt", "blue skirt"]),
        ("dress shoes", "dress", ["shoes"]),
        ("a girl in a maid headdress", "dress", None),
        ("a maid", "dress", ["maid outfit"]),
        ("two women in kimonos", "dress", ["kimono"]),
        ("a 16-year-old girl", "age", ["teen"]),
        ("a 20-year-old man", "age", ["young adult"]),
        ("an old man", "age", ["elderly"]),
        ("a man", "age", None),
        ("an adult", "age", None),
        ("a classy grasshopper", "accessories", None),
        ("the manly chairman", "gender", None),
        ("not only smiling but laughing", "expression", ["laughing"]),
        ("Girl\u2019s hat", "accessories", ["hat"]),
    ],
)
def test_words_in_context(text: str, attribute: str, values: list[str] | None) -> None:
    assert READER.read(text).values.get(attribute) == values


@pytest.mark.parametrize(
    ("text", "denied", "said"),
    [
        ("no glasses", {"accessories": ["glasses"]}, {}),
        ("without a hat", {"accessories": ["hat"]}, {}),
        ("not smiling", {"expression": ["smile"]}, {}),
        ("without a hat and a scarf", {"accessories": ["hat", "scarf"]}, {}),
        ("no glasses and a hat", {"accessories": ["glasses"]}, {"accessories": ["hat"]}),
        ("no glasses, a hat", {"accessories": ["glasses"]}, {"accessories": ["hat"]}),
        ("isn't wearing a hat", {"accessories": ["hat"]}, {}),
        ("neither smiling nor wearing a hat", {"accessories": ["hat"], "expression": ["smile"]}, {}),
        ("no long hair", {"hair_length": ["long"]}, {}),
        ("without glasses but with a hat", {"accessories": ["glasses"]}, {"accessories": ["hat"]}),
        ("no beard", {}, {"facial_hair": ["none"]}),
    ],
)
def test_denials(text: str, denied: dict[str, list[str]], said: dict[str, list[str]]) -> None:
    parsed = READER.read(text)
    assert parsed.denied == denied
    assert parsed.values == said


@pytest.mark.parametrize(
    ("text", "value", "ambiguous"),
    [
        ("a girl with a hat", "one", False),
        ("a girl and a boy holding hands", "two", True),
        ("a man with glasses and a woman", "two", True),
        ("two girls", "two", True),
        ("two girls and a boy", "three or more", True),
        ("a couple: a man with a beard and a woman", "two", True),
        ("a group of people", "three or more", True),
        ("three women", "three or more", True),
        ("a man, a warrior from the north", "one", False),
        ("a man dressed as a woman", "one", False),
        ("men holding hands", None, True),
        ("red eyes", None, False),
    ],
)
def test_people(text: str, value: str | None, ambiguous: bool) -> None:
    parsed = READER.read(text)
    assert parsed.values.get("subjects") == ([value] if value else None)
    assert (parsed.ambiguous is not None) == ambiguous


def test_conflicts_are_listed() -> None:
    parsed = READER.read("long hair, short hair")
    assert "hair_length" not in parsed.values
    (conflict,) = parsed.conflicts
    assert (conflict.attribute, str(conflict)) == ("hair_length", "short (short hair) or long (long hair)")


@pytest.mark.parametrize("attribute", [each for each in VOCABULARY.names if each != "subjects"])
def test_each_word_gives_its_value(attribute: str) -> None:
    for value in VOCABULARY.attribute(attribute).values:
        for words in value.words:
            assert value.name in READER.read(words).values.get(attribute, []), (attribute, words)


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    parsed = READER.read(text)
    for name, values in parsed.values.items():
        assert all(VOCABULARY.attribute(name).holds(value) for value in values)


def test_nothing_said() -> None:
    assert not READER.read(None).values and not READER.read("  ").values
    assert tokenize("T-shirt, isn\u2019t") == ["t", "shirt", ",", "isn't"]


def test_a_new_attribute_is_toml_only(tmp_path: Path) -> None:
    path = tmp_path / "attributes.toml"
    path.write_text(
        DEFAULT_PATH.read_text(encoding="utf-8")
        + '\n[skin]\ntitle = "Skin"\nkind = "single-label"\nnouns = "skin, skinned"\n[skin.values]\n'
        + 'light = { tags = "pale_skin", adjectives = "light, pale, fair" }\n'
        + 'dark = { tags = "dark_skin", adjectives = "dark, brown, tanned" }\n'
    )
    reader = TextReader(load_vocabulary(path))
    assert reader.read("a girl with pale skin").values["skin"] == ["light"]
    assert reader.read("a dark-skinned girl with light hair").values["skin"] == ["dark"]


RECORD = {
    "Age": "Young Adult", "Gender": "Female", "Ethnicity": "Asian", "Hair Style": "Curly", "Hair Color": "Black",
    "Hair Length": "Medium", "Eye Color": "Brown", "Body Type": "Slim", "Dress": "Green Yukata",
}  # fmt: skip
PARAPHRASES = [
    "A slim young Asian woman with curly, medium-length black hair and brown eyes, wearing a green yukata.",
    "Young adult Asian female, slim build, brown eyes, black curly hair of medium length, dressed in a green yukata.",
    "She is a slender Asian woman in her twenties. Her black hair is curly and shoulder-length, her eyes are brown, "
    "and she wears a green yukata.",
    "Portrait of an Asian lady in her twenties in a green yukata; medium length curly black hair; brown-eyed; "
    "slim figure.",
    "The character is a young adult woman of Asian descent. She has a slim body, brown eyes and medium-length black "
    "curls. Her dress is a green yukata.",
    "In a green yukata stands a slim Asian woman, a young adult with brown eyes and black, curly, "
    "shoulder-length hair.",
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORD), json.dumps(RECORD, indent=2), ", ".join(f"{k}: {v}" for k, v in RECORD.items()),
        "\n".join(f"{k}: {v}" for k, v in RECORD.items()), *PARAPHRASES,
    ],
)  # fmt: skip
def test_one_record_in_any_form_gives_all_nine_attributes(text: str) -> None:
    values = READER.read(text).values
    for title, value in RECORD.items():
        name = title.lower().replace(" ", "_")
        assert values.get(name) == [value.lower()], (name, values.get(name))


def test_the_same_record_as_tags() -> None:
    tags = "young_adult, 1girl, asian, curly_hair, black_hair, medium_hair, brown_eyes, slim, green_yukata"
    values = TagReader(VOCABULARY).read(parse_tags(tags)).values
    for title, value in RECORD.items():
        assert values.get(title.lower().replace(" ", "_")) == [value.lower()], title


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("an asian girl", "asian"), ("an east asian girl", "east asian"), ("a japanese woman", "east asian"),
        ("a thai boxer, an asian man", "asian"), ("a southeast asian boy", "southeast asian"),
    ],
)  # fmt: skip
def test_asian_stays_asian_with_kinds_below_it(text: str, value: str) -> None:
    assert READER.read(text).values["ethnicity"] == [value]
    assert VOCABULARY.attribute("ethnicity").ancestors("east asian") == ("asian",)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a young, slim woman", ["young adult"]), ("a young girl", None), ("no long hair", None),
        ("a young cat beside a woman", None),
    ],
)  # fmt: skip
def test_young_before_other_adjectives(text: str, values: list[str] | None) -> None:
    found = READER.read(text).values.get("age")
    assert found == values or (values is None and found != ["young adult"])
