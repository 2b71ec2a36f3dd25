"""Tags to values: rules, conflicts, counting, and a new attribute by TOML alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.tags.conflicts import COUNT, DENIED, DISAGREE
from schema.tags.files import load_aliases
from schema.tags.values import TagReader
from schema.vocabulary import DEFAULT_PATH, Vocabulary, load_vocabulary

VOCABULARY = load_vocabulary()
READER = TagReader(VOCABULARY)
KNOWN = sorted({tag for each in VOCABULARY.attributes for value in each.values for tag in value.tags})


@pytest.mark.parametrize("attribute", VOCABULARY.names)
def test_each_tag_gives_its_value(attribute: str) -> None:
    for value in VOCABULARY.attribute(attribute).values:
        for tag in (*value.tags, *value.weak_tags):
            assert READER.read([tag]).values[attribute] == [value.name], tag


@pytest.mark.parametrize(
    ("tags", "attribute", "values"),
    [
        ("very_long_hair long_hair", "hair_length", ["long"]),
        ("multicolored_hair black_hair blonde_hair", "hair_color", ["multicolored"]),
        ("heterochromia blue_eyes red_eyes", "eye_color", ["heterochromia"]),
        ("heterochromia multicolored_eyes", "eye_color", ["heterochromia"]),
        ("green_kimono yukata", "dress", ["green yukata"]),
        ("black_skirt pleated_skirt", "dress", ["black pleated skirt"]),
        ("white_shirt blue_shirt t-shirt", "dress", ["blue shirt", "white shirt", "t-shirt"]),
        ("frilled_light_blue_dress", "dress", ["blue dress"]),
        ("boots black_footwear", "dress", ["black boots"]),
        ("hat beret red_scarf", "accessories", ["beret", "scarf"]),
        ("smile one_eye_closed", "expression", ["smile"]),
        ("one_eye_closed", "expression", ["wink"]),
        ("smile laughing", "expression", ["laughing"]),
        ("1boy large_breasts", "gender", ["male"]),
        ("dark-skinned_female", "gender", ["female"]),
        ("beard mustache", "facial_hair", ["beard"]),
        ("muscular tall", "body_type", ["muscular"]),
    ],
)
def test_rules(tags: str, attribute: str, values: list[str]) -> None:
    parsed = READER.read(tags.split())
    assert parsed.values[attribute] == values
    assert not parsed.conflicts


@pytest.mark.parametrize(
    ("tags", "attribute", "kind", "values", "words"),
    [
        ("blue_eyes red_eyes", "eye_color", DISAGREE, ("blue", "red"), "blue (blue_eyes) or red (red_eyes)"),
        (
            "long_hair short_hair",
            "hair_length",
            DISAGREE,
            ("short", "long"),
            "short (short_hair) or long (long_hair)",
        ),
        ("hat no_hat", "accessories", DENIED, ("hat",), "hat (hat), yet denied"),
        ("1girl 2girls", "subjects", COUNT, (), "1girl, 2girls"),
        ("solo 2girls", "subjects", COUNT, (), "2girls, solo"),
        ("no_humans 1girl", "subjects", COUNT, (), "1girl, no_humans"),
    ],
)
def test_conflicts_leave_the_value_open(
    tags: str, attribute: str, kind: str, values: tuple[str, ...], words: str
) -> None:
    parsed = READER.read(tags.split())
    assert attribute not in parsed.values
    (conflict,) = parsed.conflicts
    assert (conflict.attribute, conflict.kind, conflict.values) == (attribute, kind, values)
    assert str(conflict) == words


@pytest.mark.parametrize(
    ("tags", "value", "ambiguous"),
    [
        ("solo", "one", False),
        ("1girl", "one", False),
        ("1girl solo", "one", False),
        ("1girl 1boy", "two", True),
        ("1girl couple", "two", True),
        ("2girls multiple_girls", "two", True),
        ("2girls 1boy", "three or more", True),
        ("6+girls multiple_girls", "three or more", True),
        ("multiple_girls", None, True),
        ("solo_focus 1girl", None, True),
        ("no_humans", "none", True),
        ("1girl 2girls", None, True),
        ("blue_eyes", None, False),
    ],
)
def test_number_of_characters(tags: str, value: str | None, ambiguous: bool) -> None:
    parsed = READER.read(tags.split())
    assert parsed.values.get("subjects") == ([value] if value else None)
    assert (parsed.ambiguous is not None) == ambiguous


def test_several_characters_do_not_conflict() -> None:
    parsed = READER.read(["1girl", "1boy", "blue_eyes", "red_eyes"])
    assert "eye_color" not in parsed.values and "gender" not in parsed.values
    assert not parsed.conflicts


def test_words_that_mean_nothing_alone() -> None:
    assert not READER.read(["cool", "light", "short", "dark", "blush", "sky", "flower"]).values
    assert not READER.read([]).values


def test_denied_tags_are_kept_apart() -> None:
    parsed = READER.read(["no_hat", "solo"])
    assert parsed.denied == {"accessories": ["hat"]}
    assert "accessories" not in parsed.values


@given(st.lists(st.sampled_from(KNOWN), max_size=12))
def test_order_and_repeats_do_not_matter(tags: list[str]) -> None:
    one, other = READER.read(tags), READER.read([*reversed(tags), *tags])
    assert one == other
    for name, values in one.values.items():
        attribute = VOCABULARY.attribute(name)
        assert all(attribute.holds(value) for value in values)
        assert attribute.multi_label or len(values) == 1


def test_tag_files(tmp_path: Path) -> None:
    aliases = tmp_path / "tags.csv"
    aliases.write_text(
        'name,category,count,aliases\nblonde_hair,0,9,"yellow_hair,blond hair"\nrare,0,1,"yellow_hair"\nbad line\n'
        'blue_eyes,0,5,"blonde_hair"\n'
    )
    implications = tmp_path / "implications.json"
    implications.write_text(
        json.dumps(
            [
                {
                    "antecedent_name": "sun_wukong_(hero)",
                    "consequent_name": "monkey_king",
                    "status": "active",
                },
                {"antecedent_name": "monkey_king", "consequent_name": "crown", "status": "active"},
                {"antecedent_name": "crown", "consequent_name": "monkey_king", "status": "active"},
                {"antecedent_name": "monkey_king", "consequent_name": "glasses", "status": "deleted"},
                {"antecedent_name": "", "consequent_name": "glasses"},
            ]
        )
    )
    reader = TagReader.from_files(VOCABULARY, [aliases], [implications])
    assert reader.canonical("yellow_hair") == "blonde_hair"
    assert reader.canonical("blonde_hair") == "blonde_hair"
    assert reader.read(["yellow_hair"]).values == {"hair_color": ["blonde"]}
    assert reader.read(["sun_wukong_(hero)"]).values == {"accessories": ["crown"]}
    assert len(reader.notes) == 2 and "line 4" in reader.notes[0]


def test_a_new_attribute_is_toml_only(tmp_path: Path) -> None:
    path = tmp_path / "attributes.toml"
    path.write_text(
        DEFAULT_PATH.read_text(encoding="utf-8")
        + '\n[species]\ntitle = "Species"\nkind = "single-label"\n[species.values]\n'
        + 'human = { tags = "human", words = "human" }\n'
        + 'elf = { tags = "elf dark_elf", words = "elf", over = "human" }\n'
    )
    vocabulary: Vocabulary = load_vocabulary(path)
    parsed = TagReader(vocabulary).read(["1girl", "elf", "human"])
    assert parsed.values["species"] == ["elf"]
    assert vocabulary.row({"species": "elf"})["Species"] == "Elf"
    assert vocabulary.attribute("species").value("elf").prompts == ("a drawing of a character with elf",)


def test_real_tags_exist(real_data: Path) -> None:
    file = real_data / "tags" / "danbooru.csv"
    if not file.is_file():
        pytest.skip(f"no tag file at {file}")
    text = file.read_text(encoding="utf-8")
    names = {line.split(",", 1)[0] for line in text.splitlines()} | set(load_aliases([file]).tags)
    known = sum(tag in names for tag in KNOWN)
    assert known / len(KNOWN) > 0.95


@pytest.mark.parametrize(
    ("written", "attribute", "values"),
    [
        ("blue-eyes", "eye_color", ["blue"]),
        ("blonde-hair", "hair_color", ["blonde"]),
        ("smile.", "expression", ["smile"]),
        ("look:blonde_hair", "hair_color", ["blonde"]),
        ("t_shirt", "dress", ["t-shirt"]),
        ("dark_skinned_female", "gender", ["female"]),
    ],
)
def test_other_spellings_say_what_they_mean(written: str, attribute: str, values: list[str]) -> None:
    assert READER.read([written]).values[attribute] == values


def test_titles_with_known_words_stay_titles() -> None:
    assert not READER.read(["re:zero", "fire_emblem:_three_houses", "steins;gate"]).values
