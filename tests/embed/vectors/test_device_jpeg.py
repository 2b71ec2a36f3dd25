"""JPEG on a device, with Pillow in the place of its decoder and the CPU in that of the GPU: the same squares, and the
right files left to the CPU."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from embed.encoders.preprocess import Preprocess
from embed.vectors.device_jpeg import DeviceJpeg, device_jpeg, is_baseline, trusted
from embed.vectors.encoder_rows import EncoderRows
from embed.vectors.stage import embed_stage
from schema.ids import content_id
from schema.settings import load_settings

CPU = torch.device("cpu")


def jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **({"quality": 90} | options))
    return buffer.getvalue()


def by_pillow(files: Sequence[bytes]) -> list[torch.Tensor]:
    if any(b"poison" in data for data in files):
        raise RuntimeError("the decoder gave up")
    return [
        torch.from_numpy(np.array(Image.open(io.BytesIO(data)).convert("RGB"))).permute(2, 0, 1)
        for data in files
    ]


def letterbox(size: int = 96) -> Preprocess:
    return Preprocess(size, size, "letterbox", (10, 200, 30), Image.Resampling.BICUBIC)


def turned(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(image, exif=exif)


def test_only_plain_upright_baseline_files_are_taken(picture: Callable[..., Image.Image]) -> None:
    image = picture(1, 120, 90)
    plain = jpeg(image)
    taken = {
        "plain": plain,
        "grey": jpeg(image.convert("L")),
        "4:4:4": jpeg(image, subsampling=0),
        "upright": turned(image, 1),
        "comment": jpeg(image, comment=b"hello"),
    }
    left = {
        "progressive": jpeg(image, progressive=True),
        "cmyk": jpeg(image.convert("CMYK")),
        "turned": turned(image, 6),
        "profile": jpeg(image, icc_profile=b"\0" * 16 + b"RGB " + b"\0" * 200),
        "truncated": plain[: len(plain) // 2],
        "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "empty": b"",
        "head alone": plain[:4],
    }
    assert {name: is_baseline(data) for name, data in (taken | left).items()} == dict.fromkeys(
        taken, True
    ) | dict.fromkeys(left, False)


@pytest.mark.parametrize("size", [(320, 200), (64, 300), (96, 96), (40, 30)])
def test_letterboxed_squares_are_those_of_pillow(
    picture: Callable[..., Image.Image], size: tuple[int, int]
) -> None:
    data = jpeg(picture(3, *size))
    chosen = letterbox()
    (mine,) = DeviceJpeg(chosen, CPU, by_pillow).prepare([data])
    theirs = chosen(Image.open(io.BytesIO(data)).convert("RGB"))
    assert mine is not None and mine.shape == theirs.shape and mine.dtype == np.uint8
    apart = np.abs(mine.astype(int) - theirs)
    assert apart.mean() < 0.5 and np.percentile(apart, 99) <= 3


def test_the_models_own_crop_is_that_of_pillow(picture: Callable[..., Image.Image]) -> None:
    from index.images.torchvision_ops import import_open_clip

    transform = import_open_clip().transform
    steps = transform.image_transform_v2(transform.PreprocessCfg(size=(64, 64)), is_train=False).transforms
    own = tuple(s for s in steps if type(s).__name__ not in {"MaybeToTensor", "ToTensor", "Normalize"})
    chosen = Preprocess(64, 64, "crop", (0, 0, 0), Image.Resampling.BICUBIC, own)
    data = jpeg(picture(5, 300, 180))
    (mine,) = DeviceJpeg(chosen, CPU, by_pillow).prepare([data])
    theirs = chosen(Image.open(io.BytesIO(data)).convert("RGB"))
    assert mine is not None and np.abs(mine.astype(int) - theirs).mean() < 0.5


def test_a_decoder_that_makes_something_else_is_not_trusted() -> None:
    def wrong(files: Sequence[bytes]) -> list[torch.Tensor]:
        return [255 - image for image in by_pillow(files)]

    assert trusted(DeviceJpeg(letterbox(), CPU, by_pillow), letterbox())
    assert not trusted(DeviceJpeg(letterbox(), CPU, wrong), letterbox())
    assert device_jpeg(letterbox(), CPU) is None


def test_vectors_are_those_of_the_cpu_and_what_the_device_refuses_comes_second(
    picture: Callable[..., Image.Image], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [jpeg(picture(seed, 200 + 40 * seed, 240)) for seed in range(6)]
    files += [jpeg(picture(7, 200, 200), progressive=True), jpeg(picture(8, 90, 90), comment=b"poison")]
    files.append(files[0][:400])
    for number, data in enumerate(files):
        (tmp_path / f"{number}.jpg").write_bytes(data)
    table = pa.table(
        {
            "row": list(range(len(files))),
            "item_id": [content_id(data) for data in files],
            "uri": [str(tmp_path / f"{number}.jpg") for number in range(len(files))],
            "status": ["ok"] * len(files),
            "text": pa.array([None] * len(files), pa.string()),
        }
    )
    chosen = load_settings(None, ["encoder.device=cpu", "encoder.workers=1", "encoder.batch=4"])
    stage = embed_stage(chosen)
    try:
        plain = stage(table)
        stage.close()
        (plugin,) = stage.plugins
        assert isinstance(plugin, EncoderRows)
        decoder = DeviceJpeg(plugin.encoder.preprocess, CPU, by_pillow)
        monkeypatch.setattr(plugin, "from_files", lambda: decoder.prepare)
        device = stage(table)
    finally:
        stage.close()
    assert device.column("reason").to_pylist() == plain.column("reason").to_pylist()
    assert device.column("reason").to_pylist()[-1]
    mine, theirs = (
        np.array(each.column("vector").to_pylist()[:-1], dtype=np.float64) for each in (device, plain)
    )
    cosine = (mine * theirs).sum(axis=1)
    assert cosine.mean() >= 0.999 and cosine.min() >= 0.995
    # What came second through the CPU is the same to the last bit.
    assert np.array_equal(mine[6:8], theirs[6:8])
