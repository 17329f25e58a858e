"""Compiled functions: structures of arguments, keywords, closures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.compiled_questions import ON_BOTH
from tests.helpers.op_checks import close


@ON_BOTH
def test_functions_of_trees_and_keywords(exact: bool) -> None:
    def loss(params: Any, x: Any, scale: float = 1.0, kind: str = "square") -> Any:
        y = np.tanh(x @ params["W"] + params["b"][0])
        return ((y**2 if kind == "square" else abs(y)) * scale).sum()

    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(3, 2)), "b": [rng.normal(size=2), "note"]}
    x = rng.normal(size=(4, 3))
    step = lg.compile(loss, wrt=0, exact=exact)
    for kwargs in ({}, {"scale": 2.0}, {"kind": "absolute"}, {"scale": np.array(3.0)}, {"scale": np.array(4.0)}):
        for shift in (0.0, 0.1):
            moved = {"W": params["W"] + shift, "b": [params["b"][0] - shift, "note"]}
            value, gradient = step(moved, x, **kwargs)
            wanted, wanted_gradient = lg.value_and_grad(loss)(moved, x, **kwargs)
            close(value, wanted, rtol=1e-12)
            close(gradient["W"], wanted_gradient["W"], rtol=1e-12)
            close(gradient["b"][0], wanted_gradient["b"][0], rtol=1e-12)
            assert gradient["b"][1] == "note"
    assert step.statistics.specialisations == 4
    value, (gradient, dx) = lg.compile(loss, wrt=(0, 1))(params, x)
    close(dx, lg.grad(loss, argnums=1)(params, x), rtol=1e-12)


def test_arguments_that_look_alike_to_a_hasty_check() -> None:
    f = lg.compile(lambda x: (x["a"] ** 2).sum(), wrt=0)
    np.testing.assert_array_equal(f({"a": np.ones(2)})[0], 2.0)
    np.testing.assert_array_equal(f({"a": np.full(2, 3.0)})[0], 18.0)
    f = lg.compile(lambda x: x**2, wrt=0)
    assert f(2.0)[1].dtype == np.float64
    assert f(np.float32(3.0))[1].dtype == np.float32
    assert f(np.array(3.0))[1] == 6.0
    f = lg.compile(lambda x, n: x**n, wrt=0)
    assert [float(f(2.0, n)[0]) for n in (2, 3, 2.0, True)] == [4.0, 8.0, 4.0, 2.0]
    f = lg.compile(lambda x: x * 2.0)
    np.testing.assert_array_equal(f(2.0), 4.0)
    np.testing.assert_array_equal(f(np.ones(2)), [2.0, 2.0])
    f = lg.compile(lambda name: np.ones(3) if name == "ones" else np.zeros(2))
    np.testing.assert_array_equal(f("ones"), np.ones(3))
    np.testing.assert_array_equal(f("zeros"), np.zeros(2))


def test_functions_without_wrt_return_what_the_function_returns() -> None:
    f = lg.compile(lambda x, k: {"twice": 2 * x, "rest": [x.sum(), "text", None, k]})
    for value in (np.array([1.0, 2.0]), np.array([3.0, 4.0])):
        found = f(value, 7)
        np.testing.assert_array_equal(found["twice"], 2 * value)
        assert found["rest"] == [value.sum(), "text", None, 7]


def test_leaves_that_a_function_closes_over() -> None:
    w = lg.parameter([2.0, 3.0], name="w")
    inner = np.exp(w)
    f = lg.compile(lambda x: (w * x * inner).sum(), wrt=0)
    for value in ([2.0, 3.0], [5.0, 7.0], [1.0, 2.0, 3.0], [1.0, 1.0]):
        w.set(value)
        found = f(np.ones(len(value)))[1]
        np.testing.assert_allclose(found, np.array(value) * np.exp(value), rtol=1e-15)


def test_a_function_that_raises() -> None:
    def f(x: Any) -> Any:
        if x.shape == (3,):
            raise RuntimeError("not three")
        return (x * x).sum()

    step = lg.compile(f, wrt=0)
    step(np.ones(2))
    with pytest.raises(RuntimeError, match="not three"):
        step(np.ones(3))
    np.testing.assert_array_equal(step(np.ones(2))[1], [2.0, 2.0])
    assert step.statistics.specialisations == 1


def test_a_real_and_a_complex_number_are_traced_apart() -> None:
    step = lg.compile(lambda z: abs(z) ** 2, wrt=0)
    for value, slope in ((2.0, 4.0), (1.0 + 2.0j, 2.0 - 4.0j), (3.0, 6.0)):
        found = step(value)[1]
        assert found == slope
        assert found.dtype == type(value)
    assert step.statistics.specialisations == 2


def test_what_is_no_number_in_an_argument_to_differentiate_by_is_static() -> None:
    step = lg.compile(lambda p: (p["w"] ** (2 if p["n"] is None else p["n"])).sum() * len(p["name"]), wrt=0)
    for n, slope in ((None, 4.0), (np.array(3.0), 12.0)):
        _, found = step({"w": np.array([2.0]), "n": n, "name": "x"})
        assert found["w"] == [slope]
        assert found["name"] == "x"
        assert (found["n"] is None) == (n is None)
    assert step({"w": np.array([2.0]), "n": None, "name": "xy"})[1]["w"] == [8.0]
    assert step.statistics.specialisations == 3


@pytest.mark.parametrize("value", [2, True, np.int64(2)])
def test_an_integer_is_refused_after_a_float_as_well_as_before(value: Any) -> None:
    step = lg.compile(lambda x: x * x, wrt=0)
    for _ in range(2):
        with pytest.raises(TypeError, match="must be floating point to have a gradient"):
            step(value)
        assert step(2.0)[1] == 4.0
