"""einops on nodes: after ``import lazygrad.plugins.einops`` its functions take them as they take arrays.

opt_einsum needs nothing of the kind: what it does to its operands is NumPy's ``tensordot``, ``transpose`` and
``einsum``, which nodes answer.

>>> import einops, lazygrad as lg, lazygrad.plugins.einops
>>> x = lg.parameter([[1.0, 2.0, 3.0, 4.0]], name="x")
>>> y = einops.reduce(x, "a (b c) -> c", "mean", b=2)
>>> y.value
array([2., 3.])
>>> lg.gradient(y[0], x)
array([[0.5, 0. , 0.5, 0. ]])
"""

from __future__ import annotations

from typing import Any

from einops._backends import NumpyBackend

from .._graph.leaf import constant, parameter
from .._graph.node import INEXACT, Node
from .._graph.types import Array

__all__ = ["LazygradBackend"]


class LazygradBackend(NumpyBackend):  # type: ignore[misc]
    """The backend for nodes: einops treats them as it treats arrays, as NumPy's functions take both.

    Notes
    -----
    einops looks through the subclasses of its backend class for one that knows a tensor's type, and takes those
    whose framework has been imported; so that this class exists is all that it takes.
    """

    framework_name = "lazygrad"

    def is_appropriate_type(self, tensor: object) -> bool:
        """Return whether it is a node."""
        return isinstance(tensor, Node)

    def from_numpy(self, x: Any) -> Node:
        """Return a leaf: a parameter if it has a derivative."""
        return parameter(x) if x.dtype.kind in INEXACT else constant(x)

    def to_numpy(self, x: Node) -> Array:
        """Return its value, read-only."""
        return x.value

    def arange(self, start: int, stop: int) -> Node:
        """Return integers, as a constant."""
        return constant(self.np.arange(start, stop))
