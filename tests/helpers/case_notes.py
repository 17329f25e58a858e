"""Many cases in one test, each named when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Say in the report of a failure which of a row's cases it was: each as a test of its own would take minutes."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise
