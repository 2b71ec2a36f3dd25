"""Tags as people write them, turned into canonical ones: lower case, underscores, no weights, no escapes.

Captions are read in the forms that trainers, boorus and dumps use: comma lists, space lists with underscores, lists
written as text, prompt weights such as ``(tag:1.2)``, escaped brackets, namespaces such as ``character:name``, and
prose, which is told from tags and kept as text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from schema.tags import namespaces
from schema.tags.faces import FACES, is_face
from schema.tags.lists import written_list

_LORA = re.compile(r"<\s*(?:lora|lyco|hypernet|loha|ti)\s*:[^<>]*>", re.IGNORECASE)
_WEIGHT = re.compile(r"\s*:\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*$")
_BARE_WEIGHT = re.compile(r"(?<=\w)\s*:\s*\d*\.\d+\s*$")
_COUNT = re.compile(r"(\d+\+?|multiple_?)(girl|boy|other)s?|solo")
_WRITTEN_COUNT = re.compile(
    r"(\d+\+?|one|two|three|four|five|six|multiple)[ _-]*(girl|boy|other)s?", re.IGNORECASE
)
_NUMBERS = {"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
# Commas of three scripts; kohya's ||| (kept tokens end here) and ;;; (glued tags) separate as well.
_SEPARATORS = re.compile(r"[,\n\r\t\u3001\uff0c\u060c]|\s*\|\|\|(?!\S*_)\s*|;;;|;\s")
_ESCAPED = {"\\(": "\ue000", "\\)": "\ue001", "\\[": "\ue002", "\\]": "\ue003"}  # stand-ins, private use area
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_OPENING = {closing: opening for opening, closing in _PAIRS.items()}
_QUOTES = {
    '"': '"',
    "'": "'",
    "`": "`",
    "\u201c": "\u201d",
    "\u2018": "\u2019",
    "\u300c": "\u300d",
    "\u00ab": "\u00bb",
}
_SENTENCE = re.compile(r"(?<=[^\W\d_]{2})[.!?]+\s+(?=[^\W\d_a-z])")
# A full stop that ends a list; abbreviations keep theirs.
_LIST_END = re.compile(r"(?<![^\s_])([^\W\d_][^.\s_]{2,})\.$")
_ABBREVIATIONS = frozenset("bros inc mrs etc ltd vol corp".split())
_NOTHING = re.compile(r"""[()\[\]{}"'`\s_,;]*""")  # brackets and quotes of which the tag is gone
_LEADING = frozenset(
    "a an the this that these those she he it they there her his their two three photo image".split()
)
_GRAMMAR = frozenset("a an the is are was were has have with who which while and wearing".split())


@dataclass(slots=True)
class Tags:
    """Canonical tags in order, those with a category also under it; ``rating`` and ``fields`` are no tags."""

    tags: dict[str, None] = field(default_factory=dict)
    by_category: dict[str, dict[str, None]] = field(default_factory=dict)
    rating: str = ""
    fields: dict[str, str] = field(default_factory=dict)

    def add(self, tag: str, category: str = "") -> None:
        """Take one canonical tag; an empty one is nothing."""
        if tag:
            self.tags.setdefault(tag)
            if category and category != namespaces.GENERAL:
                self.by_category.setdefault(category, {}).setdefault(tag)

    def update(self, other: Tags) -> None:
        """Take everything that another set says; a rating or field that is known stays."""
        for tag in other.tags:
            self.tags.setdefault(tag)
        for category, tags in other.by_category.items():
            self.by_category.setdefault(category, {}).update(tags)
        self.rating = self.rating or other.rating
        self.fields = {**other.fields, **self.fields}


def parse_tags(value: str | Iterable[str] | None) -> list[str]:
    """Return canonical tags: lower case, underscores, no weights, escapes, blanks or repeats, order kept.

    A string is split at commas, semicolons and line ends or, where it has none, at spaces if its words look like
    tags (an underscore, or a count such as ``1girl``). Of a list every element may itself hold commas.
    """
    return list(read_tags(value).tags)


def read_tags(value: str | Iterable[str] | None, category: str = "") -> Tags:
    """Return what ``parse_tags`` returns, by category where namespaces or ``category`` name one."""
    found = Tags()
    if value is None:
        return found
    if isinstance(value, str):
        pieces = _split(value)
    else:
        pieces = [piece for part in value if part for piece in _elements(str(part))]
    for piece in pieces:
        _take(found, piece, category)
    return found


def _take(found: Tags, piece: str, category: str = "") -> None:
    own, namespace, rest = _read_piece(piece)
    if own == namespaces.RATING:
        found.rating = found.rating or rest
    elif own == namespaces.FIELD:
        found.fields.setdefault(namespace, rest)
    else:
        found.add(rest, own or category)


