"""What goes in and out of the transforms: this library's read-only arrays against autograd's plain ones."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._contributions import fitted, fitted_node
from ..._node import Node
from ..._tree import leaves, map_tree, places

__all__ = ["aligned", "as_floats", "like", "plain", "traced"]

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


def aligned(given: Any, example: Any) -> list[Any]:
    """The leaves of one structure in the order that those of another, equal one have.

    Raises
    ------
    TypeError
        If the structures differ.
    """
    here, there = places(given), places(example)
    if here == there:
        return leaves(given)
    by_place = dict(zip(here, leaves(given), strict=True))
    if by_place.keys() != set(there):
        raise TypeError(f"expected a structure with leaves at {there}, but got one with leaves at {here}")
    return [by_place[place] for place in there]


def _fitted(given: Any, example: Any) -> Any:
    if isinstance(given, Node):
        return fitted_node(given, example)
    return fitted(given, np.shape(example), np.result_type(example), "a vector-Jacobian product")


def like(given: Any, example: Any) -> Any:
    """A cotangent or tangent in the structure, shapes and dtypes of what it belongs to."""
    found = iter(aligned(given, example))
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

    return called
