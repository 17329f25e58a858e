"""Rows of `lazygrad.scipy.integrate`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as si

import lazygrad as lg
from lazygrad.scipy import integrate
from tests.helpers.op_rows import Row

SHARP = {"rtol": 1e-12, "atol": 1e-13}


def oscillator(y: Any, t: Any, stiffness: Any) -> Any:
    return [y[1], np.cos(t) - stiffness * y[0] ** 3]


def packed(rng: np.random.Generator, shape: Any) -> Any:
    """Draw y0, two times and the stiffness."""
    return np.array([0.7, 0.9, 0.2, 0.6, 0.8]) + rng.uniform(0, 0.1, shape)


def solved(packed: Any, problem: Any) -> Any:
    return si.odeint(oscillator, packed[:2], packed[2:4], (packed[4],), **SHARP)


LEAF = lg.parameter(np.ones(2))
PROBLEM = integrate.odeint(oscillator, LEAF, LEAF, (LEAF[0],), **SHARP).static["problem"]
ROWS = (
    Row(
        "scipy.integrate.odeint",
        solved,
        (packed,),
        (((5,),),),
        ({"problem": PROBLEM},),
        dtypes=(),
        covers=(si.odeint,),
    ),
)
