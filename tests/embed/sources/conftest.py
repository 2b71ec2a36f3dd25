from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from embed.sources import SourceOptions, SourceRecord, open_source
from schema.settings import IngestSettings

TAKEN = frozenset(
    {"tags", "text", "width", "height", "source", "status", "gender", "similarity", "keys", "key"}
)


@pytest.fixture
def png() -> Callable[[str], bytes]:
    def make(colour: str) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 6), colour).save(buffer, "PNG")
        return buffer.getvalue()

    return make


@pytest.fixture
def told() -> Callable[..., tuple[list[SourceRecord], list[str]]]:
    """Returns what a source lists, and its notes afterwards."""

    def ask(path: Path | str, encoding: str = "", **settings: Any) -> tuple[list[SourceRecord], list[str]]:
        _, source = open_source(path, SourceOptions(IngestSettings(**settings), encoding, TAKEN))
        return list(source.records(lambda *_: False)), source.notes()

    return ask


@pytest.fixture
def fill(tmp_path: Path, png: Callable[[str], bytes]) -> Callable[..., Path]:
    """Writes a folder of files: pictures where the content is None, else bytes or text."""

    def make(files: dict[str, bytes | str | None], folder: str = "set") -> Path:
        for number, (name, data) in enumerate(files.items()):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if data is None:
                data = png(f"#{number * 37 % 256:02x}{number * 91 % 256:02x}40")
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return tmp_path / folder

    return make


@pytest.fixture
def pack(tmp_path: Path, png: Callable[[str], bytes]) -> Callable[..., Path]:
    """Writes a tar of members in the given order: pictures where the content is None, else bytes or text."""

    def make(members: list[tuple[str, bytes | str | None]], name: str = "shard.tar") -> Path:
        path = tmp_path / name
        with tarfile.open(path, "w") as tar:
            for number, (member, data) in enumerate(members):
                if data is None:
                    data = png(f"#{number * 37 % 256:02x}{number * 91 % 256:02x}80")
                data = data if isinstance(data, bytes) else data.encode()
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return make
