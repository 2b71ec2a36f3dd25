"""Records of JSONL, JSON and CSV files one after the other; a bad line is a record with a reason.

A CSV may be separated by commas, semicolons, tabs or bars; its header tells. Files are UTF-8, UTF-16, or in one other
encoding that the beginning of the file tells.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from embed.sources.encodings import tell_encoding, unicode_text
from schema.errors import SourceError

# csv refuses longer fields; long prompts are legitimate, whole files in one field are not.
_FIELD_LIMIT = 16 * 2**20
_SAMPLE_BYTES = 2**20
_SEPARATORS = (",", ";", "\t", "|")


class Record(NamedTuple):
    """One record: its line from 1, its fields, and why it could not be read, if so."""

    line: int
    fields: dict[str, Any]
    reason: str = ""


def records(path: Path, encoding: str = "") -> Iterator[Record]:
    """Yield the records of a file; one that cannot be parsed is empty and has a reason.

    ``encoding`` is used where the file is no Unicode text. Raises SourceError when the file itself cannot be read, or
    when its encoding cannot be told.
    """
    ending = path.suffix.lower()
    try:
        name = file_encoding(path, encoding)
        if ending in (".csv", ".tsv"):
            yield from _csv(path, name)
        elif ending == ".json":
            yield from _json(path, name)
        else:
            yield from _jsonl(path, name)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def file_encoding(path: Path, configured: str = "") -> str:
    """Return the encoding of a text file, told from its first megabyte; raises SourceError where it stays doubtful."""
    with open(path, "rb") as file:
        sample = file.read(_SAMPLE_BYTES)
        if len(sample) == _SAMPLE_BYTES:
            # Cut where a line ends, so that no character is torn.
            cut = sample.rfind(b"\n")
            sample = sample[: cut + 1] if cut > 0 and b"\0" not in sample else sample
    found = unicode_text(sample)
    if found is not None:
        # Names of files may hold bytes that are no UTF-8 further on; they are kept as they are.
        return "utf-8-sig" if found.encoding == "utf-8" else found.encoding
    told = configured or tell_encoding(sample.splitlines()) or tell_encoding([sample])
    if not told:
        raise SourceError(
            f"{path} is not UTF-8, and its encoding cannot be told from it",
            "Name it: --set tags.encoding=cp932 (Shift-JIS), gb18030 (GBK), cp1252 ...",
        )
    return told


def _jsonl(path: Path, encoding: str) -> Iterator[Record]:
    with open(path, encoding=encoding, errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield Record(number, {}, f"line {number} is not JSON: {error}")
                continue
            if isinstance(record, dict):
                yield Record(number, record)
            else:
                yield Record(number, {}, f"line {number} is not a JSON object")


def _json(path: Path, encoding: str) -> Iterator[Record]:
    text = path.read_text(encoding=encoding, errors="surrogateescape")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] == "{" and "\n" in text.strip():
            # Danbooru's dumps are one post a line under this ending.
            first = next(_jsonl(path, encoding), None)
            if first is not None and not first.reason:
                yield from _jsonl(path, encoding)
                return
        raise SourceError(f"{path} is not JSON: {error}", "Write one object per line as .jsonl.") from error
    if isinstance(data, dict):
        # path -> {"tags": ...}, the layout of kohya's metadata, given as a listing of its own
        data = [{"file_name": k, **(v if isinstance(v, dict) else {"caption": v})} for k, v in data.items()]
    if not isinstance(data, list):
        raise SourceError(f"{path} holds neither a list of records nor an object of them")
    for number, record in enumerate(data, 1):
        if isinstance(record, dict):
            yield Record(number, record)
        else:
            yield Record(number, {}, f"record {number} is not a JSON object")


def _csv(path: Path, encoding: str) -> Iterator[Record]:
    csv.field_size_limit(_FIELD_LIMIT)
    separator = separator_of(path, encoding)
    with open(path, encoding=encoding, errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file, delimiter=separator, restkey="")
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Record(reader.line_num, {}, f"line {reader.line_num} is not CSV: {error}")
                continue
            yield Record(
                reader.line_num, {str(name).strip(): value for name, value in record.items() if name}
            )


def separator_of(path: Path, encoding: str) -> str:
    """Return what separates the columns of a CSV: what its header and its first rows are split by alike.

    Raises SourceError for a header that is one column with separators of another kind in it.
    """
    with open(path, encoding=encoding, errors="surrogateescape", newline="") as file:
        lines = [line for line, _ in zip(file, range(20), strict=False)]
    if not lines:
        return ","
    if lines[0].startswith("sep=") and len(lines[0].strip()) == 5:
        return lines[0].strip()[-1]
    best, width = ",", 1
    for separator in _SEPARATORS:
        try:
            rows = list(csv.reader(lines, delimiter=separator))
        except csv.Error:
            continue
        header = len(rows[0]) if rows else 0
        if header > width and all(name.strip() for name in rows[0][:2]):
            best, width = separator, header
    name = lines[0].strip().strip('"')
    other = next((mark for mark in (":", "^", "~", "\x01", "  ", "/") if name.count(mark) and width == 1), "")
    if other and all(part.strip().isidentifier() for part in name.split(other) if part.strip()):
        raise SourceError(
            f"the header of {path} is one column: {name[:80]!r}",
            "Columns are separated by commas, semicolons, tabs or bars.",
        )
    return best
