"""How a model wants its pictures: size, channels, numbers, what becomes of the shape; read from a JSON beside it.

Three files are looked for: ``MODEL.json`` with the fields of ``Preprocessing``, ``preprocess.json`` with the same, and
``preprocessor_config.json`` as transformers writes it. Without any, sizes and layout come from the model's own input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schema.arrays import Floats32
from schema.errors import ModelError
from schema.setting_text import explain

Fit = Literal["stretch", "pad", "corner", "crop"]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


class Preprocessing(BaseModel):
    """From RGB in 0..255 to the numbers of an input: ``(value * scale - mean) / std`` by channel.

    ``fit`` makes a picture of another shape fit: stretch; pad to the middle (``pad``) or to the upper left corner
    (``corner``) with ``fill``; or crop the middle.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[int, int] | None = Field(None, description="Width and height; None takes those of the input.")
    layout: Literal["nchw", "nhwc"] | None = Field(None, description="None tells it by the input's shape.")
    channels: Literal["rgb", "bgr"] = "rgb"
    scale: float = Field(1 / 255, gt=0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fit: Fit = "stretch"
    fill: int = Field(255, ge=0, le=255, description="Grey level of what is padded.")
    resampling: Literal["nearest", "bilinear", "bicubic", "lanczos", "box"] = "bilinear"


def preprocessing_of(model: Path, default: Preprocessing | None = None) -> Preprocessing:
    """Return what the files beside a model say of its pictures, or ``default``.

    Raises ModelError for a file that cannot be read, or whose meaning is not known.
    """
    for path in (model.with_suffix(".json"), model.parent / "preprocess.json"):
        if path.is_file():
            given = read_json(path)
            if "stages" in given:
                raise ModelError(
                    f"{path} describes the pictures in stages, which are not read here",
                    f"Put a {model.stem}.json beside the model with: {', '.join(Preprocessing.model_fields)}",
                )
            own = {name: value for name, value in given.items() if name in Preprocessing.model_fields}
            unknown = given.keys() - own.keys() - _NOT_PICTURES
            return _validated(given if unknown else own, path)
    config = model.parent / "preprocessor_config.json"
    if config.is_file():
        return _validated(_from_transformers(read_json(config), config), config)
    return default or Preprocessing()


_NOT_PICTURES = {"labels", "name", "licence", "license", "source", "version"}


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raises ModelError where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} does not hold an object")
    return found


def _validated(given: Mapping[str, Any], path: Path) -> Preprocessing:
    size = given.get("size")
    if isinstance(size, int):
        given = {**given, "size": (size, size)}
    try:
        return Preprocessing.model_validate(given)
    except ValidationError as error:
        raise ModelError(f"{path}: {explain(error, Preprocessing, path.stem)}") from error


