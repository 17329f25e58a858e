"""Mici asks lazygrad: six function makers, up to the third order, which share what they know of a function."""

import pickle

import numpy as np
import pytest

import lazygrad as lg

mici = pytest.importorskip("mici")

import lazygrad.numpy as lnp  # noqa: E402
import lazygrad.plugins.mici as lazy  # noqa: E402

RNG = np.random.default_rng(0)
T = RNG.normal(size=(3, 3, 3))  # a cubic form, whose derivatives are known
T = sum(T.transpose(p) for p in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))) / 6
B = RNG.normal(size=(2, 3, 3))
B = B + B.transpose(0, 2, 1)


def cubic(x):
    return np.einsum("ijk,i,j,k->", T, x, x, x)


def quadratics(x):
    return np.einsum("aij,i,j->a", B, x, x)


def quartic(x):
    """Return a negative logarithm of a density."""
    return np.sum(x**4) / 4 + np.sum(np.sin(x[1:] * x[:-1]))


def test_orders_of_a_number():
    x, m = RNG.normal(size=3), RNG.normal(size=(3, 3))
    product, hessian, gradient, value = lazy.mtp_hessian_grad_and_value(cubic)(x)
    assert np.isclose(value, cubic(x))
    assert np.allclose(gradient, 3 * np.einsum("ijk,j,k->i", T, x, x))
    assert np.allclose(hessian, 6 * np.einsum("ijk,k->ij", T, x))
    assert np.allclose(product(m), 6 * np.einsum("ijk,ij->k", T, m))
    for made, expected in ((lazy.hessian_grad_and_value, [hessian, gradient]), (lazy.grad_and_value, [gradient])):
        *derivatives, again = made(cubic)(x)
        assert again == value
        assert all(np.allclose(d, e) for d, e in zip(derivatives, expected, strict=True))


def test_orders_of_an_array():
    x, m, v = RNG.normal(size=3), RNG.normal(size=(2, 3)), RNG.normal(size=2)
    J = 2 * np.einsum("aij,j->ai", B, x)
    pull, value = lazy.vjp_and_value(quadratics)(x)
    assert np.allclose(value, quadratics(x))
    assert np.allclose(pull(v), v @ J)
    jacobian, value = lazy.jacobian_and_value(quadratics)(x)
    assert np.allclose(jacobian, J)
    product, jacobian, value = lazy.mhp_jacobian_and_value(quadratics)(x)
    assert np.allclose(value, quadratics(x))
    assert np.allclose(jacobian, J)
    assert np.allclose(product(m), 2 * np.einsum("aij,ai->j", B, m))
    assert np.allclose(lazy.jacobian_and_value(quadratics)(x)[0], J)


def test_linear_functions_have_zero_second_derivatives():
    M = RNG.normal(size=(2, 3))
    product, jacobian, _ = lazy.mhp_jacobian_and_value(lambda x: M @ x)(np.ones(3))
    assert np.allclose(jacobian, M)
    assert product(np.ones((2, 3))).tolist() == [0.0] * 3
    product, hessian, *_ = lazy.mtp_hessian_grad_and_value(lambda x: np.sum(x))(np.ones(3))
    assert not hessian.any()
    assert product(np.ones((3, 3))).tolist() == [0.0] * 3


def test_all_that_is_made_of_a_function_shares_its_memo():
    value, gradient = lazy.wrapped(quartic), lazy.grad_and_value(quartic)
    x = RNG.normal(size=3)
    value(x)
    with lg.record() as report:
        gradient(x)
        value(x.copy())
        lazy.vjp_and_value(quartic)(x)
    (asked,) = lazy.prepared(quartic)
    assert asked.statistics.schedules == 1
    assert asked.statistics.points.misses == 1
    assert asked.statistics.evaluations["value"] == 1
    assert report.values.computed == ()


def test_a_product_is_of_the_point_where_it_was_made():
    made = lazy.mtp_hessian_grad_and_value(quartic)
    x, m = RNG.normal(size=3), np.diag(RNG.normal(size=3))
    product, *_ = made(x)
    at_first = product(m)
    x += 1  # Mici goes on in place
    for _ in range(3):
        x += 1
        made(x)
    assert np.array_equal(product(m), at_first)


