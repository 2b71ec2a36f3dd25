"""What LanceDB raises, said so that a user knows what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence

from schema.errors import DamagedStore, FilterError, StoreError

_OF_FILES = ("LanceError(IO)", "not found:", "Object at location", "os error", "Corrupt", "failed to fill")
_OF_FILTERS = (
    "Invalid user input",
    "Schema error",
    "sql parser",
    "SQL",
    "type_coercion",
    "Cannot infer",
    "planning",
)
_PLACE = re.compile(r",?\s*[\w/.@~-]+\.rs:\d+(:\d+)?")


def write_error(table: str, error: Exception) -> StoreError:
    """Return what to say when a table could not be written: a full disk, a quota, a limit, or the first line."""
    text = str(error)
    code = getattr(error, "errno", None)
    again = "then run the same command again: it goes on where it was."
    if "No space left" in text or "os error 28" in text or code == errno.ENOSPC:
        return StoreError(f"the disk is full while writing {table}", f"Free space, {again}")
    if "os error 122" in text or code == errno.EDQUOT:
        return StoreError(f"the disk quota is used up while writing {table}", f"Free space, {again}")
    if "os error 27" in text or code == errno.EFBIG:
        return StoreError(
            f"a file of {table} would be too large for the limit on file sizes", f"Lift it, {again}"
        )
    return StoreError(f"cannot write the table {table}: {first_line(error)}")


def bad_filter(where: str | None, error: Exception, columns: Sequence[str]) -> FilterError:
    """Return what to say of a filter that the database refused: its words, and the columns there are."""
    return FilterError(
        f"the filter {where!r} is not valid: {first_line(error)}", f"Columns: {', '.join(columns)}"
    )


def damaged(table: str, error: Exception) -> DamagedStore:
    """Return what to say of a table whose files are gone or cannot be read."""
    return DamagedStore(
        f"the table {table} is damaged or cannot be read: {_without_paths(first_line(error))}",
        "Look closer with: likeness check --store ...",
    )


def is_about_filter(error: Exception) -> bool:
    """Tell an expression that the engine did not take from files that it could not read."""
    text = str(error)
    return not any(sign in text for sign in _OF_FILES) and any(sign in text for sign in _OF_FILTERS)


def _without_paths(line: str) -> str:
    """Return a message of the engine without the place in its own sources that raised it."""
    return _PLACE.sub("", line).strip()


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, at most 300 characters of it, or the name of its class."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    return line if len(line) <= 300 else f"{line[:300]} ..."
