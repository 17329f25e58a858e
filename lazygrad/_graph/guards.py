"""Whether a function transform is running in this thread: inside one the graph lives for a single call.

So a branch on a node's value is sound there, and so is a result whose shape depends on values. Where the graph is
kept for other values (`_traced`), each look at a value is noted, to see whether it would have gone the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

__all__ = ["Look", "evaluating", "looks", "noting", "running", "same"]

_running: ContextVar[bool] = ContextVar("lazygrad_transform", default=False)
evaluating = _running.get  # whether nodes may be evaluated on demand

Look = tuple[Any, Callable[[Any], Any], Any]  # a node, what was made of its value, and what came of it
_looks: ContextVar[list[Look] | None] = ContextVar("lazygrad_looks", default=None)
looks = _looks.get  # where looks at values are noted, if they are


@contextmanager
def running() -> Iterator[None]:
    """A transform runs the user's function."""
    token = _running.set(True)
    try:
        yield
    finally:
        _running.reset(token)


@contextmanager
def noting() -> Iterator[list[Look]]:
    """A user's function is called once for good, as a transform would: what it looks at is noted."""
    found: list[Look] = []
    token = _looks.set(found)
    try:
        with running():
            yield found
    finally:
        _looks.reset(token)


def same(a: Any, b: Any) -> bool:
    """Whether two looks saw the same, bit for bit where they are arrays."""
    if isinstance(a, (np.ndarray, np.generic)):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, (float, complex)) and a.__class__ is b.__class__:
        return repr(a) == repr(b)  # nan is the same, 0.0 and -0.0 are not
    return bool(a == b)
