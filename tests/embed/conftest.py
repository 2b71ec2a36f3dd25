"""A tiny open_clip model with random weights, and stores of small pictures to embed with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from schema.settings import Settings, load_settings

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of an open_clip model small enough for a test."""
    path = tmp_path_factory.mktemp("model") / "tiny.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_settings(tiny_config: Path) -> Callable[..., Settings]:
    """Settings of the tiny model with random weights, and overrides."""

    def make(*overrides: str) -> Settings:
        base = (
            f"encoder.model={tiny_config}",
            "encoder.pretrained=random",
            "encoder.batch=8",
            "encoder.device=cpu",
        )
        return load_settings(None, [*base, *overrides])

    return make


@pytest.fixture(scope="session")
def tiny_timm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small vision transformer with random weights, as timm saves models."""
    import torch
    from safetensors.torch import save_file

    from index.images.torchvision_ops import import_timm

    folder = tmp_path_factory.mktemp("tiny-vit")
    arguments = {"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 24, "num_heads": 2}
    torch.manual_seed(3)
    model = import_timm().create_model("vit_tiny_patch16_224", num_classes=0, **arguments)
    save_file(model.state_dict(), str(folder / "model.safetensors"))
    looks = {"input_size": [3, 32, 32], "mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic"}
    looks |= {"crop_pct": 1.0, "num_classes": 0}
    config = {"architecture": "vit_tiny_patch16_224", "num_classes": 0, "num_features": 24}
    config |= {"model_args": arguments, "pretrained_cfg": looks}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
