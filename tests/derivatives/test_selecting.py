"""Below an edge that selects, what was not taken contributes 0, whatever its derivative is: in every mode and order."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.cases.selecting import POINT, SELECTING, Function

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

ENGINES = ("sweep", "children", "forward")


def finite(found: Any) -> Any:
    """Return an array, all of whose elements are finite."""
    found = np.asarray(found)
    assert np.isfinite(found).all(), found
    return found


@pytest.mark.parametrize(("f", "left_out"), SELECTING.values(), ids=SELECTING)
def test_what_is_not_taken_reaches_no_first_derivative(f: Function, left_out: list[int]) -> None:
    g = finite(lg.grad(f)(POINT))
    assert not g[left_out].any()
    assert g.any()
    np.testing.assert_allclose(finite(lg.jvp(f, (POINT,), (np.ones(4),))[1]), g.sum(), rtol=1e-12)
    for jacobian in (lg.jacrev, lg.jacfwd):
        np.testing.assert_allclose(finite(jacobian(f)(POINT)), g, rtol=1e-12, atol=1e-15)
    x = lg.parameter(POINT)
    assert lg.gradient(f(x), x).tobytes() == g.tobytes()
    for engine in ENGINES:
        np.testing.assert_allclose(finite(lg.gradient(f(x), x, engine=engine)), g, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("f", "left_out"), SELECTING.values(), ids=SELECTING)
def test_what_is_not_taken_reaches_no_second_derivative(f: Function, left_out: list[int]) -> None:
    h = finite(lg.hessian(f)(POINT))
    assert not h[left_out].any()
    assert not h[:, left_out].any()
    np.testing.assert_allclose(finite(lg.jacrev(lg.grad(f))(POINT)), h, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(finite(lg.hvp(f, POINT, np.ones(4))), h.sum(axis=1), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(("f", "left_out"), SELECTING.values(), ids=SELECTING)
def test_compiled_gradients_leave_out_the_same(f: Function, left_out: list[int]) -> None:
    assert lg.compile(lg.grad(f))(POINT).tobytes() == lg.grad(f)(POINT).tobytes()


@pytest.mark.parametrize("name", ["where", "where x log x", "where sqrt", "where power", "maximum", "tril", "slice"])
def test_numba_leaves_out_the_same(name: str) -> None:
    pytest.importorskip("numba")
    f, _ = SELECTING[name]
    x = lg.parameter(POINT)
    L = f(x)
    compiled = lg.compile(L, wrt=x, inputs=[x], backend="numba")
    np.testing.assert_allclose(finite(compiled(POINT)[1]), lg.gradient(L, x), rtol=1e-12)


def test_only_edges_that_select_mask_what_is_below() -> None:
    """The guarded reading of a rule stands on these edges and on no others."""
    x = lg.parameter(POINT)
    for build, masked in (
        (lambda u: u.sum(), False),
        (lambda u: (u[:, None] + u[::-1]).mean(), False),
        (lambda u: np.concatenate([u, u]).sum(), False),
        (lambda u: (np.ones((2, 4)) @ u).sum(), False),
        (lambda u: u[1:].sum(), True),
        (lambda u: np.where(x > 1, u, 0).sum(), True),
        (lambda u: np.max(u * 2), True),
        (lambda u: (np.where(x > 1, u, 0) + u).sum(), True),
    ):
        u = np.log(x)
        adjoint: Any = lg.adjoint(build(u), x)
        assert adjoint.masked is masked
        rules = [rule for rule, *_ in adjoint.each_edge()]
        assert rules == [u.op.rule(0).reading(masked)]


def test_a_copied_adjoint_stays_guarded() -> None:
    x = lg.parameter(POINT)
    adjoint = lg.adjoint(np.where(x > 0, np.log(x), 0.0).sum(), x)
    for copied in (copy.deepcopy(adjoint), pickle.loads(pickle.dumps(adjoint))):
        np.testing.assert_array_equal(copied.value, [0, 1, 1 / 4, 1 / 9])


def test_a_held_adjoint_is_guarded_after_another_shape() -> None:
    x = lg.parameter(POINT)
    adjoint = lg.adjoint(np.where(x > 0, np.log(x), 0.0).sum(), x)
    np.testing.assert_array_equal(adjoint.value, [0, 1, 1 / 4, 1 / 9])
    x.set(np.array([2.0, 0.0]))
    np.testing.assert_array_equal(adjoint.value, [0.5, 0])


def test_the_masks_of_an_adjoint_are_those_of_what_it_was_taken_with() -> None:
    x = lg.parameter(np.array([0.0, 2.0]))
    y = np.sqrt(x)
    chosen = np.where(x > 1, y, 0.0)
    by_hand = lg.Differentiator(y, cotangent=lg.adjoint(chosen.sum(), y)).gradient(x)
    np.testing.assert_array_equal(by_hand, lg.gradient(chosen.sum(), x))
    with np.errstate(all="ignore"):
        own = lg.gradient(y, x, cotangent=np.array([0.0, 1.0]))  # 0 times inf, as the caller says
    assert np.isnan(own[0])
    np.testing.assert_array_equal(lg.jacobian(y, x)[1], [0, own[1]])


def test_a_unit_tangent_takes_one_element() -> None:
    """Its zeros are no derivatives: an infinite slope of another element is not asked for."""
    x = np.array([0.0, 4.0])
    with np.errstate(all="ignore"):
        for jacobian in (lg.jacfwd, lg.jacrev, lg.jacobian):
            np.testing.assert_array_equal(jacobian(np.sqrt)(x), [[np.inf, 0], [0, 0.25]])
        pushed = lg.jvp(np.sqrt, (x,), (np.array([0.0, 1.0]),))[1]
    assert np.isnan(pushed[0])


def test_ops_of_users_say_how_they_divide_and_that_they_select() -> None:
    own_log = lg.primitive(np.log, vjp=lambda g, x, over: over(g, x), shape="elementwise", name="own_log")

    def slice_from_one(x: Any) -> Any:
        return x[1:]

    rest = lg.primitive(
        slice_from_one,
        vjp=lambda g: np.concatenate([np.zeros(1), g]),
        shape=lambda x: (x.shape[0] - 1,),
        selects=True,
        name="rest",
    )
    x = lg.parameter(np.array([0.0, 2.0]))
    np.testing.assert_array_equal(lg.gradient(np.where(x > 1, own_log(x), 0.0).sum(), x), [0, 0.5])
    np.testing.assert_array_equal(lg.gradient(rest(own_log(x)).sum(), x), [0, 0.5])
    assert np.isnan(lg.gradient((0.0 * own_log(x)).sum(), x)[0])
    hessian = lg.hessian(lambda x: np.where(x > 1, own_log(x), 0.0).sum())(x.value)
    np.testing.assert_array_equal(hessian, [[0, 0], [0, -0.25]])


def test_what_times_and_over_mean_is_the_last_thing_that_a_rule_reads() -> None:
    with pytest.raises(TypeError, match=r"reads 'times' before something else: it has to be last"):
        lg.primitive(np.exp, vjp=lambda g, times, out: times(g, out), shape="elementwise", name="early")


@pytest.mark.parametrize("order", ["auto", "reverse", "forward", "optimal"])
def test_jacobians_of_nodes_leave_out_what_is_not_taken(order: Any) -> None:
    x = lg.parameter(np.array([0.0, 4.0]))
    for y, expected in (
        (np.where(x > 0, np.sqrt(x), 0.0), [[0, 0], [0, 0.25]]),
        (np.sqrt(x)[1:], [[0, 0.25]]),
        (np.where(x > 0, x * np.log(x), 0.0), [[0, 0], [0, 1 + np.log(4.0)]]),
    ):
        np.testing.assert_allclose(lg.jacobian(y, x, order=order), expected, rtol=1e-15)
    found = lg.jacobian(np.sqrt(x * x), x, order=order)
    assert np.isnan(found[0, 0])
    np.testing.assert_array_equal(found.ravel()[1:], [0, 0, 1])


def test_hessians_of_nodes_leave_out_what_is_not_taken() -> None:
    x = lg.parameter(np.array([0.0, 4.0]))
    L = np.where(x > 0, x * np.log(x), 0.0).sum()
    np.testing.assert_array_equal(lg.hessian(L, x), [[0, 0], [0, 0.25]])
    np.testing.assert_array_equal(lg.hvp(L, x, np.ones(2)), [0, 0.25])
