"""The checks of the battery, tried on ops with one part wrong: each passes a right op and catches a wrong one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._declare import op
from tests.cases.op_table import TABLE
from tests.helpers.op_checks import CHECKS, Case, check_dtype, check_point


def sine(**changes: Any) -> Case:
    """Return a case of sin, declared by hand, with some part of it wrong."""
    parts: dict[str, Any] = {
        "function": np.sin,
        "shape": lambda x: (x.shape, x.dtype),
        "vjp": {"x": lambda g, x: g * np.cos(x)},
        "jvp": {"x": lambda t, x: t * np.cos(x)},
    }
    parts.update(changes)
    return Case(op("wrong", parts.pop("function"), register=False, **parts), np.sin, [np.array([0.3, 1.0])])


def detach(x: Any) -> Any:
    return x.value if isinstance(x, lg.Node) else x


WRONG = {
    "value": {"function": np.cos},
    "inference": {"shape": lambda x: ((*x.shape, 1), x.dtype)},
    "vjp": {"vjp": {"x": lambda g, x: g * np.cos(2 * x)}},
    "jvp": {"jvp": {"x": lambda t, x: t * np.cos(2 * x)}},
    "readings": {"vjp": {"x": lambda g, x: g * np.cos(2 * x if isinstance(x, lg.Node) else x)}},
    "second order": {"vjp": {"x": lambda g, x: g * np.cos(detach(x))}},
    "float32": {"vjp": {"x": lambda g, x, x_dtype: g * np.cos(x) * (1.0 if x_dtype == np.float64 else 1.01)}},
}


def test_every_check_is_tried_on_a_wrong_op() -> None:
    assert set(WRONG) == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS)
def test_checks_pass_a_right_op_and_catch_a_wrong_one(check: str) -> None:
    CHECKS[check](sine())
    with pytest.raises(AssertionError):
        CHECKS[check](sine(**WRONG[check]))


def test_checks_catch_other_mistakes() -> None:
    with pytest.raises(AssertionError):  # a wrong inferred dtype
        check_dtype(sine(shape=lambda x: (x.shape, np.dtype(float))), np.float32)
    with pytest.raises(AssertionError):  # a float32 input that comes out as float64
        check_dtype(sine(function=lambda x: np.sin(x).astype(float)), np.float32)
    with pytest.raises(AssertionError, match="no jvp"):
        CHECKS["jvp"](sine(jvp={}))
    with pytest.raises(AssertionError):  # a jvp rule that is wrong on nodes only
        CHECKS["readings"](sine(jvp={"x": lambda t, x: t * np.cos(2 * x if isinstance(x, lg.Node) else x)}))
    kink = next(point for row in TABLE if row.op == "absolute" for point in row.points)
    with pytest.raises(AssertionError):  # another convention at a kink
        check_point(sine(function=abs, vjp={"x": lambda g, x: np.where(x >= 0, g, -g)}).op, kink)
