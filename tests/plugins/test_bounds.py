"""Bounds and starts in the structure of what is asked for, in SciPy's functions and Ipopt."""

from typing import Any, NamedTuple

import attrs
import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.optimize import Bounds

import lazygrad as lg
from lazygrad.plugins import scipy as host
from lazygrad.plugins._bounds import as_scipy_bounds, flatten_limits
from lazygrad.plugins.flat import Objective

INF = np.inf


@attrs.frozen
class Fields:
    a: Any
    b: Any


class Named(NamedTuple):
    a: Any
    b: Any


def objective_of(x0):
    return Objective.of(lambda x: x, x0)


NESTED = {"layers": [np.zeros(2), 0.0], "scale": (np.zeros((1, 2)),)}
FLAT = {"a": np.zeros(2), "b": 0.0}

PAIRS = {
    "all": (FLAT, {"a": (0, 1), "b": (-1, None)}, [0, 0, -1], [1, 1, INF]),
    "order": (FLAT, {"b": (-1, 2), "a": (0, 1)}, [0, 0, -1], [1, 1, 2]),
    "some": (FLAT, {"b": (None, 3)}, [-INF, -INF, -INF], [INF, INF, 3]),
    "none": (FLAT, {"a": None, "b": (-1, 1)}, [-INF, -INF, -1], [INF, INF, 1]),
    "a pair for each element": (FLAT, {"a": [(0, 1), (None, 2)]}, [0, -INF, -INF], [1, 2, INF]),
    "a pair or none": (FLAT, {"a": [None, (5, 6)]}, [-INF, 5, -INF], [INF, 6, INF]),
    "rows": (FLAT, {"a": np.array([[0, 1], [2, 3]])}, [0, 2, -INF], [1, 3, INF]),
    "arrays": (FLAT, {"a": (np.array([0, 1]), np.array([2, 3]))}, [0, 1, -INF], [2, 3, INF]),
    "an array and a number": (FLAT, {"a": (0, np.array([2, 3]))}, [0, 0, -INF], [2, 3, INF]),
    "lists of three": ({"a": np.zeros(3)}, {"a": ([0, 1, 2], [3, 4, None])}, [0, 1, 2], [3, 4, INF]),
    "bounds of a leaf": (FLAT, {"a": Bounds(0, [1, 2])}, [0, 0, -INF], [1, 2, INF]),
    "two structures": (FLAT, ({"a": 0}, {"a": [1, 2], "b": 3}), [0, 0, -INF], [1, 2, 3]),
    "bounds of structures": (FLAT, Bounds({"a": 0, "b": -1}, {"a": np.ones(2)}), [0, 0, -1], [1, 1, INF]),
    "one side": (FLAT, Bounds(ub={"b": 2}), [-INF] * 3, [INF, INF, 2]),
    "numbers": (FLAT, Bounds(0, 1), [0] * 3, [1] * 3),
    "vectors": (FLAT, Bounds([0, 1, 2], [3, 4, 5]), [0, 1, 2], [3, 4, 5]),
    "tuple": ((np.zeros(2), 0.0), ((0, 1), (-1, None)), [0, 0, -1], [1, 1, INF]),
    "list": ([np.zeros(2), 0.0], [None, (-1, 2)], [-INF, -INF, -1], [INF, INF, 2]),
    "a tuple of one": ((np.zeros(2),), ((0, 1),), [0, 0], [1, 1]),
    "nested": (
        NESTED,
        {"layers": [(0, 1), None], "scale": ((np.array([[1, 2]]), 9),)},
        [0, 0, -INF, 1, 2],
        [1, 1, INF, 9, 9],
    ),
    "fields": (Fields(np.zeros(2), 0.0), Fields((0, 1), (-1, None)), [0, 0, -1], [1, 1, INF]),
    "sides of fields": (Fields(np.zeros(2), 0.0), (Fields(0, -1), Fields(1, None)), [0, 0, -1], [1, 1, INF]),
    "names": (Named(np.zeros(2), 0.0), Named((0, 1), (-1, None)), [0, 0, -1], [1, 1, INF]),
    "a matrix": (np.zeros((2, 2)), (np.zeros((2, 2)), np.array([[1, 2], [3, 4]])), [0] * 4, [1, 2, 3, 4]),
    "bounds of a matrix": (np.zeros((2, 2)), Bounds(np.zeros((2, 2)), np.ones((2, 2)), True), [0] * 4, [1] * 4),
    "a number": (np.array(0.0), (0, 2), [0], [2]),
    "complex": ({"z": 0j, "r": 0.0}, {"z": (None, 1 + 2j), "r": (0, 1)}, [-INF, -INF, 0], [1, 2, 1]),
    "statics": ({"kind": "x", "b": 0.0}, {"b": (0, 1)}, [0], [1]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_in_a_structure(name):
    x0, bounds, lower, upper = PAIRS[name]
    found = as_scipy_bounds(objective_of(x0), bounds)
    np.testing.assert_array_equal(found.lb, lower)
    np.testing.assert_array_equal(found.ub, upper)
    assert found.lb.dtype == found.ub.dtype == np.float64
    assert np.all(found.keep_feasible) == (name == "bounds of a matrix")


@pytest.mark.parametrize("bounds", [(0, 2), [(0, 2)], Bounds(0, 2)])
def test_bounds_of_a_number(bounds):
    assert host.minimize(lambda x: np.sum((x - 3) ** 2), 1, bounds=bounds).x == pytest.approx(2)


@pytest.mark.parametrize(
    ("x0", "bounds"),
    [
        (FLAT, [(0, 1), (None, 2), (3, None)]),
        (FLAT, np.array([[0, 1], [2, 3], [4, 5]])),
        (np.zeros((2, 1)), [(0, 1), (0, 2)]),
        (np.zeros(2), [(0, 1), (0, 2)]),
        (np.zeros(2), Bounds(0, 1)),
        (np.array(0.0), [(0, 2)]),
        (FLAT, None),
    ],
)
def test_what_scipy_takes_by_itself_stays(x0, bounds):
    assert as_scipy_bounds(objective_of(x0), bounds) is bounds


SIDES = {
    "dicts": (FLAT, ({"a": 0, "b": -1}, {"a": [1, 2]}), [0, 0, -1], [1, 2, INF]),
    "a number": (FLAT, (0, {"a": 5}), [0] * 3, [5, 5, INF]),
    "numbers": (FLAT, (-INF, 1), [-INF] * 3, [1] * 3),
    "vectors": (FLAT, ([0, 1, 2], np.array([3, 4, 5])), [0, 1, 2], [3, 4, 5]),
    "tuples": ((np.zeros(2), 0.0), ((0, -1), (None, 5)), [0, 0, -1], [INF, INF, 5]),
    "none": ([np.zeros(2), 0.0], (None, [1, 2]), [-INF] * 3, [1, 1, 2]),
    "nested": (NESTED, ({"layers": 0}, {"layers": [1, 2], "scale": 3}), [0, 0, 0, -INF, -INF], [1, 1, 2, 3, 3]),
    "pairs": (FLAT, {"a": (0, 1)}, [0, 0, -INF], [1, 1, INF]),
    "bounds": (FLAT, Bounds({"a": 0}, {"b": 1}), [0, 0, -INF], [INF, INF, 1]),
}


@pytest.mark.parametrize("name", SIDES)
def test_lower_and_upper_limits_in_a_structure(name):
    x0, bounds, lower, upper = SIDES[name]
    found = as_scipy_bounds(objective_of(x0), bounds, sides=True)
    np.testing.assert_array_equal(found.lb, lower)
    np.testing.assert_array_equal(found.ub, upper)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"c": (0, 1)}, r"structure of what it bounds, with \['a', 'b'\], but is \{'c': \(0, 1\)\}"),
        ({"a": (0, 1, 2)}, r"bounds\['a'\] must be a pair \(lower, upper\), or 2 pairs"),
        ({"a": 3}, r"bounds\['a'\] must be a pair"),
        ({"a": (np.zeros(3), None)}, r"bounds\['a'\] must be numbers of shape \(2,\)"),
        ({"b": ("x", 1)}, r"bounds\['b'\] must be numbers of shape \(\)"),
        ({"a": [[0, 1], [0, 2]]}, "give pairs as tuples, limits as arrays"),
        (3.0, "must be a pair"),
        ([(0, 1), (0, 2)], "must have the structure of what it bounds"),
        (Bounds({"c": 0}, 1), "lower bounds must have the structure"),
    ],
)
def test_bounds_of_another_structure_are_refused(bounds, said):
    with pytest.raises(TypeError, match=said):
        host.minimize(lambda p: np.sum(p["a"]) + p["b"], FLAT, bounds=bounds)


