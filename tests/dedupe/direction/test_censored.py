"""Censored copies of drawn figures: the same artwork as the full one, which stays, whatever is hidden and however."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from dedupe.compare.difference import compare
from dedupe.compare.verdict import SAME, VARIANT, Limits, judge
from dedupe.stage import run_dedupe
from embed.ingest.stage import run_ingest
from index.store import Store
from schema.settings import DedupeSettings, load_settings
from tests.dedupe.direction.conftest import compared, subject

LIMITS = Limits.of(DedupeSettings())
SIDE = 400
PLACES = {"cloth": (41, 32, 59, 42), "skin": (43, 49, 57, 60), "cloth and skin": (41, 57, 59, 68)}
"""What is hidden, left, top, right and bottom in hundredths of the side."""
KINDS = ("mosaic", "bar", "blur", "white patch")
HIDES = {"cover", "pixelation"}


def figure(seed: int = 0) -> Image.Image:
    """Draw a standing figure: skin at the face, arms, belly and legs; a top and a skirt with folds and spots."""
    rng = np.random.default_rng(seed)
    unit = 3 * SIDE / 100
    image = Image.new("RGB", (3 * SIDE, 3 * SIDE), tuple(int(c) for c in rng.integers(150, 256, 3)))
    pen = ImageDraw.Draw(image)
    skin = tuple(int(c) for c in np.asarray((240, 200, 170)) - rng.integers(0, 60))
    cloth = tuple(int(c) for c in rng.integers(30, 220, 3))
    shade, fold = (tuple(int(c * part) for c in colour) for colour, part in ((skin, 0.8), (cloth, 0.7)))
    pens = round(unit / 2)

    def shape(points: list[tuple[float, float]], fill: tuple[int, ...]) -> None:
        pen.polygon([(x * unit, y * unit) for x, y in points], fill=fill, outline="black", width=pens)

    def oval(box: tuple[float, ...], fill: tuple[int, ...], outline: str | None = "black") -> None:
        pen.ellipse([v * unit for v in box], fill=fill, outline=outline, width=pens)

    oval((37, 2, 63, 30), tuple(int(c) for c in rng.integers(20, 200, 3)))
    oval((41, 7, 59, 27), skin)
    for side in (-1, 1):
        oval((49 + side * 4, 15, 51 + side * 4, 17), (40, 80, 150))
        shape([(50 + side * x, y) for x, y in ((12, 32), (24, 58), (20, 60), (9, 40))], skin)
        shape([(50 + side * x, y) for x, y in ((2, 72), (12, 72), (10, 98), (3, 98))], skin)
    pen.arc([v * unit for v in (46, 19, 54, 24)], 20, 160, fill=(170, 40, 50), width=pens)
    shape([(41, 28), (59, 28), (57, 64), (43, 64)], skin)
    for number in range(3):
        box = (42 + number, 46 + 3 * number, 58 - number, 52 + 3 * number)
        pen.arc([v * unit for v in box], 30 + 10 * number, 150 - 10 * number, fill=shade, width=pens)
    oval((49, 54, 51, 56), shade, None)
    shape([(38, 28), (62, 28), (60, 46), (40, 46)], cloth)
    shape([(42, 62), (58, 62), (66, 78), (34, 78)], cloth)
    for number in range(5):
        top = 42 + 3.5 * number
        pen.line([top * unit, 30 * unit, (top + rng.uniform(-3, 3)) * unit, 45 * unit], fill=fold, width=pens)
        pen.line(
            [(44 + 3 * number) * unit, 63 * unit, (38 + 6 * number) * unit, 77 * unit], fill=fold, width=pens
        )
    for number in range(3):
        y = 36 + rng.uniform(-3, 3)
        oval(
            (43 + 5 * number, y - 1.6, 47 + 5 * number, y + 1.6),
            tuple(int(c) for c in rng.integers(0, 256, 3)),
            None,
        )
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def censored(image: Image.Image, kind: str, place: str) -> Image.Image:
    """Hide a part of a picture."""
    box = tuple(round(v * image.width / 100) for v in PLACES[place])
    part, copy = image.crop(box), image.copy()
    if kind == "mosaic":
        small = (part.width // 9, part.height // 9)
        blocks = part.resize(small, Image.Resampling.BOX)
        copy.paste(blocks.resize(part.size, Image.Resampling.NEAREST), box[:2])
    elif kind == "blur":
        copy.paste(image.filter(ImageFilter.GaussianBlur(7)).crop(box), box[:2])
    else:
        copy.paste("black" if kind == "bar" else "white", box)
    return copy


@pytest.mark.parametrize("swapped", [False, True], ids=["full first", "censored first"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_full_one_stays(kind: str, place: str, swapped: bool) -> None:
    image = figure(1)
    full, copy = subject(image), subject(censored(image, kind, place))
    first, second = (copy, full) if swapped else (full, copy)
    assert judge(compare(first[0].picture, second[0].picture, LIMITS), LIMITS) == SAME
    worse, found = compared(full, copy, swapped)
    assert worse > 0.04, found
    assert HIDES & {each.criterion for each in found if each.of}, found
    assert not [each for each in found if not each.of]


@pytest.mark.parametrize("kind", KINDS)
def test_compression_beside_it_changes_nothing(kind: str) -> None:
    image = figure(2)
    full = subject(image, "JPEG", quality=92)
    copy = subject(censored(image, kind, "cloth and skin"), "JPEG", quality=92)
    assert judge(compare(full[0].picture, copy[0].picture, LIMITS), LIMITS) == SAME
    worse, found = compared(full, copy)
    assert worse > 0.04 and HIDES & {each.criterion for each in found if each.of}, found


def test_a_part_in_another_colour_and_a_part_that_is_left_out_are_no_censoring() -> None:
    image = figure(3)
    box = tuple(round(v * SIDE / 100) for v in (36, 26, 64, 47))
    recoloured, bare = image.copy(), image.copy()
    part = np.asarray(image.crop(box))[..., ::-1].copy()
    recoloured.paste(Image.fromarray(255 - part), box[:2])
    ImageDraw.Draw(bare).ellipse(
        [v * SIDE / 100 for v in (47, 52.5, 53, 58.5)], fill=(60, 120, 60), outline="black"
    )
    for other in (recoloured, bare):
        found = compare(subject(image)[0].picture, subject(other)[0].picture, LIMITS)
        assert judge(found, LIMITS) == VARIANT, found


def test_the_groups_say_so(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, kind in enumerate(KINDS):
        image = figure(seed)
        # Listed first, and larger files: neither helps a censored copy.
        censored(image, kind, "cloth and skin").save(folder / f"a{seed}.png", compress_level=0)
        image.save(folder / f"b{seed}.png")
    settings = load_settings(None, ["dedupe.hamming=16", "dedupe.threads=1"])
    with Store.open(tmp_path / "store", create=True, write=True) as store:
        run_ingest(store, settings, [str(folder)])
        summary = run_dedupe(store, settings)
        keys = {each["row"]: each["keys"][0] for each in store.read("items", ["row", "keys"]).to_pylist()}
        groups = {Path(keys[each["row"]]).stem: each for each in store.read("groups").to_pylist()}
    for seed in range(len(KINDS)):
        full, copy = groups[f"b{seed}"], groups[f"a{seed}"]
        assert full["keep"] and not copy["keep"] and copy["verdict"] == SAME
        assert copy["censored"] and not full["censored"]
        assert full["group_id"] == copy["group_id"]
    assert summary.counts["censored"] == len(KINDS)
