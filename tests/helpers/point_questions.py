"""Questions to the memo of a host's points, asked without a host."""

import numpy as np

from lazygrad.plugins._points import add_step

X = np.array([1.0, 2.0])
ONES = np.ones(2)
VJP = add_step((), "vjp", (0,), (0,))  # by the first input
HVP = add_step(VJP, "vjp", (0,), (0,))


def cube(x):
    """Return a function of three orders."""
    return np.sum(x**3)


def ask(memo, x, steps=(), seeds=()):
    """Return the arrays of an answer by the only argument."""
    return memo.answer((x,), {}, [0], steps, seeds)[0]


def names(report):
    """Return the ops whose values were computed."""
    return [i.op.name for i in report.values.computed]
