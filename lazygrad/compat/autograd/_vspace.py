"""The vector space that a value lies in: numbers, arrays, and containers of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._graph.node import Node
from ..._graph.shapes import unit_array
from ..._graph.trees import align_leaves, flatten, leaves, list_places
from ..._graph.types import Array

__all__ = ["VSpace", "vspace"]


class VSpace:
    """The structure, shapes and dtypes that a value and its derivatives have in common.

    Attributes
    ----------
    shape, dtype, ndim
        Of an array or number; for containers `shape` is a dict by place, the others are None.
    size
        The number of real coordinates, two for a complex number.
    iscomplex
        Whether it is an array of complex numbers.
    """

    def __init__(self, value: Any) -> None:
        tree = flatten(value)
        self._example = tree.like(range(len(tree.leaves)))
        self._like = tree.like
        self._shapes = [(np.shape(x), np.dtype(_read_dtype(x))) for x in tree.leaves]
        single = len(self._shapes) == 1 and tree.leaves[0] is value
        named = dict(zip(list_places(value), self._shapes, strict=True))
        self.shape: Any = self._shapes[0][0] if single else named
        self.dtype: Any = self._shapes[0][1] if single else None
        self.ndim: Any = len(self.shape) if single else None
        self.iscomplex = single and self._shapes[0][1].kind == "c"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VSpace) and (self.shape, self.dtype) == (other.shape, other.dtype)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"VSpace(shape={self.shape}, dtype={self.dtype})"

    @property
    def size(self) -> int:
        """Return the number of real coordinates."""
        return sum(int(np.prod(shape, dtype=int)) * (1 + (dtype.kind == "c")) for shape, dtype in self._shapes)

    def _align(self, x: Any) -> list[Any]:
        return align_leaves(x, self._example, "a vector must have the structure of its space")

    def _build(self, one: Any) -> Any:
        return self._like([one(shape, dtype) for shape, dtype in self._shapes])

    def _map(self, one: Any, *values: Any) -> Any:
        columns = [self._align(value) for value in values]
        return self._like([one(*parts) for parts in zip(*columns, strict=True)])

    def zeros(self) -> Any:
        """Return the zero vector."""
        return self._build(np.zeros)

    def ones(self) -> Array:
        """Return the vector with a one in every coordinate."""
        return self._build(lambda shape, dtype: np.ones(shape, dtype) * (1 + 1j if dtype.kind == "c" else 1))

    def randn(self) -> Any:
        """Draw a vector of normal numbers from NumPy's global generator."""

        def sample(shape: Any, dtype: Any) -> Any:
            real = np.random.randn(*shape)  # noqa: NPY002  (so that `numpy.random.seed` rules it)
            if dtype.kind != "c":
                return np.asarray(real).astype(dtype)
            return np.asarray(real + 1j * np.random.randn(*shape)).astype(dtype)  # noqa: NPY002

        return self._build(sample)

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors."""
        for k, (shape, dtype) in enumerate(self._shapes):
            for place in range(int(np.prod(shape, dtype=int))):
                for size in (1, 1j) if dtype.kind == "c" else (1,):
                    parts = leaves(self.zeros())
                    parts[k] = unit_array(shape, dtype, place, size)
                    yield self._like(parts)

    def add(self, x: object, y: object) -> Any:
        """Return the sum of two vectors."""
        return self._map(lambda a, b: a + b, x, y)

    def scalar_mul(self, x: object, a: complex) -> Any:
        """Return the multiple of a vector."""
        return self._map(lambda part: part * a, x)

    def inner_prod(self, x: object, y: object) -> Array:
        """Return the inner product of the real coordinates."""
        pairs = zip(self._align(x), self._align(y), strict=True)
        return sum([np.real(np.dot(np.conj(np.ravel(a)), np.ravel(b))) for a, b in pairs])

    def covector(self, x: object) -> Any:
        """Return the conjugate: it turns a gradient to the direction of steepest ascent."""
        return self._map(np.conj, x)


def _read_dtype(x: Any) -> Any:
    """Return the dtype of a node, array or float; raise TypeError for anything else."""
    if isinstance(x, (Node, np.ndarray)):
        return x.dtype
    if isinstance(x, (float, complex, np.inexact)):
        return np.result_type(x)
    raise TypeError(f"{x!r} of type {type(x).__name__} lies in no vector space: it must be floats")


def vspace(value: object) -> VSpace:
    """Return the vector space of a number, an array or a container of them.

    Raises
    ------
    TypeError
        If there is anything else in it, such as a Python int.

    Examples
    --------
    >>> import numpy as np
    >>> vspace(np.ones(2)).zeros()
    array([0., 0.])
    >>> vspace({"a": 1.0, "b": np.ones((2, 3))}).size
    7
    """
    return VSpace(value)
