"""NumPy's error state for one call, which is left with the call wherever an interruption comes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Literal, TypeVar

import numpy as np

__all__ = ["QUIET", "Kind", "call_with_errstate", "in_errstate"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["ignore", "raise"]

QUIET: dict[str, Kind] = {"divide": "ignore", "over": "ignore", "invalid": "ignore"}


def call_with_errstate(states: dict[str, Kind], function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    """Call a function in an error state of NumPy.

    NumPy keeps it in the context, so it goes with the copy: a block of `numpy.errstate` would stay entered if it were
    interrupted as it ends.
    """
    return copy_context().run(_call, states, function, args, kwargs)


def _call(states: Any, function: Callable[..., T], args: Any, kwargs: Any) -> T:
    np.seterr(**states)
    return function(*args, **kwargs)


def in_errstate(**states: Kind) -> Callable[[F], F]:
    """Return a decorator that lets a function run in an error state of NumPy."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            return copy_context().run(_call, states, function, args, kwargs)

        return run  # type: ignore[return-value]

    return decorate
