"""Polynomials, written as their coefficients with the highest power first.

NumPy drops leading zeros from some results. Here the shape of a result must not depend on values, so they stay.
"""

from __future__ import annotations

import operator
from typing import Any

from .._errors import ShapeError
from .._graph.node import Node, Operand
from .._graph.types import both as np
from ._declare import function, op, result_dtype
from ._op import Op, Signature
from .einsum import as_operand, einsum
from .linear import concatenate, reshape
from .products import convolve

__all__ = ["poly", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polyval", "roots"]


def _coefficients(p: Any) -> Node:
    """Return a vector; a number is a vector of one."""
    p = as_operand(p)
    if p.ndim > 1:
        raise ShapeError(f"the coefficients of a polynomial are a vector, not of shape {p.shape}")
    return p if p.ndim else reshape(p, shape=(1,))


def _as_floating(x: Node) -> Node:
    return x if x.dtype.kind in "fc" else x.astype(float)


# -- values and roots ------------------------------------------------------------------------------


def _slope(p: Any) -> Any:
    """Return the coefficients of the derivative."""
    return p[:-1] * np.arange(p.shape[0] - 1, 0, -1).astype(p.dtype)


def _powers(x: Any, count: int) -> Any:
    """Return the vector x to each power, highest first, one row for each element."""
    return x[:, None] ** np.arange(count - 1, -1, -1).astype(x.dtype)


def _polyval_shape(p: Node, x: Node) -> Signature:
    return x.shape, result_dtype(np.polyval, p.dtype, x.dtype) if p.size else x.dtype


_polyval: Op = op(
    "polyval",
    np.polyval,
    shape=_polyval_shape,
    vjp={
        "p": lambda g, x, p_shape: g.reshape(-1) @ _powers(x.reshape(-1), p_shape[0]),
        "x": lambda g, p, x, times: times(g, _polyval(_slope(p), x)),
    },
    jvp={
        "p": lambda t, x: _polyval(t, x),
        "x": lambda t, p, x, times: times(t, _polyval(_slope(p), x)),
    },
    inputs="p x",
    doc="Return the polynomial of coefficients p at x.",
)


@function(np.polyval)
def polyval(p: Operand, x: Operand) -> Node:
    """Return the polynomial of coefficients `p` at each element of `x`."""
    return _polyval(_coefficients(p), as_operand(x))


def _roots(p: Any) -> Any:
    if p.size and p[0] == 0:
        raise ValueError("np.roots on nodes takes a first coefficient other than 0: drop the leading zeros")
    return np.roots(p).astype(np.result_type(p.dtype, 1j))


def _roots_shape(p: Node) -> Signature:
    return (max(p.size - 1, 0),), np.result_type(p.dtype, 1j)


_roots_of = op(
    "roots",
    _roots,
    shape=_roots_shape,  # from p(r) = 0 follows dr = -dp(r) / p'(r)
    vjp={"p": lambda g, p, out, over: -(over(g, _polyval(_slope(p), out)) @ _powers(out, p.shape[0]))},
    jvp={"p": lambda t, p, out, over: -over(_polyval(t, out), _polyval(_slope(p), out))},
    inputs="p",
    doc="Return the roots of the polynomial of coefficients p, always as complex numbers.",
)


@function(np.roots)
def roots(p: Operand) -> Node:
    """Return the roots of a polynomial: complex always, as it depends on values whether all are real."""
    return _roots_of(_coefficients(p))


@function(np.poly)
def poly(seq_of_zeros: Operand) -> Node:
    """Return the coefficients of the polynomial with these roots, or the characteristic polynomial of a matrix."""
    zeros = _as_floating(as_operand(seq_of_zeros))
    if not zeros.ndim:
        raise TypeError("np.poly takes a sequence of roots, not a single number")
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] and zeros.size:
        return _characteristic(zeros)
    if zeros.ndim > 1:
        raise ShapeError(f"poly takes a vector of roots or a square matrix, not shape {zeros.shape}")
    zeros = _coefficients(zeros)
    one = np.ones(1, zeros.dtype)
    p: Any = one if zeros.size else 1.0
    for k in range(zeros.size):
        p = convolve(p, concatenate(one, -zeros[k : k + 1], axis=0))
    return p


def _characteristic(a: Node) -> Node:
    """Run Faddeev's and LeVerrier's recursion, which is polynomial in the elements and so has no degenerate case."""
    one = np.ones(1, a.dtype)
    eye = np.eye(a.shape[0], dtype=a.dtype)
    coefficients: list[Any] = [one]
    m: Any = eye
    for k in range(1, a.shape[0] + 1):
        c = -einsum("ij,ji->", a, m) / k
        coefficients.append(reshape(c, shape=(1,)))
        m = a @ m + c * eye
    return concatenate(*coefficients, axis=0)


