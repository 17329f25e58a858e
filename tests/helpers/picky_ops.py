"""Ops of a user that raise, and the check that a host lets the exception out as itself, with the node named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import lazygrad as lg


def picky_where(refused: Callable[[Any], bool]) -> Any:
    """Return an op that raises on some values, and returns the others."""

    @lg.primitive(vjp=lambda g, x: g, shape="elementwise")
    def picky(x: Any) -> Any:
        if refused(x):
            raise ZeroDivisionError("mine")
        return x * 1.0

    return picky


def picky_above(limit: float) -> Any:
    """Return an op that raises on values above a limit."""
    return picky_where(lambda x: bool(np.any(x > limit)))


def picky_after(count: int) -> Any:
    """Return an op that raises when it is evaluated more often."""
    values: list[Any] = []

    def refused(x: Any) -> bool:
        values.append(x)
        return len(values) > count

    return picky_where(refused)


@contextmanager
def pickiness_comes_out() -> Iterator[None]:
    """Check that the block raises the exception of a picky op, and that its notes name the node."""
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        yield
    assert any("picky" in note for note in caught.value.__notes__)
