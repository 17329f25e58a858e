"""What goes in and out of the transforms: this library's read-only arrays against autograd's plain ones."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._derivatives.adjoint_node import unbroadcast_node, unbroadcast_to
from ..._functions.reverse import find_derivative_mark, mark_derivative
from ..._graph.node import Node
from ..._graph.trees import align_leaves, leaves, map_tree

__all__ = ["as_floats", "like", "plain", "traced"]

INDEPENDENT = "Output seems independent of input."


def _plain(found: Any) -> Any:
    if isinstance(found, np.ndarray):
        return found.copy() if found.ndim else found[()]
    return found


def plain(found: Any) -> Any:
    """Arrays of the caller's own, scalars for 0-d; nodes, which an outer transform goes on with, as they are."""
    return map_tree(_plain, found)


def _as_floats(leaf: Any) -> Any:
    return leaf.astype(float) if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biu" else leaf


def as_floats(x: Any) -> Any:
    """An argument to differentiate by, with floats in place of its arrays of integers."""
    return map_tree(_as_floats, x)


def _fitted(given: Any, example: Any) -> Any:
    if isinstance(given, Node):
        return unbroadcast_node(given, example)
    return unbroadcast_to(given, np.shape(example), np.result_type(example), "a vector-Jacobian product")


def like(given: Any, example: Any) -> Any:
    """A cotangent or tangent in the structure, shapes and dtypes of what it belongs to."""
    found = iter(align_leaves(given, example, "a cotangent or tangent must have the structure of what it belongs to"))
    return map_tree(lambda leaf: _fitted(next(found), leaf), example)


def _serials(tree: Any) -> list[int]:
    return [leaf.serial for leaf in leaves(tree) if isinstance(leaf, Node)]


def traced(fun: Callable[..., Any], argnums: Sequence[int] = (0,)) -> Callable[..., Any]:
    """`fun`, which warns if no output was built after the arguments it is differentiated by."""

    @functools.wraps(fun)
    def called(*args: Any, **kwargs: Any) -> Any:
        out = fun(*args, **kwargs)
        own = _serials([args[k] for k in argnums])
        if own and max(_serials(out), default=0) < min(own):
            warnings.warn(INDEPENDENT, stacklevel=2)
        return out

    return mark_derivative(called, find_derivative_mark(fun))
