"""Whether a function transform is running in this thread: inside one the graph lives for a single call.

So a branch on a node's value is sound there, and so is a result whose shape depends on values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["evaluating", "running"]

_running: ContextVar[bool] = ContextVar("lazygrad_transform", default=False)
evaluating = _running.get  # whether nodes may be evaluated on demand


@contextmanager
def running() -> Iterator[None]:
    """A transform runs the user's function."""
    token = _running.set(True)
    try:
        yield
    finally:
        _running.reset(token)
