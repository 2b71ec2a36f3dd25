"""Learned models as bytes and back: plain arrays and JSON, so that a store never holds code.

Dataclasses are walked by their fields; arrays go into an npz archive under their path, the rest into one JSON tree.
"""

from __future__ import annotations

import io
import json
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np


def freeze(value: Any) -> bytes:
    """Return any nest of dataclasses, tuples, dicts, arrays and plain values as bytes."""
    arrays: dict[str, Any] = {}
    tree = _flatten(value, "", arrays)
    arrays["tree"] = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def thaw(data: bytes, kind: Any) -> Any:
    """Return the value of type ``kind`` that ``freeze`` turned into ``data``."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        tree = json.loads(arrays["tree"].tobytes())
        return _build(tree, kind, arrays)


def _flatten(value: Any, path: str, arrays: dict[str, Any]) -> Any:
    if isinstance(value, np.ndarray):
        # Indicators are zeros and ones mostly: bytes are enough for them.
        small = value.dtype == np.float32 and value.ndim == 2 and bool(np.isin(value, (0, 1)).all())
        arrays[f"a{len(arrays)}"] = value.astype(np.uint8) if small else value
        return {"array": f"a{len(arrays) - 1}", "dtype": str(value.dtype)}
    if is_dataclass(value):
        return {each.name: _flatten(getattr(value, each.name), each.name, arrays) for each in fields(value)}
    if isinstance(value, dict):
        return {str(key): _flatten(each, str(key), arrays) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_flatten(each, path, arrays) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _fits(tree: Any, kind: Any) -> bool:
    """Tell whether a tree holds exactly the fields of a dataclass."""
    return is_dataclass(kind) and isinstance(tree, dict) and {each.name for each in fields(kind)} == set(tree)


def _build(tree: Any, kind: Any, arrays: Any) -> Any:
    if tree is None:
        return None
    if isinstance(tree, dict) and set(tree) == {"array", "dtype"}:
        return arrays[tree["array"]].astype(tree["dtype"], copy=False)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        kinds = [each for each in get_args(kind) if each is not type(None)]
        kind = next((each for each in kinds if _fits(tree, each)), kinds[0])
        origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: _build(each, hints[name], arrays) for name, each in tree.items()})
    if origin is dict:
        inner = get_args(kind)[1]
        return {key: _build(each, inner, arrays) for key, each in tree.items()}
    if origin is tuple:
        inner = get_args(kind)[0]
        return tuple(_build(each, inner, arrays) for each in tree)
    return tree
