"""Plug-in tables: NAME -> "module:Class", written out where the seam is, imported when an entry is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from schema.errors import LikenessError, SettingsError
from schema.near import did_you_mean


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
        guess = did_you_mean(name, table)
        known = ", ".join([besides] * bool(besides) + list(table))
        raise error(f"there is no {what} {name!r}{guess}", f"{setting} takes: {known}")
    module, _, entry = table[name].partition(":")
    return getattr(importlib.import_module(module), entry)
