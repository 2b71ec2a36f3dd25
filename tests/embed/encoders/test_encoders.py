"""Every entry of ENCODERS keeps what the stage relies on; names that do not exist say what does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from embed.encoders import ENCODERS, Batch, encoder_key, load_encoder, normalise
from embed.encoders import open_clip as open_clip_encoder
from embed.encoders.conformance import CHECKS, Check, vectors_of
from index.images.torchvision_ops import import_open_clip
from schema.errors import DownloadError, EncoderError
from schema.ids import content_id
from schema.settings import Settings, load_settings

if TYPE_CHECKING:
    import torch

Make = Callable[..., Image.Image]
COUNT = 20


@pytest.fixture(scope="module", params=sorted(ENCODERS))
def settings_of(
    request: pytest.FixtureRequest,
    tiny_settings: Callable[..., Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Settings]:
    """Settings for an entry of ENCODERS; a new entry adds its own here."""
    if request.param == "open_clip":
        return tiny_settings
    if request.param == "timm":
        folder = request.getfixturevalue("tiny_timm")
        base = ("encoder.kind=timm", f"encoder.timm.model=local-dir:{folder}", "encoder.device=cpu")
        return lambda *overrides: load_settings(None, [*base, "encoder.batch=8", *overrides])
    path = tmp_path_factory.mktemp("vectors") / "all.npy"
    np.save(path, np.random.default_rng(3).normal(size=(COUNT, 16)))

    def precomputed(*overrides: str) -> Settings:
        return load_settings(
            None, ["encoder.kind=precomputed", f"encoder.path={path}", "encoder.batch=8", *overrides]
        )

    return precomputed


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_encoder_of_the_table(check: Check, settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    check(settings_of(), tmp_path)


def reference_of(size: int) -> Callable[[Image.Image], torch.Tensor]:
    """open_clip's own preprocessing of a picture."""
    transform = import_open_clip().transform
    made: Callable[[Image.Image], torch.Tensor] = transform.image_transform_v2(
        transform.PreprocessCfg(size=size), is_train=False
    )
    return made


def test_the_key_changes_with_what_changes_the_vectors(
    tiny_settings: Callable[..., Settings], tiny_config: Path, tmp_path: Path
) -> None:
    other = tmp_path / "tiny.json"
    other.write_text(tiny_config.read_text().replace('"layers": 1', '"layers": 2'))
    keys = {
        encoder_key(tiny_settings()),
        encoder_key(tiny_settings("encoder.fit=crop")),
        encoder_key(tiny_settings("ingest.background=#000000")),
        encoder_key(tiny_settings(f"encoder.model={other}")),
    }
    assert len(keys) == 4


@pytest.mark.parametrize("size", [(64, 64), (200, 90), (33, 77), (20, 15), (1, 300)])
def test_crop_is_the_reference_preprocessing(
    tiny_settings: Callable[..., Settings], picture: Make, size: tuple[int, int]
) -> None:
    import torch

    encoder = load_encoder(tiny_settings("encoder.fit=crop", "encoder.precision=fp32"))
    image = picture(5, 96, 96).resize(size)
    reference = reference_of(32)(image)
    ours = encoder._normalised(torch.from_numpy(encoder.prepare(image)[None].copy()))[0]
    deviation = np.array(import_open_clip().constants.OPENAI_DATASET_STD)[:, None, None]
    # In grey levels; sums that end between two of them may be rounded otherwise.
    apart = np.abs(ours.numpy() - reference.numpy()) * 255 * deviation
    assert apart.max() < 2.01
    assert apart.mean() < 0.25


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_vectors_of_large_jpegs_agree_with_the_reference(
    tiny_settings: Callable[..., Settings], picture: Make, tmp_path: Path, precision: str
) -> None:
    """DCT-scaled decoding included, beside the model in float32: mean cosine >= 0.999, first percentile >= 0.995."""
    import torch

    encoder = load_encoder(tiny_settings("encoder.fit=crop", "encoder.precision=fp32"))
    reference = reference_of(32)
    records, expected = [], []
    for row in range(24):
        path = tmp_path / f"{row}.jpg"
        picture(row, 120 + 17 * row, 300 - 5 * row).save(path, quality=92)
        item_id = content_id(path.read_bytes())
        records.append({"row": row, "item_id": item_id, "uri": str(path), "status": "ok", "text": None})
        with Image.open(path) as image, torch.inference_mode():
            expected.append(encoder.model.encode_image(reference(image)[None])[0].numpy())
    chosen = tiny_settings("encoder.fit=crop", f"encoder.precision={precision}")
    got = vectors_of(chosen, pa.Table.from_pylist(records))
    want = np.stack(expected) / np.linalg.norm(expected, axis=1, keepdims=True)
    cosine = np.einsum("ij,ij->i", got, want) / np.linalg.norm(got, axis=1)
    assert cosine.mean() >= 0.999
    assert np.percentile(cosine, 1) >= 0.995


