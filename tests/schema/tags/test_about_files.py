"""Tags of one file stay with it, all others go to the copy that is kept."""

from __future__ import annotations

import pytest

from schema.tags.about_files import ABOUT_FILES, about_file, taken_over


@pytest.mark.parametrize(
    "tag", ["censored", "Mosaic Censoring", "greyscale", "cropped", "somebodys_watermark"]
)
def test_what_was_done_to_a_file_is_about_the_file(tag: str) -> None:
    assert about_file(tag)


@pytest.mark.parametrize(
    "tag", ["1girl", "convenient_censoring", "hat", "grey_hair", "signature", "uncensored"]
)
def test_what_a_picture_shows_is_not(tag: str) -> None:
    assert not about_file(tag)


def test_only_what_is_new_is_taken_over_and_the_order_stays() -> None:
    assert taken_over(["hat", "lowres"], ["smile", "hat", "censored", "smile", "lowres", "solo"]) == [
        "smile",
        "solo",
    ]
    assert all(tag == tag.lower() and " " not in tag for tag in ABOUT_FILES)