@lru_cache(maxsize=65_536)
def _read_piece(piece: str) -> tuple[str, str, str]:
    """Return (category, namespace, tag or value) of one piece; a collection repeats its tags many times."""
    category, namespace, rest = namespaces.split_namespace(piece)
    if category == namespaces.RATING:
        return category, namespace, rest.strip(" ()[]{}\"'").lower()
    if category == namespaces.FIELD:
        return category, namespace, rest.strip()
    return category, namespace, canonical_tag(rest)


def canonical_tag(piece: str) -> str:
    """Return one tag in canonical form, or an empty string where nothing is left of it."""
    text = _LORA.sub("", html.unescape(piece) if "&" in piece else piece).strip()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        # Zero-width joiners and the like are invisible and make two tags of one.
        text = "".join(c for c in text if c.isprintable() or c.isspace()).strip()
    elif not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c.isspace()).strip()
    if not text or text in ("BREAK", "AND"):
        return ""
    bare = text if text.lower() in FACES else _bare(text)
    if bare.lower() in FACES or not is_face(text):
        text = bare  # a face that is not in the list keeps what looks like brackets
    if count := _WRITTEN_COUNT.fullmatch(text):
        number, noun = count.group(1).lower(), count.group(2).lower()
        number = _NUMBERS.get(number, number)
        joint = "_" if number == "multiple" else ""
        return f"{number}{joint}{noun}{'' if number == '1' else 's'}"
    if _NOTHING.fullmatch(text) and text not in FACES:
        return ""
    tag = re.sub(r"[\s_]+", "_", text.lower())
    # Underscores at the ends are stray, unless they belong to a face such as _(:3_
    return tag if is_face(tag) else tag.strip("_")


def _bare(text: str) -> str:
    """Return a tag without escapes, quotes round it, prompt brackets and weights."""
    for escaped, stand_in in _ESCAPED.items():
        text = text.replace(escaped, stand_in)
    text = _unwrap(text)
    if face := _known_face(text):
        return face
    return re.sub(r"\\(?=[^\w\s\\]|\s|$)", "", _with(text, 1))


def _with(text: str, start: int) -> str:
    """Return text with the brackets that the stand-ins are for: with their backslashes (0) or without (1)."""
    for escaped, stand_in in _ESCAPED.items():
        text = text.replace(stand_in, escaped[start:])
    return text


def _known_face(text: str) -> str:
    """Return the face that a text with stand-ins is, escaped or not, or an empty string."""
    return next((form for start in (0, 1) if (form := _with(text, start).strip()).lower() in FACES), "")


def parse_caption(caption: str) -> tuple[list[str], str]:
    """Return (tags, text) of a caption file, line by line: a list of tags, a description, or one after the other."""
    found, text = read_caption(caption)
    return list(found.tags), text


def read_caption(caption: str) -> tuple[Tags, str]:
    """Return what ``parse_caption`` returns, the tags by category where namespaces name one."""
    found = Tags()
    listed = written_list(caption)
    if listed is not None:
        found.update(read_tags(listed))
        return found, ""
    texts: list[str] = []
    for raw in caption.replace("\r", "\n").split("\n"):
        line = _LORA.sub("", raw).strip().strip("\ufeff")
        if not line:
            continue
        tags, text = _caption_line(line)
        found.update(tags)
        if text:
            texts.append(text)
    return found, "\n".join(texts)


def looks_like_tags(text: str) -> bool:
    """Tell whether a text is a list of tags and not a description: several pieces, none of them prose."""
    tags, prose = read_caption(text)
    return len(tags.tags) > 1 and not prose


def _caption_line(line: str) -> tuple[Tags, str]:
    pieces = [piece.strip() for piece in _pieces(line) if piece.strip()]
    if len(pieces) <= 1:
        words = line.strip(" ,;").split()
        if space_separated(words):
            return read_tags(words), ""
        prose = len(words) > 4 or _prose(line) or line.endswith((".", "!", "?"))
        return (Tags(), line) if prose and not is_face(line) else (read_tags([line]), "")
    ending = _SENTENCE.search(line)
    if ending is not None:
        # A tag list that ends with a full stop, and sentences behind it.
        before = [piece.strip() for piece in _pieces(line[: ending.start()]) if piece.strip()]
        if len(before) > 1 and not any(_prose(piece) for piece in before):
            return read_tags(before), line[ending.end() :].strip()
    prose_pieces = [_prose(piece) for piece in pieces]
    if prose_pieces[0] or sum(prose_pieces) > 0.4 * len(pieces):
        return Tags(), line
    # A tag list with a sentence behind it; long titles such as a game's name stay tags.
    texts = [
        piece
        for piece, prose in zip(pieces, prose_pieces, strict=True)
        if prose and (len(piece.split()) > 8 or piece[-1] == ".")
    ]
    tags = [piece for piece in pieces if piece not in texts]
    if tags and tags[-1] == pieces[-1]:
        tags[-1] = _without_end(tags[-1])
    return read_tags(tags), ", ".join(texts)


