"""Other spellings of a tag lead to the one that a vocabulary knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.tags.spellings import spellings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("blue-eyes", "blue_eyes"),
        ("t_shirt", "t-shirt"),
        ("dark_skinned_female", "dark-skinned_female"),
        ("off_shoulder_dress", "off-shoulder_dress"),
        ("smile.", "smile"),
        ("look:blonde_hair", "blonde_hair"),
        ("look:blonde-hair", "blonde_hair"),
    ],
)
def test_other_spellings(written: str, meant: str) -> None:
    assert meant in list(spellings(written))


@pytest.mark.parametrize("face", ["...", ":3", ">:)", "^_^", "!?"])
def test_faces_have_no_other_form_without_their_signs(face: str) -> None:
    assert all(len(form) == len(face) for form in spellings(face))


@given(st.text(max_size=20))
def test_forms_are_different_ones(tag: str) -> None:
    forms = list(spellings(tag))
    assert tag not in forms
    assert len(set(forms)) == len(forms)
