"""Traces: a function is called once, and its graph is kept for other values of its arguments.

Each value that the function itself reads - for a branch, or as a number - is noted as a guard. The graph serves other
values as long as every guard would see the same: it is checked, never replayed blind. Anything a function
takes from elsewhere than its arguments (a list, a file, a random generator) is read once, when it is traced.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import attrs
import numpy as np

from .._graph.bits import same_static
from .._graph.guards import UNPREPARED, Guard, call_with_guards
from .._graph.invalidate import update
from .._graph.leaf import constant, parameter
from .._graph.node import Node, _next_serial
from .._graph.traverse import ancestors, dependents
from .._graph.trees import Tree, as_key, flatten, leaves, list_places, structure_key
from .._graph.types import Function
from .._graph.value import forward_rec
from .call import Argnums, Call, check_number, name_of, resolve_argnums

__all__ = ["Trace", "make_signature", "name_arguments", "name_positional", "trace_function"]


@attrs.define(eq=False)
class Trace:
    """The graph of one call.

    Attributes
    ----------
    leaves
        For each leaf of ``(args, kwargs)`` a parameter (float, in an argument that `argnums` names), a constant (any
        other array), or None for what is static: numbers outside of `argnums`, strings, functions, None.
    names
        A name for each leaf: the parameter of the function, and the place in it.
    wrt
        The parameters, in the structure of `argnums`; None for what is static there.
    out
        What the function returned.
    guards
        For each value that the function read: the node, how it was interpreted, and the outcome; in their order.
    """

    function: Callable[..., Any]
    signature: Hashable
    leaves: list[Node | None]
    names: list[str]
    wrt: Tree
    out: Any
    guards: list[Guard]

    def load(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        """Take other values of the arguments, which match; what depends on a changed one becomes stale."""
        given = flatten((args, dict(kwargs))).leaves
        update({node: value for node, value in zip(self.leaves, given, strict=True) if node is not None})

    def target(self) -> Node:
        """Return the only output, which must be one real float."""
        call = Call(self.function, self.leaves, self.wrt, self.out, None, lazy=False)
        L = call.target()
        check_number(call, L, holomorphic=False)
        return L

    def holds(self) -> bool:
        """Return whether the function would take the same way with the present values."""
        return all(
            same_static(interpret(forward_rec(i, was_requested=False)), seen) for i, interpret, seen in self.guards
        )


def make_signature(f: Function, argnums: Argnums, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Hashable:
    """Return what a trace is made for: structure, shapes and dtypes, and the statics.

    Raises
    ------
    TypeError
        If an argument is a node, or `argnums` names none.
    """
    chosen, _ = resolve_argnums(f, argnums, len(args))
    rest = [_make_leaf_key(leaf, False, name_of(f)) for leaf in leaves(dict(kwargs))]
    return (
        structure_key((args, dict(kwargs))),
        tuple(
            [tuple([_make_leaf_key(leaf, k in chosen, name_of(f)) for leaf in leaves(a)]) for k, a in enumerate(args)]
        ),
        tuple(rest),
    )


def _make_leaf_key(leaf: Any, wanted: bool, name: str) -> Hashable:
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.shape, leaf.dtype
    if isinstance(leaf, Node):
        raise TypeError(f"{name} is kept for arrays, and does not take the node {leaf!r}: {UNPREPARED}")
    if wanted and isinstance(leaf, (int, float, complex)):
        return type(leaf).__name__
    return as_key(leaf)


def trace_function(f: Function, argnums: Argnums, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Trace:
    """Call `f` on leaves that stay, in place of the arrays among its arguments.

    Parameters
    ----------
    f
        Function written with NumPy.
    argnums
        Which positional arguments derivatives are asked by, as for `lazygrad.grad`: every number in them becomes a
        parameter. Of the others only arrays become leaves.
    args, kwargs
        Arrays and numbers, in nested containers.

    Raises
    ------
    TypeError
        If `argnums` names no positional argument, a leaf in one is no float, or an argument is a node.
    """
    key = make_signature(f, argnums, args, kwargs)
    chosen, single = resolve_argnums(f, argnums, len(args))
    tree = flatten((args, dict(kwargs)))
    names = name_arguments(f, args, kwargs)
    stands: list[Node | None] = []
    for k, argument in enumerate((*args, *kwargs.values())):
        for leaf in leaves(argument):
            name = names[len(stands)]
            try:
                stands.append(_make_leaf(leaf, k in chosen, name))
            except TypeError as error:
                raise TypeError(f"{name_of(f)} cannot be differentiated by argument {name}: {error}") from None
    filled, filled_kwargs = tree.like([s if n is None else n for n, s in zip(stands, tree.leaves, strict=True)])
    before = _next_serial()
    guards: list[Guard] = []
    out = call_with_guards(guards, f, *filled, **filled_kwargs)
    depending = {i.serial for i in dependents([node for node in stands if node is not None])}
    guards = [guard for guard in guards if guard[0].serial in depending or _reads_older(guard[0], before)]
    counts = [len(leaves(a)) for a in args]
    each = [flatten(a).like(stands[sum(counts[:k]) : sum(counts[: k + 1])]) for k, a in enumerate(args)]
    wrt = flatten(each[chosen[0]] if single else tuple([each[k] for k in chosen]))
    return Trace(f, key, stands, names, wrt, out, guards)


def _reads_older(i: Node, before: int) -> bool:
    """Return whether a node depends on a leaf that was there before, and may be set."""
    return any(j.op is None and j.serial < before for j in ancestors(i))


def _make_leaf(leaf: Any, wanted: bool, name: str) -> Node | None:
    if wanted and not (leaf is None or isinstance(leaf, (str, bytes)) or callable(leaf)):
        return parameter(leaf, name)
    return constant(leaf, name) if isinstance(leaf, (np.ndarray, np.generic)) else None


def name_positional(f: Function, count: int) -> list[str]:
    """Return the names of the first positional parameters, or their places if they have no names."""
    try:
        known = [
            p.name
            for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):  # functions written in C may have no signature
        known = []
    return [*known[:count], *[f"argument {k}" for k in range(len(known), count)]]


def name_arguments(f: Function, args: tuple[object, ...], kwargs: Mapping[str, object]) -> list[str]:
    """Return a name for each leaf of the arguments."""
    known = name_positional(f, len(args))
    return [name + place for name, a in [*zip(known, args, strict=True), *kwargs.items()] for place in list_places(a)]
