"""Training reads tags by the rules that labels are read by."""

from __future__ import annotations

from embed.finetune.tagged import labels_of
from schema.tags.values import TagReader
from schema.vocabulary import load_vocabulary

READER = TagReader(load_vocabulary())


def test_tags_say_their_values() -> None:
    found = labels_of(READER, ["1girl", "solo", "red_hair", "blue-eyes", "green_kimono", "yukata"])
    assert found["hair_color"] == ("red",)
    assert found["eye_color"] == ("blue",)
    assert "green yukata" in found["dress"]
    assert found["subjects"] == ("one",)


def test_what_contradicts_itself_says_nothing() -> None:
    assert "eye_color" not in labels_of(READER, ["1girl", "red_eyes", "green_eyes"])


def test_of_several_characters_only_their_number_is_taken() -> None:
    found = labels_of(READER, ["2girls", "red_hair", "smile"])
    assert set(found) == {"subjects"}
