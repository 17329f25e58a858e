"""A function at one point as a backend sees it, and the derivatives that follow from vector-Jacobian products."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from .._graph.node import NodeOrArray
from .._graph.shapes import unit_array
from .._graph.types import Array

__all__ = ["Flat", "Linearizer", "Point", "Pull", "jacobian_by_rows", "push_by_rows"]

Flat = Callable[..., list[Any]]  # of arrays to a list of arrays, of the backend's own kind
Pull = Callable[[Sequence[Any], Sequence[int]], list[Any]]  # (cotangents, wanted) -> the cotangents of those arrays


class Linearizer(Protocol):
    """The operations that a `Point` asks of a backend."""

    def value(self, at: Point) -> list[Any]:
        """Return the outputs."""

    def vjp(self, f: Flat, arrays: Sequence[object]) -> tuple[list[Any], Pull]:
        """Return the outputs, and the function that pulls cotangents back."""


class Point:
    """A function at one point; it is evaluated there once, and linearised once.

    Attributes
    ----------
    function
        Of as many arrays as there are in `arrays`, which returns a list of arrays.
    arrays
        Where: NumPy arrays, all of them float.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> at = Point(lg.backend.get("lazy"), lambda x, y: [x * y], [np.array(2.0), np.array(3.0)])
    >>> at.outs, at.pull([np.array(1.0)], [1])
    ([array(6.)], [array(2.)])
    """

    __module__ = "lazygrad.backend"

    def __init__(self, backend: Linearizer, function: Flat, arrays: Sequence[Any]) -> None:
        self._backend = backend
        self.function = function
        self.arrays = list(arrays)

    @functools.cached_property
    def _linear(self) -> tuple[list[Any], Pull]:
        return self._backend.vjp(self.function, self.arrays)

    @property
    def linear(self) -> bool:
        """Return whether the function was linearised: evaluated, with what derivatives need."""
        return "_linear" in self.__dict__

    def linearise(self) -> None:
        """Evaluate and linearise the function now."""
        _ = self._linear

    @functools.cached_property
    def outs(self) -> list[Array]:
        """Return the outputs as NumPy arrays."""
        return [np.asarray(out) for out in (self._linear[0] if self.linear else self._backend.value(self))]

    def pull(self, cotangents: Sequence[object], wanted: Sequence[int]) -> list[Array]:
        """Return the vector-Jacobian products by the backend's `vjp`, as NumPy arrays."""
        return [np.asarray(g) for g in self._linear[1](cotangents, wanted)]


def _unit_cotangents(shape: tuple[int, ...], dtype: Any) -> Iterator[tuple[int, Any]]:
    """Yield position and cotangent of each element; for the imaginary part of a complex one the position is ~k."""
    for k in range(int(np.prod(shape))):
        for position, size in ((k, 1), (~k, -1j)) if dtype.kind == "c" else ((k, 1),):
            yield position, unit_array(shape, dtype, k, size)


def _pull_units(pull: Pull, outs: Sequence[Any], wanted: Sequence[int]) -> Iterator[tuple[int, int, list[Any]]]:
    """Yield the number of an output, a position in it, and the gradients that a unit cotangent there pulls back."""
    zeros = [np.zeros(out.shape, out.dtype) for out in outs]
    for n, out in enumerate(outs):
        for position, unit in _unit_cotangents(out.shape, out.dtype):
            yield n, position, pull([*zeros[:n], unit, *zeros[n + 1 :]], wanted)


def push_by_rows(pull: Pull, outs: Sequence[NodeOrArray], tangents: Sequence[object]) -> list[Array]:
    """Return the Jacobian-vector products of the outputs: one pull for each element."""
    pushed = [np.zeros(out.shape, out.dtype) for out in outs]
    for n, position, row in _pull_units(pull, outs, range(len(tangents))):
        slope = sum(float(np.sum(g * t).real) for g, t in zip(row, tangents, strict=True))
        _add_part(pushed[n].reshape(-1), position, slope)
    return pushed


def jacobian_by_rows(
    pull: Pull, outs: Sequence[NodeOrArray], arrays: Sequence[Any], wanted: Sequence[int]
) -> list[list[Any]]:
    """Return for each output the Jacobians by the wanted arrays, which are real: one pull for each element."""
    made = [
        [np.zeros((int(np.prod(out.shape)), *a.shape), np.result_type(out.dtype, a.dtype)) for a in arrays]
        for out in outs
    ]
    for n, position, row in _pull_units(pull, outs, wanted):
        for matrix, g in zip(made[n], row, strict=True):
            _add_part(matrix, position, g)
    return [
        [matrix.reshape(out.shape + a.shape) for matrix, a in zip(row, arrays, strict=True)]
        for out, row in zip(outs, made, strict=True)
    ]


def _add_part(array: Any, position: int, part: Any) -> None:
    """Add a real part to the element at `position`; where that is ~k, an imaginary part to the k-th element."""
    array[max(position, ~position)] += part if position >= 0 else 1j * part
