"""Rows of evenly spaced places."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.helpers.op_rows import FLOATS, calls, positive

ENDS = (((), ()), ((2,), (2,)), ((2, 1), (3,)))
SPACED: tuple[dict[str, Any], ...] = (
    {"num": 4},
    {"num": 3, "endpoint": False, "axis": -1},
    {"num": 1},
    {"num": 0},
)


ROWS = (
    calls(np.linspace, shapes=ENDS, statics=SPACED),
    calls(np.linspace, shapes=(((3,), ()), ((0,), (0,))), statics=({"num": 3, "dtype": float},), dtypes=FLOATS),
    calls(np.logspace, shapes=ENDS, statics=SPACED, dtypes=FLOATS),
    calls(
        lambda x, y, base: np.logspace(x, y, 3, base=base),
        positive,
        shapes=(((), (), ()), ((2,), (2,), (2,))),
        dtypes=FLOATS,
        covers=(np.logspace,),
        label="logspace of a base",
    ),
    calls(np.geomspace, positive, shapes=ENDS, statics=SPACED, dtypes=FLOATS),
    calls(
        np.geomspace,
        lambda rng, shape: -positive(rng, shape),
        shapes=ENDS[:2],
        statics=SPACED[:1],
        dtypes=FLOATS,
        label="below 0",
    ),
)
