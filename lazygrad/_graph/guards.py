"""Whether a function transform is running in this thread: inside one the graph lives for a single call.

So a branch on a node's value is sound there, and so is a result whose shape depends on values. Where the graph is
kept for other values (`_traced`), each look at a value is noted, to see whether it would have gone the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Guard", "enter_transform", "guards", "inside_transform", "record_guards"]

_running: ContextVar[bool] = ContextVar("lazygrad_transform", default=False)
inside_transform = _running.get  # whether nodes may be evaluated on demand

Guard = tuple[Any, Callable[[Any], Any], Any]  # a node, what was made of its value, and what came of it
_guards: ContextVar[list[Guard] | None] = ContextVar("lazygrad_guards", default=None)
guards = _guards.get  # the list that reads of values are noted in, or None


@contextmanager
def enter_transform() -> Iterator[None]:
    """A transform runs the user's function."""
    token = _running.set(True)
    try:
        yield
    finally:
        _running.reset(token)


@contextmanager
def record_guards() -> Iterator[list[Guard]]:
    """A user's function is called once for good, as a transform would: what it looks at is noted."""
    found: list[Guard] = []
    token = _guards.set(found)
    try:
        with enter_transform():
            yield found
    finally:
        _guards.reset(token)
