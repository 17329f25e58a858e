"""Pymanopt asks lazygrad: right answers in its conventions, and each node evaluated once a point."""

import collections

import numpy as np
import pytest

import lazygrad as lg

pymanopt = pytest.importorskip("pymanopt")

from pymanopt.manifolds import (  # noqa: E402
    ComplexGrassmann,
    Euclidean,
    FixedRankEmbedded,
    Product,
    Sphere,
    Stiefel,
)
from pymanopt.optimizers import ConjugateGradient, TrustRegions  # noqa: E402

from lazygrad.plugins._prepared_by_shape import PreparedByShape  # noqa: E402
from lazygrad.plugins.pymanopt import function, prepared  # noqa: E402

RNG = np.random.default_rng(0)
A = (lambda M: M + M.T)(RNG.normal(size=(6, 6)))


def rayleigh():
    @function(Sphere(6))
    def cost(x):
        return -x @ A @ x

    return cost


def test_value_gradient_and_product():
    cost = rayleigh()
    x, v = RNG.normal(size=(2, 6))
    assert np.isclose(cost(x), -x @ A @ x)
    assert isinstance(cost(x), np.float64)
    assert np.allclose(cost.get_gradient_operator()(x), -2 * A @ x)
    assert np.allclose(cost.get_hessian_operator()(x, v), -2 * A @ v)


@pytest.mark.parametrize("optimizer", [TrustRegions, ConjugateGradient])
def test_optimum(optimizer):
    problem = pymanopt.Problem(Sphere(6), rayleigh())
    found = optimizer(verbosity=0).run(problem, initial_point=np.full(6, 6**-0.5))
    assert np.isclose(found.cost, -np.linalg.eigvalsh(A)[-1])


def test_trust_regions_compute_each_forward_node_once_a_point(monkeypatch):
    asked_at = []
    at = PreparedByShape.at

    def counted(self, point):
        asked_at.append(point[0].tobytes())
        return at(self, point)

    monkeypatch.setattr(PreparedByShape, "at", counted)
    start = np.full(6, 6**-0.5)

    @function(Sphere(6))
    def cost(x):
        return -np.exp(0.1 * (x @ (A @ x)))

    with lg.record() as first:
        cost(start)
    with lg.record() as report:
        TrustRegions(verbosity=0).run(pymanopt.Problem(Sphere(6), cost), initial_point=start)
    (asked,) = prepared(cost)
    counts = asked.statistics
    points = len(set(asked_at))
    assert points < len(asked_at) / 5
    assert counts.schedules == 1
    assert (counts.points.misses, counts.points.hits) == (points, len(asked_at) - points)
    assert sum(counts.calls.values()) == len(asked_at)
    assert counts.evaluations["value"] == counts.evaluations["gradient"] == points
    forward = first.values.computed
    assert len(forward) == 5
    times = collections.Counter(report.values.computed)
    assert [times[node] for node in forward] == [points - 1] * len(forward)


def test_product_manifold():
    M = RNG.normal(size=(4, 5))
    manifold = Product([Stiefel(4, 2), Euclidean(2), Sphere(5)])

    def loss(U, s, x):
        return np.sum((M.T @ (U @ s) - x) ** 3)

    problem = pymanopt.Problem(manifold, function(manifold)(loss))
    point = manifold.random_point()
    U, s, x = point
    dU, ds, dx = problem.euclidean_gradient(point)
    for mine, direct in zip((dU, ds, dx), lg.grad(loss, (0, 1, 2))(U, s, x), strict=True):
        assert np.allclose(mine, direct)
    vector = manifold.random_tangent_vector(point)
    vU, vs, vx = problem.euclidean_hessian(point, vector)
    for mine, direct in zip((vU, vs, vx), lg.hvp(loss, (U, s, x), tuple(vector)), strict=True):
        assert np.allclose(mine, direct)


def test_points_made_of_several_arrays():
    M = RNG.normal(size=(7, 5))
    manifold = FixedRankEmbedded(7, 5, 2)

    @function(manifold)
    def cost(u, s, vt):
        return np.sum(((u * s) @ vt - M) ** 2)

    found = ConjugateGradient(verbosity=0).run(pymanopt.Problem(manifold, cost))
    assert np.isclose(found.cost, np.sum(np.linalg.svd(M)[1][2:] ** 2))


def test_complex_convention():
    """The gradient is the direction of steepest ascent: dL = Re(sum of conj(gradient) * dz)."""
    H = (lambda M: M + M.conj().T)(RNG.normal(size=(5, 5)) + 1j * RNG.normal(size=(5, 5)))
    manifold = ComplexGrassmann(5, 2)

    @function(manifold)
    def cost(Z):
        return np.real(np.trace(np.conj(Z.T) @ H @ Z)) + np.sum(np.abs(Z) ** 4)

    Z, V = RNG.normal(size=(2, 5, 2)) + 1j * RNG.normal(size=(2, 5, 2))
    gradient, hessian = cost.get_gradient_operator(), cost.get_hessian_operator()
    h = 1e-6
    assert np.isclose(np.sum(gradient(Z).conj() * V).real, (cost(Z + h * V) - cost(Z - h * V)) / (2 * h))
    assert np.allclose(hessian(Z, V), (gradient(Z + h * V) - gradient(Z - h * V)) / (2 * h), atol=1e-6)


