"""Text files that are not UTF-8: one encoding for a folder or a file, told from many of its texts together.

A single short caption is guessed wrong more often than right, so the bytes of many are judged at once: each of a few
encodings is rated by how much of what it makes of them is everyday writing of its languages. Where none stands out the
text stays doubtful, and only what every one of the encodings reads the same way is taken from it.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Enough to judge by: more bytes do not change the answer, fewer characters are no evidence.
_POOL_BYTES = 65_536
_LEAST_CHARACTERS = 12
_LEAST_SCORE = 0.7
_LEAST_LEAD = 0.06
_WESTERN_SCORE = 0.93
_WESTERN = frozenset("àâäáãåçéèêëíìîïñóòôöõøúùûüýÿßæœÀÂÄÁÃÅÇÉÈÊËÍÌÎÏÑÓÒÔÖÕØÚÙÛÜÝŸÆŒ")
_CENTRAL = frozenset("ąćęłńóśźżáčéěířšúůýžĄĆĘŁŃÓŚŹŻÁČÉĚÍŘŠÚŮÝŽ")
_QUOTES = frozenset("“”‘’„‚–—…«»€™°·•")
_RUN = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the encoding that it was read with, and whether that encoding is doubtful.

    Of a doubtful text only the ASCII pieces between commas and line ends are there; ``lost`` counts the others.
    """

    text: str
    encoding: str = "utf-8"
    doubtful: bool = False
    lost: int = 0


@dataclass(slots=True)
class Encoding:
    """Decodes the texts of one folder or file: UTF-8 first, else ``configured``, else what their pool tells.

    Each pool gives further texts, of the same folder first and then of its surroundings; they are asked once, one
    after the other until they tell an encoding, when the first text is no UTF-8.
    """

    configured: str = ""
    pools: tuple[Callable[[], Iterable[bytes]], ...] = ()
    used: Counter[str] = field(default_factory=Counter)
    _told: str | None = None

    def decode(self, data: bytes) -> Decoded:
        """Return the text of some bytes; never a replacement character for what could not be read."""
        found = self._decode(data)
        self.used["doubtful" if found.doubtful else found.encoding] += 1
        return found

    def _decode(self, data: bytes) -> Decoded:
        plain = unicode_text(data)
        if plain is not None:
            return plain
        if self.configured:
            told = self.configured
        else:
            if self._told is None:
                pools = self.pools or (tuple,)
                self._told = next(
                    (name for pool in pools if (name := tell_encoding(chain([data], pool())))), ""
                )
            told = self._told
        if told:
            try:
                return Decoded(data.decode(told), told)
            except UnicodeDecodeError:
                pass
        return _ascii_pieces(data)