def _from_transformers(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Translate preprocessor_config.json: rescale, then normalise; resize to ``size``, then crop the middle."""
    given: dict[str, Any] = {}
    size = config.get("crop_size") if config.get("do_center_crop") else config.get("size")
    size = size or config.get("size")
    if isinstance(size, Mapping):
        edge = size.get("shortest_edge") or size.get("longest_edge")
        size = (size["width"], size["height"]) if "width" in size else (edge, edge)
    if size:
        given["size"] = size if not isinstance(size, int) else (size, size)
    if config.get("do_center_crop"):
        given["fit"] = "crop"
    if config.get("do_rescale", True) is False:
        given["scale"] = 1.0
    elif "rescale_factor" in config:
        given["scale"] = config["rescale_factor"]
    if config.get("do_normalize", "image_mean" in config):
        given["mean"], given["std"] = config.get("image_mean"), config.get("image_std")
    names = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}
    if config.get("resample") in names:
        given["resampling"] = names[config["resample"]]
    if not given:
        raise ModelError(f"{path} says nothing of sizes or numbers")
    return given


def fitted(image: Image.Image, how: Preprocessing, size: tuple[int, int]) -> tuple[Image.Image, Placement]:
    """Return an RGB picture of exactly ``size`` and where the original lies in it."""
    wide, tall = size
    method = _RESAMPLING[how.resampling]
    if how.fit == "stretch":
        placement = Placement(wide / image.width, tall / image.height, 0, 0, image.width, image.height)
        return image.resize(size, method), placement
    shares = (wide / image.width, tall / image.height)
    scale = max(shares) if how.fit == "crop" else min(shares)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    resized = image if inner == image.size else image.resize(inner, method)
    left, top = (0, 0) if how.fit == "corner" else ((wide - inner[0]) // 2, (tall - inner[1]) // 2)
    canvas = Image.new("RGB", size, (how.fill,) * 3)
    canvas.paste(resized, (left, top))
    placement = Placement(
        inner[0] / image.width, inner[1] / image.height, left, top, image.width, image.height
    )
    return canvas, placement


def numbers(image: Image.Image, how: Preprocessing, layout: str) -> Floats32:
    """Return the numbers of an input for an RGB picture: float32 [3, h, w] for nchw, [h, w, 3] for nhwc."""
    mean, std = np.asarray(how.mean, np.float32), np.asarray(how.std, np.float32)
    values: Floats32 = (np.asarray(image, dtype=np.float32) * np.float32(how.scale) - mean) / std
    if how.channels == "bgr":
        values = values[..., ::-1]
    return np.ascontiguousarray(values.transpose(2, 0, 1) if layout == "nchw" else values)


class Placement:
    """Where a picture lies in a model's input: input = picture * scale + offset, by axis."""

    __slots__ = ("height", "left", "scale_x", "scale_y", "top", "width")

    def __init__(self, scale_x: float, scale_y: float, left: int, top: int, width: int, height: int) -> None:
        self.scale_x, self.scale_y, self.left, self.top = scale_x, scale_y, left, top
        self.width, self.height = width, height

    def back(self, boxes: Floats32) -> Floats32:
        """Return boxes [n, 4] of the input, as x0, y0, x1, y1, in pixels of the picture and cut to it."""
        offset = np.array([self.left, self.top] * 2, np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, np.float32)
        most = np.array([self.width, self.height] * 2, np.float32)
        found: Floats32 = np.clip((boxes - offset) / scale, 0, most).astype(np.float32)
        return found


def label_names(model: Path, metadata: Mapping[str, str], count: int) -> list[str]:
    """Return the names of ``count`` outputs, from the files beside a model or its own metadata; empty for none.

    ``labels`` of MODEL.json, labels.txt (a name a line), id2label of config.json, ``names`` of the metadata as
    Ultralytics writes them. Raises ModelError where their number is another.
    """
    names = _names_beside(model) or _names_in(metadata)
    if names and count and len(names) != count:
        raise ModelError(f"{model} gives {count} numbers, and {len(names)} names stand beside it")
    return names


def _names_beside(model: Path) -> list[str]:
    own, lines, config = model.with_suffix(".json"), model.parent / "labels.txt", model.parent / "config.json"
    if own.is_file() and "labels" in (given := read_json(own)):
        return _in_order(given["labels"])
    if lines.is_file():
        return [line.strip() for line in lines.read_text(encoding="utf-8").splitlines() if line.strip()]
    if config.is_file():
        return _in_order(read_json(config).get("id2label", {}))
    return []


def _names_in(metadata: Mapping[str, str]) -> list[str]:
    import ast

    text = metadata.get("names", "")
    if not text:
        return []
    try:
        return _in_order(ast.literal_eval(text))
    except (ValueError, SyntaxError) as error:
        raise ModelError(f"the names in the model's metadata cannot be read: {text[:80]!r}") from error


def _in_order(names: Mapping[Any, str] | Sequence[str]) -> list[str]:
    if isinstance(names, Mapping):
        return [str(names[key]) for key in sorted(names, key=int)]
    return [str(name) for name in names]
