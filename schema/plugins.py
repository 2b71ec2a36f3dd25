"""Plug-in tables: NAME -> "module:Class", written out where the seam is, imported when an entry is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

from schema.errors import LikenessError, SettingsError


def plugin(
    table: Mapping[str, str],
    name: str,
    what: str,
    setting: str,
    *,
    error: type[LikenessError] = SettingsError,
    besides: str = "",
) -> Any:
    """Return the class of the entry ``name``; its heavy imports happen now and not before.

    Raises ``error`` for a name that is not in the table. It says that there is no such ``what``, guesses what was
    meant, and lists what ``setting`` takes; ``besides`` is a further name that the caller understands.
    """
    if name not in table:
        near = difflib.get_close_matches(name, table, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        known = ", ".join([besides] * bool(besides) + list(table))
        raise error(f"there is no {what} {name!r}{guess}", f"{setting} takes: {known}")
    module, _, entry = table[name].partition(":")
    return getattr(importlib.import_module(module), entry)
