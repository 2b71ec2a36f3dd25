"""The demo's collection: recurring characters as booru dumps have them, with all that is wrong with such dumps.

Some forty characters in changing clothes and moods; pictures without tags, with missing and with wrong tags; copies
resized, recompressed, cropped, padded, watermarked, toned, mirrored; two characters in one picture; broken files.
What was drawn is written to ``truth.json`` beside the pictures, which no stage reads.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from index.stages.progress import progress
from index.store.files import replace_text
from schema.errors import LikenessError

CHARACTERS_PER_PICTURE = 0.135  # some forty among three hundred
COPIES = 0.24
PAIRS = 0.04
BROKEN = 0.02
UNTAGGED = 0.35
DROPPED = 0.15
WRONG = 0.10
SIZE = 256
RECORD = "truth.json"

T = TypeVar("T")
Edit = Callable[[Image.Image, random.Random], tuple[Image.Image, str]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One file of the collection: which picture it shows, how it was edited, what is true of it."""

    name: str
    picture: int
    character: int
    edit: str
    tags: list[str]
    given: list[str] | None
    text: str = ""


def draw_collection(folder: Path, count: int, seed: int = 7) -> list[Drawn]:
    """Draw ``count`` files into a folder, or read what an earlier call drew there; returns what is true of each.

    Raises LikenessError when the folder holds a collection drawn otherwise.
    """
    record = folder / RECORD
    asked = {"count": count, "seed": seed}
    if record.exists():
        found = json.loads(record.read_text(encoding="utf-8"))
        if found["drawn"] != asked:
            raise LikenessError(
                f"{folder} holds another demo collection ({found['drawn']['count']} pictures)",
                "Name another folder with --store, or remove this one.",
            )
        return [Drawn(**each) for each in found["files"]]
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    drawn = _draw(folder / "pictures", count, rng)
    text = json.dumps({"drawn": asked, "files": [asdict(each) for each in drawn]}, indent=0)
    replace_text(record, text)
    return drawn


def _draw(folder: Path, count: int, rng: random.Random) -> list[Drawn]:
    from embed.avatars import caption, draw, draw_pair, random_character, random_outfit, tags

    folder.mkdir(exist_ok=True)
    characters = [random_character(rng) for _ in range(max(4, round(count * CHARACTERS_PER_PICTURE)))]
    broken, pairs, copies = (max(1, round(count * share)) for share in (BROKEN, PAIRS, COPIES))
    singles = count - broken - pairs - copies
    files: list[Drawn] = []
    pictures: list[Image.Image] = []
    with progress(count, "draw", "picture") as bar:
        for number in range(singles):
            # Popular characters have more pictures, as everywhere.
            who = min(int(rng.expovariate(2.2 / len(characters))), len(characters) - 1)
            outfit = random_outfit(rng, characters[who], steady=True)
            true = tags(characters[who], outfit)
            given = _given(true, rng)
            text = caption(characters[who], outfit) if given is None and rng.random() < 0.1 else ""
            picture = draw(characters[who], outfit, SIZE)
            pictures.append(picture)
            name = f"{number:04d}.png"
            picture.save(folder / name)
            files.append(Drawn(name, number, who, "original", true, given, text))
            bar.add()
        for number, (kind, edit) in enumerate(_round(EDITS, copies)):
            source = files[rng.randrange(singles)]
            name, data = _edited(pictures[source.picture], kind, edit, folder / source.name, rng)
            name = f"copy_{number:03d}_{name}"
            (folder / name).write_bytes(data)
            given = _given(source.tags, rng)
            files.append(Drawn(name, source.picture, source.character, kind, source.tags, given))
            bar.add()
        for number in range(pairs):
            first, second = rng.sample(range(len(characters)), 2)
            left, right = (
                (characters[n], random_outfit(rng, characters[n], steady=True)) for n in (first, second)
            )
            name = f"pair_{number:03d}.png"
            draw_pair(left, right, SIZE).save(folder / name)
            true = _pair_tags(tags(*left), tags(*right))
            files.append(
                Drawn(name, singles + number, -1, "two characters", true, true if number % 3 else None)
            )
            bar.add()
        for number, (kind, data) in enumerate(_round(_broken(pictures[0]), broken)):
            name = f"broken_{number:02d}_{kind}"
            (folder / name).write_bytes(data)
            files.append(Drawn(name, -1, -1, "broken", [], None))
            bar.add()
    for each in files:
        said = ", ".join(each.given) if each.given is not None else each.text
        if said:
            (folder / each.name).with_suffix(".txt").write_text(said.replace("_", " "), encoding="utf-8")
    return files


