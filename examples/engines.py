"""One request, six algorithms: what each of the seeds' engines costs, on a real network and on Stratos' layered graph.

The network is that of ``digits.py``, untrained, on one mini-batch of handwritten digits. Columns: forward values
computed; nodes whose adjoint or tangent was computed (or which were evaluated on copies); how often a rule ran;
wall-clock time of a first call; peak memory on top of the graph's own; and the largest difference from ``lazy``,
relative to the largest element where that exceeds 1.

Run it with ``python examples/engines.py``; it takes a few seconds.
"""

import numpy as np
from digits import BATCH, PENALTY, SIZES, load_digits, named, network

import lazygrad as lg


def digits_loss():
    """Return the cost J of examples/digits.py on the first mini-batch, and its parameters."""
    rng = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    params = {}
    for k in (1, 2, 3):
        n_in, n_out = SIZES[k - 1], SIZES[k]
        params[f"W{k}"] = lg.parameter(rng.normal(0, np.sqrt(2 / n_in), size=(n_in, n_out)), name=f"W{k}")
        params[f"b{k}"] = lg.parameter(np.zeros(n_out), name=f"b{k}")
    X = lg.constant(images[:BATCH] / 16.0, name="X")
    loss = lg.ops.cross_entropy(network(X, params), labels[:BATCH]).mean()
    penalty = sum((params[f"W{k}"] ** 2).sum() for k in (1, 2, 3))
    return named("J", loss + PENALTY * penalty), params


def layered(layers):
    """Stratos F.2: an input, complete layers of three nodes, an output. So 3^layers paths."""
    x = lg.parameter(1.0, name="x")
    layer = [1.0 * x, 1.0 * x, 1.0 * x]
    for _ in range(layers - 1):
        a, b, c = layer
        layer = [a + b + c for _ in range(3)]
    a, b, c = layer
    return x, named("L", a + b + c)


def main():
    """Print the tables."""
    J, params = digits_loss()

    print("The digits network, gradients of the last layer. The sweeps compute all adjoints, whatever was asked;")
    print("forward and numeric take passes for each of the 330 elements.")
    print(lg.engines.compare(J, [params["W3"], params["b3"]]))

    print("\nGradients of all six parameters: now a sweep does little in vain. (There are 6570 elements, so forward")
    print("and numeric would be slow, and stay out.)")
    print(lg.engines.compare(J, params, ["lazy", "sweep", "children", "paths"]))

    print("\nOne layer after the other, as questions come: lazy computes what is new, a sweep everything again.")
    for engine in ("lazy", "sweep"):
        J, params = digits_loss()
        with lg.record() as report:
            for k in (3, 2, 1):
                lg.gradient(J, [params[f"W{k}"], params[f"b{k}"]], engine=engine)
        print(f"{engine:6} {report.rules_run:3} rules, {report.values.misses:3} forward values")

    print("\nStratos' layered graph: six layers of three, 3^6 = 729 paths.")
    x, L = layered(6)
    print(lg.engines.compare(L, x))

    print("\nThirty layers: 3^30 paths.")
    x, L = layered(30)
    print(lg.engines.compare(L, x))
    print(f"dL/dx = {lg.gradient(L, x):.0f}, and 3^30 = {3**30}")


if __name__ == "__main__":
    main()
