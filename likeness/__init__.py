"""What a notebook imports: the names listed here, each loaded when it is first asked for.

Importing this module loads none of the libraries below it, so that a script that only asks for the version, or a shell
that completes names, does not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from schema.version import __version__

__all__ = ["__version__"]

# Name -> where it is defined. A build of the wheel rewrites these paths like those of the plug-in tables.
_NAMES = {"__version__": "schema.version:__version__"}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, entry = _NAMES[name].partition(":")
    found = globals()[name] = getattr(importlib.import_module(module), entry)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
