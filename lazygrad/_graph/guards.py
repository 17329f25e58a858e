"""Where Python may branch on values: inside a function transform, whose graph lives for a single call.

A branch on a node's value is sound there, and so is a result whose shape depends on values. Where the graph is kept
for other values (`_functions.trace`), each read of a value is noted as a guard, so that it can be checked whether the
function would have gone the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

__all__ = [
    "READABLE",
    "UNPREPARED",
    "Guard",
    "call_in_transform",
    "call_with_guards",
    "enter_transform",
    "guards",
    "inside_transform",
    "record_guards",
    "suggest_looking",
]

T = TypeVar("T")
P = ParamSpec("P")

_running: ContextVar[bool] = ContextVar("lazygrad_transform", default=False)
inside_transform = _running.get  # whether a transform runs in this thread, so that Python may read values

Guard = tuple[Any, Callable[[Any], Any], Any]  # a node, how its value was interpreted, and the answer
_guards: ContextVar[list[Guard] | None] = ContextVar("lazygrad_guards", default=None)
guards = _guards.get  # the list that takes down reads of values, or None

# Hints: where values may decide shapes and dtypes, and what to do with a node where arrays are needed.
READABLE = "differentiate a function by `lazygrad.grad`, inside of which values may be read"
UNPREPARED = (
    "call the function itself, which keeps the graph, or, outside of differentiated functions, pass its `.value`"
)


def suggest_looking(node: Any) -> str:
    """Return how to look at a node's value, as the end of a hint; nothing while a function is differentiated."""
    if inside_transform():
        return ""
    what, how = ("numbers", ".value") if node.ndim else ("number", ".item()")
    return f"; to look at the {what}, outside of the differentiated function, there is `{how}`"


def call_in_transform(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a user's function as a transform does, which may read values.

    (A function, as an interruption may come between the two halves of a context manager; here nothing is left changed.)
    """
    before = _running.get()
    try:
        _running.set(True)
        return function(*args, **kwargs)
    finally:
        _running.set(before)


def call_with_guards(noted: list[Guard], function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a transform whose graph is kept, and note in a list what it reads of values."""
    before = _guards.get()
    try:
        _guards.set(noted)
        return call_in_transform(function, *args, **kwargs)
    finally:
        _guards.set(before)


@contextmanager
def enter_transform() -> Iterator[None]:
    """Mark the block as one in which a transform runs the user's function."""
    before = _running.get()
    try:
        _running.set(True)
        yield
    finally:
        _running.set(before)


@contextmanager
def record_guards() -> Iterator[list[Guard]]:
    """Enter a transform whose graph is kept, and yield the list in which reads of values are noted."""
    found: list[Guard] = []
    before = _guards.get()
    try:
        _guards.set(found)
        with enter_transform():
            yield found
    finally:
        _guards.set(before)
