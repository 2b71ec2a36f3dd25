"""The detector's network: a small residual tower, one map at an eighth of the input, a peak for every box.

Each class has its own peaks and its own boxes (Zhou et al., "Objects as points", 2019): head and face of one character
have nearly the same middle. Exported it answers as the usual YOLO does, see export.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embed.detector.scenes import CLASSES

STRIDE = 8
UNIT = 32.0
"""Pixels of a side whose logarithm is 0."""

_STEM, _WIDTHS, _NECK = (16, 32), (56, 80, 96), 48


def convolution(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return float [b, width, h, w] of the same."""
        return F.relu(x + self.second(self.first(x)))


class Detector(nn.Module):
    """From RGB in 0..1, float [b, 3, side, side], to peaks [b, C, s, s] as logits and boxes [b, 4 C, s, s]."""

    def __init__(self) -> None:
        super().__init__()
        low, middle, deep = _WIDTHS
        classes = len(CLASSES)
        self.stem = nn.Sequential(convolution(3, _STEM[0], 2), convolution(_STEM[0], _STEM[1], 2))
        self.eighth = nn.Sequential(convolution(_STEM[1], low, 2), Residual(low))
        self.sixteenth = nn.Sequential(convolution(low, middle, 2), Residual(middle))
        self.thirtysecond = nn.Sequential(convolution(middle, deep, 2), Residual(deep))
        self.from_deep = convolution(deep, _NECK, size=1)
        self.from_middle = convolution(middle, _NECK, size=1)
        self.mix_middle = convolution(_NECK, _NECK)
        self.from_low = convolution(low, _NECK, size=1)
        self.mix_low = convolution(_NECK, _NECK)
        self.trunk = convolution(_NECK, 2 * _NECK)
        self.peaks = nn.Conv2d(2 * _NECK, classes, 1)
        self.boxes = nn.Conv2d(2 * _NECK, 4 * classes, 1)
        assert self.peaks.bias is not None
        nn.init.constant_(self.peaks.bias, -4.0)  # peaks are rare

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        low = self.eighth(self.stem(x))
        middle = self.sixteenth(low)
        deep = self.thirtysecond(middle)
        up = self.mix_middle(self.from_middle(middle) + F.interpolate(self.from_deep(deep), scale_factor=2.0))
        up = self.mix_low(self.from_low(low) + F.interpolate(up, scale_factor=2.0))
        features = self.trunk(up)
        return self.peaks(features), self.boxes(features)


def targets(boxes: Tensor, classes: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Return for one picture the peaks wanted, float [C, cells, cells], and the box of each cell near one, [C, 4, ...].

    ``boxes`` are pixels of the input [n, 4]. Peaks are Gaussians as wide as the box allows; boxes are NaN elsewhere.
    """
    peaks = torch.zeros(len(CLASSES), cells, cells)
    wanted = torch.full((len(CLASSES), 4, cells, cells), float("nan"))
    grid = torch.arange(cells) + 0.5
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for number in torch.argsort(area, descending=True).tolist():  # the smaller one has the cell
        kind = int(classes[number])
        x, y = ((boxes[number, :2] + boxes[number, 2:]) / 2 / STRIDE).tolist()
        wide, tall = ((boxes[number, 2:] - boxes[number, :2]) / STRIDE).tolist()
        across, along = (max(0.6, 0.12 * length) for length in (wide, tall))
        near_x, near_y = (grid - x) / across, (grid - y) / along
        bell = torch.exp(-0.5 * (near_x[None, :] ** 2 + near_y[:, None] ** 2))
        column, row = (min(max(int(value), 0), cells - 1) for value in (x, y))
        bell[row, column] = 1.0
        peaks[kind] = torch.maximum(peaks[kind], bell)
        wanted[kind][:, bell > 0.4] = boxes[number][:, None]
    return peaks, wanted


def loss(peaks: Tensor, boxes: Tensor, wanted_peaks: Tensor, wanted_boxes: Tensor) -> Tensor:
    """Return the focal loss of the peaks (CornerNet's, alpha 2, beta 4) and the generalised IoU loss of the boxes."""
    probability = torch.sigmoid(peaks).clamp(1e-5, 1 - 1e-5)
    top = wanted_peaks >= 1.0
    hit = torch.log(probability) * (1 - probability) ** 2 * top
    miss = torch.log(1 - probability) * probability**2 * (1 - wanted_peaks) ** 4 * ~top
    focal = -(hit.sum() + miss.sum()) / top.sum().clamp(min=1)
    found = corners(boxes)
    near = ~wanted_boxes[:, :, 0].isnan()
    mine, right = found.movedim(2, -1)[near], wanted_boxes.movedim(2, -1)[near]
    if not len(mine):
        return focal
    sides = torch.log((mine[:, 2:] - mine[:, :2]) / (right[:, 2:] - right[:, :2]).clamp(min=1.0)).abs().mean()
    return focal + 2.0 * (1 - _generalised_iou(mine, right)).mean() + 0.3 * sides


def corners(boxes: Tensor) -> Tensor:
    """Return the boxes of each cell, pixels [b, C, 4, s, s] as x0, y0, x1, y1."""
    batch, _, tall, wide = boxes.shape
    raw = boxes.view(batch, len(CLASSES), 4, tall, wide)
    column = (torch.arange(wide, device=boxes.device) + 0.5)[None, None, None, :]
    row = (torch.arange(tall, device=boxes.device) + 0.5)[None, None, :, None]
    x, y = (raw[:, :, 0] + column) * STRIDE, (raw[:, :, 1] + row) * STRIDE
    half_wide = torch.exp(raw[:, :, 2].clamp(-5, 4)) * (UNIT / 2)
    half_tall = torch.exp(raw[:, :, 3].clamp(-5, 4)) * (UNIT / 2)
    return torch.stack([x - half_wide, y - half_tall, x + half_wide, y + half_tall], 2)


def _generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the generalised IoU of pairs of boxes [n, 4] (Rezatofighi et al. 2019), in -1..1."""
    overlap = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - overlap
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    return overlap / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
