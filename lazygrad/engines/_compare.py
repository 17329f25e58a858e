"""Comparison of engines: one request put to several, side by side."""

from __future__ import annotations

import copy
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from .._errors import LazygradError
from .._graph.node import Node, Operand
from .._graph.settings import describe
from .._graph.types import Structure
from .._query.checks import as_cotangent, check_target, check_wrt, map_nodes, resolve_names
from .._query.engine import LAZY, names
from .._query.gradient import gradient
from .._report.report import record

__all__ = ["Comparison", "Row", "compare"]


@attrs.frozen
class Row:
    """The work of one engine for a request, starting from a graph in which nothing is computed.

    Attributes
    ----------
    engine
        Its name.
    values
        Forward values it computed.
    nodes
        Different nodes whose adjoint or tangent it computed, or which it evaluated on copies.
    rules
        How often it ran a vjp or jvp rule.
    seconds
        Wall-clock time of one call.
    peak_bytes
        The most memory it held at once, on top of the graph's own.
    difference
        The largest difference of any element from the answer of ``lazy``, relative to the largest element there if
        that exceeds 1.
    refused
        Why it gave no answer; None if it did. The numbers are then nan or 0.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0)
    >>> [row] = lg.engines.compare(x * x, x, ["sweep"])
    >>> row.engine, row.nodes, row.rules, row.difference
    ('sweep', 1, 2, 0.0)
    """

    __module__ = "lazygrad.engines"

    engine: str
    values: int = 0
    nodes: int = 0
    rules: int = 0
    seconds: float = float("nan")
    peak_bytes: int = 0
    difference: float = float("nan")
    refused: str | None = None


class Comparison(list[Row]):
    """The rows of `compare`; prints as a table.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0)
    >>> print(lg.engines.compare(x * x, x, ["sweep"]))
    engine      values   nodes     rules    seconds    peak bytes  difference
    sweep            1       1         2   ...     0.0e+00
    """

    __module__ = "lazygrad.engines"

    def __str__(self) -> str:
        head = (
            f"{'engine':<10}{'values':>8}{'nodes':>8}{'rules':>10}{'seconds':>11}{'peak bytes':>14}{'difference':>12}"
        )
        return "\n".join([head, *map(_line, self)])


def _line(row: Row) -> str:
    if row.refused is not None:
        return f"{row.engine:<10}  refused: {row.refused}"
    return (
        f"{row.engine:<10}{row.values:>8,}{row.nodes:>8,}{row.rules:>10,}{row.seconds:>11.6f}"
        f"{row.peak_bytes:>14,}{row.difference:>12.1e}"
    )


def compare(
    L: Node, wrt: Structure, engines: Sequence[str] | None = None, *, cotangent: Operand | None = None
) -> Comparison:
    """Ask each engine for the same gradients, and return what it cost.

    Each starts from a copy of the graph in which nothing is computed; the graph and its memo stay as they are.
    An engine that refuses, such as ``paths`` for too many paths, gets a row that says why.

    Parameters
    ----------
    L, wrt, cotangent
        The request, as for `lazygrad.gradient`.
    engines
        Names; all by default.

    Returns
    -------
    A list of `Row` that prints as a table.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0)
    >>> z = x ** 3
    >>> y = z ** 2 + lg.parameter(1.0)
    >>> for row in compare(y, x, ["lazy", "sweep"]):
    ...     print(row.engine, row.values, row.nodes, row.rules, row.difference)
    lazy 1 3 3 0.0
    sweep 3 4 4 0.0
    """
    check_target(L)
    nodes = map_nodes(resolve_names(wrt, L), check_wrt)
    known = names()
    if engines is not None and not (isinstance(engines, (list, tuple)) and all(name in known for name in engines)):
        raise ValueError(f"engines must be a list of names among {', '.join(known)}, not {describe(engines)}")
    request = (L, nodes, cotangent if cotangent is None else as_cotangent(L, cotangent))
    truth = _flatten(_ask(request, LAZY))
    return Comparison([_row(request, name, truth) for name in (known if engines is None else engines)])


def _ask(request: Any, engine: str) -> Any:
    """Return the answers on a copy of the graph; values in a memo are not copied."""
    return _answer(copy.deepcopy(request), engine)


def _answer(request: Any, engine: str) -> Any:
    L, wrt, cotangent = request
    return gradient(L, wrt, unconnected="none", cotangent=cotangent, engine=engine)


def _flatten(gradients: Any) -> list[Any]:
    """Put the arrays of a structure one after the other."""
    if gradients is None or isinstance(gradients, np.ndarray):
        return [gradients]
    parts = gradients.values() if isinstance(gradients, dict) else gradients
    return [array for part in parts for array in _flatten(part)]


def _row(request: Any, engine: str, truth: list[Any]) -> Row:
    """Measure time, memory and counts, each in a call of its own, so that none disturbs another."""
    fresh = copy.deepcopy(request)
    start = time.perf_counter()
    try:
        found = _flatten(_answer(fresh, engine))
    except LazygradError as error:
        return Row(engine, refused=str(error))
    seconds = time.perf_counter() - start
    with record() as report:
        _ask(request, engine)
    return Row(
        engine,
        report.values.misses,
        len({node.serial for node in report.adjoints.computed}),
        report.rules_run,
        seconds,
        _peak_bytes(request, engine),
        _difference(found, truth),
    )


def _peak_bytes(request: Any, engine: str) -> int:
    fresh = copy.deepcopy(request)
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        _answer(fresh, engine)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


def _difference(found: list[Any], truth: list[Any]) -> float:
    """Return the largest difference of any element, relative to the largest; a structural zero counts as zeros."""
    size: Any = 1.0
    largest: Any = 0.0
    for answer, expected in zip(found, truth, strict=True):
        a, b = (0.0 if array is None else array for array in (answer, expected))
        size = np.max(np.abs(b), initial=size)
        largest = np.max(np.abs(np.subtract(a, b)), initial=largest)  # nan stays nan
    return float(largest / size)
