"""The vocabulary that ships holds together, and a broken one is refused with the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from schema.errors import VocabularyError
from schema.vocabulary import Vocabulary, display, load_vocabulary

NAMES = (
    "age gender ethnicity hair_style hair_color hair_length eye_color body_type dress expression accessories "
    "facial_hair marks subjects"
).split()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary that ships."""
    return load_vocabulary()


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Vocabulary]:
    """Loads a vocabulary from its text."""

    def loaded(text: str) -> Vocabulary:
        path = tmp_path / "attributes.toml"
        path.write_text(text, encoding="utf-8")
        return load_vocabulary(path)

    return loaded


def test_shipped_attributes(vocabulary: Vocabulary) -> None:
    assert list(vocabulary.names) == NAMES
    assert [value.name for value in vocabulary.attribute("age").values] == [
        "child", "teen", "young adult", "middle-aged", "elderly",
    ]  # fmt: skip
    assert [value.name for value in vocabulary.attribute("hair_length").values] == ["short", "medium", "long"]
    assert {value.name for value in vocabulary.attribute("gender").values} == {"male", "female", "non-binary"}
    tags = {tag for each in vocabulary.attributes for value in each.values for tag in value.tags}
    assert len(tags) > 800


def test_every_value_has_prompts_and_no_placeholder(vocabulary: Vocabulary) -> None:
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            assert value.prompts, (attribute.name, value.name)
            assert not any("{}" in prompt for prompt in value.prompts)
            assert len(set(value.prompts)) == len(value.prompts)


def test_every_value_can_be_said(vocabulary: Vocabulary) -> None:
    for attribute in vocabulary.attributes:
        for value in attribute.values:
            said = value.tags or value.weak_tags or value.words or value.adjectives
            assert said, (attribute.name, value.name)


def test_colored_forms(vocabulary: Vocabulary) -> None:
    dress = vocabulary.attribute("dress")
    assert vocabulary.base("dress", "green yukata") == "yukata"
    assert vocabulary.base("dress", "yukata") == "yukata"
    assert dress.color("green yukata") == "green"
    assert dress.holds("green yukata") and not dress.holds("loud yukata")
    assert dress.value("green yukata").name == "yukata"
    assert dress.ancestors("green yukata") == ("yukata", "green kimono", "kimono", "japanese clothes")


def test_expand_and_specific_are_opposites(vocabulary: Vocabulary) -> None:
    dress = vocabulary.attribute("dress")
    wide = dress.expand(["green yukata", "sandals"])
    assert wide == [
        "green yukata",
        "yukata",
        "green kimono",
        "kimono",
        "japanese clothes",
        "sandals",
        "footwear",
    ]
    assert dress.specific(wide) == ["green yukata", "sandals"]


def test_display(vocabulary: Vocabulary) -> None:
    assert display(None) is None and display([]) is None and display("") is None
    assert display("middle-aged") == "Middle-Aged"
    assert vocabulary.display("dress", ["kimono", "green yukata"]) == "Green Yukata"
    assert vocabulary.display("accessories", ["hat", "beret", "glasses"]) == "Beret, Glasses"
    row = vocabulary.row({"age": "young adult", "gender": "female", "dress": ["green yukata"]})
    assert list(row)[:3] == ["Age", "Gender", "Ethnicity"]
    assert (row["Age"], row["Gender"], row["Dress"]) == ("Young Adult", "Female", ["Green Yukata"])
    assert row["Hair Color"] is None


def test_frozen(vocabulary: Vocabulary) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        vocabulary.attributes[0].title = "x"  # type: ignore[misc]


