"""Watchers of the walks: reports, progress bars and checks register here, and the walks tell them what happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator
from contextvars import ContextVar
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from types import FrameType
from typing import Generic, TypeVar

from .node import Node

__all__ = ["Block", "Watcher", "attach_watcher", "detach_watchers", "replace_watchers", "watchers"]

T = TypeVar("T")


class Watcher:
    """A listener that is told of the walks while a block runs; this base class ignores all it hears.

    Attributes
    ----------
    nodes_touched
        The number of nodes examined by discovery, which adds to it.
    """

    nodes_touched: int = 0
    silences_numpy: bool = False  # whether NumPy does not warn while values are computed

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


class Listening(tuple[Watcher, ...]):
    """The watchers of this thread, as blocks within blocks have made them: each maps those around it to its own."""

    blocks: tuple[Block, ...] = ()

    @classmethod
    def of(cls, blocks: tuple[Block, ...]) -> Listening:
        """Return what blocks make, the outermost first."""
        if any(block.generator is not None for block in blocks):
            made: Listening = LookedUp()
        else:
            made = cls(fold(blocks))
        made.blocks = blocks
        return made


def fold(blocks: Iterable[Block]) -> tuple[Watcher, ...]:
    """Return the watchers of blocks within blocks, but for those whose generator waits."""
    found: tuple[Watcher, ...] = ()
    for block in blocks:
        if block.is_running():
            found = block.change(found)
    return found


class LookedUp(Listening):
    """Watchers that are found anew each time, as some belong to a generator, which may run or wait."""

    def __iter__(self) -> Iterator[Watcher]:
        return iter(fold(self.blocks))

    def __len__(self) -> int:
        return len(fold(self.blocks))


_watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("lazygrad_watchers", default=())
watchers = _watchers.get  # the watchers of this thread

DRIVERS = ("contextlib", "_pytest")  # modules that run a generator up to its ``yield`` for the sake of somebody else


def _find_generator(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the generator that a block is opened in, so that it counts only while that one runs.

    A generator that is the two halves of a context manager stands for the frame that enters this.
    """
    while frame is not None:
        home = frame.f_globals.get("__name__", "")
        if home.partition(".")[0] in DRIVERS:
            frame = frame.f_back
        elif frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            above = frame.f_back
            if above is None or above.f_globals.get("__name__", "").partition(".")[0] not in DRIVERS:
                return frame
            frame = above
        else:
            return None
    return None


class Block(ContextDecorator, Generic[T]):
    """A ``with`` block in which other watchers are told of the walks in this thread.

    It follows its own block: in a generator it counts only while the generator runs, and blocks may end in any order.

    Parameters
    ----------
    change
        Maps the watchers around the block to those within.
    given
        What ``as`` names.
    """

    def __init__(self, change: Callable[[tuple[Watcher, ...]], tuple[Watcher, ...]], given: T) -> None:
        self.change = change
        self.given = given
        self.generator: FrameType | None = None
        self.ended = False

    def _recreate_cm(self) -> Block[T]:
        return Block(self.change, self.given)  # of a decorator: one for each call

    def is_running(self) -> bool:
        """Return whether the block has not ended, and its generator does not wait."""
        return not self.ended and (self.generator is None or self.generator.f_back is not None)

    def __enter__(self) -> T:
        self.generator, self.ended = _find_generator(sys._getframe(1)), False
        _watchers.set(Listening.of((*self._others(), self)))
        return self.given

    def __exit__(self, *exception: object) -> None:
        self.ended = True  # perhaps in another thread, to which this context does not belong
        self.generator = None
        _watchers.set(Listening.of(self._others()))

    def _others(self) -> tuple[Block, ...]:
        """Return the other blocks that are open in this thread."""
        blocks: tuple[Block, ...] = getattr(_watchers.get(), "blocks", ())
        return tuple([block for block in blocks if block is not self and not block.ended])


def replace_watchers(listening: tuple[Watcher, ...]) -> Block[None]:
    """Tell only these watchers of the walks in this thread while the block runs."""
    return Block(lambda around: listening, None)


def attach_watcher(watcher: Watcher) -> Block[None]:
    """Tell `watcher`, too, of the walks in this thread while the block runs."""
    return Block(lambda around: (*around, watcher), None)


def detach_watchers() -> Block[None]:
    """Tell nobody of the walks of the block, which only inspects the memo."""
    return replace_watchers(())
