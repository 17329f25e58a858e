"""The garbage collector, which is not needed while something is only being built."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

__all__ = ["pause_collector"]

T = TypeVar("T")


def pause_collector(build: Callable[..., T], /, *args: object) -> T:
    """Call a function without the collector searching what it builds, as that makes no cycles.

    Its passes over a graph that grows to 100 000 nodes cost more than building it. It runs again afterwards, wherever
    an interruption comes: it can come within the first `finally`, but not within both.
    """
    enabled = gc.isenabled()
    try:
        try:
            gc.disable()
            return build(*args)
        finally:
            if enabled:
                gc.enable()
    finally:
        if enabled:
            gc.enable()
