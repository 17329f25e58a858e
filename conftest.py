"""What several test modules need."""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before NumPy loads: threads that wait for tiny matrices slow all down

import ast
import doctest
import functools
import gc
import inspect
from collections.abc import Iterator
from types import ModuleType

import pytest

import lazygrad.engines  # noqa: F401 - its engines enter themselves
from lazygrad._query import engine


def pytest_collection_finish() -> None:
    """Keep the collector from searching thousands of tests again and again while large graphs are built."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def forget_registered_engines() -> Iterator[None]:
    """Keep an engine that a test or an example registers from the tests that ask every engine."""
    ours = engine._ENGINES.copy()
    yield
    if engine._ENGINES.keys() - ours:
        engine._ENGINES.clear()
        engine._ENGINES.update(ours)


@functools.cache
def _list_classes(module: ModuleType) -> set[str]:
    """Return the names of the classes whose statements stand in a module of lazygrad."""
    return {node.name for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)}


def _is_of_module(finder: doctest.DocTestFinder, module: ModuleType | None, found: object) -> bool:
    """Count a class, and its methods, to the module its statement stands in: public ones say ``lazygrad``."""
    if module is not None and inspect.isclass(found) and module.__name__.partition(".")[0] == "lazygrad":
        return found.__module__.partition(".")[0] == "lazygrad" and found.__name__ in _list_classes(module)
    return (inspect.isfunction(found) and "." in found.__qualname__) or _plain(finder, module, found)


_plain = doctest.DocTestFinder._from_module  # type: ignore[attr-defined]
doctest.DocTestFinder._from_module = _is_of_module  # type: ignore[attr-defined]
