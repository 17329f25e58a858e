"""Nested gradients: the gradient of a gradient of one number is the next derivative of one function.

Each gradient function is marked with the function it comes from and its order, so that nesting need not differentiate
a graph of derivatives again and again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .._derivatives.adjoint_node import unbroadcast_node
from .._derivatives.nth import Derivation
from .._graph.leaf import constant
from .._graph.node import Node, NodeOrArray
from .._graph.types import Function
from .._graph.value import zeros
from .call import Argnums, Call, check_number

__all__ = ["find_base", "find_derivative_mark", "find_nth_derivative", "is_real_number", "mark_derivative"]


def mark_derivative(f: Function, derivative: tuple[Any, Callable[..., Any], int] | None) -> Function:
    """Return `f`, marked as a derivative: (by which argument, of which function, of which order).

    The mark names `f`, too, as `functools.wraps` copies it to other functions.
    """
    f.derivative = None if derivative is None else (weakref.ref(f), *derivative)  # type: ignore[attr-defined]
    return f


def find_derivative_mark(f: Function) -> tuple[object, Function, int] | None:
    """Return the mark of a function that is a derivative; None if `f` has none."""
    known = getattr(f, "derivative", None)
    return known[1:] if isinstance(known, tuple) and isinstance(known[0], weakref.ref) and known[0]() is f else None


def find_base(f: Function, argnums: Argnums) -> tuple[Function, int]:
    """Return the function that `f` is a derivative of, and the order: `f` itself and 0, if by another argument."""
    known = find_derivative_mark(f) if isinstance(argnums, int) else None
    return (known[1], known[2]) if known is not None and known[0] == argnums else (f, 0)


def is_real_number(args: tuple[Any, ...], argnum: Any) -> bool:
    """Return whether an argument is one real number, so that a gradient of a gradient is the next derivative."""
    if not -len(args) <= argnum < len(args):
        return False
    x = args[argnum]
    known = isinstance(x, (Node, float, np.floating, np.ndarray))
    return known and not np.ndim(x) and not np.iscomplexobj(x)


def find_nth_derivative(call: Call, n: int) -> NodeOrArray:
    """Return the n-th derivative of a function of one number."""
    x = call.nodes[0]
    L = call.target()
    check_number(call, L, False)
    found = Derivation(x).nth(L, n)
    return call.answer(constant(zeros(x)) if found is None else unbroadcast_node(found, x))
