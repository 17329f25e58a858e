"""What several test modules need."""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before NumPy loads: threads that wait for tiny matrices slow all down

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", 'slow: takes more than ten seconds; leave out with -m "not slow"')


def pytest_collection_finish() -> None:
    """Keep the collector from searching thousands of tests again and again while large graphs are built."""
    gc.collect()
    gc.freeze()


@contextmanager
def no_collector() -> Iterator[None]:
    """The garbage collector off; at the end there must be nothing for it to do."""
    gc.collect()
    gc.disable()
    try:
        yield
        assert gc.collect() == 0, "a reference cycle was left behind"
    finally:
        gc.enable()