def test_lists_and_short_strings_mean_the_same(load: Callable[[str], Vocabulary]) -> None:
    short = load('[a]\nkind = "single-label"\n[a.values]\nx = { tags = "p q", words = "r s, t" }')
    long = load('[a]\nkind = "single-label"\n[a.values]\nx = { tags = ["p", "q"], words = ["r s", "t"] }')
    assert short == long
    assert short.attributes[0].title == "A"
    assert short.attributes[0].values[0].prompts == ("a drawing of a character with x",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no attribute"),
        ("a = 1", "a is not a table"),
        ("[a", "not valid TOML"),
        ('[a]\nkind = "single-label"', "a has no values"),
        ('[A]\nkind = "single-label"', "'A'"),
        ('[a]\nkind = "some"\n[a.values]\nx = {}', "a.kind"),
        ('[a]\nkind = "single-label"\ncolour = 1\n[a.values]\nx = {}', "unknown key 'colour'"),
        (
            '[a]\nkind = "single-label"\n[a.values]\nx = { tag = "p" }',
            "a.values.'x': unknown key 'tag'; did you mean tags",
        ),
        (
            '[a]\nkind = "single-label"\n[a.values]\nx = { tags = "p" }\ny = { tags = "p" }',
            "'p' is twice among the tags",
        ),
        ('[a]\nkind = "single-label"\n[a.values]\nx = { tags = "p", weak_tags = "p" }', "'p' is twice"),
        (
            '[a]\nkind = "single-label"\n[a.values]\nx = { words = "p" }\ny = { words = "p" }',
            "of 'x' and of 'y'",
        ),
        ('[a]\nkind = "single-label"\n[a.values]\nx = { tags = "P" }', "'P' in tags"),
        ('[a]\nkind = "single-label"\n[a.values]\nx = { over = "z" }', "unknown value 'z'"),
        ('renamed = 1\n[a]\nkind = "single-label"\n[a.values]\nx = {}', "renamed is not a table"),
        ("[renamed]", "no attribute"),
        (
            '[renamed]\na = "b"\n[a]\nkind = "single-label"\n[a.values]\nx = {}',
            "there is an attribute of that name",
        ),
        ('[renamed]\nb = "aa"\n[a]\nkind = "single-label"\n[a.values]\nx = {}', "there is no attribute 'aa'"),
        ('[renamed.b]\ny = "x"\n[a]\nkind = "single-label"\n[a.values]\nx = {}', "there is no attribute 'b'"),
        ('[renamed.a]\nx = "x"\n[a]\nkind = "single-label"\n[a.values]\nx = {}', "has a value of that name"),
        ('[renamed.a]\ny = "z"\n[a]\nkind = "single-label"\n[a.values]\nx = {}', "has no value 'z'"),
        ('[renamed]\nb = 1\n[a]\nkind = "single-label"\n[a.values]\nx = {}', "write the new name"),
        ('[a]\nkind = "single-label"\n[a.values]\nx = { kind_of = "z" }', "unknown value 'z'"),
        (
            '[a]\nkind = "multi-label"\n[a.values]\nx = { kind_of = "y" }\ny = { kind_of = "x" }',
            "kind of itself",
        ),
        (
            '[a]\nkind = "single-label"\nabsent = "z"\n[a.values]\nx = {}',
            "a.absent names the unknown value 'z'",
        ),
        ('[a]\nkind = "single-label"\nambiguous = "z"\n[a.values]\nx = {}', "unknown value 'z'"),
        ('[a]\nkind = "single-label"\n[a.values]\nx = { colored = true }', "has no colors"),
        ('[a]\nkind = "single-label"\n[a.values]\nx = { at_least = 1 }', "goes with counts"),
        (
            '[a]\nkind = "single-label"\ncounts = { g = { t = "multi-label" } }\n[a.values]\nx = { at_least = 1 }',
            "neither 2 nor '2+'",
        ),
        ('[a]\nkind = "single-label"\ntemplates = ["none"]\n[a.values]\nx = {}', "a.templates"),
        ('[tags]\nkind = "single-label"\n[tags.values]\nx = {}', "the column tags is taken"),
        (
            '[a]\nkind="single-label"\n[a.values]\nx={}\n[a_source]\nkind="single-label"\n[a_source.values]\nx={}',
            "a_source is taken",
        ),
        (
            '[a]\nkind="single-label"\ntitle="T"\n[a.values]\nx={}\n[b]\nkind="single-label"\ntitle="T"\n[b.values]\nx={}',
            "same title",
        ),
    ],
)
def test_broken_vocabularies_are_named(load: Callable[[str], Vocabulary], text: str, said: str) -> None:
    with pytest.raises(VocabularyError) as error:
        load(text)
    assert said in str(error.value)
    assert "attributes.toml" in str(error.value)


def test_allowed_keys_are_named(load: Callable[[str], Vocabulary]) -> None:
    with pytest.raises(VocabularyError, match=r"allowed: tags, weak_tags, words"):
        load('[a]\nkind = "single-label"\n[a.values]\nx = { zzz = 1 }')


def test_missing_file_and_unknown_names(tmp_path: Path, vocabulary: Vocabulary) -> None:
    with pytest.raises(VocabularyError, match="cannot read the vocabulary"):
        load_vocabulary(tmp_path / "none.toml")
    with pytest.raises(VocabularyError, match="Attributes: age"):
        vocabulary.attribute("hat")
    with pytest.raises(VocabularyError, match="did you mean blonde"):
        vocabulary.attribute("hair_color").value("blond")
