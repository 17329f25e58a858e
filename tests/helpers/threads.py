"""Threads that must not hang: started together, waited for with a limit, and programs of their own for forks."""

from __future__ import annotations

import faulthandler
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["LIMIT", "Gate", "run_program", "run_together"]

LIMIT = 60.0  # seconds, after which threads count as hanging


def run_together(*works: Callable[[], Any], interval: float = 1e-5) -> list[Any]:
    """Run functions in a thread each, at once; return their results, or raise the first error."""
    results: list[Any] = [None] * len(works)
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(k: int) -> None:
        start.wait(LIMIT)
        try:
            results[k] = works[k]()
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        threads = [threading.Thread(target=run, args=(k,), daemon=True) for k in range(len(works))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
    finally:
        sys.setswitchinterval(before)
    if any(thread.is_alive() for thread in threads):
        faulthandler.dump_traceback()
        raise AssertionError("threads hang")
    if errors:
        raise errors[0]
    return results


class Gate:
    """A place in an op where a thread waits until somebody opens it."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, *values: Any) -> None:
        self.reached.set()
        assert self.opened.wait(LIMIT), "nobody opened the gate"

    def close(self) -> Gate:
        """Close it again."""
        self.reached.clear()
        self.opened.clear()
        return self


def run_program(text: str, limit: float = LIMIT) -> str:
    """Run a program in a process of its own, and return what it prints; it is ended, with a traceback, if it hangs."""
    head = f"import faulthandler; faulthandler.dump_traceback_later({limit}, exit=True)\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", head + text],
        capture_output=True,
        text=True,
        timeout=2 * limit,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
