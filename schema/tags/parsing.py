"""Tags as people write them, turned into canonical ones: lower case, underscores, no weights, no escapes.

Captions are read in the forms that trainers and dumps use: comma lists, space lists with underscores, prompt
weights such as ``(tag:1.2)``, escaped brackets, and prose, which is told from tags and kept as text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

_LORA = re.compile(r"<\s*(?:lora|lyco|hypernet|loha|ti)\s*:[^<>]*>", re.IGNORECASE)
_WEIGHT = re.compile(r"\s*:\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*$")
_BARE_WEIGHT = re.compile(r"(?<=\w)\s*:\s*\d*\.\d+\s*$")
_COUNT = re.compile(r"(\d+\+?|multiple_?)(girl|boy|other)s?|solo")
_FACE = re.compile(r"[^\s,]{1,4}")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OPEN, _CLOSE = "\ue000", "\ue001"  # stand-ins for escaped brackets, from the private use area
_LEADING = frozenset(
    "a an the this that these those she he it they there her his their two three photo image".split()
)
_GRAMMAR = frozenset("a an the is are was were has have with who which while and wearing".split())


def parse_tags(value: str | Iterable[str] | None) -> list[str]:
    """Return canonical tags: lower case, underscores, no weights, escapes, blanks or repeats, order kept.

    A string is split at commas, semicolons and line ends or, where it has none, at spaces if its words look like
    tags (an underscore, or a count such as ``1girl``). Of a list every element may itself hold commas.
    """
    if value is None:
        return []
    pieces = (
        _split(value) if isinstance(value, str) else [p for part in value if part for p in _pieces(str(part))]
    )
    seen: dict[str, None] = {}
    for piece in pieces:
        tag = canonical_tag(piece)
        if tag:
            seen.setdefault(tag)
    return list(seen)


def canonical_tag(piece: str) -> str:
    """Return one tag in canonical form, or an empty string where nothing is left of it."""
    text = _LORA.sub("", html.unescape(piece) if "&" in piece else piece).strip()
    text = "".join(c for c in text if c.isprintable() or c.isspace()).strip()
    if not text or text in ("BREAK", "AND"):
        return ""
    if not _is_face(text):
        text = _unwrap(text.replace("\\(", _OPEN).replace("\\)", _CLOSE))
        text = text.replace(_OPEN, "(").replace(_CLOSE, ")").replace("\\", "")
    tag = re.sub(r"[\s_]+", "_", text.lower())
    # Underscores at the ends are stray, unless they belong to a face such as _(:3_
    return tag if _is_face(text) else tag.strip("_")


def parse_caption(caption: str) -> tuple[list[str], str]:
    """Return (tags, text) of a caption file, line by line: a list of tags, a description, or one after the other."""
    tags: dict[str, None] = {}
    texts: list[str] = []
    for raw in caption.replace("\r", "\n").split("\n"):
        line = _LORA.sub("", raw).strip().strip("\ufeff")
        if not line:
            continue
        found, text = _caption_line(line)
        tags.update(dict.fromkeys(found))
        if text:
            texts.append(text)
    return list(tags), "\n".join(texts)


def _caption_line(line: str) -> tuple[list[str], str]:
    pieces = [piece.strip() for piece in _pieces(line) if piece.strip()]
    if len(pieces) <= 1:
        words = line.strip(" ,;").split()
        if _space_separated(words):
            return parse_tags(words), ""
        prose = len(words) > 4 or _prose(line) or line.endswith((".", "!", "?"))
        return ([], line) if prose and not _is_face(line) else (parse_tags([line]), "")
    prose_pieces = [_prose(piece) for piece in pieces]
    if prose_pieces[0] or sum(prose_pieces) > 0.4 * len(pieces):
        return [], line
    # A tag list with a sentence behind it; long titles such as a game's name stay tags.
    texts = [
        p
        for p, prose in zip(pieces, prose_pieces, strict=True)
        if prose and (len(p.split()) > 8 or p[-1] == ".")
    ]
    return parse_tags([piece for piece in pieces if piece not in texts]), ", ".join(texts)


def _prose(piece: str) -> bool:
    words = piece.lower().split()
    if len(words) < 2:
        return False
    if words[0] in ("a", "an") or (words[0] in _LEADING and len(words) >= 3):
        return True
    if re.search(r"[a-z]{2}\.\s+[A-Z]", piece):
        return True
    return len(words) >= 6 or (len(words) >= 4 and any(word in _GRAMMAR for word in words))


def _split(text: str) -> list[str]:
    pieces = _pieces(text)
    if len(pieces) > 1:
        return pieces
    words = text.split()
    return words if _space_separated(words) else [text]


def _pieces(text: str) -> list[str]:
    # ";)" and "><;" are faces; a semicolon separates only where a space follows it.
    return re.split(r"[,\n\r\t\u3001\uff0c]|;\s", text)


def _space_separated(words: Sequence[str]) -> bool:
    if len(words) < 2:
        return False
    joined = any("_" in word.strip("_") and not _is_face(word) for word in words)
    return joined or any(_COUNT.fullmatch(word.lower()) for word in words)


def _is_face(text: str) -> bool:
    """Tell faces such as ``:3``, ``;)``, ``^_^`` or ``(o)_(o)`` from words with brackets around them."""
    if re.search(r"[^\W\d_]{2}", text):
        return False
    return bool(_FACE.fullmatch(text)) or bool(re.fullmatch(r"\S{1,4}_\S{1,4}", text))


def _unwrap(text: str) -> str:
    """Strip prompt brackets and weights: ((tag)), [tag], {tag}, (tag:1.2), and halves left by a comma inside."""
    for _ in range(32):
        before = text
        text = text.strip().strip(",").strip()
        if not text:
            return ""
        first, last = text[0], text[-1]
        if first in _PAIRS and last == _PAIRS[first] and _matches(text):
            text = text[1:-1]
            text = _WEIGHT.sub("", text)
        elif first in _PAIRS and text.count(first) > text.count(_PAIRS[first]):
            text = text[1:]
        elif last in ")]}":
            opening = {")": "(", "]": "[", "}": "{"}[last]
            if text.count(last) > text.count(opening):
                text = _WEIGHT.sub("", text[:-1])
        if text == before:
            return _BARE_WEIGHT.sub("", text)
    return text


def _matches(text: str) -> bool:
    """Tell whether the first bracket is closed by the last one: true of ``(a)``, false of ``(a) b (c)``."""
    first, last, depth = text[0], _PAIRS[text[0]], 0
    for place, char in enumerate(text):
        depth += (char == first) - (char == last)
        if depth == 0:
            return place == len(text) - 1
    return False
