"""Tiny ONNX files that tests make, and the two ways to run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.models import onnx_model

ENGINES = ("onnxruntime", "opencv")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the test by onnxruntime, where it is installed, and by OpenCV as if it were not."""
    if request.param == "onnxruntime":
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    else:
        monkeypatch.setattr(onnx_model, "has_onnxruntime", lambda: False)
    return str(request.param)


@pytest.fixture
def write_onnx() -> Callable[..., Path]:
    """Writes an ONNX file: ``nodes`` are (operator, inputs, outputs, attributes), ``weights`` by name."""
    onnx = pytest.importorskip("onnx")

    def write(
        path: Path,
        shape: Sequence[int | str],
        nodes: Sequence[tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]],
        weights: Mapping[str, Any],
        outputs: Mapping[str, Sequence[int | str]],
        metadata: Mapping[str, str] | None = None,
    ) -> Path:
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node(name, list(ins), list(outs), **more) for name, ins, outs, more in nodes],
            "tiny",
            [helper.make_tensor_value_info("input", kind, list(shape))],
            [helper.make_tensor_value_info(name, kind, list(sides)) for name, sides in outputs.items()],
            [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
        )
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
        for key, value in (metadata or {}).items():
            model.metadata_props.add(key=key, value=value)
        onnx.checker.check_model(model)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())
        return path

    return write


@pytest.fixture
def mean_model(write_onnx: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a model that answers with the mean of each of its three channels, [b, 3], for pictures of 8 x 6."""

    def write(path: Path, layout: str = "nchw", batch: int | str = "batch", free: bool = False) -> Path:
        sides: list[int | str] = ["height", "width"] if free else [6, 8]
        shape = [batch, 3, *sides] if layout == "nchw" else [batch, *sides, 3]
        axes = [2, 3] if layout == "nchw" else [1, 2]
        nodes = [("ReduceMean", ["input"], ["output"], {"axes": axes, "keepdims": 0})]
        return write_onnx(path, shape, nodes, {}, {"output": [batch, 3]})

    return write
