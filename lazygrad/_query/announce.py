"""Questions as a whole: where one begins and ends, and what it is, for those who watch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .._graph.node import Node
from .._graph.watch import watchers
from .checks import map_nodes

__all__ = ["announce", "as_question"]

Method = TypeVar("Method", bound=Callable[..., Any])


def as_question(method: Method) -> Method:
    """Make each call of a method one question, whose begin and end watchers are told."""

    @functools.wraps(method)
    def ask(*args: Any, **kwargs: Any) -> Any:
        listening = watchers()
        if not listening:
            return method(*args, **kwargs)
        for watcher in listening:
            watcher.question_begins()
        try:
            return method(*args, **kwargs)
        finally:
            for watcher in listening:
                watcher.question_ends()

    return ask  # type: ignore[return-value]


def announce(differentiator: Any, wrt: Any, lazily: bool) -> None:
    """Tell watchers what the question is: the gradients of a differentiator's target by a structure of nodes."""
    listening = watchers()
    if listening:
        nodes: list[Node] = []
        map_nodes(wrt, nodes.append)
        for watcher in listening:
            watcher.describe_question(differentiator, tuple(nodes), lazily)