def unicode_text(data: bytes) -> Decoded | None:
    """Return text in UTF-8, or UTF-16 and UTF-32 with or without a byte order mark; None for other bytes."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            try:
                return Decoded(data.decode(name), name)
            except UnicodeDecodeError:
                return None
    if b"\0" in data[:4096] and len(data) > 3:
        # Text in UTF-16 has a zero beside every ASCII letter, always on the same side.
        even, odd = data[0:4096:2].count(0), data[1:4096:2].count(0)
        half = min(len(data), 4096) // 2
        name = "utf-16-le" if odd > 0.3 * half and even < 0.05 * half else "utf-16-be"
        if name == "utf-16-le" or (even > 0.3 * half and odd < 0.05 * half):
            try:
                return Decoded(data[: len(data) // 2 * 2].decode(name), name)
            except UnicodeDecodeError:
                return None
    try:
        return Decoded(data.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def tell_encoding(texts: Iterable[bytes]) -> str:
    """Return the one encoding in which these texts are everyday writing, or '' where none stands out clearly."""
    pool = bytearray()
    for data in texts:
        if not data.isascii() and unicode_text(data) is None:
            pool += data + b"\n"
        if len(pool) >= _POOL_BYTES:
            break
    scores: dict[str, float] = {}
    most = 0
    for name, weigh in _WEIGHTS.items():
        try:
            text = bytes(pool).decode(name)
        except UnicodeDecodeError:
            continue
        weights = weigh(text)
        if weights:
            scores[name] = sum(weights) / len(weights)
            most = max(most, len(weights)) if scores[name] >= _LEAST_SCORE else most
    ranked = sorted(scores, key=lambda name: -scores[name])
    if not ranked or scores[ranked[0]] < _LEAST_SCORE or most < _LEAST_CHARACTERS:
        return ""
    # Nearly every letter of the one western code page is a letter of the other; the far more frequent one wins a tie.
    if scores.get("cp1252", 0) >= _WESTERN_SCORE and set(ranked[:2]) <= {"cp1252", "cp1250"}:
        return "cp1252"
    lead = scores[ranked[0]] - (scores[ranked[1]] if len(ranked) > 1 else 0)
    return ranked[0] if lead >= _LEAST_LEAD else ""


def known_encoding(name: str) -> bool:
    """Tell whether an encoding of that name exists."""
    try:
        return bool(codecs.lookup(name)._is_text_encoding)
    except LookupError:
        return False


def _ascii_pieces(data: bytes) -> Decoded:
    # In no encoding of the list is a comma or line end the second byte of a character, so pieces can be told apart.
    pieces = re.split(rb"([,\r\n\t]+)", data)
    lost = sum(not piece.isascii() for piece in pieces)
    kept = b"".join(piece if piece.isascii() else b"" for piece in pieces)
    return Decoded(kept.decode("ascii"), "", True, lost)


# ---- how much of a text is everyday writing, a weight per character that is not ASCII


def _east_asian(text: str, name: str, first: range, letters: Callable[[str], float | None]) -> list[float]:
    """Weigh characters by ``letters``; other ideographs by the lead byte that the encoding gives the common ones."""
    weights = []
    for char in text:
        if char.isascii():
            continue
        own = letters(char)
        if own is None:
            own = 0.85 if char.encode(name, "replace")[0] in first else 0.25
            own = own if "\u4e00" <= char <= "\u9fff" else 0.0
        weights.append(own)
    return weights


def _punctuation(char: str) -> float | None:
    if "\u3000" <= char <= "\u303f" or "\uff01" <= char <= "\uff5e":
        return 0.8
    return None


def _japanese(name: str, first: range) -> Callable[[str], list[float]]:
    def letters(char: str) -> float | None:
        if "\u3041" <= char <= "\u30ff":
            return 1.0
        if "\uff61" <= char <= "\uff9f":
            return 0.1  # half-width kana, what other encodings turn into
        return _punctuation(char)

    def weigh(text: str) -> list[float]:
        weights = _east_asian(text, name, first, letters)
        # Japanese without any kana is rare beyond a few names.
        return weights if weights.count(1.0) > 0.05 * len(weights) else [0.75 * weight for weight in weights]

    return weigh


def _chinese(name: str, first: range) -> Callable[[str], list[float]]:
    def letters(char: str) -> float | None:
        return 0.2 if "\u3041" <= char <= "\u30ff" else _punctuation(char)

    return lambda text: _east_asian(text, name, first, letters)


def _korean(text: str) -> list[float]:
    def letters(char: str) -> float | None:
        if "\uac00" <= char <= "\ud7a3":
            # The 2 350 syllables of KS X 1001; the 8 822 others hardly ever occur.
            return 0.95 if char.encode("cp949", "replace")[0] >= 0xB0 else 0.05
        return _punctuation(char) or 0.1

    return [letters(char) or 0.0 for char in text if not char.isascii()]


def _latin(common: frozenset[str]) -> Callable[[str], list[float]]:
    def weigh(text: str) -> list[float]:
        weights: list[float] = []
        for run in _RUN.finditer(text):
            before = text[run.start() - 1 : run.start()].isalpha()
            after = text[run.end() : run.end() + 1].isalpha()
            # Letters with marks stand singly or in pairs inside words of plain letters.
            good = len(run.group()) <= 2 and (before or after)
            for char in run.group():
                if char in _QUOTES:
                    weights.append(0.9)
                else:
                    weights.append((1.0 if good else 0.2) if char in common else 0.0)
        return weights

    return weigh


def _cyrillic(text: str) -> list[float]:
    weights: list[float] = []
    for run in _RUN.finditer(text):
        word = run.group()
        letters = [char for char in word if "\u0400" <= char <= "\u045f"]
        # A word of some length, in small letters but for its first one: KOI8 and cp1251 have them the other way round.
        good = len(letters) > 2 and "".join(letters[1:]).islower()
        for char in word:
            if char in _QUOTES:
                weights.append(0.9)
            else:
                weights.append(
                    (1.0 if good else 0.4) if "\u0410" <= char <= "\u044f" or char in "ёЁ" else 0.0
                )
    return weights


_WEIGHTS: dict[str, Callable[[str], list[float]]] = {
    "cp932": _japanese("cp932", range(0x88, 0x98)),
    "euc_jp": _japanese("euc_jp", range(0xB0, 0xD0)),
    "gb18030": _chinese("gb18030", range(0xB0, 0xD8)),
    "big5": _chinese("big5", range(0xA4, 0xC7)),
    "cp949": _korean,
    "cp1252": _latin(_WESTERN),
    "cp1250": _latin(_CENTRAL),
    "cp1251": _cyrillic,
    "koi8_r": _cyrillic,
}
"""Encodings that are told apart, each with its weights; cp932 is Shift-JIS as Windows writes it, gb18030 holds GBK."""
