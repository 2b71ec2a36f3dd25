"""Tags that describe one file and not what it shows: how it was censored, cropped, marked, coloured or compressed.

A copy that is set aside passes its tags on to the item that stays, but not these: that one is the copy without the
mosaic, the watermark or the crop.
"""

from __future__ import annotations

from collections.abc import Iterable

_WORDS = """
    censored mosaic_censoring bar_censor blur_censor light_censor blank_censor glitch_censor heart_censor
    character_censor novelty_censor identity_censor pointless_censoring self_censor text_censor censor_bar mosaic
    pixelated
    watermark sample_watermark third-party_watermark weibo_watermark bilibili_watermark xiaohongshu_watermark
    distracting_watermark getty_images_watermark
    greyscale grayscale monochrome sepia spot_color colorized recolored
    cropped cropped_image crop letterboxed pillarboxed windowboxed screenshot screencap border framed
    lowres low_res low_quality jpeg_artifacts compression_artifacts gif_artifacts scan_artifacts aliasing banding
    noise image_noise blurry_image upscaled waifu2x ai_upscaled downscaled resized resampled stretched
    flipped mirrored mirrored_image rotated
    highres hi_res absurdres absurd_res incredibly_absurdres huge_filesize large_filesize superabsurd_res
    third-party_edit edit edited photoshop_edit duplicate pixel-perfect_duplicate image_sample md5_mismatch
    resolution_mismatch source_larger source_smaller bad_id bad_pixiv_id bad_twitter_id bad_source bad_link
    """
ABOUT_FILES = frozenset(_WORDS.split())
"""In Danbooru's and e621's spelling, lower case with underscores."""


def about_file(tag: str) -> bool:
    """Tell whether a tag describes one file: none of what it says holds for a copy of it."""
    name = tag.strip().lower().replace(" ", "_")
    return name in ABOUT_FILES or name.endswith("_watermark")


def taken_over(own: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return the tags of a copy that an item with tags of its ``own`` takes over, in their order."""
    known = set(own)
    return [tag for tag in dict.fromkeys(others) if tag not in known and not about_file(tag)]
