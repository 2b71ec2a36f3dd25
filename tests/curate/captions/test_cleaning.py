"""Cleaning: what models write around a caption goes, the caption stays, and what was done is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.captions.cleaning import clean_caption

CLEANED = [
    ("The image shows a girl with blonde hair.", "A girl with blonde hair.", ()),
    ("This anime-style illustration depicts an elf, smiling.", "An elf, smiling.", ()),
    ("In this image, we can see a knight in armor.", "A knight in armor.", ()),
    ("This is a digital painting of a witch with a hat.", "A witch with a hat.", ()),
    ("Sure! Here is a caption for your picture: **A cat girl** sits on a *bench*.", "A cat girl sits on a bench.", ()),
    ('Caption: "A boy holding a sword."', "A boy holding a sword.", ()),
    ("```\nA girl in a red dress.\n```", "A girl in a red dress.", ()),
    ("<think>The user wants a caption.\nLet me see.</think>\nA girl in a red dress.", "A girl in a red dress.", ()),
    ("the user wants...</think> A girl in a red dress.", "A girl in a red dress.", ()),
    ("- A girl with red eyes.\n- She wears a coat.", "A girl with red eyes. She wears a coat.", ()),
    ("A girl with [red eyes](http://x.example/a). See www.example.com", "A girl with red eyes.", ("address", "cut")),
    ("A girl in a park (score: 8/10).", "A girl in a park.", ()),
    ("A girl stands. A girl stands. She smiles.", "A girl stands. She smiles.", ("repeats",)),
    ("A girl with long hair, long hair, long hair, long hair.", "A girl with long hair.", ("repeats",)),
    ("A girl stands in a field. She is holding a", "A girl stands in a field.", ("cut",)),
    ("a girl standing in a field", "a girl standing in a field", ()),
    ("A girl.<|im_end|>", "A girl.", ("short",)),
    ("I'm sorry, but I can't help with that image.", "", ("refusal",)),
    ("I cannot describe people in this picture.", "", ("refusal",)),
    ("As an AI language model, I do not see images.", "", ("refusal",)),
    ("<think>I wonder", "", ("empty",)),
    ("A sign says she is unable to help the king.", "A sign says she is unable to help the king.", ()),
    ("The image on her shirt shows a cat.", "The image on her shirt shows a cat.", ()),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "text", "flags"), CLEANED)
def test_what_is_no_caption_goes(raw: str, text: str, flags: tuple[str, ...]) -> None:
    cleaned = clean_caption(raw)
    assert (cleaned.text, cleaned.flags) == (text, flags)


def test_an_answer_that_was_stopped_loses_its_last_sentence() -> None:
    cleaned = clean_caption("A girl stands in a field. She holds a flo", cut=True)
    assert (cleaned.text, cleaned.flags) == ("A girl stands in a field.", ("cut",))
    assert clean_caption("A girl who holds a flo", cut=True).flags == ("cut", "empty")


@settings(max_examples=400)
@given(
    st.lists(
        st.sampled_from([text for _, text, _ in CLEANED if text] + ["She smiles.", "**", "  ", "`x`"]),
        max_size=5,
    )
)
def test_what_is_clean_stays_clean(parts: list[str]) -> None:
    once = clean_caption(" ".join(parts))
    assert clean_caption(once.text).text == once.text
