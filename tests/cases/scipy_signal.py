"""Rows of `lazygrad.scipy.signal`."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.signal as ss

from lazygrad.scipy import signal
from tests.cases.scipy_special import ours
from tests.helpers.op_rows import Row, complexes, real

MODES = tuple({"mode": mode} for mode in ("full", "same", "valid"))
METHOD = {"method": "direct"}


def along(x: Any, y: Any, mode: str, axes: Any, dot_axes: Any = ((), ())) -> Any:
    """Convolve along pairs of axes, by SciPy's convolution of each pair of slices."""
    kept = [[k for k in range(v.ndim) if k not in (*a, *d)] for v, a, d in zip((x, y), axes, dot_axes, strict=True)]
    x = x.transpose(*kept[0], *dot_axes[0], *axes[0])
    y = y.transpose(*kept[1], *dot_axes[1], *axes[1])
    heads = x.shape[: len(kept[0])], y.shape[: len(kept[1])]
    summed = x.shape[len(kept[0]) : x.ndim - len(axes[0])]
    found = [
        sum(ss.convolve(x[(*i, *s)], y[(*j, *s)], mode, "direct") for s in np.ndindex(summed))
        for i, j in itertools.product(np.ndindex(heads[0]), np.ndindex(heads[1]))
    ]
    return np.array(found).reshape(*heads[0], *heads[1], *found[0].shape)


def on_axes(x: Any, y: Any, **static: Any) -> Any:
    return signal.convolve(x, y, **static)


ROWS = (
    Row(
        "scipy.signal.convolve",
        ss.convolve,
        (real,),
        (((4,), (3,)), ((3, 4), (2, 4))),
        ({"mode": "full", **METHOD}, {"mode": "valid", **METHOD}),
        (np.float32, int),
    ),
    Row(
        "scipy.signal.convolve",
        ss.convolve,
        (complexes,),
        (((4,), (3,)),),
        ({"mode": "full", **METHOD},),
        (),
        label="of complex",
    ),
    ours(signal.convolve, ss.convolve, real, shapes=(((4,), (3,)), ((2, 3), (3, 3))), statics=MODES),
    ours(signal.convolve, ss.convolve, real, shapes=(((), ()), ((2, 3, 2), (1, 2, 2))), label="of other ranks"),
    ours(signal.correlate, ss.correlate, real, shapes=(((4,), (3,)), ((2,), (4,))), statics=MODES),
    ours(
        signal.correlate,
        ss.correlate,
        complexes,
        shapes=(((4,), (3,)),),
        statics=MODES[:1],
        dtypes=(),
        label="of complex",
    ),
    *[
        ours(
            on_axes,
            along,
            real,
            shapes=(shapes,),
            statics=tuple({**mode, **static} for mode in MODES),
            label="along axes",
            covers=(),
        )
        for shapes, static in (
            (((2, 4), (3, 3)), {"axes": ((1,), (0,))}),
            (((4, 2, 3), (2, 3, 4)), {"axes": ((0,), (2,)), "dot_axes": ((1,), (0,))}),
            (((3, 2, 4), (2, 3)), {"axes": ((2, 0), (1, 0)), "dot_axes": ((), ())}),
        )
    ],
    ours(
        on_axes,
        lambda x, y, axes, dot_axes: np.tensordot(x, y, dot_axes),
        real,
        shapes=(((2, 3), (3, 2)),),
        statics=({"axes": ((), ()), "dot_axes": ((1,), (0,))},),
        label="without axes",
        covers=(),
    ),
)
