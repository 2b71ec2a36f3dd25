"""Tiny ONNX files that tests make, and the two ways to run them; a small store to screen, and settings from text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curate.models import onnx_model
from index.store import Store
from schema import tables
from schema.settings import Settings, load_settings

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


N = 12


@pytest.fixture
def screened(store: Store, add_items: Callable[..., None]) -> Store:
    """N items of width 10 to 21: borders of 0.0 to 0.9, two of them not measured; hair blue, red or unknown."""
    add_items(store, N - 1)
    add_items(store, 1, first=N - 1, status="failed", reason="broken")
    columns = [pa.field("frame_border", pa.float32())]
    schema = tables.measures(columns, "key")
    rows = [row for row in range(N - 1) if row not in (3, 7)]
    measured = {
        "row": rows,
        "item_id": [str(row) for row in rows],
        "frame_border": [row / 10 for row in rows],
    }
    store.append("measures_frame", pa.table(measured, schema=schema), schema)
    schema = tables.labels([("hair_color", "one")])
    labels: list[dict[str, Any]] = [
        dict.fromkeys(schema.names)
        | {"row": row, "item_id": str(row), "ambiguous": row == 2}
        | {"hair_color": ("blue", "red", None)[row % 3]}
        for row in range(N)
    ]
    store.replace("labels", pa.Table.from_pylist(labels, schema), schema)
    return store


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    """Settings from the text of a file."""

    def make(text: str, *overrides: str) -> Settings:
        file = tmp_path / "settings.toml"
        file.write_text(text, encoding="utf-8")
        return load_settings(file, overrides)

    return make
