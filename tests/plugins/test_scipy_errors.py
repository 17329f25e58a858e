"""What SciPy's adapters refuse, and what the user's function may do to a host."""

import numpy as np
import pytest

pytest.importorskip("scipy")
import scipy.integrate
import scipy.optimize
from scipy.optimize import rosen_der

import lazygrad as lg
from lazygrad.plugins import scipy as host
from lazygrad.plugins.flat import Objective
from tests.helpers.picky_ops import pickiness_comes_out, picky_after
from tests.helpers.scipy_questions import DERIVED, X0, rosenbrock, rosenbrock_node, van_der_pol


def test_wrong_use_is_told():
    L, x = rosenbrock_node()
    with pytest.raises(TypeError, match="needs a place to start from: give it `x0`"):
        host.minimize(rosenbrock)
    with pytest.raises(TypeError, match=r"which leaves of .* may move"):
        host.minimize(L)
    with pytest.raises(TypeError, match="args are for functions"):
        host.minimize(L, wrt=x, args=(1.0,))
    with pytest.raises(TypeError, match="returns the value alone"):
        host.minimize(rosenbrock, X0, jac=True)
    with pytest.raises(TypeError, match="10 elements where one is needed"):
        host.minimize(lambda x: x**2, X0)
    with pytest.raises(lg.ShapeError, match=r"\(3,\)"):
        host.minimize(L, np.ones(3), wrt=x)
    with pytest.raises(TypeError, match="object"):
        host.minimize(rosenbrock, np.array([None, 1.0]))
    with pytest.raises(TypeError, match="give it `x0=` or `bracket=`"):
        host.root_scalar(np.sin)
    with pytest.raises(TypeError, match="use `root`"):
        host.root_scalar(Objective(L, x))
    with pytest.raises(TypeError, match="leave `vectorized` out"):
        host.solve_ivp(van_der_pol, (0, 1), [1.0, 0.0], vectorized=True)
    with pytest.raises(TypeError, match="real"):
        host.solve_ivp(lambda t, y: y, (0, 1), [1j])


@pytest.mark.parametrize("method", DERIVED)
def test_the_users_exception_comes_out_of_the_host_as_itself(method):
    picky = picky_after(3)
    with pickiness_comes_out():
        host.minimize(lambda x: rosenbrock(picky(x)), X0[:2], method=method)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "trust-ncg", "Nelder-Mead"])
def test_a_nan_of_the_function_harms_nothing(method):
    def f(x):
        return np.sum(np.where(x > 1.5, np.nan, (x - 1) ** 2))

    objective = Objective.of(f, np.zeros(2))
    with np.errstate(invalid="ignore"):
        host.minimize(objective, method=method)
    assert objective.fun([0.0, 0.0]) == 2
    np.testing.assert_array_equal(objective.jac([0.0, 0.0]), [-2, -2])


def test_a_host_that_writes_into_what_it_was_given_harms_nothing():
    L, x = rosenbrock_node()
    objective = Objective(L, x)

    def vandal(fun, x0, args, jac, hess, hessp, **_):
        for _ in range(3):
            expected = rosen_der(x0)
            g, H, p = jac(x0), hess(x0), hessp(x0, x0)
            np.testing.assert_allclose(g, expected)
            for array in (g, H, p):
                array[:] = np.nan
            np.testing.assert_allclose(jac(x0), expected)
            x0 += 1.0  # in place, as some hosts do
        return scipy.optimize.OptimizeResult(x=x0, fun=fun(x0))

    host.minimize(objective, X0.copy(), method=vandal)
