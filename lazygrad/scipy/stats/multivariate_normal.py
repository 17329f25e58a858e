"""The multivariate normal distribution: (x, mean=None, cov=1), the last axis of x holding the components.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy.stats import multivariate_normal
>>> mean = lg.parameter([1.0, 2.0])
>>> lg.gradient(multivariate_normal.logpdf([2.0, 2.0], mean, [[2.0, 0.0], [0.0, 1.0]]), mean)
array([0.5, 0. ])
"""

from __future__ import annotations

import math
from typing import Any

import scipy.stats

from ..._graph.node import Node, Operand
from ..._graph.types import DType
from ..._graph.types import both as np
from ...ops._declare import op
from ...ops._op import Op, Signature
from .._calls import declare_on_nodes
from .._matrix_equations import inexact_dtype, require_square, solve_triangular
from ._families import as_array, look_up_in

__all__ = ["entropy", "logpdf", "pdf"]


def _cutoff(dtype: DType) -> float:
    """Return the size, relative to the largest, below which SciPy takes eigenvalues for 0."""
    if dtype.kind == "c":
        raise TypeError(f"a covariance is a matrix of real numbers, not of {dtype}")
    return float({"f": 1e3, "d": 1e6}[inexact_dtype(dtype).char] * np.finfo(inexact_dtype(dtype)).eps)


def _log_pseudo_det(a: Any) -> Any:
    eigenvalues = np.linalg.eigvalsh((a + a.T) / 2)
    kept = eigenvalues > _cutoff(a.dtype) * np.max(abs(eigenvalues), initial=0)
    return np.sum(np.log(np.where(kept, eigenvalues, 1)), dtype=eigenvalues.dtype)


def _scalar(a: Node) -> Signature:
    require_square(a)
    _cutoff(a.dtype)  # (which refuses complex numbers)
    return (), inexact_dtype(a.dtype)


def _pseudo_inverse(a: Any) -> Any:
    return np.linalg.pinv((a + a.T) / 2, rcond=_cutoff(a.dtype))


log_pseudo_det: Op = op(
    "scipy.stats.log_pseudo_det",
    _log_pseudo_det,
    shape=_scalar,
    vjp={"a": lambda g, a: g * _pseudo_inverse(a)},
    jvp={"a": lambda t, a: np.sum(t * _pseudo_inverse(a))},
    inputs="a",
    doc="The logarithm of the product of the eigenvalues other than 0 of a matrix's symmetric part.",
)


def _read_arguments(mean: Any, cov: Any) -> tuple[int, Any, Any]:
    """Return the dimension, the mean as a vector and the covariance as a matrix."""
    cov = as_array(1.0 if cov is None else cov)
    dim = 1 if cov.ndim < 2 else cov.shape[0]
    if mean is not None:
        mean = as_array(mean)
        dim = math.prod(mean.shape)
        mean = mean.reshape(dim)
    if cov.ndim < 2:
        diagonal = cov[:, None] if cov.ndim else cov
        cov = diagonal * np.eye(cov.shape[0] if cov.ndim else dim, dtype=inexact_dtype(cov.dtype))
    if cov.shape != (dim, dim):
        raise ValueError(f"a covariance of shape {cov.shape} does not fit {dim} components")
    return dim, mean, cov


def _log_det(cov: Any) -> tuple[Any, Any]:
    """Return log det, and the lower factor it is read from."""
    factor = np.linalg.cholesky(cov)
    places = np.arange(cov.shape[0])
    return 2 * np.sum(np.log(factor[places, places])), factor


@declare_on_nodes(scipy.stats.multivariate_normal.logpdf)
def logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Node:
    """Return the logarithm of the density at x, shape (..., d).

    Parameters
    ----------
    x
        The points; without a last axis of their own if d is 1.
    mean, cov
        Shape (d,), zeros by default; and (d, d), a diagonal or one number.
    allow_singular
        Whether directions without variance are left out, instead of an error.

    Examples
    --------
    >>> import lazygrad as lg
    >>> logpdf(lg.parameter([0.0, 0.0])).shape
    (2,)
    """
    dim, mean, cov = _read_arguments(mean, cov)
    x = as_array(x)
    if x.ndim < 2:
        x = x.reshape(-1, 1) if dim == 1 else x.reshape(1, -1)
    d = x if mean is None else x - mean
    rows = d.reshape(math.prod(d.shape[:-1]), dim)
    if allow_singular:
        inverse, log_det = _pseudo_inverse(cov), log_pseudo_det(cov)
        rank = np.sum(inverse * cov.T)  # the trace of a projection
        distance = np.sum(rows @ inverse * rows, axis=-1)
    else:
        log_det, factor = _log_det(cov)
        rank = float(dim)
        distance = np.sum(solve_triangular(factor, rows.T, lower=True) ** 2, axis=0)
    return np.squeeze(-0.5 * (rank * math.log(2 * math.pi) + log_det + distance.reshape(d.shape[:-1])))


@declare_on_nodes(scipy.stats.multivariate_normal.pdf)
def pdf(x: Operand, mean: Operand | None = None, cov: Operand = 1, allow_singular: bool = False) -> Node:
    """Return the density at x, shape (..., d); the arguments are those of `logpdf`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> round(pdf(lg.parameter(0.0)).item(), 4)
    0.3989
    """
    return np.exp(logpdf(x, mean, cov, allow_singular))


@declare_on_nodes(scipy.stats.multivariate_normal.entropy)
def entropy(mean: Operand | None = None, cov: Operand = 1) -> Node:
    """Return the differential entropy; the mean plays no part.

    Examples
    --------
    >>> import lazygrad as lg
    >>> cov = lg.parameter([[2.0, 0.0], [0.0, 1.0]])
    >>> lg.gradient(entropy(cov=cov), cov)
    array([[0.25, 0.  ],
           [0.  , 0.5 ]])
    """
    dim, _, cov = _read_arguments(mean, cov)
    log_det, _ = _log_det(cov)
    return 0.5 * (dim * (1 + math.log(2 * math.pi)) + log_det)


__getattr__ = look_up_in(scipy.stats.multivariate_normal)
