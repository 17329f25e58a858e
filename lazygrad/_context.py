"""Which function transforms are running, for each thread: inside one the graph lives for a single call.

So a branch on a node's value is sound there, and so is a result whose shape depends on values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["arguments_of", "enclosing", "evaluating"]

# For each running transform, outermost first, the serials of the nodes that stand for its arguments.
_running: ContextVar[tuple[frozenset[int], ...]] = ContextVar("lazygrad_transforms", default=())


@contextmanager
def arguments_of(serials: frozenset[int]) -> Iterator[None]:
    """A transform runs, whose arguments are these nodes."""
    token = _running.set((*_running.get(), serials))
    try:
        yield
    finally:
        _running.reset(token)


def evaluating() -> bool:
    """Whether nodes may be evaluated on demand, as a function transform is running."""
    return bool(_running.get())


def enclosing() -> frozenset[int]:
    """The serials of the arguments of all running transforms."""
    return frozenset().union(*_running.get())
