"""What a training is given: the model, its pictures, which of them are held out, the sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from embed.finetune.phrases import Phrases
from embed.finetune.pictures import Pictures
from schema.arrays import Ints

if TYPE_CHECKING:
    import torch

SeenValues: TypeAlias = dict[str, tuple[list[str], list[str]]]
"""By attribute: the values that pictures show, and the other values that the vocabulary has."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained on what: the model, the pictures, which of them are held out, and the sentences."""

    model: Any
    tokenizer: Callable[[list[str]], torch.Tensor]
    mean: Sequence[float]
    std: Sequence[float]
    size: int
    pictures: Pictures
    train: Ints
    held_out: Ints
    phrases: Phrases
    device: torch.device
