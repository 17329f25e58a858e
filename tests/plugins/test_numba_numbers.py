"""Schedules of single numbers on numba's machine: the answers of the memo walk, but for the last bits."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import build, random_dag, same_bits

pytest.importorskip("numba")
from lazygrad.plugins import numba as plugin
from lazygrad.plugins._numba.rows import UFUNCS
from tests.helpers.numba_questions import agree, close, form, points_of

# -- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:no path leads")
@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_of_numbers(seed):
    dag = random_dag(seed, arrays=False)
    nodes = build(dag.recipe)
    wrt = [nodes[k] for k in dag.parameters]
    for loss in dag.losses:
        agree(nodes[loss], wrt, wrt, points_of(dag.recipe, dag.parameters), kind=plugin.Numbers, rtol=1e-11)


def test_a_long_graph_of_numbers():
    rng = np.random.default_rng(1)
    leaves = [lg.parameter(v) for v in rng.normal(size=7)]
    nodes = list(leaves)
    makers = [
        lambda a, b: a + b,
        lambda a, b: np.tanh(a) * b,
        lambda a, b: np.sin(a) - 0.5 * b,
        lambda a, b: np.where(a > b, a, 0.5 * b),
        lambda a, b: a / (b * b + 1.5),
        lambda a, b: np.exp(-np.abs(a)) + np.log1p(b * b),
    ]
    for _ in range(3000):
        a, b = (nodes[k] for k in rng.integers(max(0, len(nodes) - 60), len(nodes), size=2))
        nodes.append(np.tanh(makers[rng.integers(6)](a, b)))
    loss = sum(nodes[-60:])
    step = agree(loss, leaves, leaves, [rng.normal(size=7).tolist() for _ in range(3)], kind=plugin.Numbers, rtol=1e-10)
    found = form(step)
    assert found.steps > 6000
    assert found.runs[:, 2].max() == found.steps
    assert len(found.source.splitlines()) == len(found.runs) < found.steps / 3  # rows of one opcode are together
    assert found.nbytes >= 8 * found.steps


def test_a_constant_and_a_leaf_may_be_answers():
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    step = lg.compile([x * 1, lg.constant(4.0) * 1.5, x * y, x > y], inputs=[x, y], backend="numba")
    found = step(5.0, 4.0)
    assert [v.item() for v in found] == [5.0, 6.0, 20.0, True]
    assert found[3].dtype == bool


UNARY = [ufunc for ufunc in UFUNCS if ufunc.nin == 1] + [np.square, np.reciprocal]
BINARY = [ufunc for ufunc in UFUNCS if ufunc.nin == 2] + [np.greater, np.greater_equal]
POINTS = [0.0, -0.0, 1.0, -1.0, 0.3, -0.7, 2.5, 1e-9, -3e-17, 40.0, -40.0, 1e-310, 1e300, 710.0, -745.5, 3e4, 1e6]
POINTS += [np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("ufunc", [*UNARY, *BINARY], ids=lambda ufunc: ufunc.__name__)
def test_special_values(ufunc, dtype):
    with np.errstate(all="ignore"):
        points = np.array(POINTS).astype(dtype)
        if ufunc.nin == 1:
            given = [np.concatenate([points, np.linspace(-8, 8, 501).astype(dtype)])]
        else:
            given = [np.repeat(points, len(points)), np.tile(points, len(points))]
        expected = ufunc(*given)
    leaves = [lg.constant(a) for a in given]
    step = lg.compile(ufunc(*leaves), inputs=leaves, backend="numba")
    got = step(*given)
    assert isinstance(form(step), plugin.Arrays)
    assert got.dtype == expected.dtype
    if got.dtype == bool:
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        np.testing.assert_allclose(got, expected, rtol=8 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_normal)
        known = (expected == 0) & (ufunc not in (np.maximum, np.minimum))
        np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(expected[known]))
    if dtype is np.float64:
        numbers = [lg.constant(1.0) for _ in given]
        single = lg.compile(ufunc(*numbers), inputs=numbers, backend="numba")
        for k, point in enumerate(zip(*given, strict=True)):
            assert isinstance(form(single), plugin.Numbers)
            assert single(*map(float, point)).tobytes() == got[k].tobytes() or np.isnan(got[k])


def test_functions_of_numbers_err_by_little():
    x = np.random.default_rng(0).normal(size=4000) * 30
    for name in ("exp", "expm1", "sin", "cos", "tanh"):
        leaf = lg.constant(x)
        got = lg.compile(getattr(np, name)(leaf), inputs=[leaf], backend="numba")(x)
        expected = getattr(np, name)(x.astype(np.longdouble))
        assert np.max(np.abs(got - expected) / np.spacing(np.abs(expected).astype(float))) < 3
    for name in ("log", "log1p"):
        leaf = lg.constant(np.abs(x))
        got = lg.compile(getattr(np, name)(leaf), inputs=[leaf], backend="numba")(np.abs(x))
        expected = getattr(np, name)(np.abs(x).astype(np.longdouble))
        assert np.max(np.abs(got - expected) / np.spacing(np.abs(expected).astype(float))) < 2


# -- guards, branches, what is counted -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_guard_is_kept_when_it_is_needed(shape):
    x = lg.parameter(np.ones(shape))
    loss = np.sum(np.where(x > 0, np.sqrt(x), 0.0) * np.where(x > 0, np.log(x), 1.0))
    step = lg.compile(loss, wrt=x, inputs=[x], backend="numba")
    with np.errstate(all="ignore"):
        for v, guarded in ((2.0, 0), (0.0, 1), (3.0, 1), (-0.0, 2)):
            point = np.full(shape, v)
            value, gradient = step(point)
            x.set(point)
            assert value == pytest.approx(loss.value.item(), rel=1e-12)
            np.testing.assert_allclose(gradient, lg.gradient(loss, x), rtol=1e-12)
            assert np.isfinite(gradient).all()
            assert step.statistics.guarded == guarded
    assert step.statistics.calls == 4
    assert isinstance(step._last.careful._form, plugin.Numbers if shape == () else plugin.Arrays)


def test_nan_and_infinity_pass_through():
    x, y = lg.parameter(1.0), lg.parameter(2.0)
    loss = np.tanh(x) * y + np.exp(x)
    with np.errstate(all="ignore"):
        agree(loss, [x, y], [x, y], [[np.nan, 1.0], [np.inf, 1.0], [-np.inf, 0.0], [0.0, np.inf], [1.0, 1.0]])


def test_a_branch_that_goes_another_way():
    def f(x):
        return np.sin(x) if x > 0 else x * x

    fast = lg.compile(f, wrt=0, backend="numba")
    for x in (0.5, -0.5, 0.25, -0.25):
        value, gradient = fast(x)
        expected = lg.value_and_grad(f)(x)
        close(value, np.asarray(expected[0]), 1e-14)
        close(gradient, np.asarray(expected[1]), 1e-14)
        assert isinstance(form(fast), plugin.Numbers)
    assert (fast.statistics.calls, fast.statistics.specialisations) == (4, 2)


def test_a_branch_on_an_array():
    def f(x):
        return np.sum(np.sin(x)) if np.sum(x) > 0 else np.sum(x * x)

    fast = lg.compile(f, wrt=0, backend="numba")
    for x in (np.ones(5), -np.ones(5), np.full(5, 0.5)):
        value, gradient = fast(x)
        expected = lg.value_and_grad(f)(x)
        close(value, np.asarray(expected[0]), 1e-14)
        close(gradient, expected[1], 1e-14)
        assert isinstance(form(fast), plugin.Arrays)
    assert fast.statistics.specialisations == 2


def test_other_shapes_and_dtypes_are_specialised():
    w, x = lg.parameter(np.ones(3), name="w"), lg.constant(np.ones(3), name="x")
    loss = np.sum(np.tanh(w * x) ** 2)
    step = lg.compile(loss, wrt=w, inputs=[w, x], backend="numba")
    rng = np.random.default_rng(0)
    for count, (shape, dtype) in enumerate([((3,), float), ((4, 2), float), ((4, 2), np.float32), ((), float)], 1):
        a, b = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
        value, gradient = step(a, b)
        expected = lg.value_and_grad(lambda w, x: np.sum(np.tanh(w * x) ** 2))(a, b)
        close(value, np.asarray(expected[0]), 1e-6 if dtype is np.float32 else 1e-13)
        close(gradient, np.asarray(expected[1]), 1e-6 if dtype is np.float32 else 1e-13)
        assert step.statistics.specialisations == count
    assert step.statistics.calls == 4


def test_exact_means_the_same_bits_or_numpy():
    rng = np.random.default_rng(0)
    x, y = lg.parameter(0.3), lg.parameter(0.7)
    loss = np.sqrt(x * x + y) / (y - 3 * x) + np.where(x > y, x, y) * np.abs(y)
    step = lg.compile(loss, wrt=[x, y], inputs=[x, y], backend="numba", exact=True)
    for _ in range(20):
        point = rng.normal(size=2) ** 2
        found = step(*point.tolist())
        lg.update({x: point[0], y: point[1]})
        assert same_bits([found[0], *found[1]], [loss.value, *lg.gradient(loss, [x, y])])
    assert isinstance(form(step), plugin.Numbers)
    for other in (np.tanh(x), np.maximum(x, y)):  # of two zeros, either one may be the larger
        inexact = lg.compile(loss + other, wrt=[x, y], inputs=[x, y], backend="numba", exact=True)
        inexact(0.5, 0.25)
        assert not isinstance(form(inexact), plugin.Numbers)
    W = lg.parameter(rng.normal(size=(5, 4)))
    grown = np.abs(W) * 2 - W / 3
    step = lg.compile(grown, inputs=[W], backend="numba", exact=True)
    assert same_bits(step(W.value), grown.value)
    assert isinstance(form(step), plugin.Arrays)
    summed = lg.compile(np.sum(grown), inputs=[W], backend="numba", exact=True)
    summed(W.value)
    assert not isinstance(form(summed), plugin.Arrays)
