"""Captions from labels and tags: their order and spelling, and that they never say what is not accepted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.captions import CAPTIONERS, captioner_class
from curate.captions.from_labels import FromLabels
from curate.captions.hybrid import Hybrid
from curate.captions.sayable import Sayable
from curate.captions.tags import TagCaption
from label.observed.text import TextReader
from schema.errors import SettingsError
from schema.settings import Settings
from schema.tags.parsing import parse_tags
from schema.tags.values import TagReader
from schema.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
TEXTS, TAGS = TextReader(VOCABULARY), TagReader(VOCABULARY)
ATTRIBUTES = [attribute for attribute in VOCABULARY.attributes if not attribute.counts]


def made(name: str, **options: Any) -> Any:
    captioner = captioner_class(name)(Settings.model_validate({"caption": {name: options}}))
    captioner.load()
    return captioner


SENTENCES, TAG_CAPTION, HYBRID = made("from_labels", sentences=3), made("tags"), made("hybrid")

MIKU = Sayable(
    "a" * 32,
    labels={"hair_color": ("aqua",), "gender": ("female",), "hair_style": ("twintails",), "subjects": ("one",)},
    judged=True,
    tags=("smile", "twintails", "hatsune_miku", "1girl", "vocaloid", "@_@", "wlop", "highres", "black_hair", "solo"),
    source={
        "characters": ["hatsune_miku"], "copyrights": ["vocaloid"], "artists": ["wlop"], "meta_tags": ["highres"],
        "source_rating": "g", "posted": "2023-05-31T12:00:00Z", "source_score": 120.0,
    },
)  # fmt: skip


def test_tags_are_in_the_order_of_the_trainers() -> None:
    # 'smile' says an expression that is not accepted, and black_hair a colour that is another.
    assert TAG_CAPTION.caption(MIKU).text == (
        "1girl, solo, hatsune miku, vocaloid, wlop, twintails, @_@, aqua hair, highres, year 2023, general"
    )


def test_categories_spelling_trigger_words_and_quality_are_options() -> None:
    caption = made(
        "tags", categories=["general", "quality", "count"], underscores=True, first=["my trigger"],
        exclude=["@_@", "solo"], quality={"best quality": 100, "good quality": 10}, labels=False,
    ).caption(MIKU)  # fmt: skip
    assert caption.text == "my_trigger, twintails, best quality, 1girl"
    escaped = made("tags", escape=True, categories=["character"])
    saber = Sayable("b", tags=("saber_(fate)",), source={"characters": ["saber_(fate)"]})
    assert escaped.caption(saber).text == r"saber \(fate\)"


def test_a_wrong_category_is_told_with_the_near_one() -> None:
    with pytest.raises(SettingsError, match="did you mean general"):
        made("tags", categories=["genral"])


def test_the_more_general_tags_are_dropped() -> None:
    item = Sayable("c", tags=("hat", "witch_hat", "kimono", "yukata", "shirt"))
    assert TAG_CAPTION.caption(item).text == "witch hat, yukata, shirt"
    assert made("tags", implied=True).caption(item).text == "hat, witch hat, kimono, yukata, shirt"


def test_names_and_labels_make_sentences() -> None:
    text = SENTENCES.caption(MIKU).text
    lines = text.splitlines()
    assert len(lines) == len(set(lines)) == 3
    for line in lines:
        assert "Hatsune Miku from Vocaloid" in line
        assert "twintails" in line and "aqua hair" in line and "female character" in line
        assert line.endswith(".")
    assert SENTENCES.caption(MIKU).text == text
    assert len({SENTENCES.caption(Sayable(str(n), MIKU.labels, judged=True)).text for n in range(40)}) > 20


def test_a_picture_of_which_nothing_is_known_has_a_reason() -> None:
    for captioner in (SENTENCES, HYBRID, TAG_CAPTION):
        caption = captioner.caption(Sayable("d", judged=True))
        assert caption.text == "" and caption.reason


def test_hybrid_keeps_the_sentence_before_the_separator() -> None:
    text = HYBRID.caption(MIKU).text
    kept, loose, end = text.split(" ||| ")
    assert kept.startswith("1girl, solo, hatsune miku, vocaloid, wlop, ")
    assert kept.endswith(".") and "Hatsune Miku" in kept
    assert (loose, end) == ("twintails, @_@, aqua hair", "highres, year 2023, general")
    lines = made("hybrid", place="line", end=False).caption(MIKU).text.splitlines()
    assert lines[0] == (
        "1girl, solo, hatsune miku, vocaloid, wlop ||| twintails, @_@, aqua hair, highres, year 2023, general"
    )
    assert len(lines) == 2 and lines[1].endswith(".")


def test_hybrid_takes_the_sentence_of_another_captioner_and_of_a_reviewer() -> None:
    item = Sayable("e", tags=("1girl",), sentences={"vlm": "A girl by the sea.", "from_labels": "Edited."})
    assert made("hybrid", sentence="vlm").caption(item).text == "1girl, A girl by the sea."
    edited = Sayable("e", tags=("1girl",), sentences=item.sentences, edited=frozenset({"from_labels"}))
    assert HYBRID.caption(edited).text == "1girl, Edited."


labels = st.fixed_dictionaries(
    {},
    optional={
        attribute.name: st.lists(
            st.sampled_from([value.name for value in attribute.values]),
            min_size=1, max_size=1 if attribute.kind == "single-label" else 3, unique=True,
        ).map(tuple)
        for attribute in ATTRIBUTES
    },
)  # fmt: skip
tags = st.lists(
    st.sampled_from([value.tags[0] for attribute in ATTRIBUTES for value in attribute.values if value.tags]),
    max_size=8, unique=True,
).map(tuple)  # fmt: skip


def unaccepted(values: dict[str, list[str]], accepted: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return the values that are neither accepted nor more general words for an accepted one."""
    found = {
        attribute.name: [
            value
            for value in values.get(attribute.name, ())
            if value not in attribute.expand(accepted.get(attribute.name, ()))
        ]
        for attribute in ATTRIBUTES
    }
    return {name: wrong for name, wrong in found.items() if wrong}


