"""Where nothing selects, 0 times inf is nan, as NumPy has it: no finite number stands for it in any mode or order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.scipy import special, stats
from tests.cases.unselecting import START, UNSELECTING

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

Function = Callable[[Any], Any]


@pytest.mark.parametrize("f", UNSELECTING.values(), ids=UNSELECTING)
def test_first_derivatives_are_nan(f: Function) -> None:
    g = lg.grad(f)(START)
    assert np.isnan(g[0])
    assert np.isnan(lg.jvp(f, (START,), (np.ones(3),))[1])
    assert np.isnan(lg.jacrev(f)(START)[0])
    assert np.isnan(lg.jacfwd(f)(START)[0])
    x = lg.parameter(START)
    L = f(x)
    np.testing.assert_array_equal(lg.gradient(L, x), g)
    for engine in ("sweep", "children", "forward", "paths"):
        assert np.isnan(lg.gradient(L, x, engine=engine)[0]), engine


@pytest.mark.parametrize("f", UNSELECTING.values(), ids=UNSELECTING)
def test_compiled_gradients_are_the_same(f: Function) -> None:
    np.testing.assert_array_equal(lg.compile(lg.grad(f))(START), lg.grad(f)(START))


@pytest.mark.parametrize("name", ["0 * sqrt", "sqrt of square", "x log x", "exp -1/x", "log of exp", "x / x"])
def test_numba_gives_nan_as_well(name: str) -> None:
    pytest.importorskip("numba")
    x = lg.parameter(START)
    compiled = lg.compile(UNSELECTING[name](x), wrt=x, inputs=[x], backend="numba")
    assert np.isnan(compiled(START)[1][0])


@pytest.mark.parametrize("f", UNSELECTING.values(), ids=UNSELECTING)
def test_second_derivatives_are_no_finite_numbers(f: Function) -> None:
    assert np.isnan(lg.hessian(f)(START)[0, 0])
    assert not np.isfinite(lg.jacrev(lg.grad(f))(START)[0, 0])


@pytest.mark.parametrize("f", UNSELECTING.values(), ids=UNSELECTING)
def test_other_elements_keep_their_derivatives(f: Function) -> None:
    """A unit tangent of one element does not meet the infinite slope of another, unless the function mixes them."""
    if f in (UNSELECTING["var"], UNSELECTING["log of exp"], UNSELECTING["log1p of exp"]):
        pytest.skip("singular at every element, or in all of them at once")
    g = lg.grad(f)(START)
    np.testing.assert_allclose(lg.jacfwd(f)(START), g, rtol=1e-6)


def test_no_guard_is_built_where_nothing_selects() -> None:
    x = lg.parameter(START)
    y = np.exp(x) * np.log(x) / np.sqrt(x)
    adjoint: Any = lg.adjoint(y.sum(), x)
    nodes, todo = set(), [adjoint.op.unfold(adjoint)[0]]
    while todo:
        i = todo.pop()
        if i.serial not in nodes:
            nodes.add(i.serial)
            assert i.op is None or "guard" not in i.op.name
            todo.extend(i.inputs)


def test_a_function_with_a_finite_limit_reaches_it_by_its_formula() -> None:
    for f, at, slope in (
        (lambda p: stats.bernoulli.pmf(1, p), 0.0, 1.0),
        (lambda p: stats.binom.pmf(1, 5, p), 0.0, 5.0),
        (lambda m: stats.poisson.pmf(1, m), 0.0, 1.0),
        (lambda x: stats.gamma.pdf(x, 2.0), 0.0, 1.0),
        (lambda x: stats.beta.pdf(x, 2.0, 3.0), 0.0, 12.0),
        (lambda x: stats.weibull_min.pdf(x, 2.0), 0.0, 2.0),
        (lambda n: special.binom(n, 5.0), 4.0, 0.2),
        (lambda k: special.binom(4.0, k), 5.0, -0.2),
        (lambda k: special.binom(4.0, k), -1.0, 0.2),
        (lambda a: special.poch(a, 3.0), 0.0, 2.0),
        (lambda a: special.poch(a, 1.0), -2.0, 1.0),
    ):
        np.testing.assert_allclose(lg.grad(f)(at), slope, rtol=1e-12)
        np.testing.assert_allclose(lg.jvp(f, (at,), (1.0,))[1], slope, rtol=1e-12)
        np.testing.assert_allclose(lg.compile(lg.grad(f))(at), slope, rtol=1e-12)
