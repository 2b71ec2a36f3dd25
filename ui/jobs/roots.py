"""Which paths and addresses jobs may name: those below the roots of the settings, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from schema.errors import InputError, SettingsError

FETCHED = ("http", "https", "ftp", "file", "data")
"""Schemes that no root has: what such an address answers is the caller's choice and not ours."""


def check_roots(roots: Sequence[str]) -> None:
    """Raise SettingsError for a root that can be none: a relative path, an address of the web, all of a file system."""
    for root in roots:
        if "://" in root:
            if urlsplit(root).scheme.lower() in FETCHED or not urlsplit(root).netloc:
                raise SettingsError(
                    f"serve.roots: {root} can be no root",
                    "Name folders, and addresses such as s3://bucket/prefix.",
                )
        elif not Path(root).expanduser().is_absolute() or Path(root).expanduser().resolve().parent == Path(
            root
        ):
            raise SettingsError(f"serve.roots: {root!r} can be no root", "Name a folder by its whole path.")


def below_roots(given: str, roots: Sequence[str]) -> str:
    """Return a path or an address that lies below one of the roots, links followed.

    A relative path is meant below the first root that is a folder. Raises InputError for every other place.
    """
    if not given.strip() or not given.isprintable():
        raise InputError(f"{given[:80]!r} is no path")
    if "://" in given:
        return _address_below(given, [root for root in roots if "://" in root])
    folders = [Path(root).expanduser().resolve() for root in roots if "://" not in root]
    path = Path(given)
    if not path.is_absolute() and folders:
        path = folders[0] / path
    try:
        place = path.resolve()
    except (OSError, RuntimeError, ValueError):
        raise InputError(f"{given[:200]} is no path") from None
    if any(place != folder and place.is_relative_to(folder) for folder in folders):
        return str(place)
    raise _outside(given)


def _address_below(given: str, roots: Sequence[str]) -> str:
    parts = urlsplit(given)
    segments = [unquote(part) for part in f"{parts.netloc}{parts.path}".split("/")]
    if parts.query or parts.fragment or any(part in (".", "..") for part in segments):
        raise _outside(given)
    for root in roots:
        if given.rstrip("/").startswith(root.rstrip("/") + "/") and len(given.rstrip("/")) > len(root):
            return given
    raise _outside(given)


def _outside(given: str) -> InputError:
    return InputError(
        f"{given[:200]} does not lie below a root of this service",
        "Whoever runs it names the roots: --set serve.roots=/data,s3://bucket/prefix",
    )