def test_complex_and_real_parts_together():
    manifold = Product([ComplexGrassmann(4, 1), Euclidean(4)])

    @function(manifold)
    def cost(z, x):
        return np.sum(np.abs(z[:, 0] * x - 1) ** 2)

    z, x = RNG.normal(size=(4, 1)) + 1j * RNG.normal(size=(4, 1)), RNG.normal(size=4)
    dz, dx = cost.get_gradient_operator()(z, x)
    assert (dz.dtype, dx.dtype) == (complex, float)
    assert np.allclose(dz[:, 0], 2 * x * (z[:, 0] * x - 1))
    vz, vx = cost.get_hessian_operator()(z, x, z, x)
    h = 1e-6
    ez, ex = cost.get_gradient_operator()(z + h * z, x + h * x)
    assert np.allclose(vz, (ez - dz) / h, atol=1e-4)
    assert np.allclose(vx, (ex - dx) / h, atol=1e-4)


# -- what a host or a user may do ------------------------------------------------------------------


def test_answers_are_the_callers_own():
    cost = rayleigh()
    x = RNG.normal(size=6)
    gradient, hessian = cost.get_gradient_operator(), cost.get_hessian_operator()
    for ask in (gradient, lambda x: hessian(x, x)):
        first = ask(x)
        expected = first.copy()
        first[:] = np.nan
        assert np.array_equal(ask(x), expected)


def test_a_point_changed_in_place_is_another_point():
    cost = rayleigh()
    x = RNG.normal(size=6)
    before = cost(x)
    x *= 2
    assert np.isclose(cost(x), 4 * before)
    assert np.allclose(cost.get_gradient_operator()(x), -2 * A @ x)


def test_a_copy_of_a_point_is_the_same_point():
    cost = rayleigh()
    x = RNG.normal(size=6)
    cost(x)
    cost.get_gradient_operator()(x.copy())
    with lg.record() as report:
        cost(x.copy())
        cost.get_gradient_operator()(x.copy())
    assert (report.values.computed, report.rules_run) == ((), 0)


def test_branches_on_values():
    @function(Euclidean(2))
    def cost(x):
        return np.sum(x**2) if x[0] > 0 else np.sum(x)

    gradient = cost.get_gradient_operator()
    for sign in (1.0, -1.0, 1.0):
        x = sign * np.array([1.0, 2.0])
        assert gradient(x).tolist() == (list(2 * x) if sign > 0 else [1.0, 1.0])
        assert cost(x) == (5.0 if sign > 0 else -3.0)


def test_nan_stays_nan():
    cost = rayleigh()
    assert np.isnan(cost(np.full(6, np.nan)))
    assert np.isnan(cost.get_gradient_operator()(np.full(6, np.nan))).all()
    assert np.isfinite(cost(np.ones(6)))


def test_integers_are_numbers_and_float32_stays():
    cost = rayleigh()
    assert np.allclose(cost.get_gradient_operator()(np.arange(6)), -2 * A @ np.arange(6))
    assert cost.get_gradient_operator()(np.ones(6, np.float32)).dtype == np.float32
    assert len(prepared(cost)) == 2


def test_wrong_arguments_are_named():
    cost = rayleigh()
    cost(np.ones(6))
    with pytest.raises(lg.ShapeError, match=r"vector of x.* shape \(5,\)"):
        cost.get_hessian_operator()(np.ones(6), np.ones(5))
    with pytest.raises(TypeError, match="object"):
        cost.get_gradient_operator()(np.array([1.0, None], object))
    with pytest.raises(TypeError, match="returns shape"):
        function(Euclidean(3))(lambda x: 2 * x).get_gradient_operator()(np.ones(3))
    with pytest.raises(TypeError, match="manifold"):
        function(3)


def test_an_exception_of_the_function_comes_out_as_itself():
    @function(Euclidean(2))
    def cost(x):
        raise KeyError("mine")

    for ask in (cost, cost.get_gradient_operator()):
        with pytest.raises(KeyError, match="mine"):
            ask(np.ones(2))


def test_prepared_wants_one_of_ours():
    foreign = pymanopt.function.numpy(Sphere(3))(lambda x: x @ x)
    with pytest.raises(TypeError, match="not decorated by"):
        prepared(foreign)
    assert prepared(rayleigh()) == ()


def test_a_function_of_any_number_of_parts():
    manifold = Product([Stiefel(3, 3)] * 2)

    @function(manifold)
    def cost(*parts):
        return sum(np.sum(part**3) for part in parts)

    X, Y = manifold.random_point()
    gx, gy = cost.get_gradient_operator()(X, Y)
    assert np.allclose(gx, 3 * X**2)
    assert np.allclose(gy, 3 * Y**2)