# -- arithmetic ------------------------------------------------------------------------------------


def _align(a1: Any, a2: Any) -> tuple[Node, Node]:
    """Return two polynomials with as many coefficients, zeros in front."""
    a, b = _coefficients(a1), _coefficients(a2)
    count = max(a.size, b.size)
    return tuple(
        [  # type: ignore[return-value]
            p if p.size == count else concatenate(np.zeros(count - p.size, p.dtype), p, axis=0) for p in (a, b)
        ]
    )


@function(np.polyadd)
def polyadd(a1: Operand, a2: Operand) -> Node:
    """Return the sum of two polynomials."""
    a, b = _align(a1, a2)
    return a + b


@function(np.polysub)
def polysub(a1: Operand, a2: Operand) -> Node:
    """Return the difference of two polynomials."""
    a, b = _align(a1, a2)
    return a - b


@function(np.polymul)
def polymul(a1: Operand, a2: Operand) -> Node:
    """Return the product of two polynomials; leading zeros stay."""
    return convolve(_coefficients(a1), _coefficients(a2))


@function(np.polydiv)
def polydiv(u: Operand, v: Operand) -> tuple[Node, ...]:
    """Return quotient and remainder of two polynomials; leading zeros of the remainder stay."""
    rest, divisor = (_as_floating(_coefficients(p)) for p in (u, v))
    dtype = np.result_type(rest.dtype, divisor.dtype)
    rest, divisor = rest.astype(dtype), divisor.astype(dtype)
    n = divisor.size
    quotient = []
    for _ in range(rest.size - n + 1):
        factor = rest[:1] / divisor[:1]
        quotient.append(factor)
        rest = concatenate(rest[1:n] - factor * divisor[1:], rest[n:], axis=0)
    nothing = as_operand(np.zeros(1, dtype))
    return concatenate(*quotient, axis=0) if quotient else nothing, rest if rest.size else nothing


@function(np.polyder)
def polyder(p: Any, m: int = 1) -> Node:
    """Return the m-th derivative of a polynomial."""
    p, m = _coefficients(p), operator.index(m)
    if m < 0:
        raise ValueError(f"the order of a derivative must not be negative, but is {m}")
    for _ in range(m):
        p = p[:-1] * np.arange(p.size - 1, 0, -1)
    return p


@function(np.polyint)
def polyint(p: Any, m: int = 1, k: Operand | None = None) -> Node:
    """Return the m-th antiderivative of a polynomial, with integration constants `k`."""
    p, m = _coefficients(p), operator.index(m)
    if m < 0:
        raise ValueError(f"the order of an antiderivative must not be negative, but is {m}")
    constants = _coefficients(np.zeros(m) if k is None else k)
    if constants.size != 1 and constants.size < m:
        raise ShapeError(f"polyint needs {m} integration constants or 1, not {constants.size}")
    for i in range(m):
        c = constants[i : i + 1] if constants.size > 1 else constants
        p = concatenate(p / np.arange(p.size, 0, -1), c, axis=0)
    return p


# -- fits ------------------------------------------------------------------------------------------


@function(np.polyfit)
def polyfit(
    x: Operand,
    y: Operand,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: Operand | None = None,
    cov: bool = False,
) -> Node:
    """Return the coefficients of the polynomial nearest to the points by least squares; differentiable by all of them.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> y = lg.parameter([1.0, 3.0, 5.0])
    >>> slope, offset = np.polyfit([0.0, 1.0, 2.0], y, 1)
    >>> lg.gradient(slope, y).round(12) + 0
    array([-0.5,  0. ,  0.5])
    """
    if full or cov:
        raise TypeError("np.polyfit on nodes gives the coefficients alone: leave out `full` and `cov`")
    x, y = _as_floating(as_operand(x)), _as_floating(as_operand(y))
    if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[:1] != x.shape or not x.size:
        raise ShapeError(f"polyfit({x.shape}, {y.shape}): it takes a vector and as many values, or rows of them")
    matrix = np.vander(x, operator.index(deg) + 1)
    if w is not None:
        w = _as_floating(as_operand(w))
        matrix = matrix * w[:, None]
        y = y * (w if y.ndim == 1 else w[:, None])
    scale = np.sqrt((matrix * matrix).sum(axis=0))  # as for NumPy, for the sake of conditioning
    inverse = np.linalg.pinv(matrix / scale, rcond=x.size * np.finfo(x.dtype).eps if rcond is None else rcond)
    return inverse @ y / (scale if y.ndim == 1 else scale[:, None])
