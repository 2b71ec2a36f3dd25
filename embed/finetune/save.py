"""Writing checkpoints so that a kill leaves the old file or the new one, never half of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from index.store.files import replace_file


def save_weights(model: Any, path: Path) -> None:
    """The model's weights as safetensors, floats in half precision: what open_clip loads, at half the size."""
    import torch
    from safetensors.torch import save_file

    weights = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous().clone()
        for name, value in model.state_dict().items()
        if isinstance(value, torch.Tensor)
    }
    replace_file(path, lambda partial: save_file(weights, str(partial)))


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Everything that a run needs to go on."""
    import torch

    replace_file(path, lambda partial: torch.save(state, partial))
