"""Rows of convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from lazygrad import ops
from tests.helpers.op_checks import Point
from tests.helpers.op_rows import FLOATS, Row, calls, complexes, real, spaced

# -- the definitions, as plain loops ---------------------------------------------------------------


def places(x: Any, w: Any, y: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Yield each term x[n, c, i * stride + k * dilation] w[o, c, k] y[n, o, i] as the three places."""
    per_group = w[0] // groups, w[1]
    for n, o, *i in np.ndindex(y):
        for c, *k in np.ndindex(w[1:]):
            at = [a * s + b * d - p for a, s, b, d, p in zip(i, stride, k, dilation, padding, strict=True)]
            if all(0 <= a < length for a, length in zip(at, x[2:], strict=True)):
                yield (n, c + o // per_group[0] * per_group[1], *at), (o, c, *k), (n, o, *i)


def convolution(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    count = [
        (n + 2 * p - (k - 1) * d - 1) // s + 1
        for n, p, k, d, s in zip(x.shape[2:], padding, w.shape[2:], dilation, stride, strict=True)
    ]
    out = np.zeros((x.shape[0], w.shape[0], *count), np.result_type(x, w))
    for a, b, c in places(x.shape, w.shape, out.shape, stride, padding, dilation, groups):
        out[c] += x[a] * w[b]
    return out


def by_input(y: Any, w: Any, length: Any, groups: int, **static: Any) -> Any:
    out = np.zeros((y.shape[0], w.shape[1] * groups, *length), np.result_type(y, w))
    for a, b, c in places(out.shape, w.shape, y.shape, groups=groups, **static):
        out[a] += y[c] * w[b]
    return out


def by_filter(x: Any, y: Any, size: Any, groups: int, **static: Any) -> Any:
    out = np.zeros((y.shape[1], x.shape[1] // groups, *size), np.result_type(x, y))
    for a, b, c in places(x.shape, out.shape, y.shape, groups=groups, **static):
        out[b] += x[a] * y[c]
    return out


def windows(x: Any, size: Any, stride: Any) -> Any:
    lead, k = x.shape[: x.ndim - len(size)], len(size)
    count = [(n - m) // s + 1 for n, m, s in zip(x.shape[x.ndim - k :], size, stride, strict=True)]
    out = np.zeros((*size, *lead, *count), x.dtype)
    for place in np.ndindex(out.shape):
        at = [i * s + p for i, s, p in zip(place[k + len(lead) :], stride, place[:k], strict=True)]
        out[place] = x[(*place[k : k + len(lead)], *at)]
    return out


def overlap_add(x: Any, length: Any, stride: Any) -> Any:
    k = len(length)
    out = np.zeros((*x.shape[k : x.ndim - k], *length), x.dtype)
    for place in np.ndindex(x.shape):
        at = [i * s + p for i, s, p in zip(place[x.ndim - k :], stride, place[:k], strict=True)]
        out[(*place[k : x.ndim - k], *at)] += x[place]
    return out


def max_pool(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    return _pool(np.max, x, kernel_size, stride, padding, -np.inf)


def avg_pool(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True) -> Any:
    if count_include_pad:
        return _pool(np.mean, x, kernel_size, stride, padding, 0)
    return _pool(np.nanmean, x, kernel_size, stride, padding, np.nan)


def _pool(reduce: Any, x: Any, size: Any, stride: Any, padding: Any, fill: float) -> Any:
    edges = [(0, 0)] * (x.ndim - 2) + [(p, p) for p in np.broadcast_to(padding, 2)]
    padded = np.pad(x, edges, constant_values=fill) if padding else x
    m, s = np.broadcast_to(size, 2), np.broadcast_to(size if stride is None else stride, 2)
    count = [(n - a) // b + 1 for n, a, b in zip(padded.shape[-2:], m, s, strict=True)]
    out = np.zeros((*x.shape[:-2], *count), np.mean(np.ones(1, x.dtype)).dtype if reduce is not np.max else x.dtype)
    for i, j in np.ndindex(*count):
        window = padded[..., i * s[0] : i * s[0] + m[0], j * s[1] : j * s[1] + m[1]]
        out[..., i, j] = reduce(window, axis=(-2, -1))
    return out


# -- rows ------------------------------------------------------------------------------------------


def static(stride: Any = (1, 1), padding: Any = (0, 0), dilation: Any = (1, 1), groups: int = 1, **more: Any) -> Any:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, **more}


SLIDES = (static(), static((2, 1), (1, 0), (1, 2)))
IMAGES = ((2, 2, 4, 5), (3, 2, 2, 2))
GROUPED = (((2, 4, 4, 5), (2, 2, 2, 2)),)
DTYPES = (np.float32, np.int64)


ROWS = (
    Row("convolution", convolution, (real,), (IMAGES, ((0, 2, 4, 5), (3, 2, 2, 2))), SLIDES, DTYPES),
    Row("convolution", convolution, (real,), GROUPED, (static((2, 2), groups=2),), FLOATS),
    Row("convolution", convolution, (complexes,), (IMAGES,), SLIDES[1:], (), label="of complex"),
    Row(
        "convolution",
        convolution,
        (real,),
        (((2, 1, 5), (2, 1, 3)),),
        (static((1,), (2,), (1,)),),
        FLOATS,
        label="along one axis",
    ),
    Row(
        "convolution_by_input",
        by_input,
        (real,),
        (((2, 3, 3, 3), (3, 2, 2, 2)),),
        (static((2, 1), (1, 0), (1, 2), length=(4, 5)), static((2, 1), (1, 0), (1, 2), length=(5, 5))),
        DTYPES,
    ),
    Row(
        "convolution_by_filter",
        by_filter,
        (real,),
        (((2, 2, 4, 5), (2, 3, 3, 3)),),
        (static((2, 1), (1, 0), (1, 2), size=(2, 2)),),
        DTYPES,
    ),
    Row("strided_windows", windows, (real,), (((2, 4, 5),), ((3, 3),)), ({"size": (2, 3), "stride": (1, 2)},), DTYPES),
    Row("strided_windows", windows, (real,), (((2, 0, 5),),), ({"size": (0, 3), "stride": (1, 2)},), FLOATS, order=0),
    Row(
        "strided_overlap_add",
        overlap_add,
        (real,),
        (((2, 3, 2, 3, 2),),),
        ({"length": (4, 6), "stride": (1, 2)},),
        DTYPES,
    ),
    calls(
        lambda x, w, b, **static: ops.conv2d(x, w, b, **static),
        real,
        reference=lambda x, w, b, stride, padding: (
            convolution(x, w, (stride,) * 2, padding, (1, 1), 1) + b[:, None, None]
        ),
        shapes=((*IMAGES, (3,)),),
        statics=({"stride": 2, "padding": (1, 0)},),
        dtypes=FLOATS,
        label="conv2d with a bias",
    ),
    calls(
        lambda x, w, b, **static: ops.conv_transpose2d(x, w, b, **static),
        real,
        reference=lambda x, w, b, stride, padding, output_padding: (
            by_input(x, w, (6, 5), 1, stride=(stride,) * 2, padding=(padding,) * 2, dilation=(1, 1)) + b[:, None, None]
        ),
        shapes=(((2, 2, 3, 3), (2, 3, 3, 2), (3,)),),
        statics=({"stride": 2, "padding": 1, "output_padding": (1, 1)},),
        dtypes=(),
        label="conv_transpose2d with a bias",
    ),
    *[
        calls(ops.max_pool2d, spaced(0.1), reference=max_pool, shapes=shapes, statics=statics, dtypes=dtypes)
        for shapes, statics, dtypes in (
            ((((2, 2, 4, 5),),), ({"kernel_size": 2},), DTYPES),
            ((((4, 5),),), ({"kernel_size": (2, 3), "stride": 1, "padding": 1},), FLOATS),
        )
    ],
    calls(
        ops.avg_pool2d,
        reference=avg_pool,
        shapes=(((2, 4, 5),), ((0, 4, 5),)),
        statics=({"kernel_size": 2}, {"kernel_size": (2, 3), "stride": 1, "padding": 1}),
        dtypes=DTYPES,
    ),
    calls(
        ops.avg_pool2d,
        reference=avg_pool,
        shapes=(((2, 4, 5),),),
        statics=({"kernel_size": 3, "padding": 1, "count_include_pad": False},),
        dtypes=FLOATS,
    ),
    calls(
        ops.max_pool2d,
        spaced(0.1),
        reference=max_pool,
        shapes=(((3, 3),),),
        statics=({"kernel_size": 3},),
        dtypes=FLOATS,
        points=(
            Point([[[1, 1], [0, 1]]], ([[1 / 3, 1 / 3], [0, 1 / 3]],), {"kernel_size": 2}),
            Point([[[1, 1, 0]]], ([[1 / 2, 3 / 2, 0]],), {"kernel_size": (1, 2), "stride": 1}),
        ),
    ),
)
