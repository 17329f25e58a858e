"""The lock of the graphs, and what threads owe each other while code that is not ours runs.

There is one lock for all graphs, because two graphs can meet in any new node. A question or a change takes it once as
a whole, building a node does not. It is never held while the function of a user's op runs, nor a function that is
traced (`call_outside`): such code may take long, or spread its work over threads that ask for themselves. In that time
the question is *paused*, and three rules keep it as sound as if it had the lock throughout:

- A change that reaches what a paused question of another thread asks for waits until that question is over
  (`wait_for_questions`); so a question sees one state of the leaves.
- A node that a thread computes is not computed by another one at the same time: that waits, and finds the value
  (`run_alone`); so each node is computed once.
- Nobody waits for ever, as the thread waited for may wait for a thread that waits: after `PATIENCE` a node is computed
  a second time, to the same bits, and a change is refused after `PATIENCE_OF_CHANGES`.

The order of locks: that of a prepared function of another backend (it is held while that one computes), this one, that
of late imports (`later`). At a fork the last two are taken first, so that no thread is within; all others are made new
in the child.
"""

from __future__ import annotations

import operator
import os
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

from . import later

__all__ = [
    "PATIENCE",
    "PATIENCE_OF_CHANGES",
    "as_one_question",
    "call_outside",
    "computing",
    "find_owner",
    "lock",
    "make_lock",
    "now",
    "outside",
    "paused_questions",
    "pauses",
    "rest",
    "run_alone",
]

T = TypeVar("T")
Node = Any  # nodes are made above this module

PATIENCE = 5.0  # seconds
PATIENCE_OF_CHANGES = 60.0

lock = threading.RLock()


class _Now:
    """The nodes that the thread with the lock asks for; a question adds its own and takes them back in a `finally`."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked: Any = ()  # nested pairs (node, what was asked for before)


now = _Now()
pauses: dict[object, tuple[int, Any]] = {}  # of each paused question its thread, and what it asks for
computing: dict[object, tuple[int, Collection[float]]] = {}  # threads, and serials of nodes they compute outside


def call_outside(function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    """Call a function without the lock, if this thread holds it."""
    if not lock._is_owned():  # type: ignore[attr-defined]
        return function(*args, **kwargs)
    # An interruption comes at the end of a call at the earliest, so the one that releases also keeps how often the
    # lock was taken; and whatever comes, the innermost `finally` sets all back.
    key, asked = object(), now.asked
    depth: list[Any] = []
    try:
        pauses[key] = threading.get_ident(), asked
        now.asked = ()
        depth.extend(map(operator.call, (lock._release_save,)))  # type: ignore[attr-defined]
        return function(*args, **kwargs)
    finally:
        try:
            if depth:
                lock._acquire_restore(depth[0])  # type: ignore[attr-defined]
        finally:
            now.asked = asked
            pauses.pop(key, None)


def as_one_question(nodes: Iterable[Node], ask: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    """Call a function that asks for several things, all of which see one state of the leaves below these nodes."""
    with lock:
        return _ask(nodes, ask, args, kwargs)


def _ask(nodes: Iterable[Node], ask: Callable[..., T], args: Any, kwargs: Any) -> T:
    asked = now.asked  # (not within `with`: between that and a `try` an interruption would leave the lock taken)
    try:
        for i in nodes:
            now.asked = (i, now.asked)
        return ask(*args, **kwargs)
    finally:
        now.asked = asked


class _Outside:
    """A user's function that runs without the lock; as an object it is pickled by its class, not with the lock."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not lock._is_owned() or any(hasattr(a, "_consumers") for a in args):  # type: ignore[attr-defined]
            return self.__wrapped__(*args, **kwargs)
        return call_outside(self.__wrapped__, *args, **kwargs)


def outside(function: Callable[..., T]) -> Callable[..., T]:
    """Return a user's function so that it runs without the lock; on nodes, from which it only builds, with it."""
    return _Outside(function)


def rest(rounds: int) -> None:
    """Let other threads have the lock for a moment, longer the more rounds it takes."""
    call_outside(time.sleep, min(0.0005 * (rounds + 1), 0.01))


def paused_questions() -> Iterator[tuple[int, list[Node]]]:
    """Yield thread and nodes of each question that is paused."""
    for thread, asked in list(pauses.values()):
        nodes = []
        while asked:
            node, asked = asked
            nodes.append(node)
        yield thread, nodes


def run_alone(node: Any, compute: Callable[[Any], T]) -> T:
    """Compute a node, partly without the lock; or, if another thread does, wait for its value."""
    mine, token = threading.get_ident(), object()
    rounds, begin = 0, time.monotonic()
    try:
        while (owner := find_owner((node._serial,))) is not None and owner != mine:
            if time.monotonic() - begin > PATIENCE:
                break
            rest(rounds)
            rounds += 1
            if node._value is not None:
                found: T = node._value
                return found
        computing[token] = mine, (node._serial,)
        return compute(node)
    finally:
        if token in computing:  # a call could be interrupted
            del computing[token]  # noqa: RUF051


def find_owner(serials: Collection[float]) -> int | None:
    """Return the thread that computes one of these nodes without the lock; None if nobody does."""
    for thread, own in computing.values():
        for serial in own:
            if serial in serials:
                return thread
    return None


# -- forks ---------------------------------------------------------------------------------------------

_others: weakref.WeakSet[Any] = weakref.WeakSet()


def make_lock() -> threading.RLock:
    """Make a lock that is free in the child of a fork, unless the thread that forks holds it."""
    made = threading.RLock()
    _others.add(made)
    return made


class _Fork:
    """Whether the lock of late imports was free at the fork."""

    took_turn = False


def _prepare_fork() -> None:
    lock.acquire()
    _Fork.took_turn = later.turn.acquire(timeout=later.PATIENCE)


def _end_fork() -> None:
    if _Fork.took_turn:
        later.turn.release()
    lock.release()


def _begin_child() -> None:
    if not _Fork.took_turn:
        later.turn._at_fork_reinit()  # type: ignore[attr-defined]
    for other in list(_others):
        if not other._is_owned():
            other._at_fork_reinit()
    alone = threading.get_ident()  # the other threads are not there
    for key in [key for key, (thread, _) in pauses.items() if thread != alone]:
        del pauses[key]
    for token in [token for token, (thread, _) in computing.items() if thread != alone]:
        del computing[token]
    _end_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_prepare_fork, after_in_parent=_end_fork, after_in_child=_begin_child)
