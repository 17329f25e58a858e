"""SciPy's methods by what they take, a function to minimise, and the questions as a host asks them."""

import numpy as np
import pytest

pytest.importorskip("scipy")

import lazygrad as lg

X0 = np.array([-1.2, 1.0] * 5)
NO_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")
GRADIENT = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP")
HESSP = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")
HESS = ("dogleg", "trust-exact")
TAKEN = dict.fromkeys(NO_GRADIENT, ()) | dict.fromkeys(GRADIENT, ("jac",))
TAKEN |= dict.fromkeys(HESSP, ("jac", "hessp")) | dict.fromkeys(HESS, ("jac", "hess"))
DERIVED = tuple(m for m in TAKEN if TAKEN[m])
REMEMBERED = {"Powell": 16, "TNC": 16}  # how many points it takes to compute none twice; 2 for all others


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


class Asked:
    """The questions of a host, as it asks them: of which kind, at which points."""

    def __init__(self):
        self.calls = []

    def watched(self, kind, f):
        def ask(x, *rest):
            self.calls.append((kind, np.array(x, dtype=float).tobytes()))
            return f(x, *rest)

        return ask

    @property
    def points(self):
        return {point for _, point in self.calls}


def at_most(method, count):
    return {"maxfun" if method == "TNC" else "maxiter": count}


def rosenbrock_node():
    x = lg.parameter(X0)
    return rosenbrock(x), x


def van_der_pol(t, y, mu):
    return [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]]
