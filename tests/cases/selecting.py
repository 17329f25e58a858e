"""Functions that select: nan or inf in what they do not take must not reach a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lazygrad import ops

__all__ = ["POINT", "SELECTING"]

POINT = np.array([0.0, 1.0, 4.0, 9.0])
TAKEN = POINT > 0
ONE_TRUE = np.array([False, True])
BAD_ROW = np.array([[np.inf, np.nan], [3.0, 4.0]])


def log(x: Any) -> Any:
    """Return -inf, with slope inf, at the first element."""
    return np.log(x)


def root(x: Any) -> Any:
    """Return nan, with slope nan, at the first element."""
    return np.sqrt(x - 0.5)


def square(values: Any) -> Any:
    """Return the four elements as a matrix."""
    return np.reshape(values, (2, 2))


def lower_of(x: Any) -> Any:
    """Return a matrix whose upper triangle, which nobody reads, is log 0."""
    return square(np.stack([x[3], log(x)[0], x[1], x[2]]))


Function = Callable[[Any], Any]

# Name -> the function, and the elements that it does not take.
SELECTING: dict[str, tuple[Function, list[int]]] = {
    # where, above every kind of singular derivative
    "where": (lambda x: np.where(x > 0, log(x), 0.0).sum(), [0]),
    "where x log x": (lambda x: np.where(x > 0, x * log(x), 0.0).sum(), [0]),
    "where sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0.0).sum(), [0]),
    "where sin 1/x": (lambda x: np.where(x > 0, np.sin(1 / x), 0.0).sum(), [0]),
    "where exp -1/x": (lambda x: np.where(x > 0, np.exp(-1 / x), 0.0).sum(), [0]),
    "where sin x / x": (lambda x: np.where(x > 0, np.sin(x) / x, 1.0).sum(), [0]),
    "where tanh": (lambda x: np.where(x > 0, np.tanh(log(x)), 0.0).sum(), [0]),
    "where abs": (lambda x: np.where(x > 0.5, np.abs(root(x)), 0.0).sum(), [0]),
    "where hypot": (lambda x: np.where(x > 0, np.hypot(log(x), 1.0), 0.0).sum(), [0]),
    "where pow": (lambda x: np.where(x > 0, x**-1.5, 0.0).sum(), [0]),
    "where power": (lambda x: np.where(x > 0, np.power(x, log(x)), 0.0).sum(), [0]),
    "where arcsin": (lambda x: np.where(x < 1, np.arcsin(x), 0.0).sum(), [1, 2, 3]),
    "where logaddexp": (lambda x: np.where(x > 0, np.logaddexp(log(x), 1 / x), 0.0).sum(), [0]),
    "where arctan2": (lambda x: np.where(x > 0, np.arctan2(log(x), x), 1.0).sum(), [0]),
    "where norm": (lambda x: np.where(ONE_TRUE, np.linalg.norm(square(root(x)), axis=1), 0.0).sum(), [0, 1]),
    "where std": (lambda x: np.where(ONE_TRUE, np.std(square(root(x)), axis=1), 0.0).sum(), [0, 1]),
    "where var": (lambda x: np.where(ONE_TRUE, np.var(square(root(x)), axis=1), 0.0).sum(), [0, 1]),
    "where prod": (lambda x: np.where(ONE_TRUE, np.prod(square(log(x)), axis=1), 0.0).sum(), [0, 1]),
    "where cumsum": (lambda x: np.where(ONE_TRUE, np.cumsum(square(log(x)), axis=1)[:, 1], 0.0).sum(), [0, 1]),
    "where logsumexp": (lambda x: np.where(ONE_TRUE, ops.logsumexp(square(1 / x), axis=1), 0.0).sum(), [0, 1]),
    "where softmax": (lambda x: np.where(ONE_TRUE, ops.softmax(square(root(x)))[:, 0], 0.0).sum(), [0, 1]),
    "where log softmax": (lambda x: np.where(ONE_TRUE, ops.log_softmax(square(root(x)))[:, 0], 0.0).sum(), [0, 1]),
    "where matmul": (lambda x: np.where(ONE_TRUE, BAD_ROW @ x[2:], 0.0).sum(), [0, 1]),
    "where matmul of squares": (lambda x: (np.where(ONE_TRUE, BAD_ROW @ x[2:] ** 2, 0.0) ** 2).sum(), [0, 1]),
    "where matmul of two": (lambda x: np.where(ONE_TRUE, square(log(x)) @ x[2:], 0.0).sum(), [0, 1]),
    "where einsum": (lambda x: np.where(ONE_TRUE, np.einsum("ij,j->i", BAD_ROW, x[2:]), 0.0).sum(), [0, 1]),
    "where einsum of two": (lambda x: np.where(ONE_TRUE, np.einsum("ij,j->i", square(log(x)), x[2:]), 0).sum(), [0, 1]),
    "where of where": (lambda x: np.sqrt(np.where(x > 0, x, 1.0)).sum(), [0]),
    "sqrt of where": (lambda x: np.sqrt(np.where(x > 0, x, 0.0)).sum(), [0]),
    # indexing and its kin
    "slice": (lambda x: log(x)[1:].sum(), [0]),
    "item": (lambda x: log(x)[2] ** 2, [0, 1, 3]),
    "mask": (lambda x: log(x)[TAKEN].sum(), [0]),
    "integers": (lambda x: log(x)[[1, 3, 3]].sum(), [0, 2]),
    "take": (lambda x: np.take(log(x), [1, 2]).sum(), [0, 3]),
    "take_along_axis": (lambda x: np.take_along_axis(log(x), np.array([1, 1]), 0).sum(), [0, 2, 3]),
    "compress": (lambda x: np.compress(TAKEN, log(x)).sum(), [0]),
    "extract": (lambda x: np.extract(TAKEN, log(x)).sum(), [0]),
    "delete": (lambda x: np.delete(log(x), 0).sum(), [0]),
    "split": (lambda x: np.split(log(x), 2)[1].sum(), [0, 1]),
    "array_split": (lambda x: np.array_split(log(x), 3)[1].sum(), [0, 1, 3]),
    "unstack": (lambda x: np.unstack(log(x))[1], [0, 2, 3]),
    "resize": (lambda x: np.resize(log(x)[::-1], 3).sum(), [0]),
    "windows": (lambda x: np.lib.stride_tricks.sliding_window_view(log(x), 2)[1:].sum(), [0]),
    "at set": (lambda x: log(x).at[0].set(5.0).sum(), [0]),
    "at get": (lambda x: log(x).at[1:].get().sum(), [0]),
    "interp": (lambda x: np.interp(2.5, np.arange(4.0), log(x)), [0, 1]),
    # bounds
    "clip": (lambda x: np.clip(log(x), 0.5, 10).sum(), [0, 1]),
    "maximum": (lambda x: np.maximum(log(x), x - x + 0.5).sum(), [0, 1]),
    "maximum of a number": (lambda x: np.maximum(log(x), 0.5).sum(), [0, 1]),
    "minimum": (lambda x: np.minimum(1 / x, 0.5).sum(), [0, 1]),
    "fmax": (lambda x: np.fmax(log(x), x - x + 0.5).sum(), [0, 1]),
    "fmin": (lambda x: np.fmin(1 / x, 0.5).sum(), [0, 1]),
    "relu": (lambda x: ops.relu(log(x)).sum(), [0, 1]),
    "nan_to_num": (lambda x: np.nan_to_num(log(x)).sum(), [0]),
    # order
    "max": (lambda x: np.max(log(x)), [0, 1, 2]),
    "min": (lambda x: np.min(1 / x), [0, 1, 2]),
    "ptp": (lambda x: np.ptp(log(x)[1:]), [0, 2]),
    "sort": (lambda x: np.sort(log(x))[1:].sum(), [0]),
    "partition": (lambda x: np.partition(log(x), 1)[1:].sum(), [0]),
    "median": (lambda x: np.median(log(x)), [0, 3]),
    "quantile": (lambda x: np.quantile(log(x), 0.5), [0, 3]),
    "percentile": (lambda x: np.percentile(log(x), [50, 60]).sum(), [0, 3]),
    "cummax": (lambda x: np.maximum.accumulate(log(x)[::-1]).sum(), [0, 1, 2]),
    "norm inf": (lambda x: np.linalg.norm(log(x)[1:], np.inf), [0, 1, 2]),
    "max_pool2d": (lambda x: ops.max_pool2d(np.reshape(log(x), (1, 4)), (1, 2)).sum(), [0, 2]),
    # conditions
    "choose": (lambda x: np.choose([1, 0, 0, 0], [log(x), 2.0]).sum(), [0]),
    "select": (lambda x: np.select([x > 0], [log(x)], 0.0).sum(), [0]),
    "piecewise": (lambda x: np.piecewise(x, [x > 0], [log, 0.0]).sum(), [0]),
    "sum where": (lambda x: np.sum(log(x), where=TAKEN), [0]),
    "mean where": (lambda x: np.mean(log(x), where=TAKEN), [0]),
    "max where": (lambda x: np.max(log(x), where=TAKEN, initial=0.0), [0, 1, 2]),
    # triangles and diagonals
    "tril": (lambda x: np.tril(square(log(x)[::-1]), -1).sum(), [0, 2, 3]),
    "triu": (lambda x: np.triu(square(log(x)), 1).sum(), [0, 2, 3]),
    "diagonal": (lambda x: np.diagonal(square(np.roll(log(x), 1))).sum(), [0, 1]),
    "diag": (lambda x: np.diag(square(np.roll(log(x), 1))).sum(), [0, 1]),
    "trace": (lambda x: np.trace(square(np.roll(log(x), 1))), [0, 1]),
    "einsum ii": (lambda x: np.einsum("ii", square(np.roll(log(x), 1))), [0, 1]),
    "einsum ii->i": (lambda x: np.einsum("ii->i", square(np.roll(log(x), 1))).sum(), [0, 1]),
    "cholesky": (lambda x: np.linalg.cholesky(lower_of(x)).sum(), [0]),
    "eigvalsh": (lambda x: (np.linalg.eigvalsh(lower_of(x)) ** 2).sum(), [0]),
    "eigh": (lambda x: (np.linalg.eigh(lower_of(x))[0] ** 2).sum(), [0]),
    # labels
    "pick": (lambda x: ops.pick(square(log(x)), np.array([1, 0])).sum(), [0, 3]),
    "svm_loss": (lambda x: ops.svm_loss(np.reshape(log(x), (1, 4)), np.array([3])).sum(), [0, 1]),
    # what is no number
    "nansum": (lambda x: np.nansum(root(x)), [0]),
    "nanprod": (lambda x: np.nanprod(root(x)), [0]),
    "nanmean": (lambda x: np.nanmean(root(x)), [0]),
    "nanvar": (lambda x: np.nanvar(root(x)), [0]),
    "nanstd": (lambda x: np.nanstd(root(x)), [0]),
    "nanmax": (lambda x: np.nanmax(root(x)), [0, 1, 2]),
    "nanmin": (lambda x: np.nanmin(root(x)), [0, 2, 3]),
    "nanmedian": (lambda x: np.nanmedian(root(x)), [0, 1, 3]),
    "nanquantile": (lambda x: np.nanquantile(root(x), 0.5), [0, 1, 3]),
    "nancumsum": (lambda x: np.nancumsum(root(x)).sum(), [0]),
}