def test_bounds_of_another_length_are_refused():
    objective = objective_of((np.zeros(2), 0.0))
    for bounds in [((0, 1),), ((0, 1), None, None, None)]:
        with pytest.raises(TypeError, match=r"must have the structure of what it bounds, with \[0, 1\]"):
            as_scipy_bounds(objective, bounds)
    with pytest.raises(TypeError, match="upper bounds must have the structure"):
        as_scipy_bounds(objective, (None, (1,)), sides=True)


def test_limits_of_a_complex_leaf_are_complex():
    with pytest.raises(TypeError, match=r"bounds\['z'\] must be complex"):
        as_scipy_bounds(objective_of({"z": 0j}), {"z": (0, 1)})
    np.testing.assert_array_equal(flatten_limits(objective_of({"z": 0j}), {"z": 1 - 2j}, -INF, "limits"), [1, -2])


# -- through the hosts -----------------------------------------------------------------------------


def bowl(p):
    return np.sum((p["a"] - 3) ** 2) + (p["b"] + 2) ** 2


@pytest.mark.parametrize("method", [None, "L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead", "Powell"])
def test_minimize_keeps_bounds_in_a_structure_from_an_integer_start(method):
    found = host.minimize(bowl, {"a": np.zeros(2, int), "b": 0}, method=method, bounds={"a": (0, 1.5), "b": (-1, None)})
    np.testing.assert_allclose(found.tree["a"], [1.5, 1.5], atol=1e-3)
    assert found.tree["b"] == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("method", ["trf", "dogbox"])
