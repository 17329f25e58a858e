"""Replacing a part of an array by another array, and adding to it."""

from __future__ import annotations

from typing import Any

from .._graph.node import Node
from .._graph.types import both as np
from ._declare import op
from ._op import Op, Signature
from ._rule import BLOCKED, pass_on
from .indexing import fill_slots, getitem, infer_taken, scatter_into, shadow

__all__ = ["add_at", "put"]


def _put(x: Any, y: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    out = np.array(x)
    out[fill_slots(key, indices)] = y
    return out


def _updated_shape(x: Node, y: Node, *indices: Node, key: tuple[Any, ...]) -> Signature:
    taken = infer_taken(x.shape, key, indices)
    if y.shape != taken and np.broadcast_shapes(y.shape, taken) != taken:
        raise ValueError(f"shape {y.shape} does not fit into the part of shape {taken}")
    return x.shape, x.dtype


def _last_ones(*indices: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    """Return which of the taken elements stay, where later ones overwrite earlier ones of the same place."""
    order = np.zeros(shape, np.intp)
    key = fill_slots(key, indices)
    numbers = np.arange(order[key].size).reshape(order[key].shape)
    order[key] = numbers
    return order[key] == numbers


last_ones = op(
    "last_ones",
    _last_ones,
    shape=lambda *indices, shape, key: (infer_taken(shape, key, indices), np.dtype(bool)),
    vjp={"indices": BLOCKED},
    jvp={"indices": BLOCKED},
    inputs="*indices",
    statics={"shape": (), "key": ()},
    doc="Return which elements written at key stay: among those at one place the last.",
)


def _put_by_y(g: Any, *indices: Any, x_shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    part = getitem(g, *indices, key=key)
    return np.where(last_ones(*indices, shape=x_shape, key=key), part, 0) if indices else part


put: Op = op(
    "put",
    _put,
    shape=_updated_shape,
    vjp={
        "x": lambda g, *indices, key: put(g, 0.0, *indices, key=key),
        "y": _put_by_y,
        "indices": BLOCKED,
    },
    jvp={
        "x": lambda t, *indices, key: put(t, 0.0, *indices, key=key),
        "y": lambda t, *indices, x_shape, x_dtype, key: put(np.zeros(x_shape, x_dtype), t, *indices, key=key),
        "indices": BLOCKED,
    },
    inputs="x y *indices",
    statics={"key": ()},
    selects=True,
    doc="Return x with the part at key replaced by y; of several written to one place the last stays.",
)


def _add_at(x: Any, y: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    out = np.array(x)
    taken = shadow(out.shape)[fill_slots(key, indices)].shape
    scatter_into(out, np.broadcast_to(y, taken), *indices, x_shape=out.shape, key=key)
    return out


add_at: Op = op(
    "add_at",
    _add_at,
    shape=_updated_shape,
    vjp={"x": pass_on, "y": lambda g, *indices, key: getitem(g, *indices, key=key), "indices": BLOCKED},
    jvp={
        "x": pass_on,
        "y": lambda t, *indices, x_shape, x_dtype, key: add_at(np.zeros(x_shape, x_dtype), t, *indices, key=key),
        "indices": BLOCKED,
    },
    inputs="x y *indices",
    statics={"key": ()},
    selects="jvp",
    doc="Return x with y added to the part at key, as often as a place is named.",
)
