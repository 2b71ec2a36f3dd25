"""Imports open_clip where torchvision's compiled operators do not match the torch that is installed.

The torchvision wheel on PyPI is built against the CUDA torch; beside a CPU torch its extension does not load and the
import stops at 'operator torchvision::nms does not exist'. open_clip needs only torchvision's transforms, so the
missing operators are declared (schema alone, no kernel) and the import is tried again. Where the import works, this
does nothing.
"""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType
from typing import Any

_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")
_SCHEMA = "{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # a torch.library.Library takes its operators with it when it is collected


def import_open_clip() -> ModuleType:
    """Import and return open_clip; raises ImportError or RuntimeError where it cannot be imported at all."""
    if "open_clip" in sys.modules:
        return sys.modules["open_clip"]
    _import_torchvision()
    return importlib.import_module("open_clip")


def import_timm() -> ModuleType:
    """Import and return timm; raises ImportError where it is not installed."""
    _import_torchvision()
    importlib.import_module("timm.data")
    return importlib.import_module("timm")


def import_torchvision_io() -> ModuleType:
    """Import and return torchvision.io; its decoders work only where its compiled part loads."""
    _import_torchvision()
    return importlib.import_module("torchvision.io")


def _import_torchvision() -> None:
    import torch

    for _ in range(8):  # one missing operator is named per try; torchvision 0.28 has two
        try:
            importlib.import_module("torchvision")
            return
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            if missing is None:
                raise
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(_SCHEMA.format(name=missing.group(1)))
            _declared.append(library)
    importlib.import_module("torchvision")
