"""`check_op`: what is wrong in an op fails the check of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing import Point, check_op

X = np.array([0.5, -1.0, 2.0])


def test_check_op_asks_for_every_rule_and_every_dtype() -> None:
    half = lg.primitive(lambda x, y: x * y, vjp={"x": lambda g, y: g * y}, shape="elementwise", name="half")
    with pytest.raises(AssertionError, match="half has no rule by input 1"):
        check_op(half, X, X)
    double = lg.primitive(lambda x: np.asarray(x * 2, dtype=float), vjp=lambda g: g * 2, shape="x", name="double")
    with pytest.raises((AssertionError, lg.LazygradError), match=r"double returned|float32"):
        check_op(double, X)
    with pytest.raises(TypeError, match="input 0 has dtype float32"):
        check_op(np.tanh, X.astype(np.float32))


def test_check_op_catches_what_is_wrong() -> None:
    right = {"vjp": lambda g, x: g * np.cos(x), "shape": "x"}
    check_op(lg.primitive(np.sin, **right), X)
    wrong: dict[str, Any] = {
        "value": {**right, "function": lambda x: np.sin(x) + 0.1},
        "inference": {**right, "shape": lambda x: (x.shape, np.float32)},
        "vjp": {**right, "vjp": lambda g, x: g * np.sin(x)},
        "jvp": {**right, "jvp": lambda t, x: t},
        "second order": {**right, "vjp": lambda g, x: g * np.cos(x.value if isinstance(x, lg.Node) else x)},
    }
    for check, parts in wrong.items():
        function = parts.pop("function", np.sin)
        with pytest.raises(
            (AssertionError, lg.LazygradError), match="the check '" if check != "inference" else "promised"
        ):
            check_op(lg.primitive(function, name=check, **parts), X, reference=np.sin)


def test_check_op_tries_kinks() -> None:
    right = lg.primitive(np.abs, vjp=lambda g, x: g * np.sign(x), shape="x")
    check_op(right, X, points=[Point([[0.0, 2.0]], ([0.0, 1.0],))])
    wrong = lg.primitive(np.abs, vjp=lambda g, x: np.where(x >= 0, g, -g), shape="x")
    with pytest.raises(AssertionError):
        check_op(wrong, X, points=[Point([[0.0, 2.0]], ([0.0, 1.0],))])