def _round(given: list[T], count: int) -> list[T]:
    return [given[n % len(given)] for n in range(count)]


def _given(true: list[str], rng: random.Random) -> list[str] | None:
    """Return the tags as a careless uploader gives them: none at all, some dropped, one of them wrong."""
    if rng.random() < UNTAGGED:
        return None
    kept = [tag for tag in true if rng.random() > DROPPED]
    if rng.random() < WRONG:
        wrong = rng.choice(
            ("black_hair", "blonde_hair", "red_hair", "blue_eyes", "green_eyes", "short_hair", "glasses")
        )
        ending = wrong.rsplit("_", 1)[-1]
        kept = [tag for tag in kept if not tag.endswith(f"_{ending}")] + [wrong]
    return kept


def _pair_tags(left: list[str], right: list[str]) -> list[str]:
    girls = ("1girl" in left) + ("1girl" in right)
    count = {0: ["2boys", "multiple_boys"], 1: ["1girl", "1boy"], 2: ["2girls", "multiple_girls"]}[girls]
    rest = [t for t in dict.fromkeys(left + right) if t not in ("1girl", "1boy", "solo", "male_focus")]
    return count + rest


def _edited(
    picture: Image.Image, kind: str, edit: Edit, original: Path, rng: random.Random
) -> tuple[str, bytes]:
    if kind == "same file":
        return "again.png", original.read_bytes()
    made, form = edit(picture, rng)
    buffer = io.BytesIO()
    if form == "jpeg":
        made.save(buffer, "JPEG", quality=rng.randint(40, 75))
        return f"{kind}.jpg", buffer.getvalue()
    made.save(buffer, "WEBP", quality=90) if form == "webp" else made.save(buffer, "PNG")
    return f"{kind}.{form}", buffer.getvalue()


def _resized(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str]:
    side = round(picture.width * rng.uniform(0.5, 0.8))
    return picture.resize((side, side), Image.Resampling.LANCZOS), "png"


def _recompressed(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str]:
    return picture, rng.choice(("jpeg", "webp"))


def _cropped(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str]:
    left, top, right, bottom = (round(picture.width * rng.uniform(0.02, 0.09)) for _ in range(4))
    return picture.crop((left, top, picture.width - right, picture.height - bottom)), "png"


def _padded(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str]:
    border = round(picture.width * rng.uniform(0.08, 0.18))
    sides = rng.choice(((border, 0), (0, border), (border, border)))
    return ImageOps.expand(picture, sides, rng.choice(("black", "white"))), "png"


def _watermarked(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str]:
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    pencil = ImageDraw.Draw(layer)
    place = (rng.randint(5, 60), rng.randint(190, 230))
    pencil.text(
        place,
        "avatars.example",
        fill=(255, 255, 255, 170),
        font_size=26,
        stroke_width=1,
        stroke_fill=(0, 0, 0, 90),
    )
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB"), "png"


def _toned(picture: Image.Image, rng: random.Random) -> tuple[Image.Image, str]:
    lit = ImageEnhance.Brightness(picture).enhance(rng.choice((0.82, 1.14)))
    return ImageEnhance.Contrast(lit).enhance(rng.uniform(0.88, 1.12)), "png"


def _flipped(picture: Image.Image, _rng: random.Random) -> tuple[Image.Image, str]:
    return ImageOps.mirror(picture), "png"


EDITS: list[tuple[str, Edit]] = [
    ("resized", _resized),
    ("recompressed", _recompressed),
    ("cropped", _cropped),
    ("padded", _padded),
    ("watermarked", _watermarked),
    ("toned", _toned),
    ("flipped", _flipped),
    ("same file", _flipped),
]


def _broken(picture: Image.Image) -> list[tuple[str, bytes]]:
    """Return files that no decoder can make a picture of, by name."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    picture.save(png, "PNG")
    picture.save(jpeg, "JPEG")
    whole = png.getvalue()
    # The header claims 60 000 x 60 000 pixels: a decompression bomb, 14 gigabytes if it were believed.
    import struct
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    bomb = whole[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]
    return [
        ("truncated.png", whole[: len(whole) // 3]),
        ("empty.jpg", b""),
        ("bomb.png", bomb),
        ("page.jpg", b"<!doctype html><title>404 Not Found</title>"),
        ("cut.jpg", jpeg.getvalue()[:300]),
        ("zeros.png", bytes(2000)),
    ]
