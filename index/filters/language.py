"""The language of filters: what is taken, how much of it, and the tree it becomes.

A filter is SQL's own conditions and nothing more: comparison, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL and has().
sqlglot reads it; whatever else it understood is refused by name. Length, terms and depth are counted on the tokens
first, because a parser and an engine that recurse can be made to exhaust stack or memory by a long expression.
Negation is pushed down to the conditions, so a missing value (NULL) never matches one, negated or not, as in SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from schema.errors import FilterError

MAX_CHARACTERS = 100_000
MAX_TOKENS = 20_000
"""Enough for a list of some ten thousand ids in one IN."""
MAX_CONDITIONS = 500
MAX_DEPTH = 40

TAKES = "A filter takes =, !=, <, <=, >, >=, AND, OR, NOT, IN (...), BETWEEN, LIKE, IS NULL and has(column, 'value')."

Literals: TypeAlias = str | int | float | bool
Kind: TypeAlias = Literal["compare", "in", "between", "like", "null", "true"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column.

    ``kind`` 'compare' has an ``operator`` and one value, or another column in ``other``; 'in' and 'between' have
    values; 'like' a pattern (``operator`` LIKE or ILIKE); 'null' and 'true' (a boolean column by itself) none.
    """

    column: str
    kind: Kind
    operator: str = ""
    values: tuple[Literals, ...] = ()
    other: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by AND (``every``) or OR."""

    every: bool
    parts: tuple[Tree, ...]


Tree: TypeAlias = "Condition | Joined"

_QUOTED = re.compile(r"'(?:[^']|'')*'|`([^`\"]*)`")
_OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def parse_filter(where: str, negated: bool = False) -> Tree:
    """Return the tree of a filter, or of its opposite; raises FilterError that says what is not understood."""
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    _check_size(where)
    try:
        parsed = parse_one(_plain_quotes(where), into=exp.Condition, dialect="postgres")
    except SqlglotError as error:
        raise FilterError(f"the filter {_shown(where)} is not valid: {_complaint(error)}", TAKES) from None
    except RecursionError:
        raise FilterError(f"the filter {_shown(where)} is nested too deeply", TAKES) from None
    return _tree(parsed, negated)


def conditions_of(tree: Tree) -> list[Condition]:
    """Return the conditions of a tree, from left to right."""
    if isinstance(tree, Condition):
        return [tree]
    return [condition for part in tree.parts for condition in conditions_of(part)]


def map_conditions(tree: Tree, change: Any) -> Tree:
    """Return the tree with every condition replaced by ``change(condition)``, itself a tree."""
    if isinstance(tree, Condition):
        changed: Tree = change(tree)
        return changed
    return Joined(tree.every, tuple(map_conditions(part, change) for part in tree.parts))


def _check_size(where: str) -> None:
    from sqlglot import tokenize
    from sqlglot.errors import SqlglotError

    if not where.strip():
        raise FilterError("the filter is empty", TAKES)
    if len(where) > MAX_CHARACTERS:
        raise FilterError(f"the filter has {len(where):,} characters; at most {MAX_CHARACTERS:,} are read")
    try:
        tokens = tokenize(_plain_quotes(where), dialect="postgres")
    except SqlglotError:
        raise FilterError(f"the filter {_shown(where)} has a quote that is not closed", TAKES) from None
    if len(tokens) > MAX_TOKENS:
        raise FilterError(f"the filter has {len(tokens):,} words; at most {MAX_TOKENS:,} are read")
    depth = deepest = conditions = nots = 0
    for token in tokens:
        text = token.text.upper()
        depth += (text == "(") - (text == ")")
        nots = nots + 1 if text == "NOT" else 0
        deepest = max(deepest, depth, nots)
        conditions += text in ("AND", "OR")
        if text == ";":
            raise FilterError(f"the filter {_shown(where)} holds a ';': one expression is all that is taken")
    if deepest > MAX_DEPTH:
        raise FilterError(f"the filter is nested {deepest} deep; at most {MAX_DEPTH} are read")
    if conditions >= MAX_CONDITIONS:
        raise FilterError(
            f"the filter joins {conditions + 1:,} conditions; at most {MAX_CONDITIONS} are read",
            "Many values of one column fit into one IN (...).",
        )


def _tree(node: Any, negated: bool) -> Tree:
    from sqlglot import exp

    if isinstance(node, exp.Paren):
        return _tree(node.this, negated)
    if isinstance(node, exp.Not):
        return _tree(node.this, not negated)
    if isinstance(node, (exp.And, exp.Or)):
        every = isinstance(node, exp.And) != negated
        parts: list[Tree] = []
        for side in _flattened(node):
            part = _tree(side, negated)
            parts += part.parts if isinstance(part, Joined) and part.every == every else (part,)
        return Joined(every, tuple(parts))
    return _condition(node, negated != bool(node.args.get("negate")))


def _flattened(node: Any) -> list[Any]:
    """Return the parts of a chain of one operator; a loop, since such a chain is as deep as it is long."""
    kind, waiting, parts = type(node), [node], []
    while waiting:
        part = waiting.pop()
        if type(part) is kind:
            waiting += [part.expression, part.this]
        else:
            parts.append(part)
    return parts


def _condition(node: Any, negated: bool) -> Condition:
    from sqlglot import exp

    operators = {exp.EQ: "=", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
    kind = type(node)
    if kind in operators:
        return _comparison(node, operators[kind], negated)
    if kind is exp.Column:
        return Condition(_column(node), "true", negated=negated)
    if kind is exp.In and node.expressions and not node.args.get("query"):
        values = tuple(_literal(each) for each in node.expressions)
        return Condition(_column(node.this), "in", "in", values, negated=negated)
    if kind is exp.Between:
        values = (_literal(node.args["low"]), _literal(node.args["high"]))
        return Condition(_column(node.this), "between", "between", values, negated=negated)
    if kind in (exp.Like, exp.ILike):
        pattern = _literal(node.expression)
        if not isinstance(pattern, str):
            raise _refused(node)
        operator = "LIKE" if kind is exp.Like else "ILIKE"
        return Condition(_column(node.this), "like", operator, (pattern,), negated=negated)
    if kind is exp.Is and isinstance(node.expression, exp.Null):
        return Condition(_column(node.this), "null", negated=negated)
    if kind is exp.Is and isinstance(node.expression, exp.Boolean):
        return _comparison(exp.EQ(this=node.this, expression=node.expression), "=", negated)
    if kind is exp.ArrayContains:
        return Condition(_column(node.this), "in", "has", (_literal(node.expression),), negated=negated)
    if kind is exp.Anonymous and str(node.this).lower() == "has" and len(node.expressions) == 2:
        column, value = node.expressions
        return Condition(_column(column), "in", "has", (_literal(value),), negated=negated)
    raise _refused(node)


def _comparison(node: Any, operator: str, negated: bool) -> Condition:
    from sqlglot import exp

    left, right = node.this, node.expression
    if isinstance(right, exp.Column) and not isinstance(left, exp.Column):
        left, right, operator = right, left, _MIRRORED[operator]
    if isinstance(left, exp.Null) or isinstance(right, exp.Null):
        raise FilterError(f"{node.sql()} is never true", "Write: column IS NULL, or: column IS NOT NULL")
    operator = _OPPOSITE[operator] if negated else operator
    if isinstance(right, exp.Column):
        # What the column of a comparison is called is not known here: "male" in double quotes may be meant as a value.
        found = Condition(_column(left), "compare", operator, other=_column(right))
        return replace(found, values=(right.name,)) if right.this.quoted else found
    return Condition(_column(left), "compare", operator, (_literal(right),))


def _column(node: Any) -> str:
    from sqlglot import exp

    if not isinstance(node, exp.Column) or node.args.get("db"):
        raise _refused(node)
    return f"{node.table}.{node.name}" if node.table else str(node.name)


def _literal(node: Any) -> Literals:
    from sqlglot import exp

    if isinstance(node, exp.Paren):
        return _literal(node.this)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        value = _literal(node.this)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value
    if isinstance(node, exp.Literal):
        if node.is_string:
            return str(node.this)
        text = str(node.this)
        try:
            return int(text) if text.isdecimal() else float(text)
        except ValueError:
            pass
    raise _refused(node)


def _refused(node: Any) -> FilterError:
    return FilterError(f"a filter cannot hold {_shown(node.sql())}", TAKES)


def _complaint(error: Exception) -> str:
    found = getattr(error, "errors", None) or [{}]
    near = str(found[0].get("highlight") or "").strip()
    return f"it is not understood at {near!r}" if near else "a part is missing or not closed"


def _plain_quotes(where: str) -> str:
    """Return a filter with names in double quotes where backticks stand round them, strings as they are."""
    return _QUOTED.sub(lambda match: f'"{match[1]}"' if match[1] is not None else match[0], where)


def _shown(where: str) -> str:
    return repr(where if len(where) <= 120 else f"{where[:120]} ...")
