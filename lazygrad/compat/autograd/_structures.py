"""Conversions into and out of the transforms: lazygrad's read-only arrays against autograd's plain ones."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._derivatives.adjoint_node import unbroadcast_node, unbroadcast_to
from ..._functions.call import settle_connection
from ..._functions.nested import find_derivative_mark, mark_derivative
from ..._graph.node import Node
from ..._graph.trees import align_leaves, leaves, map_tree
from ..._graph.types import Function, Structure

__all__ = ["as_floats", "fit_to", "to_plain", "warn_if_independent"]

INDEPENDENT = "Output seems independent of input."


def _copy_array(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return leaf.copy() if leaf.ndim else leaf[()]
    return leaf


def to_plain(tree: Structure) -> object:
    """Return writable copies of arrays, scalars for 0-d; nodes stay, as an outer transform goes on with them."""
    return map_tree(_copy_array, tree)


def _cast_integers(leaf: Any) -> Any:
    return leaf.astype(float) if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biu" else leaf


def as_floats(x: object) -> object:
    """Return an argument to differentiate by, with floats in place of its arrays of integers."""
    return map_tree(_cast_integers, x)


def _fit_leaf(given: Any, example: Any) -> Any:
    """Return a node or array summed to the shape, and cast to the dtype, of another."""
    if isinstance(given, Node):
        return unbroadcast_node(given, example)
    return unbroadcast_to(given, np.shape(example), np.result_type(example), "a vector-Jacobian product")


def fit_to(given: object, example: Structure) -> Any:
    """Return a cotangent or tangent in the structure, shapes and dtypes of the value that it belongs to."""
    found = iter(align_leaves(given, example, "a cotangent or tangent must have the structure of what it belongs to"))
    return map_tree(lambda leaf: _fit_leaf(next(found), leaf), example)


def _list_serials(tree: Any) -> list[int]:
    return [leaf.serial for leaf in leaves(tree) if isinstance(leaf, Node)]


def warn_if_independent(fun: Function, argnums: Sequence[int] = (0,)) -> Function:
    """Return `fun`, warning when no output was built after the arguments it is differentiated by."""

    @functools.wraps(fun)
    def call_and_warn(*args: Any, **kwargs: Any) -> Any:
        out = fun(*args, **kwargs)
        own = _list_serials([args[k] for k in argnums])
        settle_connection()  # autograd's warning is told here, and in autograd's words
        if own and max(_list_serials(out), default=0) < min(own):
            warnings.warn(INDEPENDENT, stacklevel=2)
        return out

    return mark_derivative(call_and_warn, find_derivative_mark(fun))
