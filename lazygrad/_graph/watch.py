"""Watchers of the walks: reports, progress bars and checks register here, and the walks tell them what happens."""

from __future__ import annotations

import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator
from contextvars import ContextVar
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from itertools import starmap
from operator import call
from types import FrameType
from typing import Any, Generic, TypeVar

from .node import Node

__all__ = ["Block", "Watcher", "attach_watcher", "detach_watchers", "replace_watchers", "watchers"]

T = TypeVar("T")
Change = Callable[[tuple["Watcher", ...]], tuple["Watcher", ...]]


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


class Listening:
    """The watchers of this thread, looked up as they are now: blocks end by themselves, and generators wait.

    Blocks lie within blocks, the outermost first; each maps the watchers around it to its own.
    """

    def __init__(self, entries: tuple[_Entry, ...]) -> None:
        self.entries = entries

    def look_up(self) -> tuple[Watcher, ...]:
        """Return the watchers of the blocks that are open and whose generators run; if none is open, listen no more."""
        found: tuple[Watcher, ...] = ()
        ended = True
        for entry in self.entries:
            ended &= entry.ended
            if entry.is_running() and (change := entry.change) is not None:
                found = change(found)
        if ended and _watchers.get() is self:
            _watchers.set(())
        return found

    def __iter__(self) -> Iterator[Watcher]:
        return iter(self.look_up())

    def __len__(self) -> int:
        return len(self.look_up())


_watchers: ContextVar[Listening | tuple[()]] = ContextVar("lazygrad_watchers", default=())
watchers = _watchers.get  # the watchers of this thread; () outside of all blocks

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


class _Entry:
    """A block that was entered, as long as it has not ended; then it holds nothing."""

    __slots__ = ("change", "ended", "generator")

    def __init__(self) -> None:
        self.change: Change | None = None
        self.generator: FrameType | None = None
        self.ended = False

    def is_running(self) -> bool:
        """Return whether the block has not ended, and its generator does not wait."""
        return not self.ended and (self.generator is None or self.generator.f_back is not None)


class _Exit:
    """The `__exit__` of a block: a single step of the interpreter, in which no interruption comes.

    A function written in Python could be interrupted as it begins, and the block would stay open. What `with` calls is
    written in C throughout: the format of a look-up, whose missing value is made by setting attributes, and shown as
    an empty string, so that errors pass.
    """

    def __get__(self, block: Block[Any] | None, owner: type) -> Callable[..., Any]:
        if block is None:
            return _end  # of `contextlib.ExitStack`, which calls it with the block
        entry = block.find_entry()
        steps = [(setattr, entry, "ended", True), (setattr, entry, "generator", None), (setattr, entry, "change", None)]
        take = deque[Any](maxlen=0).extend
        return partial("{0[end]!s:.0}".format, defaultdict(partial(take, starmap(call, steps))))


def _end(block: Block[Any], *exception: object) -> None:
    block.__exit__(*exception)


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

    def __init__(self, change: Change, given: T) -> None:
        self.change = change
        self.given = given
        self._entry = _Entry()

    def _recreate_cm(self) -> Block[T]:
        return Block(self.change, self.given)  # of a decorator: one for each call

    def find_entry(self) -> _Entry:
        """Return the entry that is open, or that the block is about to make."""
        if self._entry.ended:
            self._entry = _Entry()
        return self._entry

    def __enter__(self) -> T:
        entry = self.find_entry()
        try:
            entry.change, entry.generator = self.change, _find_generator(sys._getframe(1))
            entries = getattr(_watchers.get(), "entries", ())
            _watchers.set(Listening((*[other for other in entries if not other.ended], entry)))
        except BaseException:  # an interruption: the block is not entered
            entry.ended = True
            raise
        return self.given

    __exit__ = _Exit()


def replace_watchers(listening: tuple[Watcher, ...]) -> Block[None]:
    """Tell only these watchers of the walks in this thread while the block runs."""
    return Block(lambda around: listening, None)


def attach_watcher(watcher: Watcher) -> Block[None]:
    """Tell `watcher`, too, of the walks in this thread while the block runs."""
    return Block(lambda around: (*around, watcher), None)


def detach_watchers() -> Block[None]:
    """Tell nobody of the walks of the block, which only inspects the memo."""
    return replace_watchers(())
