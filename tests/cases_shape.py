"""Rows of NumPy's functions on shapes, and of joining and splitting."""

from __future__ import annotations

from typing import Any

import numpy as np
from rows import UNARY, calls, real, zeros_of

MATRIX = (((2, 3),), ((2, 3, 4),), ((0, 2),))


def joined(function: Any, **fields: Any) -> Any:
    """A row of a function of a sequence of arrays."""
    return calls(lambda *xs, **static: function(xs, **static), covers=(function,), label=function.__name__, **fields)


ROWS = (
    calls(np.transpose, shapes=UNARY),
    calls(np.transpose, shapes=(((2, 3, 4),),), statics=({"axes": (2, 0, 1)}, {"axes": (-1, 0, 1)})),
    calls(np.swapaxes, shapes=MATRIX, statics=({"axis1": 0, "axis2": 1}, {"axis1": -1, "axis2": 0})),
    calls(np.ravel),
    calls(np.expand_dims, statics=tuple({"axis": k} for k in (0, -1, (0, 1)))),
    joined(np.stack, shapes=(((2, 3), (2, 3)), ((), ()), ((0,),)), statics=({"axis": 0}, {"axis": -1})),
    joined(np.concatenate, shapes=(((2, 3), (1, 3)), ((2,), (0,))), statics=({"axis": 0},)),
    *[zeros_of(f, real) for f in (np.shape, np.ndim, np.size, np.ones_like, np.zeros_like)],
)
