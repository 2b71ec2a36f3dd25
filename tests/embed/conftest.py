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