def test_a_second_product_at_a_point_computes_no_value_and_no_hessian():
    made = lazy.mtp_hessian_grad_and_value(quartic)
    product, *_ = made(RNG.normal(size=3))
    product(np.eye(3))
    with lg.record() as report:
        product(np.ones((3, 3)))
    known = {node for node in report.values.computed if node.inputs}
    with lg.record() as report:
        product(np.eye(3))
    assert {node for node in report.values.computed if node.inputs} <= known
    hessian = next(p for p in lazy.prepared(made) if "hessian" in repr(p) or p.statistics.calls.get("vjp"))
    assert hessian.statistics.evaluations["value"] == 1


def test_with_second_derivatives_the_jacobian_comes_from_their_memo():
    def curve(x):
        return np.stack([x[0] * x[1], np.sin(x[0])])

    x = np.array([0.5, 2.0])
    seconds, firsts = lazy.mhp_jacobian_and_value(curve), lazy.jacobian_and_value(curve)
    product, jacobian, _ = seconds(x)
    again, _ = firsts(x)
    assert np.array_equal(jacobian, again)
    assert product(np.ones((2, 2))).tolist() == pytest.approx([1 - np.sin(0.5), 1.0])
    first, second = lazy.prepared(curve)
    assert first.statistics.calls == {"value": 2}  # no Jacobian
    assert second.statistics.calls == {"value": 2, "vjp": 1}
    assert second.statistics.evaluations == {"value": 1, "vjp": 1}


# -- samplers --------------------------------------------------------------------------------------


def sampled(system, integrator, start, n):
    sampler = mici.samplers.StaticMetropolisHMC(system, integrator, np.random.default_rng(1), n_step=5)
    return sampler.sample_chains(0, n, [start], display_progress=False, trace_funcs=[lambda state: {"q": state.pos}])


def density(x):
    return np.sum(x**4) / 4 + np.sum(x**2) / 2


def test_samples_are_those_of_a_gradient_by_hand():
    found = []
    for given in ({"backend": "lazygrad"}, {"grad_neg_log_dens": lambda x: x**3 + x}):
        system = mici.systems.EuclideanMetricSystem(density, **given)
        integrator = mici.integrators.LeapfrogIntegrator(system, step_size=0.2)
        found.append(sampled(system, integrator, np.array([0.5, -1.0]), 10).traces["q"][0])
    assert len(np.unique(found[0], axis=0)) > 1
    assert np.allclose(*found, rtol=1e-10)


def test_samples_are_those_of_third_derivatives_by_hand():
    """Mici 0.4 forgets the backend where a metric's system makes the gradient, so that is given."""
    by_hand = {
        "grad_neg_log_dens": lambda x: x**3 + x,
        "hess_neg_log_dens": lambda x: np.diag(3 * x**2 + 1),
        "mtp_neg_log_dens": lambda x: lambda m: 6 * x * np.diag(m),
    }
    found = []
    for given in ({"backend": "lazygrad", "grad_neg_log_dens": lazy.grad_and_value(density)}, by_hand):
        system = mici.systems.SoftAbsRiemannianMetricSystem(density, **given)
        integrator = mici.integrators.ImplicitLeapfrogIntegrator(system, step_size=0.2)
        found.append(sampled(system, integrator, np.array([0.5, -1.0]), 10).traces["q"][0])
    assert len(np.unique(found[0], axis=0)) > 1
    assert np.allclose(*found, rtol=1e-8, atol=1e-10)


def test_workers_that_share_a_system_get_what_one_gets():
    found = []
    for workers in ({}, {"n_worker": 2, "use_thread_pool": True}):
        system = mici.systems.EuclideanMetricSystem(quartic, backend="lazygrad")
        integrator = mici.integrators.LeapfrogIntegrator(system, step_size=0.1)
        sampler = mici.samplers.StaticMetropolisHMC(system, integrator, np.random.default_rng(1), n_step=3)
        starts = [np.ones(3), np.full(3, 0.5)]
        found.append(sampler.sample_chains(0, 20, starts, display_progress=False, **workers).final_states)
    assert all(np.array_equal(a.pos, b.pos) for a, b in zip(*found, strict=True))