@given(labels, tags)
def test_no_caption_says_what_is_not_accepted(
    accepted: dict[str, tuple[str, ...]], own: tuple[str, ...]
) -> None:
    item = Sayable("f", accepted, judged=True, tags=own)
    written = TAG_CAPTION.caption(item).text
    said = TAGS.read(parse_tags(written))
    assert not unaccepted(said.values, accepted), written
    for line in SENTENCES.caption(item).text.splitlines():
        # A haircut says how long the hair is at least; nobody can say 'pixie cut' and leave it open.
        values = {name: found for name, found in TEXTS.read(line).values.items() if name != "hair_length"}
        assert not unaccepted(values, accepted), line


def test_every_value_has_a_phrase_that_says_it_alone() -> None:
    for attribute in ATTRIBUTES:
        for value in attribute.values:
            line = SENTENCES.caption(Sayable("g", {attribute.name: (value.name,)}, judged=True)).text
            values = TEXTS.read(line.splitlines()[0]).values
            wrong = unaccepted(values, {"hair_length": ("short", "long"), attribute.name: (value.name,)})
            assert not wrong, f"{attribute.name}: {value.name}: {line}: {wrong}"


@pytest.mark.parametrize("name", CAPTIONERS)
def test_rejected_tags_of_several_characters_are_gone_and_others_stay(name: str) -> None:
    if captioner_class(name).needs_model:
        return
    item = Sayable(
        "h",
        rejected={"hair_color": ("red",)},
        judged=True,
        several=True,
        tags=("2girls", "red_hair", "blue_eyes"),
    )
    caption = made(name).caption(item)
    assert "red" not in caption.text
    assert caption.text in ("2girls, blue eyes", "2girls ||| blue eyes") or caption.reason


def test_classes_are_those_of_the_table() -> None:
    assert [captioner_class(name) for name in ("from_labels", "tags", "hybrid")] == [
        FromLabels,
        TagCaption,
        Hybrid,
    ]
