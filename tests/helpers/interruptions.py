"""Interruptions at random bytecodes, and by real signals; and what must be as it was afterwards."""

from __future__ import annotations

import ast
import functools
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import numpy as np

import lazygrad as lg
from lazygrad._graph import turns
from lazygrad._graph.guards import guards, inside_transform
from lazygrad._graph.node import Node
from lazygrad._graph.watch import watchers

__all__ = ["HOME", "Bytecodes", "check_nothing_left", "interrupt_by_signal", "list_protected_lines"]

HOME = os.path.dirname(lg.__file__)


@functools.cache
def list_protected_lines(file: str, undoing: bool = True) -> set[int]:
    """Lines that no program can protect: `finally`, what undoes if `undoing`, and `with`, which comes by to exit."""
    lines: set[int] = set()
    with open(file, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            lines.add(node.lineno)
        if isinstance(node, ast.Try):
            handlers = node.handlers if undoing else []
            cleaning = [h for h in handlers if isinstance(h.type, ast.Name) and h.type.id == "BaseException"]
            for part in [*node.finalbody, *[line for h in cleaning for line in h.body]]:
                lines.update(range(part.lineno, (part.end_lineno or part.lineno) + 1))
    return lines


class Bytecodes:
    """Follows the bytecodes that lazygrad executes, and raises at one of them."""

    def __init__(self, stop: int = 0) -> None:
        self.stop = stop
        self.seen = 0
        self.where = ""

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(HOME):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lineno is not None and frame.f_lineno not in list_protected_lines(file):
            self.seen += 1
            if self.seen == self.stop:
                self.where = f"{os.path.basename(file)}:{frame.f_lineno}, bytecode {frame.f_lasti}"
                raise KeyboardInterrupt
        return self.trace

    def run(self, action: Callable[[], object]) -> None:
        """Run an action until it ends or is interrupted."""
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            action()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)


def interrupt_by_signal(action: Callable[[], object], seconds: float) -> bool:
    """Run an action and send a signal after some time; return whether it came before the action had ended."""
    arrived: list[bool] = []
    armed = [True]

    def interrupt(*_: object) -> None:
        if armed:  # else it comes late, by way of another thread
            arrived.append(True)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    done = False
    with suppress(KeyboardInterrupt):
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            action()
            done = True
        finally:
            armed.clear()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    return bool(arrived) and not done


def _look() -> dict[str, Any]:
    return {
        "the garbage collector": gc.isenabled(),
        "NumPy's error state": np.geterr(),
        "the lock": turns.lock._is_owned(),  # type: ignore[attr-defined]
        "paused questions": dict(turns.pauses),
        "nodes that are computed": dict(turns.computing),
        "what is asked for": turns.now.asked,
        "watchers": tuple(watchers()),
        "transforms": inside_transform(),
        "guards": guards(),
        "threads": threading.active_count(),
        "the constructor of nodes": Node.__init__,
        "filters of warnings": list(warnings.filters),
    }


CLEAN = {
    "the garbage collector": True,
    "the lock": False,
    "paused questions": {},
    "nodes that are computed": {},
    "what is asked for": (),
    "watchers": (),
    "transforms": False,
    "guards": None,
}


def check_nothing_left(before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what there is now; raise AssertionError, and mend it, if it is not as it was."""
    now = _look()
    wanted = {**CLEAN, **(before or {})}
    wrong = {name: now[name] for name, value in wanted.items() if now[name] != value}
    if wrong:
        gc.enable()
        while turns.lock._is_owned():  # type: ignore[attr-defined]
            turns.lock.release()
        turns.pauses.clear()
        turns.computing.clear()
        turns.now.asked = ()
        if before is not None:
            np.seterr(**before["NumPy's error state"])
    assert wrong == {}, f"left changed: {wrong}"
    return now
