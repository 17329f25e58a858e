"""Rows of `lazygrad.scipy.integrate`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as si
from cases_scipy_special import ours, within

from lazygrad.scipy import integrate

SHARP = {"rtol": 1e-12, "atol": 1e-13}


def times(rng: np.random.Generator, shape: Any) -> Any:
    return np.cumsum(rng.uniform(0.2, 0.4, size=shape))


def oscillator(y: Any, t: Any, stiffness: Any) -> Any:
    return [y[1], np.cos(t) - stiffness * y[0] ** 3]


def solved(odeint: Any) -> Any:
    return lambda y0, t, stiffness: odeint(oscillator, y0, t, (stiffness,), **SHARP)


LEAVES = within(0.5, 1), times, within(0.5, 1)
ROWS = (
    ours(
        solved(integrate.odeint),
        solved(si.odeint),
        *LEAVES,
        shapes=(((2,), (2,), ()),),
        dtypes=(),
        covers=(si.odeint,),
        label="odeint",
    ),
)
