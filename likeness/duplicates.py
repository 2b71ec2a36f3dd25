"""Which pictures show the same artwork, without a store of one's own: the stages run in a temporary one."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from index.store import Store
from likeness.inputs import Picture, picture_bytes
from likeness.table import to_pandas
from schema.arrays import Bools
from schema.errors import InputError
from schema.settings import DedupeSettings, Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd

SAME_FILE = "same file"


@dataclass(frozen=True, slots=True)
class Member:
    """One picture of a group: its place in ``Duplicates.names``, its verdict, and whether it stays, with the reason.

    ``verdict`` is 'kept', 'same file' (equal bytes), 'same artwork' or 'variant' (another version of the drawing, which
    stays); ``similarity`` to the kept one is 1 for equal bytes.
    """

    index: int
    name: str
    verdict: str
    keep: bool
    similarity: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures of one artwork and its versions, the one that is kept first."""

    members: tuple[Member, ...]

    @property
    def kept(self) -> Member:
        """The member that the others are copies or versions of."""
        return self.members[0]

    def __len__(self) -> int:
        return len(self.members)


class Duplicates:
    """What ``find_duplicates`` found.

    ``names`` [n] are the pictures in the order in which they were given (those of a folder sorted): their paths, or
    for pictures in memory their numbers. ``groups`` holds the duplicates, ``failures`` the reason for each picture that
    could not be read.
    """

    def __init__(
        self, work: _Work, options: DedupeSettings, groups: list[DuplicateGroup], failures: dict[str, str]
    ) -> None:
        self._work = work
        self._options = options
        self.names = work.names
        self.groups = groups
        self.failures = failures

    @property
    def keep(self) -> Bools:
        """Which pictures stay, bool [n]: all but the copies that are set aside."""
        found = np.ones(len(self.names), dtype=bool)
        found[[m.index for group in self.groups for m in group.members if not m.keep]] = False
        return found

    @property
    def kept(self) -> list[str]:
        """Names of the pictures that stay."""
        return [name for name, stays in zip(self.names, self.keep, strict=True) if stays]

    def rethreshold(self, **options: Any) -> Duplicates:
        """Return the groups under other options; pairs that were measured are not measured again.

        The options are those of the section ``dedupe`` of the settings, such as ``drawing=0.95``, ``area=0.01`` or
        ``keep=("first",)``; what is not named is as it was. Raises SettingsError for an unknown or bad one.
        """
        return self._work.grouped(self._options.model_copy(update=_checked(options)))

    def to_arrow(self) -> pa.Table:
        """Return a row for each member of a group: ``group``, ``index``, ``name``, ``verdict``, ``keep``,
        ``similarity``, ``reason``; the kept one first in each group."""
        rows = [
            {"group": number, **{name: getattr(member, name) for name in Member.__slots__}}
            for number, group in enumerate(self.groups)
            for member in group.members
        ]
        return pa.Table.from_pylist(rows, _SCHEMA)

    def to_pandas(self) -> pd.DataFrame:
        """Return what ``to_arrow`` returns as a DataFrame; raises MissingExtra where pandas is not installed."""
        return to_pandas(self.to_arrow())

    def __repr__(self) -> str:
        """Return the counts in words."""
        copies = int((~self.keep).sum())
        unread = f", {len(self.failures):,} could not be read" if self.failures else ""
        groups = "1 group" if len(self.groups) == 1 else f"{len(self.groups):,} groups"
        return f"{len(self.names):,} pictures, {groups}, {copies:,} copies set aside{unread}"


