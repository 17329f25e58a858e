"""The battery by itself: each check fails for the defect that it is there for, however small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing import CHECKS, Case, check_op

X = np.array([0.5, -1.0, 2.0])
SLIGHT = 1 + 1e-9  # less than central differences can tell


def build_sine(**rules: Any) -> Any:
    return lg.primitive(np.sin, shape="x", **{"vjp": lambda g, x: g * np.cos(x), **rules})


def fails(check: str, case: Case) -> bool:
    try:
        CHECKS[check](case)
    except AssertionError:
        return True
    return False


def double(x: Any) -> Any:
    return x * 2


def double_nodes_wrongly(x: Any) -> Any:
    return x * 2 * (SLIGHT if isinstance(x, lg.Node) else 1)


def double_arrays_wrongly(x: Any) -> Any:
    return x * 2 * (1 if isinstance(x, lg.Node) else SLIGHT)


@pytest.mark.parametrize("wrong", [double_nodes_wrongly, double_arrays_wrongly])
def test_a_value_is_compared_on_nodes_and_on_arrays(wrong: Callable[..., Any]) -> None:
    assert not fails("value", Case(double, double, [X]))
    assert fails("value", Case(wrong, double, [X]))


def test_a_value_in_single_precision_may_be_off_by_its_rounding() -> None:
    single = X.astype(np.float32)
    assert not fails("value", Case(lambda x: x * np.float32(2 * (1 + 1e-7)), double, [single]))
    assert fails("value", Case(lambda x: x * np.float32(2 * (1 + 1e-3)), double, [single]))


@pytest.mark.parametrize("reference", [lambda x: (x * 2).astype(np.float32), lambda x: (x * 2)[None]])
def test_shape_and_dtype_are_those_of_the_reference(reference: Callable[..., Any]) -> None:
    assert not fails("inference", Case(double, double, [X]))
    assert fails("inference", Case(double, reference, [X]))


def test_a_jvp_is_compared_with_differences_and_with_the_vjp() -> None:
    assert not fails("jvp", Case(build_sine(jvp=lambda t, x: t * np.cos(x)), np.sin, [X]))
    both = build_sine(vjp=lambda g, x: g * np.cos(x) * 1.001, jvp=lambda t, x: t * np.cos(x) * 1.001)
    assert fails("jvp", Case(both, np.sin, [X]))  # they agree with each other
    slightly = build_sine(jvp=lambda t, x: t * np.cos(x) * SLIGHT)
    assert fails("jvp", Case(slightly, np.sin, [X]))  # it agrees with differences


def test_a_function_of_nodes_is_pushed_through_its_ops() -> None:
    op = build_sine(vjp=lambda g, x: g * np.cos(x), jvp=lambda t, x: t * np.cos(x) * 1.001)
    assert not fails("jvp", Case(lambda x: np.sin(x) * 2, lambda x: np.sin(x) * 2, [X]))
    assert fails("jvp", Case(lambda x: op(x) * 2, lambda x: np.sin(x) * 2, [X]))


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
def test_a_rule_gives_the_same_on_nodes_as_on_arrays(kind: str) -> None:
    def rule(g: Any, x: Any) -> Any:
        return g * np.cos(x) * (SLIGHT if isinstance(x, lg.Node) else 1)

    right = {"vjp": lambda g, x: g * np.cos(x), "jvp": lambda t, x: t * np.cos(x)}
    assert not fails("readings", Case(build_sine(**right), np.sin, [X]))
    assert fails("readings", Case(build_sine(**{**right, kind: rule}), np.sin, [X]))


def test_single_precision_is_compared_with_double() -> None:
    def coarse(g: Any, x: Any, x_dtype: Any) -> Any:
        return g * np.cos(x) * x_dtype.type(1 if x_dtype == np.float64 else 1.01)

    assert not fails("float32", Case(build_sine(), np.sin, [X]))
    assert fails("float32", Case(build_sine(vjp=coarse), np.sin, [X]))


def test_an_op_of_one_order_is_not_asked_for_the_second() -> None:
    cosine = lg.primitive(np.cos, shape="x")  # which has no derivative
    op = build_sine(vjp=lambda g, x: g * cosine(x), jvp=lambda t, x: t * cosine(x))
    check_op(op, X, order=1)
    with pytest.raises(lg.NotDifferentiableError):
        check_op(op, X)


def test_what_has_no_order_is_checked_for_its_value_alone() -> None:
    wrong = build_sine(vjp=lambda g, x: g)
    check_op(wrong, X, order=0)
    with pytest.raises(AssertionError, match="the check 'vjp'"):
        check_op(wrong, X, order=1)
    with pytest.raises(AssertionError, match="the check 'value'"):
        check_op(wrong, X, order=0, reference=np.cos)
