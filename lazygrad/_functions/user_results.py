"""Check what a user's own op returns: values, cotangents, tangents and shapes; errors name the op and what it gave."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._graph.leaf import copy_frozen, refuse_masked
from .._graph.node import INEXACT, Node
from .._graph.settings import describe
from .._graph.trees import check_depth
from .._graph.types import Array, Function, Number, Signature
from ..ops._rule import UNDEFINED, ZERO, Rule

__all__ = ["as_numbers", "check_answers", "check_rules", "check_value", "freeze_static", "wrap_shape_function"]

_PLAIN = (np.generic, bool, int, float, complex)


def as_numbers(value: object, who: str) -> Array | Number | np.generic:
    """Return an array, or what NumPy reads as one of numbers; else raise a TypeError that says who returned it."""
    if value.__class__ is np.ndarray and value.dtype.kind in "biufc":
        return value
    if not isinstance(value, _PLAIN):
        if isinstance(value, Node):
            raise TypeError(f"{who} the node {value!r}, but was given arrays: compute on what it is given alone")
        refuse_masked(value, f"{who} {describe(value)}, but a node")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeError(f"{who} {describe(value)}, of which NumPy makes no array: {error}") from None
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{who} dtype {array.dtype}, as which NumPy reads {describe(value)}, but a node holds numbers")
    return value if isinstance(value, _PLAIN) else array if array.ndim else array[()]


def check_value(function: Function, name: str) -> Function:
    """Return a function whose result is looked at: it must be an array of numbers."""

    @functools.wraps(function, updated=())
    def checked(*values: Any, **static: Any) -> Any:
        return as_numbers(function(*values, **static), f"{name} returned")

    return checked


def freeze_static(value: Any, depth: int = 0) -> object:
    """Return a static that the caller cannot change any more: containers and arrays are copied, the arrays frozen."""
    kind = value.__class__
    if kind is np.ndarray and value.dtype.kind != "O":
        return copy_frozen(value)
    if kind in (list, tuple):
        check_depth(value, depth)
        return kind([freeze_static(item, depth + 1) for item in value])
    if kind is dict:
        check_depth(value, depth)
        return {key: freeze_static(item, depth + 1) for key, item in value.items()}
    return copy.deepcopy(value) if kind in (set, bytearray, np.ndarray) else value


def check_answers(rules: tuple[Rule | None, ...]) -> tuple[Rule | None, ...]:
    """Return rules whose answers are looked at: arrays of numbers on arrays, nodes on nodes."""

    def wrap(rule: Rule | None) -> Rule | None:
        if rule is None or rule is ZERO or rule is UNDEFINED:
            return rule

        def check(written: Callable[..., Any]) -> Callable[..., Any]:
            def checked(*values: Any, **meta: Any) -> Any:
                answer = written(*values, **meta)
                if answer.__class__ is np.ndarray and answer.dtype.kind in "biufc":
                    return answer
                if isinstance(answer, Node) and any(isinstance(value, Node) for value in values):
                    return answer
                if isinstance(answer, (list, tuple)) and any(isinstance(part, Node) for part in answer):
                    raise TypeError(f"{rule!r} returned a {type(answer).__name__} of nodes: join them by `np.stack`")
                return as_numbers(answer, f"{rule!r} returned")

            return checked

        return rule.wrap(check)

    return tuple(map(wrap, rules))


def check_rules(rules: object, what: str, name: str) -> None:
    """Raise a TypeError unless rules are a function, or a mapping to functions, None and 0."""
    if rules is None or callable(rules):
        return
    if not isinstance(rules, Mapping):
        raise TypeError(f"{what}= of {name!r} must be a function or a dict by input, not {describe(rules)}")
    for key, rule in rules.items():
        if not (
            rule is None or callable(rule) or isinstance(rule, Rule) or (isinstance(rule, (int, float)) and rule == 0)
        ):
            raise TypeError(
                f"the {what} rule of {name!r} by {key!r} must be a function, None (blocked) or 0 (zero everywhere), "
                f"not {describe(rule)}"
            )


def wrap_shape_function(shape: Function, name: str) -> Callable[..., Signature]:
    """Return a user's shape function, completed by NumPy's promotion where it gives no dtype."""

    def infer(*nodes: Node, **static: Any) -> Signature:
        found = shape(*nodes, **static)
        if isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], (tuple, list)):
            return _as_shape(found[0], name, found), _as_dtype(found[1], name)
        dtype = np.result_type(*[n.dtype for n in nodes])
        return _as_shape(found, name, found), dtype if dtype.kind in INEXACT else np.dtype(float)

    return infer


def _as_shape(shape: Any, name: str, found: object) -> tuple[int, ...]:
    whole = isinstance(shape, (tuple, list)) and all(isinstance(n, (int, np.integer)) for n in shape)
    if not whole or any(n < 0 for n in shape):
        raise TypeError(
            f"shape= of {name!r} must return a tuple of lengths, or a pair (shape, dtype), not {describe(found)}"
        )
    return tuple([int(n) for n in shape])


def _as_dtype(dtype: Any, name: str) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"shape= of {name!r} returned {describe(dtype)} for a dtype") from None
    if found.kind not in "biufc":
        raise TypeError(f"shape= of {name!r} returned dtype {found}, but a node holds numbers")
    return found