@pytest.mark.parametrize("bounds", [({"a": 0, "b": -1}, {"a": 1.5}), {"a": (0, 1.5), "b": (-1, None)}])
def test_least_squares_keeps_bounds_in_a_structure(bounds, method):
    found = host.least_squares(
        lambda p: np.concatenate([p["a"] - 3, np.atleast_1d(p["b"] + 2)]),
        {"a": np.ones(2, int), "b": 0},
        bounds=bounds,
        method=method,
    )
    np.testing.assert_allclose(found.tree["a"], [1.5, 1.5], atol=1e-6)
    assert found.tree["b"] == pytest.approx(-1, abs=1e-6)


def test_bounds_of_nodes_and_of_blocks():
    p = {"a": lg.parameter(np.zeros(2)), "b": lg.parameter(0.0)}
    found = host.minimize(bowl(p), {"a": np.ones(2, int), "b": 1}, wrt=p, bounds={"a": (None, 1.5)})
    np.testing.assert_allclose(found.tree["a"], [1.5, 1.5])
    np.testing.assert_allclose(p["b"].value, -2, atol=1e-5)
    block = Objective.of(bowl, FLAT).block("a", "b")
    assert host.minimize(block, bounds={"b": (-1, 1)}).tree["b"] == pytest.approx(-1)


INTEGERS = [
    3,
    np.int32(3),
    [3, 3],
    (3, np.int64(3)),
    np.array([3, 3]),
    {"a": 3},
    {"a": [3, 3]},
    {"a": np.array([[3]])},
    np.array([3], np.uint8),
]


@pytest.mark.parametrize("start", INTEGERS, ids=repr)
def test_integer_starts_are_taken_for_floats(start):
    def f(x):
        return np.concatenate([np.reshape(leaf, -1) - 1.5 for leaf in leaves_of(x)])

    def leaves_of(x):
        return (x["a"] if isinstance(x["a"], list) else [x["a"]]) if isinstance(x, dict) else [x]

    for found in (
        host.minimize(lambda x: np.sum(f(x) ** 2), start),
        host.least_squares(f, start),
        host.root(f, start),
        host.minimize(
            lambda x: np.sum(f(x) ** 2),
            start,
            method="SLSQP",
            constraints=host.nonlinear_constraint(f, -1.0, 0.0, start),
        ),
    ):
        np.testing.assert_allclose(found.x, 1.5, atol=1e-5)
        assert found.x.dtype == np.float64


def test_an_integer_start_or_bracket_of_a_root():
    assert host.root_scalar(lambda x: x**2 - 2, x0=1).root == pytest.approx(2**0.5)
    assert host.root_scalar(lambda x: x**2 - 2, bracket=(1, 2)).root == pytest.approx(2**0.5)
    t = np.linspace(0, 1, 9)
    best, _ = host.curve_fit(lambda t, a, b: a * np.exp(b * t), t, 2 * np.exp(-t), [1, 0], bounds=([0, -5], [9, 5]))
    np.testing.assert_allclose(best, [2, -1])
    assert host.solve_ivp(lambda t, y: -y, (0, 1), [1, 2]).y[:, -1] == pytest.approx([np.exp(-1), 2 * np.exp(-1)], 1e-2)


def test_a_start_that_is_no_number_is_still_refused():
    for start in ({"a": True}, {"a": np.array([True])}):
        with pytest.raises(TypeError, match="differentiated"):
            host.minimize(lambda p: np.sum(p["a"]), start)
