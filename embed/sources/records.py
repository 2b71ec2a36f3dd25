"""Records of JSONL, JSON and CSV files one after the other; a bad line is a record with a reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schema.errors import SourceError

# csv refuses longer fields; long prompts are legitimate, whole files in one field are not.
_FIELD_LIMIT = 16 * 2**20


def records(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Yield (line number from 1, record, reason); a record that cannot be parsed is empty and has a reason.

    Raises SourceError when the file itself cannot be read.
    """
    ending = path.suffix.lower()
    try:
        if ending in (".csv", ".tsv"):
            yield from _csv(path, "\t" if ending == ".tsv" else ",")
        elif ending == ".json":
            yield from _json(path)
        else:
            yield from _jsonl(path)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, {}, f"line {number} is not JSON: {error}"
                continue
            if isinstance(record, dict):
                yield number, record, ""
            else:
                yield number, {}, f"line {number} is not a JSON object"


def _json(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig", errors="surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON: {error}", "Write one object per line as .jsonl.") from error
    if isinstance(data, dict):
        # path -> {"tags": ...}, the layout of kohya's metadata, given as a listing of its own
        data = [{"file_name": k, **(v if isinstance(v, dict) else {"caption": v})} for k, v in data.items()]
    if not isinstance(data, list):
        raise SourceError(f"{path} holds neither a list of records nor an object of them")
    for number, record in enumerate(data, 1):
        if isinstance(record, dict):
            yield number, record, ""
        else:
            yield number, {}, f"record {number} is not a JSON object"


def _csv(path: Path, delimiter: str) -> Iterator[tuple[int, dict[str, Any], str]]:
    csv.field_size_limit(_FIELD_LIMIT)
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, restkey="")
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, {}, f"line {reader.line_num} is not CSV: {error}"
                continue
            yield reader.line_num, {str(name): value for name, value in record.items() if name}, ""
