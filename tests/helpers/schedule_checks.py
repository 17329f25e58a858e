"""Helpers for tests of schedules: arrays that are nearly equal, and blocks without warnings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np


def assert_near(found: Sequence[Any], wanted: Sequence[Any], rtol: float) -> None:
    """Assert equal shapes and dtypes, and values that differ by less than `rtol` of the largest."""
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        finite = np.isfinite(b)
        scale = np.abs(b[finite]).max(initial=1.0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)


@contextmanager
def silence(what: str) -> Iterator[None]:
    """Suppress warnings, and add a note to what is raised."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except BaseException as error:
            error.add_note(what)
            raise
