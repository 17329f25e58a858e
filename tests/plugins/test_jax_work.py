"""What runs when JAX asks: only what is perturbed and used, and each point once."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import lazygrad as lg  # noqa: E402
from lazygrad.plugins.jax import errors, function  # noqa: E402
from tests.helpers.jax_functions import XS, X, counted, same  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")

# -- only what is asked for ------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("argnums", "rules"), [(0, {"dx"}), (1, {"dy"}), ((0, 1), {"dx", "dy"})])
def test_only_the_rules_of_perturbed_inputs_run(mode, jit, argnums, rules):
    product, ran = counted()
    gradient = jax.grad(lambda x, y: function(product, mode=mode)(x, y).sum(), argnums)
    (jax.jit(gradient) if jit else gradient)(X, X + 1)
    assert {what for what in ran if what != "value"} == rules


@pytest.mark.parametrize("argnum", [0, 1])
def test_only_the_rules_of_inputs_with_a_tangent_run(argnum):
    product, ran = counted()
    f = function(product, mode="both")
    jax.jvp(lambda one: f(one, X) if argnum == 0 else f(X, one), (X,), (X,))
    assert {what for what in ran if what != "value"} == {("tx", "ty")[argnum]}


def test_integers_are_never_asked(mode):
    f = function(lambda x, labels: x[labels] ** 2, mode=mode)
    gradient = jax.grad(lambda x: f(x, np.array([1, 1])).sum())
    same(gradient(jnp.array([1.0, 2.0])), jnp.array([0.0, 8.0]))
    with pytest.raises(TypeError, match="inexact"):
        jax.grad(lambda labels: f(X, labels).sum())(np.array([1, 1]))


def test_only_cotangents_that_are_not_zero_are_pulled_back(mode):
    left, ran_left = counted()
    right, ran_right = counted()
    f = function(lambda x: (left(x, 2.0), right(x, 3.0)), mode=mode)
    same(jax.grad(lambda x: f(x)[1].sum())(X), jnp.full(2, 3.0))
    assert (ran_left["dx"], ran_right["dx"]) == (0, 1)


def test_a_compiled_program_asks_for_nothing_that_it_does_not_use(mode):
    product, ran = counted()
    f = function(lambda p: (product(p["x"], p["y"]).sum(), product(p["y"], 2.0)), mode=mode)
    p = {"x": jnp.array(X), "y": jnp.array(X + 1)}
    same(jax.jit(lambda p: jax.grad(lambda p: f(p)[0])(p)["x"])(p), p["y"])
    assert ran == {"dx": 1}  # neither the values, nor the gradient by y
    same(jax.jit(lambda p: f(p)[1])(p), 2 * p["y"])
    assert ran == {"dx": 1, "value": 1}  # of the two values one
    if mode == "both":
        jax.jit(lambda p: jax.jvp(f, (p,), (p,))[1][1])(p)
        assert ran == {"dx": 1, "value": 1, "tx": 1}


# -- the memo --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True])
def test_a_point_is_evaluated_once_whatever_is_asked_there(mode, jit):
    product, ran = counted()
    f = function(lambda x, y: product(np.exp(x), y).sum(), mode=mode)
    asked = [f, jax.grad(f), jax.value_and_grad(f, (0, 1)), f, jax.grad(jax.grad(lambda x, y: f(x * X, y)), 1)]
    for ask in asked[:4]:
        (jax.jit(ask) if jit else ask)(X, X + 1)
    assert ran == {"value": 1, "dx": 1, "dy": 1}
    assert (f.statistics.schedules, f.statistics.misses) == (1, 1)
    f(X + 1, X)
    assert ran["value"] == 2
    f(X, X + 1)  # the last two points are kept
    assert ran["value"] == 2


def test_points_are_told_apart_by_their_bytes():
    f = function(lambda x: np.copysign(1.0, x) + x)
    for x in (0.0, -0.0, np.nan, np.nan, 0.0):
        f(x)
    assert (f.statistics.misses, f.statistics.hits) == (4, 1)  # 0.0 was forgotten by then
    assert (float(f(0.0)), float(f(-0.0))) == (1.0, -1.0)
    assert np.isnan(jax.grad(f)(np.nan) * np.nan)


@pytest.mark.parametrize(("points", "again"), [(2, 4), (4, 0)])
def test_the_elements_of_a_batch_are_points(points, again):
    product, ran = counted()
    f = function(lambda x: product(np.exp(x), x).sum(), points=points)
    _, pull = jax.vjp(jax.vmap(f), XS)
    assert ran["value"] == 4
    pull(jnp.ones(4))
    evaluated = ran["value"]
    jax.block_until_ready(jax.vmap(f)(XS))
    assert ran["value"] == evaluated + again


@pytest.mark.parametrize("jit", [False, True])
def test_a_batch_at_once(mode, jit):
    product, ran = counted()
    f = function(lambda x, y: product(np.exp(x), y), mode=mode, vmap_method="broadcast_all")
    batched = jax.vmap(jax.grad(lambda x, y: f(x, y).sum(), (0, 1)), (0, None))
    dx, dy = (jax.jit(batched) if jit else batched)(XS, X)
    same((dx, dy), (jnp.exp(XS) * X, jnp.exp(XS)))
    assert (ran["dx"], ran["dy"]) == (1, 1)
    twice = jax.vmap(jax.vmap(f, (0, None)), (None, 0))(XS, XS)
    same(twice, jnp.exp(XS)[None] * XS[:, None])
    assert ran["value"] <= 2


def test_a_function_that_does_not_map_over_a_batch_is_told_so():
    f = function(lambda x: x.sum(), vmap_method="broadcast_all")
    with errors(), pytest.raises(lg.ShapeError, match=r"returned shape \(\).*'broadcast_all'"), errors():
        jax.block_until_ready(jax.vmap(f)(XS))


def test_another_way_through_the_function_is_another_schedule(mode):
    f = function(lambda x: x.sum() ** 2 if x[0] > 0 else -x.sum(), mode=mode)
    gradient = jax.jit(jax.grad(f))
    for _ in range(2):
        for x, expected in (([1.0, 2.0], [6.0, 6.0]), ([-1.0, 2.0], [-1.0, -1.0]), ([3.0, 1.0], [8.0, 8.0])):
            np.testing.assert_array_equal(gradient(jnp.array(x)), expected)


def test_a_loop_may_depend_on_an_integer(mode):
    f = function(lambda x, n: x ** int(n), mode=mode)
    gradient = jax.jit(jax.grad(f))
    assert [float(gradient(2.0, n)) for n in (1, 2, 3, 2)] == [1.0, 4.0, 12.0, 4.0]
