"""Random changes of a training batch that leave its labels true: what keeps the encoder from learning one renderer.

Geometry is one affine warp per picture; colour is moved little, since hair and skin colour are labels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def augment(
    pixels: torch.Tensor, size: int, generator: torch.Generator, strength: float = 1.0
) -> torch.Tensor:
    """From float32 [n, 3, s, s] in 0..1 to [n, 3, size, size]: warped, tinted, blurred, pixelated, noisy by turns."""
    import torch

    count = len(pixels)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=generator) * (high - low) + low

    def chosen(share: float) -> torch.Tensor:
        return torch.rand(count, generator=generator) < share * strength

    angle = uniform(-10, 10) * strength * math.pi / 180
    zoom = uniform(1 - 0.18 * strength, 1 + 0.22 * strength)
    aspect = uniform(1 - 0.08 * strength, 1 + 0.08 * strength)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = torch.cos(angle) * zoom * aspect * flip
    matrix[:, 0, 1] = -torch.sin(angle) * zoom
    matrix[:, 1, 0] = torch.sin(angle) * zoom * flip
    matrix[:, 1, 1] = torch.cos(angle) * zoom / aspect
    matrix[:, :, 2] = uniform(-0.1, 0.1, 2) * strength
    grid = torch.nn.functional.affine_grid(matrix, [count, 3, size, size], align_corners=False)
    padding = "border" if torch.rand((), generator=generator) < 0.7 else "zeros"
    warped = torch.nn.functional.grid_sample(
        pixels, grid, mode="bilinear", padding_mode=padding, align_corners=False
    )
    if padding == "zeros":  # the encoder letterboxes on white
        inside = torch.nn.functional.grid_sample(
            torch.ones(count, 1, *pixels.shape[-2:]), grid, padding_mode="zeros", align_corners=False
        )
        warped = warped + (1 - inside)
    pick = chosen(0.2)
    if pick.any():
        warped[pick] = torch.nn.functional.avg_pool2d(warped[pick], 3, 1, 1)
    pick = chosen(0.12)
    if pick.any():
        step = int(torch.randint(2, 5, (), generator=generator))
        small = torch.nn.functional.interpolate(warped[pick], scale_factor=1 / step, mode="area")
        warped[pick] = torch.nn.functional.interpolate(small, size=(size, size), mode="nearest")
    pick = chosen(0.1)
    if pick.any():
        levels = float(torch.randint(4, 9, (), generator=generator))
        warped[pick] = (warped[pick] * levels).round() / levels
    gain = 1 + uniform(-0.1, 0.1, 1, 1, 1) * strength
    lift = uniform(-0.05, 0.05, 1, 1, 1) * strength
    tint = 1 + uniform(-0.03, 0.03, 3, 1, 1) * strength
    warped = warped * gain * tint + lift
    noise = torch.randn(warped.shape, generator=generator) * (chosen(0.25).float() * 0.03).view(-1, 1, 1, 1)
    result: torch.Tensor = (warped + noise).clamp(0, 1)
    return result
