"""Learned models as bytes and back: plain arrays and JSON, so that a store never holds code.

Dataclasses are walked by their fields; arrays go into an npz archive under a number, the rest into one JSON tree. A
scorer is stored under its name in SCORER_TYPES; a class of one's own needs a line there, too.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from label.learn.scorer import Scorer
from schema.errors import StoreError
from schema.plugins import plugin

FORMAT = 2
"""Counts up when stored models are laid out differently; those of another format are fitted anew."""
SCORER_TYPES = {
    "knn": "label.learn.knn_scorer:KnnScorer",
    "linear": "label.learn.sources.linear_scorer:LinearScorer",
}
"""Classes of scorers that can be stored, by the names that they are stored under."""
TYPE = "scorer type"

T = TypeVar("T")
Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


def serialise(value: object) -> bytes:
    """Return a nest of dataclasses, tuples, dicts, arrays and plain values as bytes."""
    arrays: dict[str, Array] = {}
    tree = {"format": FORMAT, "value": _flatten(value, arrays)}
    arrays["tree"] = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]  # its stub takes any keyword for a flag
    return out.getvalue()


def deserialise(data: bytes, kind: type[T]) -> T:
    """Return the value of type ``kind`` that ``serialise`` turned into ``data``.

    Raises StoreError for data of another format: models are derived, and the next label run fits them anew.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        tree = json.loads(arrays["tree"].tobytes())
        if not isinstance(tree, dict) or tree.get("format") != FORMAT:
            raise StoreError(
                "the label models of this store were written by another version of Likeness",
                "Run: likeness label --store ...",
            )
        built: T = _build(tree["value"], kind, arrays)
        return built


def _flatten(value: object, arrays: dict[str, Array]) -> object:
    if isinstance(value, np.ndarray):
        # Indicators are zeros and ones mostly: bytes are enough for them.
        small = value.dtype == np.float32 and value.ndim == 2 and bool(np.isin(value, (0, 1)).all())
        name = f"a{len(arrays)}"
        arrays[name] = value.astype(np.uint8) if small else value
        return {"array": name, "dtype": str(value.dtype)}
    if is_dataclass(value) and not isinstance(value, type):
        tree = {field.name: _flatten(getattr(value, field.name), arrays) for field in fields(value)}
        return {TYPE: _scorer_name(value), **tree} if hasattr(value, "projection") else tree
    if isinstance(value, dict):
        return {str(key): _flatten(inner, arrays) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_flatten(inner, arrays) for inner in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _scorer_name(scorer: object) -> str:
    place = f"{type(scorer).__module__}:{type(scorer).__qualname__}"
    name = next((name for name, listed in SCORER_TYPES.items() if listed == place), None)
    if name is None:
        raise StoreError(
            f"{place} is no scorer that can be stored", "Add it to label.learn.serialize.SCORER_TYPES."
        )
    return name


def _build(tree: Any, kind: Any, arrays: Arrays) -> Any:
    if tree is None:
        return None
    if isinstance(tree, dict) and set(tree) == {"array", "dtype"}:
        return arrays[tree["array"]].astype(tree["dtype"], copy=False)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        kind = next(option for option in get_args(kind) if option is not NoneType)
        origin = get_origin(kind)
    if kind is Scorer:
        if tree[TYPE] not in SCORER_TYPES:
            raise StoreError(
                f"the stored models hold a scorer {tree[TYPE]!r}, which this code does not know",
                "Learn anew with: likeness label --full",
            )
        kind = plugin(SCORER_TYPES, tree[TYPE], "stored scorer", "label_models")
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(
            **{name: _build(inner, hints[name], arrays) for name, inner in tree.items() if name != TYPE}
        )
    if origin is dict:
        inner_kind = get_args(kind)[1]
        return {key: _build(inner, inner_kind, arrays) for key, inner in tree.items()}
    if origin is tuple:
        inner_kind = get_args(kind)[0]
        return tuple(_build(inner, inner_kind, arrays) for inner in tree)
    return tree
