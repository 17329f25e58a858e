"""The table of op cases: every op and function has a row, and `test_ops` runs all checks of the battery over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases import convolution as cases_convolution
from tests.cases import elementwise as cases_elementwise
from tests.cases import fourier as cases_fourier
from tests.cases import indexing as cases_indexing
from tests.cases import linalg as cases_linalg
from tests.cases import norms as cases_norms
from tests.cases import products as cases_products
from tests.cases import ranges as cases_ranges
from tests.cases import reductions as cases_reductions
from tests.cases import scipy as cases_scipy
from tests.cases import shape as cases_shape
from tests.cases import statistics as cases_statistics
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import (
    AXES,
    BINARY,
    FLOATS,
    INF,
    LABELLED,
    LAST,
    TERNARY,
    UNARY,
    ZERO_D_AXES,
    Row,
    below,
    binary,
    calls,
    complexes,
    mask,
    nonzero,
    positive,
    real,
    reduction,
    shares,
    spaced,
    unary,
)

# -- what NumPy has no function for ----------------------------------------------------------------


def as_float(x: Any) -> Any:
    return np.asarray(x) if np.asarray(x).dtype.kind == "f" else np.asarray(x, dtype=float)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, x.dtype)
    for place in np.ndindex(x.shape):
        kept = place[len(x.shape) - len(shape) :]
        out[tuple(0 if n == 1 else k for k, n in zip(kept, shape, strict=True))] += x[place]
    return out


def concatenate(*xs: Any, axis: int | None) -> Any:
    return np.concatenate(xs, axis=axis)


def softmax(x: Any, axis: Any) -> Any:
    e = np.exp(as_float(x))
    return e / e.sum(axis, keepdims=True)


def logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(np.exp(as_float(x)).sum(axis, keepdims=keepdims))


def log_softmax(x: Any, axis: Any) -> Any:
    return as_float(x) - logsumexp(x, axis, True)


def one_hot_loss(x: Any, y: Any) -> Any:
    return -(y * log_softmax(x, -1)).sum(-1)


def pick(x: Any, labels: Any) -> Any:
    return np.array([x[(*row, labels[row])] for row in np.ndindex(labels.shape)], x.dtype).reshape(labels.shape)


def svm(x: Any, labels: Any) -> Any:
    """Compute Sullivan's sum over j != y of max(0, s_j - s_y + 1), as a plain loop."""
    x = as_float(x)
    losses = np.zeros(labels.shape, x.dtype)
    for row in np.ndindex(labels.shape):
        for j in range(x.shape[-1]):
            if j != labels[row]:
                losses[row] += max(0.0, x[(*row, j)] - x[(*row, labels[row])] + 1)
    return losses


def comparison(name: str) -> Row:
    return binary(name, getattr(np, name), spaced(0.1), spaced(0.35), order=0)


def ties(x: Any, gradient: Any, rows: Any, gradients: Any) -> tuple[Point, Point]:
    """Return points of ties along the only axis, and along axis 1."""
    return (
        Point([x], (gradient,), {"axis": None, "keepdims": False}),
        Point([rows], (gradients,), {"axis": 1, "keepdims": True}),
    )


def all_taken(rng: np.random.Generator, shape: Any) -> Any:
    """Return a mask that is True everywhere."""
    return np.ones(shape, bool)


MATMUL = (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((2, 2, 3), (3,)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3, 2)),
    ((2, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (2, 3, 2)),
    ((2, 0), (0, 3)),
    ((0, 2), (2, 3)),
)