@pytest.mark.parametrize(
    ("device", "multiplies", "chosen"),
    [
        ("cpu", True, "pure_bf16"),
        ("cpu", False, "fp32"),
        ("cuda", False, "pure_bf16"),
    ],
)
def test_auto_is_bf16_where_the_device_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, device: str, multiplies: bool, chosen: str
) -> None:
    import torch

    monkeypatch.setattr(open_clip_encoder, "has_bf16", lambda: multiplies)
    assert open_clip_encoder.pick_precision("auto", torch.device(device)) == chosen
    assert open_clip_encoder.pick_precision("fp32", torch.device(device)) == "fp32"


def test_letterbox_shows_the_whole_picture_on_the_background(tiny_settings: Callable[..., Settings]) -> None:
    encoder = load_encoder(tiny_settings("ingest.background=#00ff00"))
    pixels = encoder.prepare(Image.new("RGB", (80, 40), (255, 0, 0)))
    assert pixels.shape == (32, 32, 3)
    assert (pixels[8:24] == (255, 0, 0)).all()
    assert (pixels[:8] == (0, 255, 0)).all() and (pixels[24:] == (0, 255, 0)).all()


def test_memory_running_out_halves_the_batch(tiny_settings: Callable[..., Settings], picture: Make) -> None:
    import torch

    encoder = load_encoder(tiny_settings())
    images = np.stack([encoder.prepare(picture(row)) for row in range(8)])
    expected = encoder.encode(Batch(images))
    whole = encoder._tower

    def small(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("no room")
        return whole(pixels)

    encoder._tower = small
    np.testing.assert_allclose(encoder.encode(Batch(images)), expected, atol=1e-5)
    assert encoder.batch_size == 2


def test_a_checkpoint_file_gives_back_its_vectors(
    tiny_settings: Callable[..., Settings], tiny_config: Path, picture: Make, tmp_path: Path
) -> None:
    import torch

    made = load_encoder(tiny_settings())
    torch.save(made.model.state_dict(), tmp_path / "mine.pt")
    (tmp_path / "mine.json").write_text(tiny_config.read_text())
    batch = Batch(made.prepare(picture(1))[None].copy())
    for model in (str(tiny_config), "likeness-avatar", "local-dir"):
        chosen = [f"encoder.model={model}", f"encoder.pretrained={tmp_path / 'mine.pt'}"]
        if model == "local-dir":
            (tmp_path / "mine.json").rename(tmp_path / "open_clip_config.json")
            chosen = [f"encoder.model=local-dir:{tmp_path}"]
        if model == "likeness-avatar":
            chosen[0] = "encoder.model=mine"
        loaded = load_encoder(load_settings(None, chosen))
        np.testing.assert_allclose(loaded.encode(batch), made.encode(batch), atol=1e-6)
    torch.save({"visual.other": torch.zeros(3)}, tmp_path / "wrong.pt")
    with pytest.raises(EncoderError, match=r"wrong\.pt does not load as tiny"):
        load_encoder(
            load_settings(
                None, [f"encoder.model={tiny_config}", f"encoder.pretrained={tmp_path / 'wrong.pt'}"]
            )
        )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("encoder.kind=open_clop",), "did you mean open_clip"),
        (("encoder.model=ViT-B-23", "encoder.pretrained=openai"), "near matches: .*ViT-B-32"),
        (("encoder.model=ViT-B-32",), "not bundled"),
        (("encoder.model=ViT-B-32", "encoder.pretrained=/nowhere/x.pt"), "does not exist: /nowhere/x.pt"),
        (("encoder.model=local-dir:/nowhere",), "has no open_clip_config.json"),
    ],
)
def test_names_that_do_not_exist_say_what_does(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        encoder_key(load_settings(None, overrides))


def test_an_unknown_tag_and_a_missing_device_are_named() -> None:
    with pytest.raises(EncoderError, match=r"near matches: .*laion2b_s34b_b79k"):
        load_encoder(load_settings(None, ["encoder.model=ViT-B-32", "encoder.pretrained=laion2b_s34b_b79"]))
    with pytest.raises(EncoderError, match="no device"):
        load_encoder(
            load_settings(None, ["encoder.model=RN50", "encoder.pretrained=random", "encoder.device=gpu"])
        )


def test_a_failed_download_names_the_local_file_option(monkeypatch: pytest.MonkeyPatch) -> None:
    open_clip = import_open_clip()

    def refuse(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip.factory, "download_pretrained", refuse)
    monkeypatch.setattr(open_clip.factory, "download_pretrained_from_hf", refuse)
    for chosen in (
        ("encoder.model=ViT-B-32", "encoder.pretrained=openai"),
        ("encoder.model=hf-hub:some/model",),
    ):
        with pytest.raises(
            DownloadError, match=r"could not be fetched(.|\n)*encoder.pretrained to a local checkpoint"
        ):
            load_encoder(load_settings(None, chosen))


def test_normalise_names_what_is_no_vector() -> None:
    unit, reasons = normalise(
        np.array([[3, 4], [0, 0], [np.nan, 1], [3e38, 3e38], [1e-30, 0]], dtype=np.float32)
    )
    np.testing.assert_allclose(unit[0], [0.6, 0.8], atol=1e-3)
    np.testing.assert_allclose(unit[3:], [[0.7071, 0.7071], [1, 0]], atol=1e-3)
    assert [reason is None for reason in reasons] == [True, False, False, True, True]
