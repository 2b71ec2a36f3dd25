"""From the trained weights to an ONNX file that answers as a YOLO does: [batch, 4 + classes, boxes].

A box is a middle, a width and a height in pixels of the input, then a score for each class; those of other classes than
its own are zero. Batch normalisation is folded into the convolutions, weights are stored in half precision.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from embed.detector.network import STRIDE, UNIT, Detector, Residual
from embed.detector.scenes import CLASSES, PADDING
from index.store.files import replace_file, replace_text

SIDE = 256


def export(weights: Path, out: Path) -> str:
    """Write the detector and the file that says how its pictures are prepared; return what was written, in words."""
    import onnx

    model = Detector()
    model.load_state_dict(torch.load(weights, weights_only=True))
    data = _Graph().whole(model.eval()).SerializeToString()
    replace_file(out, lambda place: place.write_bytes(data), out.with_suffix(".unfinished"))
    onnx.checker.check_model(str(out))
    beside = {
        "size": [SIDE, SIDE],
        "layout": "nchw",
        "channels": "rgb",
        "scale": 1 / 255,
        "fit": "pad",
        "fill": PADDING,
        "labels": list(CLASSES),
    }
    place = out.with_suffix(".json")
    replace_text(place, json.dumps(beside, indent=1) + "\n", place.with_suffix(".unfinished"))
    return f"{out}: {len(data):,} bytes"


class _Graph:
    """Collects nodes and weights; every method returns the name of what it gives."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def whole(self, model: Detector) -> Any:
        """Return the model with its input and output."""
        import onnx
        from onnx import helper

        peaks, boxes = self._network(model, "input")
        self._answer(peaks, boxes)
        cells = (SIDE // STRIDE) ** 2
        kind, sides = onnx.TensorProto.FLOAT, ["batch", 3, SIDE, SIDE]
        rows = ["batch", 4 + len(CLASSES), len(CLASSES) * cells]
        graph = helper.make_graph(
            self.nodes,
            "likeness-people",
            [helper.make_tensor_value_info("input", kind, sides)],
            [helper.make_tensor_value_info("output0", kind, rows)],
            self.weights,
        )
        found = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
        found.metadata_props.add(key="names", value=str(dict(enumerate(CLASSES))))
        return found

    def _network(self, model: Detector, value: str) -> tuple[str, str]:
        low = self._sequence(model.eighth, self._sequence(model.stem, value))
        middle = self._sequence(model.sixteenth, low)
        deep = self._sequence(model.thirtysecond, middle)
        up = self._twice(self._block(model.from_deep, deep))
        up = self._block(model.mix_middle, self._node("Add", self._block(model.from_middle, middle), up))
        up = self._node("Add", self._block(model.from_low, low), self._twice(up))
        features = self._block(model.trunk, self._block(model.mix_low, up))
        return self._convolution(model.peaks, None, features), self._convolution(model.boxes, None, features)

    def _answer(self, peaks: str, boxes: str) -> None:
        classes, cells = len(CLASSES), (SIDE // STRIDE) ** 2
        each = self._reshaped(boxes, 0, classes, 4, cells)
        flat = self._reshaped(self._node("Transpose", each, perm=[0, 2, 1, 3]), 0, 4, classes * cells)
        middle, size = self._rows(flat, 0, 2), self._rows(flat, 2, 4)
        row, column = np.divmod(np.arange(cells, dtype=np.float32), SIDE // STRIDE)
        grid = np.tile(np.stack([column, row]) + 0.5, (1, classes))[None]
        middle = self._node(
            "Mul", self._node("Add", middle, self._constant(grid)), self._constant(float(STRIDE))
        )
        size = self._node("Clip", size, self._constant(-5.0), self._constant(4.0))
        size = self._node("Mul", self._node("Exp", size), self._constant(UNIT))
        scores = self._reshaped(self._node("Sigmoid", peaks), 0, 1, classes, cells)
        scores = self._node(
            "Mul", scores, self._constant(np.eye(classes, dtype=np.float32)[None, :, :, None])
        )
        scores = self._reshaped(scores, 0, classes, classes * cells)
        self._node("Concat", middle, size, scores, axis=1, gives="output0")

    def _sequence(self, blocks: nn.Sequential, value: str) -> str:
        for block in blocks:
            value = self._block(block, value)
        return value

    def _block(self, block: nn.Module, value: str) -> str:
        if isinstance(block, Residual):
            inner = self._block(block.first, value)
            inner = self._convolution(block.second[0], block.second[1], inner)
            return self._node("Relu", self._node("Add", value, inner))
        assert isinstance(block, nn.Sequential)
        return self._node("Relu", self._convolution(block[0], block[1], value))

    def _convolution(self, layer: nn.Module, norm: nn.Module | None, value: str) -> str:
        assert isinstance(layer, nn.Conv2d)
        weight = layer.weight.detach().double()
        bias = torch.zeros(len(weight)).double() if layer.bias is None else layer.bias.detach().double()
        if norm is not None:
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None and norm.running_var is not None
            gain = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
            weight = weight * gain[:, None, None, None]
            bias = norm.bias.detach().double() + (bias - norm.running_mean.double()) * gain
        stored = self._constant(weight.numpy().astype(np.float16))
        wide = self._node("Cast", stored, to=1)
        edge = layer.kernel_size[0] // 2
        return self._node(
            "Conv", value, wide, self._constant(bias.numpy().astype(np.float32)),
            strides=list(layer.stride), pads=[edge] * 4, kernel_shape=list(layer.kernel_size),
        )  # fmt: skip

    def _twice(self, value: str) -> str:
        scales = self._constant(np.array([1, 1, 2, 2], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self._node("Resize", value, "", scales, **how)

    def _reshaped(self, value: str, *sides: int) -> str:
        return self._node("Reshape", value, self._constant(np.array(sides, np.int64)))

    def _rows(self, value: str, start: int, end: int) -> str:
        ends = [self._constant(np.array([number], np.int64)) for number in (start, end, 1)]
        return self._node("Slice", value, *ends)

    def _constant(self, value: Any) -> str:
        from onnx import numpy_helper

        array = np.asarray(value, np.float32) if isinstance(value, float) else value
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, operator: str, *values: str, gives: str = "", **more: Any) -> str:
        from onnx import helper

        name = gives or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(values), [name], **more))
        return name
