"""AVIF files whose container is not quite right, but which browsers show: the still picture in them, packed anew.

libavif refuses, among others, files with two ``ipma`` boxes, and alpha without a size of its own. The coded picture and
its alpha are found through the boxes of ISO/IEC 14496-12 (8.11) and 23008-12, and written into a new file that has
nothing but them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

# What a still picture needs of its properties; others, such as the timing of a sequence, are left behind.
_KEPT = frozenset({b"ispe", b"pixi", b"av1C", b"colr", b"auxC", b"irot", b"imir", b"clap", b"pasp"})
_MOST_BOXES = 1024


@dataclass(slots=True)
class _Item:
    """One coded picture: its data and its property boxes with their essential flag."""

    data: bytes = b""
    properties: list[tuple[bytes, bytes, bool]] = field(default_factory=list)


def repacked(data: bytes) -> bytes | None:
    """Return a plain AVIF of the primary picture, with its alpha, or None where there is no such picture in it."""
    try:
        meta = _child(data, 0, len(data), b"meta")
        if meta is None:
            return None
        start, end = meta[0] + 4, meta[1]
        boxes = {kind: (first, last) for kind, first, last in _boxes(data, start, end)}
        primary = _primary(data, *boxes[b"pitm"])
        kinds = _kinds(data, *boxes[b"iinf"])
        if kinds.get(primary) != b"av01":
            return None  # a grid or another derived picture is put together by its reader
        places = _places(data, *boxes[b"iloc"], boxes.get(b"idat"))
        properties = _properties(data, *boxes[b"iprp"])
        alpha = _alpha_of(data, primary, kinds, properties, boxes.get(b"iref"))
        whole = _Item(places[primary], properties.get(primary, []))
        extra = _Item(places[alpha], properties.get(alpha, [])) if alpha is not None else None
    except (KeyError, IndexError, struct.error, ValueError):
        return None
    if extra is not None and not any(kind == b"ispe" for kind, _, _ in extra.properties):
        extra.properties = [*(each for each in whole.properties if each[0] == b"ispe"), *extra.properties]
    return _packed([whole] + ([extra] if extra else []))


# ---- reading


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, first byte of its content, end) of the boxes in a range."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        first = start + 8
        if size == 1:
            size, first = struct.unpack_from(">Q", data, first)[0], first + 8
        size = size or end - start
        if size < first - start or start + size > end:
            return
        yield kind, first, start + size
        start += size


def _child(data: bytes, start: int, end: int, wanted: bytes) -> tuple[int, int] | None:
    return next(((first, last) for kind, first, last in _boxes(data, start, end) if kind == wanted), None)


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise ValueError("cut off")
    return int.from_bytes(data[at : at + size], "big")


def _primary(data: bytes, start: int, _: int) -> int:
    return _number(data, start + 4, 4 if data[start] else 2)


def _kinds(data: bytes, start: int, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for kind, first, _ in _boxes(data, start + (6 if data[start] == 0 else 8), end):
        if kind == b"infe" and data[first] >= 2:
            size = 2 if data[first] == 2 else 4
            found[_number(data, first + 4, size)] = data[first + 6 + size : first + 10 + size]
    return found


def _places(data: bytes, start: int, _: int, idat: tuple[int, int] | None) -> dict[int, bytes]:
    """Return the data of each item, its extents joined."""
    version = data[start]
    offset_size, length_size = data[start + 4] >> 4, data[start + 4] & 15
    base_size, index_size = data[start + 5] >> 4, data[start + 5] & 15 if version else 0
    id_size = 4 if version == 2 else 2
    count, at = _number(data, start + 6, id_size), start + 6 + id_size
    found: dict[int, bytes] = {}
    for _ in range(min(count, _MOST_BOXES)):
        item, at = _number(data, at, id_size), at + id_size
        method = 0
        if version:
            method, at = _number(data, at, 2) & 15, at + 2
        at += 2  # data reference
        base, at = _number(data, at, base_size), at + base_size
        extents, at = _number(data, at, 2), at + 2
        parts: list[bytes] = []
        for _ in range(min(extents, _MOST_BOXES)):
            at += index_size
            offset, at = _number(data, at, offset_size), at + offset_size
            length, at = _number(data, at, length_size), at + length_size
            begin = base + offset + (idat[0] if method == 1 and idat else 0)
            parts.append(data[begin : begin + length] if length else data[begin:])
        found[item] = b"".join(parts)
    return found


def _properties(data: bytes, start: int, end: int) -> dict[int, list[tuple[bytes, bytes, bool]]]:
    """Return the property boxes of each item, of all ``ipma`` boxes that there are."""
    boxes: list[tuple[bytes, bytes]] = []
    found: dict[int, list[tuple[bytes, bytes, bool]]] = {}
    for kind, first, last in _boxes(data, start, end):
        if kind == b"ipco":
            boxes = [(name, data[begin:stop]) for name, begin, stop in _boxes(data, first, last)]
        if kind != b"ipma":
            continue
        id_size, wide = 4 if data[first] else 2, data[first + 3] & 1
        count, at = _number(data, first + 4, 4), first + 8
        for _ in range(min(count, _MOST_BOXES)):
            item, at = _number(data, at, id_size), at + id_size
            number, at = data[at], at + 1
            for _ in range(number):
                value, at = _number(data, at, 2 if wide else 1), at + (2 if wide else 1)
                essential = bool(value & (0x8000 if wide else 0x80))
                index = value & (0x7FFF if wide else 0x7F)
                if 0 < index <= len(boxes) and boxes[index - 1][0] in _KEPT:
                    found.setdefault(item, []).append((*boxes[index - 1], essential))
    return found


def _alpha_of(
    data: bytes,
    primary: int,
    kinds: dict[int, bytes],
    properties: dict[int, list[tuple[bytes, bytes, bool]]],
    iref: tuple[int, int] | None,
) -> int | None:
    if iref is None:
        return None
    size = 4 if data[iref[0]] else 2
    for kind, first, _ in _boxes(data, iref[0] + 4, iref[1]):
        item, count = _number(data, first, size), _number(data, first + size, 2)
        targets = [_number(data, first + size + 2 + size * each, size) for each in range(count)]
        is_alpha = any(name == b"auxC" and b"alpha" in body for name, body, _ in properties.get(item, []))
        if kind == b"auxl" and primary in targets and kinds.get(item) == b"av01" and is_alpha:
            return item
    return None


# ---- writing


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _packed(items: list[_Item]) -> bytes:
    """Return a file with these pictures: the first one, then its alpha."""
    brands = b"avif", struct.pack(">I", 0), b"avif", b"mif1", b"miaf"
    head = _box(b"ftyp", *brands)
    size = len(_meta(items, 0))
    return head + _meta(items, len(head) + size + 8) + _box(b"mdat", *(item.data for item in items))


def _meta(items: list[_Item], offset: int) -> bytes:
    handler = _box(b"hdlr", bytes(8), b"pict", bytes(13))
    primary = _box(b"pitm", bytes(4), struct.pack(">H", 1))
    places, names, unique, owned = b"", b"", [], b""
    for number, item in enumerate(items, 1):
        places += struct.pack(">HHHII", number, 0, 1, offset, len(item.data))
        offset += len(item.data)
        names += _box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), b"av01", b"\0")
        marks = b""
        for kind, body, essential in item.properties:
            if (kind, body) not in unique:
                unique.append((kind, body))
            marks += bytes([(unique.index((kind, body)) + 1) | (0x80 if essential else 0)])
        owned += struct.pack(">HB", number, len(marks)) + marks
    location = _box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", len(items)), places)
    info = _box(b"iinf", bytes(4), struct.pack(">H", len(items)), names)
    references = (
        _box(b"iref", bytes(4), _box(b"auxl", struct.pack(">HHH", 2, 1, 1))) if len(items) > 1 else b""
    )
    boxes = _box(b"ipco", *(_box(kind, body) for kind, body in unique))
    properties = _box(b"iprp", boxes, _box(b"ipma", bytes(4), struct.pack(">I", len(items)), owned))
    return _box(b"meta", bytes(4), handler, primary, location, info, references, properties)
