"""Tags to values: rules, conflicts, counting, tag files, and a new attribute by TOML alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from label.observed.tags import TagReader
from schema.errors import VocabularyError
from schema.tags.files import load_aliases, load_implications
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
    reading = READER.read(tags.split())
    assert reading.values[attribute] == values
    assert not reading.conflicts


@pytest.mark.parametrize(
    ("tags", "attribute", "conflict"),
    [
        ("blue_eyes red_eyes", "eye_color", "eye_color: blue (blue_eyes) or red (red_eyes)"),
        ("long_hair short_hair", "hair_length", "hair_length: short (short_hair) or long (long_hair)"),
        ("hat no_hat", "accessories", "accessories: hat (hat), yet denied"),
        ("1girl 2girls", "subjects", "subjects: 1girl, 2girls"),
        ("solo 2girls", "subjects", "subjects: 2girls, solo"),
        ("no_humans 1girl", "subjects", "subjects: 1girl, no_humans"),
    ],
)
def test_conflicts_leave_the_value_open(tags: str, attribute: str, conflict: str) -> None:
    reading = READER.read(tags.split())
    assert attribute not in reading.values
    assert reading.conflicts == [conflict]


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
    reading = READER.read(tags.split())
    assert reading.values.get("subjects") == ([value] if value else None)
    assert (reading.ambiguous is not None) == ambiguous


def test_several_characters_do_not_conflict() -> None:
    reading = READER.read(["1girl", "1boy", "blue_eyes", "red_eyes"])
    assert "eye_color" not in reading.values and "gender" not in reading.values
    assert not reading.conflicts


def test_words_that_mean_nothing_alone() -> None:
    assert not READER.read(["cool", "light", "short", "dark", "blush", "sky", "flower"]).values
    assert not READER.read([]).values


def test_denied_tags_are_kept_apart() -> None:
    reading = READER.read(["no_hat", "solo"])
    assert reading.denied == {"accessories": ["hat"]}
    assert "accessories" not in reading.values


@given(st.lists(st.sampled_from(KNOWN), max_size=12))
def test_order_and_repeats_do_not_matter(tags: list[str]) -> None:
    one, other = READER.read(tags), READER.read([*reversed(tags), *tags])
    assert one == other
    for name, values in one.values.items():
        attribute = VOCABULARY.attribute(name)
        assert all(attribute.holds(value) for value in values)
        assert attribute.kind == "many" or len(values) == 1


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


def test_a_new_attribute_is_toml_only(tmp_path: Path) -> None:
    path = tmp_path / "attributes.toml"
    path.write_text(
        DEFAULT_PATH.read_text(encoding="utf-8")
        + '\n[species]\ntitle = "Species"\nkind = "one"\n[species.values]\n'
        + 'human = { tags = "human", words = "human" }\n'
        + 'elf = { tags = "elf dark_elf", words = "elf", over = "human" }\n'
    )
    vocabulary: Vocabulary = load_vocabulary(path)
    reading = TagReader(vocabulary).read(["1girl", "elf", "human"])
    assert reading.values["species"] == ["elf"]
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
