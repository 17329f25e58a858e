"""The lines of the user's program where nodes were built.

While lines are traced, a node notes the first frame outside lazygrad and NumPy as it is made. It is the
constructor of `Node` that is exchanged, so where lines are not traced, nothing is looked up and nothing is run.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import Any

from .._derivatives.adjoint_node import AdjointNode
from .._derivatives.tangents import Tangents
from .._derivatives.target_memo import copy_bare
from .._graph.frames import OURS
from .._graph.node import Node, install
from .._graph.settings import check_flag

__all__ = ["trace_sources"]

# Code that builds nodes on behalf of another node, and the local variable that holds that node there: what a rule
# builds belongs to the node whose rule it is.
_BEHALF: dict[CodeType, str] = {
    AdjointNode.contributions.__code__: "consumer",
    Tangents._make_term.__code__: "i",
    copy_bare.__code__: "node",
}
_plain_init = Node.__init__


def _init_traced(self: Node, *args: Any, **kwargs: Any) -> None:
    """Make a node while lines are traced: note the user's line, or that of the node it is built for."""
    _plain_init(self, *args, **kwargs)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (code := frame.f_code).co_filename.startswith(OURS):
        if code in _BEHALF and (place := _find_place(frame.f_locals[_BEHALF[code]])) is not None:
            self._source = place
            return
        frame = frame.f_back
    self._source = None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _find_place(node: Node) -> tuple[str, int] | None:
    """Return file and line of a node; an adjoint has those of the node it is the adjoint of."""
    while isinstance(node, AdjointNode):
        node = node.of
    return getattr(node, "_source", None)


def _describe_source(self: Node) -> str | None:
    """Return where the node was built, as ``file.py:12``; None unless `lazygrad.trace_sources` was on.

    The file is named as seen from the current directory. An adjoint has the line of the node it is the adjoint of.
    """
    place = _find_place(self)
    return None if place is None else f"{place[0].removeprefix(os.getcwd() + os.sep)}:{place[1]}"


class trace_sources:
    """Let nodes remember the file and line where they are built: from now on, or within a ``with`` block.

    Parameters
    ----------
    on
        Whether to remember, for all threads. It is off at the start, unless the environment variable
        ``LAZYGRAD_SOURCES`` is set to 1; while it is off, it costs nothing.

    Notes
    -----
    The line is that of the first frame outside lazygrad and NumPy. ``node.source`` tells it, errors name it, and
    so do `lazygrad.inspect`'s reports and pictures.

    Examples
    --------
    >>> import lazygrad as lg
    >>> with lg.trace_sources():
    ...     x = lg.parameter(2.0)
    ...     y = x * x
    >>> y.source
    '<doctest ...>:3'
    >>> (y * y).source is None
    True
    """

    __module__ = "lazygrad"

    def __init__(self, on: bool = True) -> None:
        check_flag(on, "trace_sources: on")
        self._on, self._entered = on, False
        # Of calls in a row that open no block the last counts; the one before stays, as this may yet be a block's.
        if len(_switches) > 1 and not (_switches[-1]._entered or _switches[-2]._entered):
            del _switches[-2]
        try:
            _switches.append(self)
            _switch()
        except BaseException:  # an interruption
            self.__exit__()
            raise

    def __enter__(self) -> None:
        self._entered = True

    def __exit__(self, *exception: object) -> None:
        try:
            self._end()
        finally:  # an interruption can come within the first
            self._end()

    def _end(self) -> None:
        if self in _switches:
            k = _switches.index(self)
            # What was called in the block ends, too; not a block that was opened in it and is still open.
            del _switches[k : next((n for n, one in enumerate(_switches) if n > k and one._entered), None)]
        _switch()


_switches: list[trace_sources] = []  # that are on, or off, for as long as they are the last


def _switch() -> None:
    """Exchange the constructor of nodes as the last switch says."""
    on = bool(_switches) and _switches[-1]._on
    Node.__init__ = _init_traced if on else _plain_init  # type: ignore[method-assign]


install({"source": property(_describe_source)})
if os.environ.get("LAZYGRAD_SOURCES", "0") not in ("", "0"):
    trace_sources()
