"""The one place that runs ONNX files: by onnxruntime where it is installed, by OpenCV where it is not.

A model is a file or a folder with ``model.onnx``. Its input tells the layout (NCHW or NHWC) and often the size; a JSON
beside it says the rest (curate/models/preprocessing.py). OpenCV reads no shapes from a file, so without onnxruntime
the JSON has to name the size.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from curate.models.preprocessing import (
    Placement,
    Preprocessing,
    fitted,
    label_names,
    numbers,
    preprocessing_of,
)
from schema.arrays import Floats32
from schema.errors import MissingExtra, ModelError

_HINT = "Install it: pip install 'likeness-curation[onnx]'"


def has_onnxruntime() -> bool:
    """Tell whether onnxruntime is installed, without importing it."""
    return importlib.util.find_spec("onnxruntime") is not None


def model_file(path: str | Path) -> Path:
    """Return the ONNX file that a path means: itself, or the one in a folder. Raises ModelError for none or several."""
    found = Path(path).expanduser()
    if found.is_dir():
        inside = [found / "model.onnx"] if (found / "model.onnx").is_file() else sorted(found.glob("*.onnx"))
        if len(inside) != 1:
            raise ModelError(
                f"{found} holds {len(inside) or 'no'} ONNX files", "Name the file, or call it model.onnx."
            )
        return inside[0]
    if not found.is_file():
        raise ModelError(f"there is no model {found}", "It takes an ONNX file, or a folder with model.onnx.")
    return found


def file_digest(path: str | Path) -> str:
    """Return a digest of an ONNX file and of the files beside it that say how it is run."""
    model = model_file(path)
    beside = (model.with_suffix(".json"), *(model.parent / name for name in _BESIDE))
    parts = [digest(each) for each in (model, *beside) if each.is_file()]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file; read again only when it changed."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


_BESIDE = ("preprocess.json", "preprocessor_config.json", "config.json", "labels.txt", "selected_tags.csv")


@lru_cache(maxsize=64)
def _digest(path: Path, *_changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Engine(Protocol):
    """What runs a file: ``shape`` is that of its picture input, 0 where free, None where it is not known."""

    @property
    def shape(self) -> tuple[int, ...] | None: ...
    @property
    def metadata(self) -> dict[str, str]: ...
    @property
    def device(self) -> str: ...

    def run(self, values: Floats32) -> dict[str, Floats32]:
        """Return the outputs by name for a batch of inputs."""


class OnnxModel:
    """An ONNX file with one picture input. Making it loads it; ``run`` may be called by one thread at a time.

    ``default`` says how pictures are prepared where no file beside the model does. Raises ModelError for a file that
    cannot be loaded, MissingExtra where OpenCV cannot stand in for onnxruntime.
    """

    def __init__(
        self,
        path: str | Path,
        default: Preprocessing | None = None,
        *,
        device: str = "auto",
        threads: int = 0,
    ) -> None:
        self.path = model_file(path)
        self.preprocessing = preprocessing_of(self.path, default)
        self._engine: _Engine = (
            _Runtime(self.path, device, threads) if has_onnxruntime() else _OpenCV(self.path)
        )
        self.layout, self.size = self._layout_and_size()
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """What it runs on, for the record of a run."""
        return self._engine.device

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself; empty where OpenCV runs it."""
        return self._engine.metadata

    def labels(self, count: int = 0) -> list[str]:
        """Return the names of its outputs, see ``label_names``."""
        return label_names(self.path, self.metadata, count)

    def prepare(self, image: Image.Image) -> tuple[Floats32, Placement]:
        """Return the numbers of one input for an RGB picture, and where the picture lies in it."""
        placed, placement = fitted(image, self.preprocessing, self.size)
        return numbers(placed, self.preprocessing, self.layout), placement

    def run(self, inputs: Sequence[Floats32]) -> dict[str, Floats32]:
        """Return each output [n, ...] of prepared inputs, as many at once as the file takes.

        Raises ModelError where it fails, or gives another number of rows.
        """
        fixed = self._engine.shape[0] if self._engine.shape else 0
        size = fixed or len(inputs)
        parts = []
        with self._lock:
            for start in range(0, len(inputs), size):
                batch = np.stack(inputs[start : start + size])
                short = size - len(batch)
                if short:  # a file for batches of a fixed size gets the last one filled up
                    batch = np.concatenate([batch, np.repeat(batch[-1:], short, axis=0)])
                found = self._engine.run(batch)
                wrong = [name for name, value in found.items() if value.ndim == 0 or len(value) != len(batch)]
                if wrong:
                    raise ModelError(f"{self.path}: {wrong[0]} has no row for each picture of a batch")
                parts.append({name: value[: len(batch) - short] for name, value in found.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _layout_and_size(self) -> tuple[str, tuple[int, int]]:
        how, shape = self.preprocessing, self._engine.shape
        if shape is not None and (len(shape) != 4 or 3 not in (shape[1], shape[3])):
            raise ModelError(
                f"{self.path} does not take pictures: its input has the shape {list(shape)}",
                "An input of [batch, 3, height, width] or [batch, height, width, 3] is needed.",
            )
        layout = how.layout or ("nhwc" if shape is not None and shape[3] == 3 and shape[1] != 3 else "nchw")
        own = (0, 0)
        if shape is not None:
            own = (shape[3], shape[2]) if layout == "nchw" else (shape[2], shape[1])
        size = how.size or own
        if not size[0] or not size[1]:
            raise ModelError(
                f"{self.path} takes pictures of any size",
                f'Say which in {self.path.stem}.json beside it: {{"size": [width, height]}}',
            )
        if any(mine and mine != asked for mine, asked in zip(own, size, strict=True)):
            raise ModelError(
                f"{self.path} takes pictures of {own[0]} x {own[1]}, the file beside it says {size}"
            )
        return layout, size


class _Runtime:
    """onnxruntime, on a CUDA device where its build has one."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        providers: list[Any] = ["CPUExecutionProvider"]
        if device != "cpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            number = device.partition(":")[2]
            cuda = ("CUDAExecutionProvider", {"device_id": number}) if number else "CUDAExecutionProvider"
            providers.insert(0, cuda)
        elif device.startswith("cuda"):
            raise ModelError(
                f"{device} was asked for, and this onnxruntime has no CUDA",
                "Install onnxruntime-gpu in its place.",
            )
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"{path} cannot be loaded: {str(error).splitlines()[0]}") from error
        inputs = self._session.get_inputs()
        self._input = inputs[0]
        self.shape = tuple(side if isinstance(side, int) else 0 for side in self._input.shape)
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self.device = "cuda" if self._session.get_providers()[0].startswith("CUDA") else "cpu"
        self._names = [each.name for each in self._session.get_outputs()]
        self._type = np.float16 if "float16" in self._input.type else np.float32
        # RT-DETR asks for the sizes of the pictures as well.
        self._sizes = inputs[1].name if len(inputs) == 2 and "int64" in inputs[1].type else ""
        if len(inputs) > 1 and not self._sizes:
            raise ModelError(f"{path} has {len(inputs)} inputs; a model of pictures has one")

    def run(self, values: Floats32) -> dict[str, Floats32]:
        feed: dict[str, Any] = {self._input.name: values.astype(self._type, copy=False)}
        if self._sizes:
            feed[self._sizes] = np.tile(np.array([values.shape[2:]], np.int64), (len(values), 1))
        try:
            found = self._session.run(None, feed)
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"the model failed: {str(error).splitlines()[0]}") from error
        pairs = zip(self._names, found, strict=True)
        return {name: np.asarray(value, dtype=np.float32) for name, value in pairs}


class _OpenCV:
    """OpenCV's own interpreter: slower, one picture at a time, fewer kinds of layers, but always there."""

    shape: tuple[int, ...] | None = None
    device = "cpu"

    def __init__(self, path: Path) -> None:
        import cv2

        self.metadata: dict[str, str] = {}
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
        except cv2.error as error:
            raise MissingExtra(
                f"OpenCV cannot run {path}: {str(error).splitlines()[0]}; onnxruntime is not installed", _HINT
            ) from error
        self._names = self._net.getUnconnectedOutLayersNames()

    def run(self, values: Floats32) -> dict[str, Floats32]:
        import cv2

        rows: list[list[Floats32]] = []
        try:
            for value in values:
                self._net.setInput(value[None])
                rows.append([np.asarray(found, np.float32) for found in self._net.forward(self._names)])
        except cv2.error as error:
            raise MissingExtra(
                f"OpenCV cannot run the model: {str(error).splitlines()[0]}; onnxruntime is not installed",
                _HINT,
            ) from error
        columns = zip(*rows, strict=True)
        return {name: np.concatenate(found) for name, found in zip(self._names, columns, strict=True)}
