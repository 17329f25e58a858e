"""Watchers of the walks: reports, progress bars and checks register here, and the walks tell them what happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from .node import Node

__all__ = ["Watcher", "attach_watcher", "detach_watchers", "replace_watchers", "watchers"]


class Watcher:
    """A listener that is told of the walks while a block runs; this base class ignores all it hears.

    Attributes
    ----------
    nodes_touched
        The number of nodes examined by discovery, which adds to it.
    """

    nodes_touched: int = 0

    def question_begins(self) -> None:
        """Hear that a question begins, which may ask for several nodes."""

    def describe_question(self, differentiator: object, wrt: tuple[Node, ...], lazily: bool) -> None:
        """Hear what the question is: the gradients of a differentiator's target by `wrt`, by the lazy engine or not."""

    def question_ends(self) -> None:
        """Hear that a question ends, answered or failed."""

    def need_begins(self, node: Node, was_requested: bool) -> None:
        """Hear that the value of `node` is needed: by the caller, if it `was_requested`, else by a computation."""

    def need_ends(self) -> None:
        """Hear that the last need is met, or failed."""

    def computation_begins(self, node: Node) -> None:
        """Hear that the inputs of `node` have values, and that its op is about to run."""

    def computation_ends(self, node: Node) -> None:
        """Hear that the value of `node` is in the memo."""

    def note_stale(self, node: Node) -> None:
        """Hear that a leaf below `node` was set, so that its value is stale."""

    def note_visit(self, node: Node, rules: int) -> None:
        """Hear that an engine without a memo ran so many rules for the adjoint or tangent of `node`."""


_watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("lazygrad_watchers", default=())
watchers = _watchers.get  # the watchers of this thread


@contextmanager
def replace_watchers(listening: tuple[Watcher, ...]) -> Iterator[None]:
    """Tell only these watchers of the walks in this thread while the block runs."""
    token = _watchers.set(listening)
    try:
        yield
    finally:
        _watchers.reset(token)


def attach_watcher(watcher: Watcher) -> AbstractContextManager[None]:
    """Tell `watcher`, too, of the walks in this thread while the block runs."""
    return replace_watchers((*watchers(), watcher))


def detach_watchers() -> AbstractContextManager[None]:
    """Tell nobody of the walks of the block, which only inspects the memo."""
    return replace_watchers(())
