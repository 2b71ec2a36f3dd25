"""An image model of timm from a folder: vectors are timm's own, the key follows the files, errors say what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from embed.encoders import Batch, encoder_key, load_encoder
from embed.vectors.stage import run_embed
from index.images.torchvision_ops import import_timm
from index.store import Store
from schema.errors import EncoderError, SettingsError
from schema.settings import Settings, load_settings


def chosen(folder: Path, *overrides: str) -> Settings:
    base = ["encoder.kind=timm", f"encoder.timm.model=local-dir:{folder}", "encoder.device=cpu"]
    return load_settings(None, [*base, "encoder.precision=fp32", *overrides])


def test_vectors_are_those_of_timm(tiny_timm: Path, picture: Callable[..., Image.Image]) -> None:
    encoder = load_encoder(chosen(tiny_timm, "encoder.fit=crop"))
    timm = import_timm()
    model = timm.create_model(f"local-dir:{tiny_timm}", pretrained=True, num_classes=0).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    images = [picture(seed, 60 + 9 * seed, 80) for seed in range(5)]
    with torch.inference_mode():
        expected = model(torch.stack([transform(image) for image in images])).numpy()
    got = encoder.encode(Batch(np.stack([encoder.prepare(image) for image in images])))
    cosine = (got * expected).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > 0.999
    assert np.abs(np.corrcoef(expected)[0, 1:]).max() < 0.999, "the pictures differ"


def test_the_key_follows_the_files_and_not_the_place(tiny_timm: Path, tmp_path: Path) -> None:
    key = encoder_key(chosen(tiny_timm))
    moved = shutil.copytree(tiny_timm, tmp_path / tiny_timm.name)
    assert encoder_key(chosen(moved)) == key
    assert encoder_key(chosen(moved, "encoder.timm.size=64")) != key
    config = json.loads((moved / "config.json").read_text())
    config["pretrained_cfg"]["mean"] = [0.4] * 3
    (moved / "config.json").write_text(json.dumps(config))
    assert encoder_key(chosen(moved)) != key


def test_another_size_is_taken(tiny_timm: Path) -> None:
    encoder = load_encoder(chosen(tiny_timm, "encoder.timm.size=64"))
    assert encoder.image_size == (64, 64)
    assert encoder.encode(Batch(np.zeros((2, 64, 64, 3), dtype=np.uint8))).shape == (2, 24)


def test_a_store_is_embedded(tiny_timm: Path, picture_store: Callable[..., tuple[Store, list[Path]]]) -> None:
    store, _ = picture_store(9, ("words alone",))
    counts = run_embed(store, chosen(tiny_timm)).counts
    assert (counts["embedded"], counts["texts left out"]) == (9, 1)
    assert store.vectors(store.encoder_key()).data.shape == (9, 24)


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("", SettingsError, "encoder.timm.model is not set"),
        ("local-dir:/nowhere/at/all", EncoderError, "has no config.json"),
        ("vit_tiny_patch16_225", EncoderError, "timm does not load vit_tiny_patch16_225"),
    ],
)
def test_what_is_not_there_is_told(model: str, error: type[Exception], words: str) -> None:
    settings = load_settings(None, ["encoder.kind=timm", f"encoder.timm.model={model}", "encoder.device=cpu"])
    with pytest.raises(error, match=words):
        load_encoder(settings)


def test_weights_that_do_not_fit_are_told(tiny_timm: Path) -> None:
    weights = tiny_timm / "model.safetensors"
    settings = load_settings(
        None, ["encoder.kind=timm", "encoder.timm.model=resnet18", f"encoder.timm.weights={weights}"]
    )
    with pytest.raises(EncoderError, match="timm does not load resnet18"):
        load_encoder(settings)


def test_an_unknown_option_is_told_with_the_allowed_ones(tiny_timm: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"encoder\.timm\.sise; did you mean size.*takes: model, weights, size"
    ):
        load_encoder(chosen(tiny_timm, "encoder.timm.sise=3"))
