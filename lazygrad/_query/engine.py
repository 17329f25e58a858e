"""The interface of an engine, and the engines by name.

An engine is one algorithm for gradients::

    engine(L, wrt, cotangent) -> [dL/di for each i in wrt]

`L` is a float node and `wrt` a list of different float nodes; `cotangent` is a node for dL/dL, or None for one.
Each answer is an array of the node's shape, or None where no derivative flows from the node to `L`.
`lazygrad.engines` holds the algorithms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from .._errors import LazygradError, ShapeError
from .._graph.leaf import copy_frozen
from .._graph.names import list_closest
from .._graph.node import Node
from .._graph.settings import describe
from .._graph.types import Array

__all__ = ["LAZY", "Engine", "add", "add_later", "answer_with", "named_engine", "names"]

Engine = Callable[[Node, Sequence[Node], Node | None], Sequence[Any]]

LAZY = "lazy"  # the default: what `lazygrad.gradient` does by itself
_ENGINES: dict[str, Engine] = {}
_HOMES: list[str] = []  # modules above this room whose engines enter themselves when they are imported


def add_later(module: str) -> None:
    """Let a module enter its engines when somebody first asks for one by name, not before."""
    _HOMES.append(module)


def _load() -> dict[str, Engine]:
    """Return the engines by name, once all that belong to the library have entered themselves."""
    for module in _HOMES:
        import_module(module)
    return _ENGINES


def names() -> tuple[str, ...]:
    """Return the names of all engines, in the order of registration.

    Examples
    --------
    >>> names()[:6]
    ('lazy', 'sweep', 'children', 'forward', 'paths', 'numeric')
    """
    return tuple(_load())


def add(name: str, engine: Engine) -> None:
    """Enter an engine under a name; the last one entered counts."""
    _ENGINES[name] = engine


def named_engine(name: str) -> Engine:
    """Return the engine of that name; an unknown one is a ValueError that lists the known, closest first.

    Examples
    --------
    >>> import lazygrad as lg
    >>> named_engine("sweep") is lg.engines.sweep
    True
    >>> named_engine("sweeps")
    Traceback (most recent call last):
        ...
    ValueError: no engine is named 'sweeps'; known engines, closest first: sweep, ...
    """
    found = _load().get(name) if isinstance(name, str) else None
    if found is None:
        close = list_closest(name, _ENGINES)
        raise ValueError(f"no engine is named {describe(name)}; known engines, closest first: {close}")
    return found


def answer_with(name: str, L: Node, wrt: Mapping[int, Node], cotangent: Node | None) -> dict[int, Array | None]:
    """Return an engine's answers for nodes by serial: read-only arrays of each node's shape and dtype, or None."""
    found = named_engine(name)(L, list(wrt.values()), cotangent)
    if len(found) != len(wrt):
        raise LazygradError(f"engine {name!r} gave {len(found)} answers for {len(wrt)} nodes")
    return {
        serial: None if answer is None else _check_answer(name, np.asarray(answer), i)
        for (serial, i), answer in zip(wrt.items(), found, strict=True)
    }


def _check_answer(name: str, answer: Array, i: Node) -> Any:
    if answer.shape != i._shape:
        raise ShapeError(f"engine {name!r} gave an answer of shape {answer.shape} for {i!r}")
    return copy_frozen(answer.astype(i._dtype, copy=False))
