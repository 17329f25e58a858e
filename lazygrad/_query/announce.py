"""Questions as a whole: where one begins and ends, and what it is, for those who watch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .._graph.node import Node
from .._graph.turns import lock
from .._graph.types import Structure
from .._graph.watch import Watcher, watchers
from .checks import map_nodes

__all__ = ["announce", "as_question"]

Method = TypeVar("Method", bound=Callable[..., Any])


def as_question(method: Method) -> Method:
    """Make each call of a Differentiator's method one question, under the lock; watchers are told of it."""

    @functools.wraps(method)
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        with lock:
            listening = watchers()
            return _tell(tuple(listening), method, self, args, kwargs) if listening else method(self, *args, **kwargs)

    return ask  # type: ignore[return-value]


def _tell(listening: Sequence[Watcher], method: Callable[..., Any], d: Any, args: Any, kwargs: Any) -> Any:
    """Answer a question, and tell watchers when it begins and ends."""
    told: list[Watcher] = []
    try:
        for watcher in listening:
            told.append(watcher)
            watcher.question_begins()
        return method(d, *args, **kwargs)
    finally:
        for watcher in told:
            watcher.question_ends()


def announce(differentiator: Any, wrt: Structure, lazily: bool) -> None:
    """Tell watchers what the question is: the gradients of a differentiator's target by a structure of nodes."""
    listening = watchers()
    if listening:
        nodes: list[Node] = []
        map_nodes(wrt, nodes.append)
        for watcher in listening:
            watcher.describe_question(differentiator, tuple(nodes), lazily)