def _without_end(piece: str) -> str:
    """Drop the full stop that ends a list of tags; it belongs to no tag."""
    ending = _LIST_END.search(piece)
    if ending is None or ending.group(1).lower() in _ABBREVIATIONS or piece.count(".") > 1:
        return piece
    return piece[:-1]


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
    listed = written_list(text)
    if listed is not None:
        return [piece for part in listed for piece in _elements(part)]
    pieces = _pieces(text)
    filled = [place for place, piece in enumerate(pieces) if piece.strip()]
    if len(pieces) > 1:
        if len(filled) > 1:
            pieces[filled[-1]] = _without_end(pieces[filled[-1]])
        return pieces
    words = text.split()
    return words if space_separated(words) else [text]


def _elements(part: str) -> list[str]:
    """Return the pieces of one element of a list, which may itself be a list written as text."""
    listed = written_list(part)
    return [piece for one in listed for piece in _pieces(one)] if listed is not None else _pieces(part)


def _pieces(text: str) -> list[str]:
    # ";)" and "><;" are faces; a lone semicolon separates only where a space follows it.
    pieces = _SEPARATORS.split(text)
    if len(pieces) == 1 and ";" in text and _semicolon_list(text):
        pieces = text.split(";")
    return [one for piece in pieces for one in (_choices(piece) if "|" in piece else (piece,))]


def _semicolon_list(text: str) -> bool:
    """Tell ``1girl;solo;long hair`` from a title such as ``steins;gate``."""
    parts = [part.strip() for part in text.split(";")]
    if any(is_face(part) for part in parts if part) or any(is_face(word) for word in text.split()):
        return False
    filled = [part for part in parts if part]
    counted = any(_COUNT.fullmatch(part.lower()) for part in filled)
    return (
        len(filled) > 2 or counted or (len(filled) > 1 and all(re.search(r"[\s_]", part) for part in filled))
    )


def _choices(piece: str) -> list[str]:
    """Return the sides of ``a|b`` and ``{a|b}``, any of which describes the picture; faces stay whole."""
    sides = piece.strip().strip("{}").split("|")
    if not all(re.search(r"[^\W_]{2}", side) for side in sides if side.strip()):
        return [piece]
    return sides


def space_separated(words: Sequence[str]) -> bool:
    """Tell whether words are tags with spaces between them: one has an underscore, or is a count such as ``1girl``."""
    if len(words) < 2:
        return False
    joined = any("_" in word.strip("_") and not is_face(word) for word in words)
    return joined or any(_COUNT.fullmatch(word.lower()) for word in words)


def _unwrap(text: str) -> str:
    """Strip quotes, prompt brackets and weights: ((tag)), [tag], {tag}, (tag:1.2), and halves left by a comma inside.

    A face keeps its own brackets: (:d) gives :d, and (o)_(o) stays.
    """
    for _ in range(32):
        before = text
        text = text.strip().strip(",").strip()
        if not text or _known_face(text):
            return text
        first, last = text[0], text[-1]
        if face := _wrapped_face(text):
            return face
        if _PAIRS.get(first) == last and _matches(text):
            text = _WEIGHT.sub("", text[1:-1])
        elif len(text) > 2 and _QUOTES.get(first) == last and _quoted_whole(text):
            text = text[1:-1]
        elif first in _PAIRS and text.count(first) > text.count(_PAIRS[first]):
            text = text[1:]
        elif last in _OPENING and text.count(last) > text.count(_OPENING[last]):
            text = _WEIGHT.sub("", text[:-1])
        if text == before:
            return _BARE_WEIGHT.sub("", text)
    return text


def _wrapped_face(text: str) -> str:
    """Return the known face inside brackets and a weight, which may hold brackets itself, or an empty string."""
    while len(text) > 2 and _PAIRS.get(text[0]) == text[-1]:
        text = text[1:-1]
        for inner in (text, _WEIGHT.sub("", text)):
            if face := _known_face(inner):
                return face
    return ""


def _quoted_whole(text: str) -> bool:
    """Tell whether the quotes at both ends are round the whole: true of ``"a"``, false of ``"a" or "b"``."""
    return not any(quote in text[1:-1] for quote in (text[0], text[-1]))


def _matches(text: str) -> bool:
    """Tell whether the first bracket is closed by the last one: true of ``(a)``, false of ``(a) b (c)``."""
    first, last, depth = text[0], _PAIRS[text[0]], 0
    for place, char in enumerate(text):
        depth += (char == first) - (char == last)
        if depth == 0:
            return place == len(text) - 1
    return False
