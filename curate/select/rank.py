"""The language of ranks: arithmetic over columns and percentiles, checked before anything is read.

Numbers, names of columns, + - * /, brackets, and the functions of FUNCTIONS. Python's own parser reads it; whatever
else it understood is refused by name, so that a rank can neither call nor reach anything.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from schema.arrays import Floats64
from schema.errors import SettingsError
from schema.near import did_you_mean

MAX_CHARACTERS = 2000
MAX_DEPTH = 40
MAX_PARTS = 300

TAKES = (
    "A rank takes numbers, columns, + - * /, brackets, percentile(x), min(x, y), max(x, y), abs(x), log(x), "
    "and known(x, y), which is y where x is not known."
)


@dataclass(frozen=True, slots=True)
class Rank:
    """A checked expression and the columns that it names, in the order of their first use."""

    text: str
    tree: ast.expr
    columns: tuple[str, ...]


def parse_rank(text: str) -> Rank:
    """Return the rank that a text means; raises SettingsError that says what is not understood, and what is."""
    text = " ".join(text.split())
    if len(text) > MAX_CHARACTERS:
        raise SettingsError(
            f"select.rank has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read", TAKES
        )
    depth = deepest = signs = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        signs = signs + 1 if letter in "-+ " else 0
        deepest = max(deepest, depth, signs)
    if deepest > MAX_DEPTH:
        raise SettingsError(f"select.rank is nested {deepest} deep; at most {MAX_DEPTH} are read", TAKES)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise SettingsError(f"select.rank is not valid: {_shown(text)}", TAKES) from None
    if sum(1 for _ in ast.walk(tree)) > MAX_PARTS:
        raise SettingsError(f"select.rank has more than {MAX_PARTS} parts", TAKES)
    columns: dict[str, None] = {}
    _check(tree, columns)
    return Rank(text, tree, tuple(columns))


def scores(rank: Rank, values: Mapping[str, Floats64]) -> Floats64:
    """Return the value of a rank for each item, float64 [n]; NaN where it is not known. ``values`` go by column."""
    size = len(next(iter(values.values()))) if values else 0
    with np.errstate(all="ignore"):
        result = np.asarray(_value(rank.tree, values), np.float64)
    found = np.broadcast_to(result, (size,)).copy()
    found[~np.isfinite(found)] = np.nan
    return found


def percentile(values: Floats64) -> Floats64:
    """Return the share of known values that lie below each one, equal ones counted half; NaN stays NaN."""
    known = ~np.isnan(values)
    distinct, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    if not len(distinct):
        return values
    below = np.cumsum(counts) - counts
    share = (below + counts / 2) / counts.sum()
    found = np.full(len(values), np.nan)
    found[known] = share[place.ravel()]
    return found


def _known(value: Any, otherwise: Any) -> Any:
    return np.where(np.isnan(value), otherwise, value)


def _log(value: Any) -> Any:
    return np.log(value)


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "percentile": (1, lambda value: percentile(np.atleast_1d(np.asarray(value, np.float64)))),
    "min": (2, np.fmin),
    "max": (2, np.fmax),
    "abs": (1, np.abs),
    "log": (1, _log),
    "known": (2, _known),
}
"""Functions by name, with how many arguments each takes."""

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


def _check(node: ast.AST, columns: dict[str, None]) -> None:
    match node:
        case ast.Constant(value=bool()):
            raise _refused(node)
        case ast.Constant(value=int() | float() as value):
            if abs(value) > 1e300 or not math.isfinite(value):
                raise _refused(node)
        case ast.Name() | ast.Attribute(value=ast.Name()):
            columns[_name(node)] = None
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, columns)
        case ast.BinOp(op=operator, left=left, right=right) if type(operator) in _OPERATORS:
            _check(left, columns)
            _check(right, columns)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            if name not in FUNCTIONS:
                guess = did_you_mean(name, FUNCTIONS)
                raise SettingsError(f"select.rank: there is no function {_shown(name)}{guess}", TAKES)
            count = FUNCTIONS[name][0]
            if len(arguments) != count:
                raise SettingsError(
                    f"select.rank: {name} takes {count}, and was given {len(arguments)}", TAKES
                )
            for argument in arguments:
                _check(argument, columns)
        case _:
            raise _refused(node)


def _value(node: ast.AST, values: Mapping[str, Floats64]) -> Any:
    match node:
        case ast.Constant(value=value):
            return float(value)  # type: ignore[arg-type]  # numbers alone pass the check
        case ast.UnaryOp(op=operator, operand=operand):
            value = _value(operand, values)
            return -value if isinstance(operator, ast.USub) else value
        case ast.BinOp(op=operator, left=left, right=right):
            return _OPERATORS[type(operator)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name][1](*(_value(argument, values) for argument in arguments))
    return values[_name(node)]


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    assert isinstance(node, ast.Name)
    return node.id


def _refused(node: ast.AST) -> SettingsError:
    return SettingsError(f"select.rank cannot hold {_shown(ast.unparse(node))}", TAKES)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]} ...")