TABLE = (
    # NumPy's functions, where they are not ops
    calls(np.power, positive, real, shapes=BINARY, dtypes=FLOATS),
    calls(np.positive, dtypes=FLOATS),
    calls(np.maximum, spaced(0.1), spaced(0.35), shapes=BINARY),
    calls(np.minimum, spaced(0.1), spaced(0.35), shapes=BINARY),
    calls(np.where, mask, real, real, shapes=TERNARY),
    calls(np.dot, shapes=MATMUL),
    # element by element
    binary("add", np.add, real, real),
    binary("subtract", np.subtract, real, real),
    binary("multiply", np.multiply, real, real),
    binary("strong_multiply", np.multiply, real, real, Point([[0, 2], [3, 0]], ([3, 0], [0, 2])), dtypes=FLOATS),
    binary("guarded_multiply", np.multiply, nonzero, real, Point([[0, 2], [3, 0]], ([3, 0], [0, 2])), dtypes=FLOATS),
    binary("guarded_divide", np.divide, nonzero, nonzero, Point([[0, 2], [2, 1]], ([0.5, 1], [0, -2])), dtypes=FLOATS),
    binary("divide", np.divide, real, nonzero, Point([[1, 1], [0, 2]], ([INF, 0.5], [-INF, -0.25]))),
    binary("power", np.power, positive, real, dtypes=FLOATS, label="of any exponent"),
    binary("power", np.power, positive, positive, Point([[0, 2, 0], [0, 0, 2]], ([0, 0, 0], [0, np.log(2.0), 0]))),
    binary("maximum", np.maximum, spaced(0.1), spaced(0.35), Point([[1, 2, 3], [1, 3, 2]], ([0.5, 0, 1], [0.5, 1, 0]))),
    binary("minimum", np.minimum, spaced(0.1), spaced(0.35), Point([[1, 2, 3], [1, 3, 2]], ([0.5, 1, 0], [0.5, 0, 1]))),
    *map(comparison, ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")),
    Row("where", np.where, (mask, real, real), TERNARY, broadcasts=True),
    Row("chosen", lambda x, condition: np.where(condition, x, 0), (real, mask), BINARY, broadcasts=True, dtypes=FLOATS),
    Row("keep_taken", lambda x, t: np.where(t, x, 0), (real, all_taken), BINARY, broadcasts=True, dtypes=FLOATS),
    unary("square", np.square, real),
    unary("negative", np.negative, real),
    unary("identity", lambda x: x, real),
    unary("real", np.real, real),
    unary("real", np.real, complexes, label="of complex", dtypes=FLOATS),
    unary("sign", np.sign, nonzero, order=0),
    unary("absolute", np.absolute, nonzero, Point([[-2, 0, 3]], ([-1, 0, 1],))),
    unary("fabs", np.fabs, nonzero, Point([[-2, 0, 3]], ([-1, 0, 1],))),
    unary("exp", np.exp, real),
    unary("log", np.log, positive, Point([[0, 2]], ([INF, 0.5],))),
    unary("sqrt", np.sqrt, positive, Point([[0, 4]], ([INF, 0.25],))),
    unary("sin", np.sin, real),
    unary("cos", np.cos, real),
    unary("tanh", np.tanh, real),
    unary("sigmoid", lambda x: 1 / (1 + np.exp(-as_float(x))), real, Point([[-1000, 0, 1000]], ([0, 0.25, 0],))),
    unary("relu", lambda x: np.maximum(x, 0), nonzero, Point([[-1, 0, 2]], ([0, 0, 1],))),
    unary(
        "at_least",
        lambda x, bound: np.maximum(x, bound),
        spaced(0.1),
        Point([[-1, 0, 2]], ([0, 0, 1],), {"bound": 0}),
        Point([[-1, 0.5, 2]], ([0, 0, 1],), {"bound": 0.5}),
        statics=({"bound": 0}, {"bound": 0.25}),
    ),
    unary(
        "at_most",
        lambda x, bound: np.minimum(x, bound),
        spaced(0.1),
        Point([[-1, 0, 2]], ([1, 0, 0],), {"bound": 0}),
        Point([[-1, 0.5, 2]], ([1, 0, 0],), {"bound": 0.5}),
        statics=({"bound": 0}, {"bound": 0.25}),
    ),
    unary(
        "pow",
        lambda x, n: x**n,
        positive,
        Point([[0, 2]], ([0, 0],), {"n": 0}),
        Point([[0, 2]], ([1, 1],), {"n": 1}),
        Point([[0, 2]], ([0, 4],), {"n": 2}),
        Point([[0, 4]], ([INF, 0.25],), {"n": 0.5}),
        Point([[0, 4]], ([0, 3],), {"n": 1.5}),
        Point([[0, 2]], ([-INF, -0.25],), {"n": -1}),
        statics=tuple({"n": n} for n in (0, 1, 2, 3, 0.5, 1.5)),
    ),
    unary("pow", lambda x, n: x**n, positive, statics=({"n": -1}, {"n": -2.5}), dtypes=FLOATS),
    unary("pow", lambda x, n: x**n, nonzero, statics=({"n": 3}, {"n": -2}), dtypes=FLOATS, label="of any sign"),
    unary("astype", lambda x, dtype: x.astype(dtype), real, statics=({"dtype": np.dtype(float)},)),
    unary("astype", lambda x, dtype: x.astype(dtype), real, statics=({"dtype": np.int32}, {"dtype": bool}), order=0),
    # shape
    Row("reshape", np.reshape, (real,), (((2, 3),),), ({"shape": (3, 2)}, {"shape": -1}, {"shape": (1, 2, -1)})),
    Row("reshape", np.reshape, (real,), (((),), ((1, 1),)), ({"shape": (1,)}, {"shape": ()})),
    Row("reshape", np.reshape, (real,), (((0, 2),),), ({"shape": (4, 0)}, {"shape": (0,)})),
    Row("transpose", np.transpose, (real,), UNARY, ({"axes": None},)),
    Row("transpose", np.transpose, (real,), (((2, 3, 4),),), tuple({"axes": a} for a in ((2, 0, 1), (-1, 0, 1)))),
    Row("broadcast_to", np.broadcast_to, (real,), (((),), ((3,),), ((2, 1),)), ({"shape": (2, 3)},)),
    Row(
        "broadcast_to", np.broadcast_to, (real,), (((),), ((1,),), ((2, 1),)), ({"shape": (2, 0)}, {"shape": (4, 2, 3)})
    ),
    Row(
        "sum_to", sum_to, (real,), (((2, 3),),), tuple({"shape": s} for s in ((3,), (2, 1), (1, 1), (), (2, 3))), FLOATS
    ),
    Row("sum_to", sum_to, (real,), (((0, 3),),), ({"shape": (1, 3)}, {"shape": ()}), FLOATS),
    # indexing and joining
    Row("concatenate", concatenate, (real,), (((2, 3),), ((2, 3), (0, 3), (1, 3))), ({"axis": 0}, {"axis": -2})),
    Row("concatenate", concatenate, (real,), (((2, 3), (2, 1)),), ({"axis": 1}, {"axis": -1})),
    Row("concatenate", concatenate, (real,), (((2, 3), (), (2,)),), ({"axis": None},)),
    # reductions
    *reduction("sum", np.sum, real),
    *reduction("mean", np.mean, real, scalar_axes=ZERO_D_AXES[:1]),  # NumPy's mean takes no axis of a 0-d array
    *reduction(
        "max", np.max, spaced(0.1), *ties([1, 3, 3, 2], [0, 0.5, 0.5, 0], [[2, 2], [1, 0]], [[0.5, 0.5], [1, 0]])
    ),
    *reduction(
        "min", np.min, spaced(0.1), *ties([1, 3, 2, 1], [0.5, 0, 0, 0.5], [[2, 2], [1, 0]], [[0.5, 0.5], [0, 1]])
    ),
    *reduction("logsumexp", logsumexp, real),
    Row("sum", np.sum, (real,), (((2, 0),),), AXES[:6]),
    Row("logsumexp", logsumexp, (real,), (((2, 0),),), AXES[:6], order=0),  # -inf, with nothing to differentiate by
    # products
    Row("matmul", np.matmul, (real,), MATMUL),
    # classifiers
    Row("softmax", softmax, (real,), (*UNARY[1:], ((2, 3, 4),)), (LAST, {"axis": 0}, {"axis": None})),
    Row("softmax", softmax, (real,), (((),),), (LAST,)),
    Row("log_softmax", log_softmax, (real,), (*UNARY[1:], ((2, 3, 4),)), (LAST, {"axis": 0}, {"axis": None})),
    Row("log_softmax", log_softmax, (real,), (((),),), (LAST,)),
    Row(
        "exponential_shares",
        lambda x, total, axis: softmax(x - total, axis),
        (real,),
        (((2, 3), (2, 3)), ((0,), (0,))),
        (LAST, {"axis": None}),
        FLOATS,
    ),
    Row("pick", pick, (real, below(4)), LABELLED),
    Row(
        "checked_labels",
        lambda labels, classes: labels,
        (below(4),),
        (((3,),), ((0,),), ((),)),
        ({"classes": 4},),
        order=0,
    ),
    Row("cross_entropy", lambda x, labels: -pick(log_softmax(x, -1), labels), (real, below(4)), LABELLED),
    Row("svm_loss", svm, (spaced(0.1, step=0.3), below(4)), LABELLED),
    Row(
        "cross_entropy_one_hot", one_hot_loss, (real, shares), tuple((s, s) for s in ((4,), (3, 4), (0, 4), (2, 3, 4)))
    ),
    *cases_indexing.ROWS,
    *cases_shape.ROWS,
    *cases_convolution.ROWS,
    *cases_scipy.ROWS,
    *cases_products.ROWS,
    *cases_elementwise.ROWS,
    *cases_fourier.ROWS,
    *cases_linalg.ROWS,
    *cases_norms.ROWS,
    *cases_reductions.ROWS,
    *cases_statistics.ROWS,
    *cases_ranges.ROWS,
)
