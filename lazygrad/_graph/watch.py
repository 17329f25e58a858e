"""Who can be told of the walks: reports, progress bars, checks of what is computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .node import Node

__all__ = ["Watcher", "unwatched", "watchers", "watching"]


class Watcher:
    """What can be told of the walks while a block runs; does nothing with it."""

    nodes_touched: int = 0  # nodes examined by discovery, which adds to it

    def question_begins(self) -> None:
        """A question begins, which may ask for several nodes."""

    def describe_question(self, differentiator: Any, wrt: tuple[Node, ...], lazily: bool) -> None:
        """What the question is."""

    def question_ends(self) -> None:
        """A question ends."""

    def need_begins(self, node: Node, asked: bool) -> None:
        """Somebody needs `node`: the caller, or else a computation that was told of already."""

    def need_ends(self) -> None:
        """That need is met, or failed."""

    def computation_begins(self, node: Node) -> None:
        """The inputs of `node` are there, and its op is run."""

    def computation_ends(self, node: Node) -> None:
        """The value of `node` is in the memo."""

    def note_stale(self, node: Node) -> None:
        """A leaf below `node` was set, so it is stale."""

    def note_visit(self, node: Node, rules: int) -> None:
        """An engine without a memo computed the adjoint or tangent of `node`, by so many rules."""


_open: ContextVar[tuple[Watcher, ...]] = ContextVar("lazygrad_watchers", default=())
watchers = _open.get


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of the walks in this thread while the block runs."""
    token = _open.set((*_open.get(), watcher))
    try:
        yield
    finally:
        _open.reset(token)


@contextmanager
def unwatched() -> Iterator[None]:
    """Tell nobody of the walks of the block: it looks at the memo, and asks nothing."""
    token = _open.set(())
    try:
        yield
    finally:
        _open.reset(token)
