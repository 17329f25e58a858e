"""SciPy's optimisers on one graph: what the memo of points saves, method by method, and one block at a time.

SciPy asks for values, gradients and products with the Hessian by turns, mostly at a point that it has just asked about,
and always as a fresh copy. An objective knows the point by its bytes: each forward node is evaluated once for each
point, and not for each call.

Run it with ``python examples/scipy_minimize.py``; it takes a few seconds.
"""

from collections import Counter

import numpy as np

try:
    import scipy.optimize
except ImportError:
    raise SystemExit('This example needs SciPy: pip install -e ".[scipy]"') from None

import lazygrad as lg
from lazygrad.plugins.flat import Objective
from lazygrad.plugins.scipy import least_squares, minimize

GRADIENT = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP")
PRODUCTS = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")


def rosenbrock(x):
    """Rosenbrock's valley."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def error(p, X, y):
    """Return the residuals of a network with one hidden layer."""
    return np.tanh(X @ p["W1"] + p["b"]) @ p["W2"] - y


def counted(objective, method):
    """Minimise; count SciPy's calls, their points, and how often each forward value was computed."""
    with lg.record() as first:
        objective.fun(objective.x + 1e-3)
    forward = first.values.computed
    asked = []

    def noted(ask):
        return lambda x, *more: (asked.append(x.tobytes()), ask(x, *more))[1]

    derivatives = {"jac": noted(objective.jac)}
    if method in PRODUCTS:
        derivatives["hessp"] = noted(objective.hessp)
    with lg.record() as report:
        scipy.optimize.minimize(noted(objective.fun), objective.x, method=method, **derivatives)
    times = Counter(report.values.computed)
    return len(asked), len(set(asked)), sum(times[i] for i in forward), len(forward)


def table(name, made):
    """One line for each method."""
    print(f"{name}\n{'method':13}{'calls':>7}{'points':>8}{'from memo':>11}{'forward values':>16}{'calls x nodes':>14}")
    for method in GRADIENT + PRODUCTS:
        calls, points, computed, nodes = counted(made(), method)
        print(f"{method:13}{calls:7}{points:8}{1 - points / calls:11.0%}{computed:16,}{calls * nodes:14,}")
    print()


def main():
    """Count, then fit by blocks and by least squares."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(32, 4))
    y = np.sin(X.sum(axis=1))
    start = {"W1": rng.normal(size=(4, 8)) / 2, "b": np.zeros(8), "W2": rng.normal(size=8) / 2}

    table("Rosenbrock's valley of 10 numbers", lambda: Objective.of(rosenbrock, np.array([-1.2, 1.0] * 5)))
    table("A network of 48", lambda: Objective.of(lambda p: np.mean(error(p, X, y) ** 2), start))

    # As SciPy's function of the same name, with the derivatives filled in, and the solution as a dict, too.
    found = minimize(lambda p: np.mean(error(p, X, y) ** 2), start, method="trust-ncg")
    print(f"trust-ncg: {found.fun:.1e} after {found.nit} steps, in {', '.join(found.tree)}")

    # One block after the other: with the last layer alone the hidden one is not computed again.
    objective = Objective.of(lambda p: np.mean(error(p, X, y) ** 2), start)
    last = objective.block("W2")
    last.fun(last.x + 1e-3)
    with lg.record() as report:
        solution = scipy.optimize.minimize(last.fun, last.x, jac=last.jac, method="BFGS")
    last.x = solution.x
    ops = Counter(i.op.name for i in report.values.computed)
    print(f"W2 alone: {solution.fun:.1e} in {solution.nfev} points; tanh ran {ops['tanh']} times")

    # Least squares without a Jacobian: products with it and its transpose read the same forward values.
    fit = least_squares(error, start, (X, y), tr_solver="lsmr")
    print(f"least squares: {2 * fit.cost / len(y):.1e} in {fit.nfev} points")


if __name__ == "__main__":
    main()
