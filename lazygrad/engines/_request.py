"""Check what an engine is asked when it is called by itself: nodes in a list, and a cotangent of the target's shape."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from .._graph.node import Node
from .._graph.settings import describe
from .._query.checks import as_cotangent, check_target, check_wrt
from .._query.engine import Engine

__all__ = ["check_request"]


def check_request(engine: Engine) -> Engine:
    """Return the engine with its arguments checked before anything is evaluated."""

    @functools.wraps(engine)
    def checked(L: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> Any:
        check_target(L)
        if not isinstance(wrt, (list, tuple)):
            raise TypeError(
                f"an engine takes a list of nodes, not {describe(wrt)}; `lazygrad.gradient(L, wrt, engine=...)` takes "
                f"any structure of them"
            )
        for i in wrt:
            check_wrt(i)
        if cotangent is None and L.size != 1:
            raise TypeError(f"an engine needs a target of one element or a cotangent, but {L!r} has shape {L.shape}")
        return engine(L, wrt, None if cotangent is None else as_cotangent(L, cotangent))

    return checked
