"""Check what function transforms are given: functions, argument numbers and switches, before anything is called."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._graph.node import Node
from .._graph.settings import check_flag, check_function, describe, is_whole

__all__ = ["check_transform"]


def check_transform(name: str, f: object, of_nodes: str, argnums: object = 0, **flags: object) -> None:
    """Raise a TypeError unless `f` can be called, `argnums` says which arguments, and the flags are switches."""
    caller = f"lazygrad.{name}"
    check_function(f, caller, of_nodes)
    for flag, value in flags.items():
        check_flag(value, f"{caller}: {flag}")
    if is_whole(argnums):
        return
    several = isinstance(argnums, (Sequence, np.ndarray)) and not isinstance(argnums, (str, bytes, Node))
    if not several or not all(map(is_whole, argnums)):  # type: ignore[call-overload]
        hint = ": of a function name arguments; nodes differentiate nodes" if isinstance(argnums, Node) else ""
        what = (
            f"argnums must be an int or a sequence of ints, not {describe(argnums)}, and must name positional arguments"
        )
        raise TypeError(f"{caller}: {what}{hint}")