def test_constrained_sampler_stays_on_the_manifold():

    def torus(q):
        return lnp.array([((q[0] ** 2 + q[1] ** 2) ** 0.5 - 1.0) ** 2 + q[2] ** 2 - 0.25])

    system = mici.systems.DenseConstrainedEuclideanMetricSystem(
        lambda q: np.sum(q**2) / 2, torus, backend="lazygrad", dens_wrt_hausdorff=False
    )
    integrator = mici.integrators.ConstrainedLeapfrogIntegrator(system, step_size=0.2)
    traces = sampled(system, integrator, np.array([1.5, 0.0, 0.0]), 10).traces
    assert len(np.unique(traces["q"][0], axis=0)) > 1
    assert max(abs(torus(q)[0]) for q in traces["q"][0]) < 1e-7


# -- what a host or a user may do ------------------------------------------------------------------


def test_answers_are_the_callers_own():
    made = lazy.hessian_grad_and_value(quartic)
    x = RNG.normal(size=3)
    first = made(x)
    expected = [np.array(a) for a in first]
    first[0][:] = first[1][:] = np.nan
    assert all(np.array_equal(a, e) for a, e in zip(made(x), expected, strict=True))
    assert isinstance(first[2], float)


def test_integers_are_numbers_and_other_shapes_are_welcome():
    made = lazy.grad_and_value(quartic)
    assert made(np.arange(3))[0].dtype == np.float64
    for n in (1, 2, 5):
        assert made(np.ones(n))[0].shape == (n,)


def test_branches_on_values():
    def value(x):
        return np.sum(x**2) if x[0] > 0 else np.sum(x**4)

    made = lazy.hessian_grad_and_value(value)
    for x in (np.array([1.0, 2.0]), np.array([-1.0, 2.0]), np.array([1.0, 3.0])):
        hessian, gradient, _ = made(x)
        assert np.allclose(gradient, 2 * x if x[0] > 0 else 4 * x**3)
        assert np.allclose(hessian, np.diag(2 + 0 * x if x[0] > 0 else 12 * x**2))


def test_wrong_functions_and_arguments_are_named():
    with pytest.raises(TypeError, match="quadratics returns shape"):
        lazy.grad_and_value(quadratics)(np.ones(3))
    pull, _ = lazy.vjp_and_value(quadratics)(np.ones(3))
    with pytest.raises(lg.ShapeError, match=r"shape \(5,\)"):
        pull(np.ones(5))
    with pytest.raises(TypeError, match="object"):
        lazy.grad_and_value(quartic)(np.array([None, 1.0], object))


def test_an_exception_of_the_function_comes_out_as_itself():
    def value(x):
        raise KeyError("mine")

    for maker in (lazy.grad_and_value, lazy.mtp_hessian_grad_and_value, lazy.jacobian_and_value, lazy.wrapped):
        with pytest.raises(KeyError, match="mine"):
            maker(value)(np.ones(2))


def test_derivatives_can_be_pickled_and_bound_methods_shared():
    made = lazy.hessian_grad_and_value(quartic)
    x = RNG.normal(size=3)
    made(x)
    again = pickle.loads(pickle.dumps(made))
    assert all(np.array_equal(a, b) for a, b in zip(again(x), made(x), strict=True))

    class Model:
        def density(self, x):
            return np.sum(x**2)

    model = Model()
    gradient, value = lazy.grad_and_value(model.density), lazy.wrapped(model.density)
    gradient(x)
    value(x)
    (asked,) = lazy.prepared(value)
    assert asked.statistics.evaluations["value"] == 1


def test_what_was_asked_goes_with_what_was_made():
    def value(x):
        return np.sum(x**2)

    made = lazy.grad_and_value(value)
    made(np.ones(2))
    assert len(lazy.prepared(value)) == 1
    del made
    assert lazy.prepared(value) == ()
