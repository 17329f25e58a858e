"""What an objective refuses, and how it says so; nan, threads and exceptions of the user."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.plugins.flat import Objective
from tests.helpers.flat_objectives import P
from tests.helpers.picky_ops import pickiness_comes_out, picky_above


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (np.ones(3), lg.ShapeError, r"[xp] has shape \(3,\), but must have shape \(24,\), for \['W1'\] \(3, 4\)"),
        (np.ones((24, 1)), lg.ShapeError, r"shape \(24, 1\)"),
        (1.0, lg.ShapeError, r"shape \(\)"),
        (np.array([object()] * 24), TypeError, "a vector cannot hold dtype object"),
        (["a"] * 24, TypeError, "cannot hold dtype <U1"),
        (np.ones(24) * 1j, TypeError, "[xp] must be real, but has dtype complex128"),
        (P, TypeError, "objective.flat"),
        (np.ma.masked_array(np.ones(24), mask=[True] + [False] * 23), TypeError, "masked"),
        (lg.parameter(np.ones(24)), TypeError, "pass `node.value`"),
        (None, TypeError, "cannot hold dtype object"),
    ],
)
def test_what_is_no_vector_is_refused_and_changes_nothing(net, x, error, match):
    objective, _, _ = net
    at = objective.x + 1
    before = objective.fun(at)
    for ask in (objective.fun, objective.jac, objective.residuals, lambda x: objective.hessp(at, x)):
        with pytest.raises(error, match=match):
            ask(x)
    with pytest.raises(error, match=match):
        objective.x = x
    assert objective.fun(at) == before


def test_nan_and_inf_go_through(net):
    objective, _, _ = net
    x = objective.x
    expected = objective.fun(x)
    bad = x.copy()
    bad[0] = np.nan
    assert np.isnan(objective.fun(bad))
    assert np.isnan(objective.jac(bad)).any()
    assert objective.fun(x) == expected


def test_many_numbers_where_one_is_needed():
    objective = Objective.of(lambda x: x**2, np.ones(3))
    with pytest.raises(TypeError, match="3 elements where one is needed: sum them"):
        objective.fun(np.ones(3))
    for ask in (objective.jac, objective.hess, objective.fun_and_jac):
        with pytest.raises(TypeError, match="needs one number"):
            ask(np.ones(3))
    with pytest.raises(lg.ShapeError, match="a cotangent has 2 elements, but the target 3"):
        objective.hess(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="dimension mismatch"):
        objective.jacobian(np.ones(3)).rmatvec(np.ones(4))
    complex_valued = Objective.of(lambda x: x * 1j, np.ones(3))
    with pytest.raises(TypeError, match=r"must be real numbers, but has dtype complex128: take its `\.real`"):
        complex_valued.residuals(np.ones(3))
    with pytest.raises(TypeError, match=r"must be real numbers, but has dtype object$"):
        Objective.of(lambda x: None, np.ones(3)).fun(np.ones(3))


def test_wrong_makings():
    x = lg.parameter([1.0])
    with pytest.raises(TypeError, match="expected a node"):
        Objective(lambda x: x, x)
    with pytest.raises(TypeError, match=r"Objective\(L, wrt\)"):
        Objective.of(x * 2, [1.0])
    with pytest.raises(TypeError, match="computed"):
        Objective(np.sum(x * 2), x * 2)
    with pytest.raises(TypeError, match="floating point"):
        Objective(lg.constant([1, 2]), x)
    with pytest.raises(TypeError, match="cast it"):
        Objective.of(lambda x: x, np.arange(3))
    with pytest.raises(TypeError, match="must name positional arguments"):
        Objective.of(lambda x: x, 1.0, wrt=1)
    with pytest.raises(ValueError, match="points"):
        Objective.of(lambda x: x, 1.0, points=0)


def test_it_says_what_it_is():
    x = lg.parameter([1.0, 2.0])
    assert repr(Objective(np.sum(x), x)) == "<Objective of 2 numbers in 1 leaves: x>"
    assert repr(Objective(np.sum(x), {"a": x})) == "<Objective of 2 numbers in 1 leaves: ['a']>"
    assert Objective(np.sum(x), []).jac([]).shape == (0,)


def test_threads_may_ask_one_objective():
    objective = Objective.of(lambda x: np.sum(np.exp(x) * np.sin(x)), np.ones(20))

    def slope(k):
        x = np.full(20, k / 10)
        return [np.allclose(objective.jac(x), np.exp(x) * (np.sin(x) + np.cos(x))) for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        assert all(all(found) for found in pool.map(slope, range(8)))


def test_wrong_structures(net):
    objective, _, _ = net
    with pytest.raises(TypeError, match="structure of `wrt`"):
        objective.flat([1.0])
    with pytest.raises(lg.ShapeError, match=r"the leaf \['b'\] has shape \(4,\), but was given \(3,\)"):
        objective.flat({**P, "b": np.ones(3)})
    with pytest.raises(TypeError, match=r"\['b'\] has dtype float64, but was given complex128"):
        objective.flat({**P, "b": np.ones(4) * 1j})
    np.testing.assert_array_equal(objective.flat(dict(reversed(P.items()))), objective.flat(P))


def test_an_exception_of_the_users_comes_out_as_itself_with_the_node_named():
    picky = picky_above(2)
    x = lg.parameter([1.0])
    objective = Objective(np.sum(picky(x) ** 2), x)
    assert objective.fun([1.0]) == 1
    for ask in (objective.fun, objective.jac):
        with pickiness_comes_out():
            ask([3.0])
    np.testing.assert_array_equal(objective.jac([2.0]), [4])

    def broken(x):
        raise KeyError("also mine")

    with pytest.raises(KeyError, match="also mine"):
        Objective.of(broken, 1.0)
