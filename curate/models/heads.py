"""Small networks on stored vectors: a safetensors file of layers, and a JSON beside it that names their encoder.

The JSON holds ``encoder`` (the KEY of the vectors, or what it begins with), and may hold ``activation`` (none, relu,
gelu, sigmoid; between layers), ``output`` (none or sigmoid), ``scale`` and ``shift`` of the result, and what is only
for people: ``name``, ``version``, ``licence``, ``source``.
Layers are tensors ``NAME.weight`` [out, in] and ``NAME.bias`` [out], taken in the order of the numbers in their names:
the layout of the LAION aesthetic predictor (``layers.0.weight``, ``layers.2.weight``, ...) among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.models.preprocessing import read_json
from schema.arrays import Floats32
from schema.errors import ModelError

_KEYS = {"encoder", "activation", "output", "scale", "shift", "name", "version", "licence", "source"}


@dataclass(frozen=True, slots=True)
class Head:
    """Layers on vectors: (weight [out, in], bias [out]) each, and what the JSON says."""

    layers: tuple[tuple[Floats32, Floats32], ...]
    encoder: str
    activation: str = "none"
    output: str = "none"
    scale: float = 1.0
    shift: float = 0.0

    def fits(self, key: str) -> bool:
        """Tell whether it was made for these vectors."""
        return key == self.encoder or key.startswith((f"{self.encoder}-", f"{self.encoder}_"))

    def __call__(self, vectors: Floats32) -> Floats32:
        """Return the result for vectors [n, dim], float32 [n]."""
        values = vectors
        for number, (weight, bias) in enumerate(self.layers):
            if number:
                values = _ACTIVATIONS[self.activation](values)
            values = values @ weight.T + bias
        found: Floats32 = _ACTIVATIONS[self.output](values[:, 0]) * self.scale + self.shift
        return found.astype(np.float32)


def _gelu(values: Floats32) -> Any:
    from scipy.special import erf

    return values * 0.5 * (1 + erf(values / np.sqrt(2)))


_ACTIVATIONS: Mapping[str, Any] = {
    "none": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "gelu": _gelu,
    "sigmoid": lambda values: 1 / (1 + np.exp(-values)),
}


def load_head(path: Path) -> Head:
    """Return the head in a safetensors file. Raises ModelError for layers or a JSON that do not fit together."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise ModelError(
            f"{path} has no {beside.name} beside it",
            'It names the encoder: {"encoder": "KEY", "activation": "none"}',
        )
    given = read_json(beside)
    if unknown := sorted(given.keys() - _KEYS):
        raise ModelError(f"{beside}: {unknown[0]} is not known; it takes: {', '.join(sorted(_KEYS))}")
    if not isinstance(given.get("encoder"), str) or not given["encoder"]:
        raise ModelError(f"{beside} does not name the encoder of its vectors")
    for name in ("activation", "output"):
        if given.get(name, "none") not in _ACTIVATIONS:
            raise ModelError(f"{beside}: {name} takes {', '.join(_ACTIVATIONS)}, not {given[name]!r}")
    layers = _layers(path)
    if layers[-1][0].shape[0] != 1:
        raise ModelError(f"{path} ends in {layers[-1][0].shape[0]} numbers; a score is one")
    return Head(
        layers, given["encoder"], given.get("activation", "none"), given.get("output", "none"),
        float(given.get("scale", 1.0)), float(given.get("shift", 0.0)),
    )  # fmt: skip


def _layers(path: Path) -> tuple[tuple[Floats32, Floats32], ...]:
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except Exception as error:  # safetensors' errors have no common base
        raise ModelError(f"{path} cannot be read: {error}") from error
    names = [name for name in tensors if name.endswith("weight")]
    names.sort(key=lambda name: ([int(part) for part in re.findall(r"\d+", name)], name))
    layers: list[tuple[Floats32, Floats32]] = []
    for name in names:
        weight = np.atleast_2d(tensors[name].astype(np.float32))
        bias = tensors.get(name.removesuffix("weight") + "bias", np.zeros(len(weight))).astype(np.float32)
        if weight.ndim != 2 or bias.shape != (len(weight),):
            raise ModelError(
                f"{path}: {name} {list(weight.shape)} and its bias {list(bias.shape)} do not fit"
            )
        if layers and layers[-1][0].shape[0] != weight.shape[1]:
            raise ModelError(
                f"{path}: {name} takes {weight.shape[1]} numbers, the layer before gives another number"
            )
        layers.append((weight, bias))
    if not layers:
        raise ModelError(f"{path} holds no layers")
    return tuple(layers)
