"""The files of one kind in a folder, and the count of all others: nothing beside a picture vanishes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from embed.sources.annotation import readable
from embed.sources.endings import kind_of_file

# What the hub and tools keep beside the data: known, and nothing of a picture.
_ABOUT = frozenset(
    "readme.md license license.txt .gitattributes .gitignore dataset_infos.json dataset_dict.json state.json "
    "dataset_info.json croissant.json _manifest.json .ds_store thumbs.db desktop.ini".split()
)


def files_of(
    path: Path, endings: Sequence[str], beside: Sequence[str] = ()
) -> tuple[list[tuple[Path, str]], list[str]]:
    """Return ([(file, name below the folder)], notes) of a file, or of the files below a folder with these endings.

    ``beside`` are endings of files that belong to a found one of the same stem; all others are counted in a note.
    """
    if not path.is_dir():
        return [(path, readable(path.name))], []
    found: list[tuple[Path, str]] = []
    others: list[str] = []
    notes: list[str] = []

    def unlisted(error: OSError) -> None:
        place = os.path.relpath(str(error.filename), path)
        notes.append(f"the folder {readable(place)} cannot be listed: {error.strerror or error}")

    for folder, folders, names in os.walk(path, onerror=unlisted):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            full = Path(folder, name)
            if name.lower().endswith(tuple(endings)) and not name.startswith("."):
                found.append((full, readable(full.relative_to(path).as_posix())))
            else:
                others.append(full.relative_to(path).as_posix())
    found.sort(key=lambda pair: pair[0].relative_to(path).as_posix())
    stems = {os.path.splitext(name)[0] for _, name in found}
    belong = [name for name in others if name.endswith(tuple(beside)) and os.path.splitext(name)[0] in stems]
    return found, notes + unclaimed_notes(name for name in others if name not in set(belong))


def is_about(name: str) -> bool:
    """Tell files that are about the whole set, such as a README: known, and nothing of a single picture."""
    return name.lower() in _ABOUT or name.lower().endswith("_stats.json")


def unclaimed_notes(names: Iterable[str]) -> list[str]:
    """Return a note that counts the files that no reader claims, by kind, with an example of each kind."""
    kinds: Counter[str] = Counter()
    example: dict[str, str] = {}
    for name in names:
        base = name.rpartition("/")[2]
        if not is_about(base):
            kind = readable(kind_of_file(base))
            kinds[kind] += 1
            example.setdefault(kind, readable(name))
    if not kinds:
        return []
    ranked = sorted(kinds, key=lambda kind: (-kinds[kind], kind))
    listed = ", ".join(f"{kinds[kind]:,} {kind} ({example[kind]})" for kind in ranked[:12])
    more = f", and {len(ranked) - 12} further kinds" if len(ranked) > 12 else ""
    return [f"{sum(kinds.values()):,} other files were not read: {listed}{more}"]
