"""Parts of complex numbers.

The gradient of a real L by z = x + iy is dL/dx - i dL/dy, so that dL = Re(sum of g dz): the rule of an analytic
function is g f'(z), that of a linear map its plain transpose, and a real input gets the real part.
"""

from __future__ import annotations

import math

from .._graph.guards import READABLE, inside_transform
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import both as np
from .._graph.value import read_guarded
from ._declare import elementwise, function, linear, result_dtype
from .linear import real

__all__ = ["angle", "conjugate", "imag", "iscomplex", "isreal", "real_if_close"]

imag = linear(
    "imag",
    lambda x: x.imag,
    shape=lambda x: (x.shape, result_dtype(np.imag, x.dtype)),
    transpose=lambda g: -1j * g,
    numpy=(np.imag,),
    doc="Return the imaginary part.",
)

conjugate = elementwise(
    "conjugate",
    np.conjugate,
    vjp={"x": lambda g: np.conjugate(g)},
    jvp={"x": lambda t: np.conjugate(t)},
    doc="Return the complex conjugate.",
)


@function(np.conjugate)
def conjugate_or_itself(x: NodeOrArray) -> NodeOrArray:
    """Return the complex conjugate; for real numbers x itself."""
    return x if x.dtype.kind in "iuf" else conjugate(x)


@function(np.angle)
def angle(z: NodeOrArray, deg: bool = False) -> Node:
    """Return the angle of complex numbers, in radians or degrees; its derivative at 0 is 0."""
    turn = np.arctan2(np.imag(z), np.real(z)) if z.dtype.kind == "c" else np.arctan2(0, z)
    return turn * (180 / math.pi) if deg else turn


@function(np.iscomplex)
def iscomplex(x: Operand) -> Node:
    """Return where the imaginary part is not 0."""
    return np.not_equal(np.imag(x), 0)


@function(np.isreal)
def isreal(x: Operand) -> Node:
    """Return where the imaginary part is 0."""
    return np.equal(np.imag(x), 0)


@function(np.real_if_close)
def real_if_close(a: Node, tol: float = 100) -> Node:
    """Return the real part if no imaginary part is larger than the rounding error; the values are read for that."""
    if a.dtype.kind != "c":
        return a
    if not inside_transform():
        raise TypeError(
            f"the dtype of np.real_if_close depends on the values of {a!r}: take `np.real` of the node, or {READABLE}"
        )
    return a if read_guarded(a, lambda z: np.iscomplexobj(np.real_if_close(z, tol))) else real(a)
