"""Lists that a table carries as text: JSON, and what Python and numpy print.

CSV files written by pandas hold ``"['1girl', 'blonde hair']"``, tuples, sets, ``{'1girl': 0.99}`` or, from numpy
arrays, ``['1girl' 'blonde hair']`` without commas. All of them are read by one tokenizer, so that no tag keeps a
quote or a bracket of the notation.
"""

from __future__ import annotations

import ast
import json
import re

_CLOSING = {"[": "]", "(": ")", "{": "}"}
# array(...), np.array(...), Index(...), set(...): names that Python prints in front of the list itself.
_WRAPPER = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:array|Index|Series|list|tuple|set|frozenset|deque|Counter)\(")
_DTYPE = re.compile(r"\s*,\s*(?:dtype|shape|maxlen|length|name)\s*=.*$", re.DOTALL)
_QUOTED = re.compile(r"""[bBuUrR]{0,2}(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)
# numpy 2 prints its scalars as np.str_('1girl').
_SCALAR = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:str_|bytes_|object_|string_)\(\s*")
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_WEIGHT = re.compile(rf"\s*:\s*(?:(?:[A-Za-z_]\w*\.)*float\d*\(\s*)?{_NUMBER}\)?")
_OTHER = re.compile(rf"None|nan|null|\.\.\.|True|False|{_NUMBER}")
_SEPARATOR = re.compile(r"[\s,]+")


def written_list(text: str) -> list[str] | None:
    """Return the strings of a list written as text, in order, or None where the text is no such list.

    Of a mapping these are the keys (``{'1girl': 0.99}`` as taggers print it). An empty list gives ``[]``. Numbers,
    None and the dots with which numpy shortens a long array are left out.
    """
    inner = _inside(text)
    if inner is None:
        return None
    if not inner.strip():
        return []
    found: list[str] = []
    at = 0
    quoted = False
    while at < len(inner):
        if gap := _SEPARATOR.match(inner, at):
            at = gap.end()
            continue
        scalar = _SCALAR.match(inner, at)
        start = scalar.end() if scalar else at
        if token := _QUOTED.match(inner, start):
            found.append(_value(token.group()))
            quoted = True
            at = token.end()
            if scalar:
                if inner[at : at + 1] != ")":
                    return None
                at += 1
            if weight := _WEIGHT.match(inner, at):
                at = weight.end()
        elif other := _OTHER.match(inner, at):
            at = other.end()
        else:
            return None
        if at < len(inner) and not _SEPARATOR.match(inner, at):
            return None
    return found if quoted else None


def _inside(text: str) -> str | None:
    """Return what stands between the outer brackets, or None where there are none."""
    text = text.strip()
    if wrapper := _WRAPPER.match(text):
        if not text.endswith(")"):
            return None
        text = _DTYPE.sub("", text[wrapper.end() : -1]).strip()
        if not text:
            return ""
    if len(text) < 2 or _CLOSING.get(text[0]) != text[-1]:
        return None
    inner = text[1:-1].strip()
    # Another level, as of array([['a' 'b']]) or [('a', 'b')]: the strings are what counts.
    while len(inner) >= 2 and _CLOSING.get(inner[0]) == inner[-1] and _QUOTED.search(inner) and _whole(inner):
        inner = inner[1:-1].strip()
    starts = _SCALAR.match(inner) or _QUOTED.match(inner) or _OTHER.match(inner)
    return inner if not inner or starts else None


def _whole(text: str) -> bool:
    """Tell whether the first bracket is closed by the last one, strings apart."""
    bare = _QUOTED.sub("", text)
    depth = 0
    for place, char in enumerate(bare):
        depth += (char in "[({") - (char in "])}")
        if depth == 0:
            return place == len(bare) - 1
    return False


def _value(token: str) -> str:
    if token.startswith('"'):
        try:
            return str(json.loads(token))
        except ValueError:
            pass
    try:
        value = ast.literal_eval(token)
    except (ValueError, SyntaxError):
        return token.strip("'\"")
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
