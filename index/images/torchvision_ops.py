"""Imports open_clip: without what the model does not need, and where torchvision's operators do not match torch.

The torchvision wheel on PyPI is built against the CUDA torch; beside a CPU torch its extension does not load and the
import stops at 'operator torchvision::nms does not exist'. open_clip needs only torchvision's transforms, so the
missing operators are declared (schema alone, no kernel) and the import is tried again.

Most of the time of a short command goes into what open_clip imports unasked: torchvision's operators (which bring
torch._dynamo), timm, huggingface_hub, torch.distributed.nn. A model that is open_clip's own and lies in files needs
none of them, and open_clip is imported in 0.3 s of processor time instead of 1.9.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import threading
from types import ModuleType
from typing import Any

_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")
_SCHEMA = "{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # a torch.library.Library takes its operators with it when it is collected


_ABSENT = ("timm", "transformers", "huggingface_hub", "horovod", "torch.distributed.nn")
"""What open_clip takes for not installed when it is imported alone; each of them it can do without."""
_ALONE = "_imported_alone"
_IMPORTING = threading.Lock()


def import_open_clip(alone: bool = False) -> ModuleType:
    """Import and return open_clip; raises ImportError or RuntimeError where it cannot be imported at all.

    ``alone``: without timm, transformers, the hub and torchvision's operators, for models that need none of these. It
    is imported again, with everything, when somebody asks for the whole afterwards.
    """
    known = sys.modules.get("open_clip")
    if known is not None and (alone or not getattr(known, _ALONE, False)):
        return known
    _forget("open_clip")
    if alone and not {"torchvision", "timm"} & sys.modules.keys():
        return _import_alone()
    _import_torchvision()
    return importlib.import_module("open_clip")


def import_transforms() -> tuple[Any, Any]:
    """Import and return torchvision.transforms.v2 and torchvision.tv_tensors; raises ImportError where it cannot."""
    with _IMPORTING:
        _import_torchvision()
        return importlib.import_module("torchvision.transforms.v2"), importlib.import_module(
            "torchvision.tv_tensors"
        )


def _import_alone() -> ModuleType:
    """Import open_clip with packages of torchvision in place that run nothing of their own; they go again afterwards.

    open_clip takes transforms and one class of torchvision, whose modules are found below these packages.
    """
    spec = importlib.util.find_spec("torchvision")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ImportError("torchvision is not installed")
    for name, folders in (
        ("torchvision", places),
        ("torchvision.ops", [os.path.join(place, "ops") for place in places]),
    ):
        package = ModuleType(name)
        package.__path__ = folders
        sys.modules[name] = package
    absent = [name for name in _ABSENT if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: the import system raises ImportError
    try:
        found = importlib.import_module("open_clip")
    except BaseException:
        _forget("open_clip")
        raise
    finally:
        for name in absent:
            del sys.modules[name]
        _forget("torchvision")
    setattr(found, _ALONE, True)
    return found


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


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
            _forget("torchvision")
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(_SCHEMA.format(name=missing.group(1)))
            _declared.append(library)
    importlib.import_module("torchvision")
