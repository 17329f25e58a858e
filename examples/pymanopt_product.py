"""A low-rank model on a product manifold, fitted by Pymanopt's trust regions with gradients from lazygrad.

The scores of 60 users for 40 films are a mean for each film, and U diag(s) V with orthonormal U and V: a point of
Stiefel x Euclidean x Stiefel x Euclidean. Trust regions ask for the loss, its gradient and a number of Hessian-vector
products at one point before they go to the next. All of that shares one memo: a forward value, or an adjoint, is
computed once at each point.

Run it with ``python examples/pymanopt_product.py``, after ``pip install "lazygrad[pymanopt]"``; it takes a few seconds.
"""

from collections import Counter

import numpy as np

try:
    import pymanopt
    from pymanopt.manifolds import Euclidean, Product, Stiefel
    from pymanopt.optimizers import TrustRegions
except ImportError:
    raise SystemExit('This example needs Pymanopt: pip install -e ".[pymanopt]"') from None

import lazygrad as lg
from lazygrad.plugins.pymanopt import function, prepared

USERS, FILMS, RANK = 60, 40, 2


def scores(rng):
    """Scores made of a low-rank part, means and noise; and which of them are known."""
    low_rank = rng.normal(size=(USERS, RANK)) @ rng.normal(size=(RANK, FILMS))
    known = rng.uniform(size=(USERS, FILMS)) < 0.6
    return low_rank + rng.normal(size=FILMS) + 0.1 * rng.normal(size=(USERS, FILMS)), known


def problem(observed, known):
    """Return the mean square error of what is known, with a small penalty."""
    manifold = Product([Stiefel(USERS, RANK), Euclidean(RANK), Stiefel(FILMS, RANK), Euclidean(FILMS)])

    @function(manifold)
    def cost(U, s, V, mean):
        error = np.where(known, (U * s) @ V.T + mean - observed, 0.0)
        return np.sum(error**2) / known.sum() + 1e-7 * np.sum(s**2)

    return pymanopt.Problem(manifold, cost)


def main():
    """Fit it, and show what was asked and what was computed."""
    rng = np.random.default_rng(0)
    np.random.seed(0)  # noqa: NPY002 - Pymanopt draws its starting point from it
    observed, known = scores(rng)
    fitted = problem(observed, known)
    start = fitted.manifold.random_point()
    with lg.record() as first:
        fitted.cost(start)
    with lg.record() as report:
        result = TrustRegions(verbosity=0).run(fitted, initial_point=start)
    U, s, V, mean = result.point
    predicted = (U * s) @ V.T + mean
    print(f"error on known scores: {np.sqrt(np.mean((predicted - observed)[known] ** 2)):.2f}")
    print(f"error on the others:   {np.sqrt(np.mean((predicted - observed)[~known] ** 2)):.2f}")

    (asked,) = prepared(fitted._original_cost)
    counts = asked.statistics
    print(f"\ncalls:  {sum(counts.calls.values())} ({', '.join(f'{n} {kind}' for kind, n in counts.calls.items())})")
    print(f"points: {counts.points.misses}")
    forward = first.values.computed
    times = Counter(report.values.computed + forward)
    print(f"forward values: {len(forward)}, and each computed {', '.join(map(str, {times[i] for i in forward}))} times")


if __name__ == "__main__":
    main()