_SCHEMA = pa.schema(
    [
        pa.field("group", pa.int64()),
        pa.field("index", pa.int64()),
        pa.field("name", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("keep", pa.bool_()),
        pa.field("similarity", pa.float32()),
        pa.field("reason", pa.string()),
    ]
)


def find_duplicates(images: str | os.PathLike[str] | Iterable[Picture], **options: Any) -> Duplicates:
    """Find the pictures that show the same artwork, in a folder or among pictures given one by one.

    ``images`` is a folder, or paths, bytes of image files, PIL images or arrays uint8 [height, width, 3]. Candidates
    come from perceptual hashes and hashes of outlines, the pixels decide. ``options`` are those of the section
    ``dedupe`` of the settings. Thumbnails are kept in a temporary folder for as long as the result is; for more than
    some hundred thousand pictures make a store instead. Raises InputError for what is no picture or folder,
    SettingsError for an unknown or bad option. A file that cannot be decoded is in ``failures``.
    """
    settings = DedupeSettings().model_copy(update=_checked(options))
    work = _Work()
    if isinstance(images, str | os.PathLike):
        if not Path(images).expanduser().is_dir():
            raise InputError(f"{os.fspath(images)} is not a folder", "Give a folder, or a list of pictures.")
        work.ingest_folder(os.fspath(images))
    else:
        work.ingest_pictures(images)
    return work.grouped(settings)


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """Return options of the section dedupe with their types; raises SettingsError as for the command line."""
    overrides = [f"dedupe.{name}={json.dumps(value)}" for name, value in options.items()]
    loaded = load_settings(None, overrides).dedupe
    return {name: getattr(loaded, name) for name in options}


class _Work:
    """A temporary store with the pictures, their thumbnails and the pairs that were measured.

    ``names`` are the inputs in their order, ``places`` the places of each key of the store in them.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="likeness-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.names: list[str] = []
        self.places: dict[str, list[int]] = {}

    def ingest_folder(self, folder: str) -> None:
        """Read the pictures of a folder into the store."""
        self._ingest(folder)
        with self._store() as store:
            keys = (key for item in _pictures(store) for key in item["keys"] or ())
            self.names = sorted(keys)
        self.places = {name: [place] for place, name in enumerate(self.names)}

    def ingest_pictures(self, images: Iterable[Picture]) -> None:
        """Read pictures given one by one, those in memory by way of files."""
        listed: dict[Path, list[int]] = {}
        for place, image in enumerate(images):
            if isinstance(image, str | os.PathLike):
                self.names.append(os.fspath(image))
                path = Path(image).expanduser().absolute()
            else:
                self.names.append(str(place))
                path = self.folder / f"{place}.png"
                path.write_bytes(picture_bytes(image))
            listed.setdefault(path, []).append(place)
        if not self.names:
            raise InputError("there are no pictures to compare")
        self.places = {f"likeness-input-{places[0]}": places for places in listed.values()}
        listing = self.folder / "pictures.jsonl"
        with listing.open("w", encoding="utf-8") as file:
            for key, path in zip(self.places, listed, strict=True):
                file.write(json.dumps({"id": key, "file_name": str(path)}) + "\n")
        self._ingest(str(listing))

    def grouped(self, options: DedupeSettings) -> Duplicates:
        """Group the pictures under these options."""
        from ui.flow import run_stage

        with self._store() as store:
            run_stage("dedupe", store, Settings(dedupe=options))
            inputs: dict[int, list[tuple[int, str]]] = {}
            failures: dict[str, str] = {}
            for item in _pictures(store):
                places = sorted(place for key in item["keys"] or () for place in self.places.get(key, ()))
                inputs[item["row"]] = [(place, self.names[place]) for place in places]
                if item["status"] == "failed":
                    failures |= {self.names[place]: item["reason"] or "" for place in places}
            groups = [group for group in _groups(store, inputs) if len(group) > 1]
        return Duplicates(self, options, groups, failures)

    def _ingest(self, source: str) -> None:
        from ui.flow import run_stage

        with self._store() as store:
            run_stage("ingest", store, Settings(), sources=(source,))

    def _store(self) -> Store:
        return Store.open(self.folder / "store", create=True, write=True)


def _pictures(store: Store) -> Iterator[dict[str, Any]]:
    """Yield the items that are pictures, or should have been: rows of a text alone are passed over."""
    for batch in store.items(["row", "keys", "status", "reason", "width"]):
        for item in batch.to_pylist():
            if item["status"] == "failed" or item["width"] is not None:
                yield item


def _groups(store: Store, inputs: dict[int, list[tuple[int, str]]]) -> Iterator[DuplicateGroup]:
    """Yield the groups of the store with equal files among the members, in the order of their kept ones."""
    records = store.read("groups").to_pylist() if store.has("groups") else []
    by_group: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_group.setdefault(record["group_id"], []).append(record)
    alone = set(inputs) - {record["row"] for record in records}
    for row in sorted(alone):
        kept = {"row": row, "verdict": "kept", "keep": True, "similarity": 1.0, "reason": "kept"}
        by_group[f"row {row}"] = [kept]
    found = []
    for group in by_group.values():
        group.sort(key=lambda record: (record["verdict"] != "kept", not record["keep"], record["row"]))
        members = tuple(member for record in group for member in _members(record, inputs[record["row"]]))
        if members:
            found.append(DuplicateGroup(members))
    yield from sorted(found, key=lambda group: group.kept.index)


def _members(record: dict[str, Any], inputs: list[tuple[int, str]]) -> Iterator[Member]:
    for place, (index, name) in enumerate(inputs):
        if place == 0:
            verdict, keep, reason = record["verdict"], record["keep"], record["reason"]
            yield Member(index, name, verdict, keep, record["similarity"], reason)
        else:
            yield Member(index, name, SAME_FILE, False, 1.0, f"the same bytes as {inputs[0][1]}")
