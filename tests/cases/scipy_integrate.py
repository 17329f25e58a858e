"""Rows of `lazygrad.scipy.integrate` and `lazygrad.scipy.optimize`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as si
import scipy.optimize as so

import lazygrad as lg
from lazygrad.scipy import integrate, optimize
from tests.cases.scipy_special import ours
from tests.helpers.op_rows import Row, real

SAMPLES = (((4,),), ((3, 2),), ((1,),))
PAIRS = (((4,), (4,)), ((2, 3), (3,)), ((2, 3), (2, 3)))
VECTORS = (((2,),), ((5,),), ((3, 2),))

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
    ours(integrate.trapezoid, si.trapezoid, real, shapes=SAMPLES, statics=({}, {"dx": 0.5}, {"axis": 0})),
    ours(
        integrate.cumulative_trapezoid,
        si.cumulative_trapezoid,
        real,
        shapes=SAMPLES,
        statics=({}, {"dx": 0.5, "initial": 0}, {"axis": 0}, {"axis": 0, "initial": 0}),
    ),
    ours(integrate.trapezoid, si.trapezoid, real, shapes=PAIRS, label="at places"),
    ours(
        integrate.cumulative_trapezoid,
        si.cumulative_trapezoid,
        real,
        shapes=PAIRS,
        statics=({}, {"initial": 0}),
        label="at places",
    ),
    ours(optimize.rosen, so.rosen, real, shapes=VECTORS),
    ours(optimize.rosen_der, so.rosen_der, real, shapes=VECTORS[:2]),
)
