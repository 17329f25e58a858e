"""Handwritten digits: train a three-layer network, then ask for some gradients and see what each one costs.

The data come with scikit-learn: 1797 images of 8 x 8 pixels. The cost and its training are Sullivan's
(lecture 3): softmax, cross-entropy, mini-batch gradient descent, and an L2 penalty::

    J = mean of the losses in the mini-batch + lambda * (||W1||^2 + ||W2||^2 + ||W3||^2)

Run it with ``python examples/digits.py``; it takes a few seconds.
"""

import sys

import numpy as np

import lazygrad as lg

try:
    from sklearn.datasets import load_digits
except ImportError:
    sys.exit('This example needs scikit-learn: pip install -e ".[examples]"')

SIZES = (64, 64, 32, 10)  # pixels, two hidden layers, classes
BATCH, EPOCHS, RATE, PENALTY = 50, 40, 0.3, 1e-4


def named(name, node):
    """Give a node the name that reports show."""
    node.name = name
    return node


def network(X, params):
    """Return the scores (logits) of three layers: X -> s1 -> z1 -> h1 -> ... -> z3."""
    h = X
    for k in (1, 2, 3):
        s = named(f"s{k}", h @ params[f"W{k}"])
        z = named(f"z{k}", s + params[f"b{k}"])
        h = named(f"h{k}", lg.ops.relu(z)) if k < 3 else z
    return h


def show(report):
    """Print what a query computed, by name, and the statistics."""
    print("  values computed:  ", ", ".join(node.name for node in report.values.computed) or "none")
    print("  adjoints computed:", ", ".join(node.name for node in report.adjoints.computed) or "none")
    print("  " + str(report).replace("\n", "\n  ") + "\n")


def main():
    """Train, print the queries' costs, and return the accuracy on the test images."""
    rng = np.random.default_rng(0)

    # The data, shuffled: a quarter is kept for the test.
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0  # pixels in 0..1
    order = rng.permutation(len(images))
    train, test = order[450:], order[:450]

    # The leaves: parameters, and the place of the mini-batch.
    params = {}
    for k in (1, 2, 3):
        n_in, n_out = SIZES[k - 1], SIZES[k]
        params[f"W{k}"] = lg.parameter(rng.normal(0, np.sqrt(2 / n_in), size=(n_in, n_out)), name=f"W{k}")
        params[f"b{k}"] = lg.parameter(np.zeros(n_out), name=f"b{k}")
    X = lg.constant(images[train[:BATCH]], name="X")
    y = lg.constant(labels[train[:BATCH]], name="y")

    # The graph, built once and for all. Nothing is computed yet.
    losses = named("losses", lg.ops.cross_entropy(network(X, params), y))
    loss = named("mean loss", losses.mean())
    squares = [named(f"W{k}^2", params[f"W{k}"] ** 2) for k in (1, 2, 3)]
    norms = [named(f"||W{k}||^2", square.sum()) for k, square in zip((1, 2, 3), squares, strict=True)]
    first_two = named("two norms", norms[0] + norms[1])
    penalty = named("penalty", first_two + norms[2])
    weighted = named("lambda penalty", PENALTY * penalty)
    J = named("J", loss + weighted)

    # A second graph on the same parameters, for the test images.
    test_scores = network(lg.constant(images[test], name="X test"), params)

    def accuracy():
        return float((test_scores.value.argmax(axis=1) == labels[test]).mean())

    # Mini-batch gradient descent: `set` the leaves, ask for the gradients, step.
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(train)
        for start in range(0, len(order) - BATCH + 1, BATCH):  # full mini-batches only
            batch = order[start : start + BATCH]
            X.set(images[batch])  # what depends on X becomes stale; nothing is recomputed yet
            y.set(labels[batch])
            gradients = lg.gradient(J, params)  # a dict in, a dict out
            for name, leaf in params.items():
                leaf.set(leaf.value - RATE * gradients[name])
        if epoch % 10 == 0:
            print(f"epoch {epoch:2}: J = {J.value:.4f}, test accuracy = {accuracy():.4f}")

    result = accuracy()
    print(f"test accuracy: {result:.4f}\n")

    # From here on: which gradient costs what. Another mini-batch makes stale whatever depends on X. (The rest is
    # still there from training: dJ/dlosses, for one, is 1/50 for each image, whatever the losses are.)
    X.set(images[train[:BATCH]])
    y.set(labels[train[:BATCH]])
    print("1. The gradient of the last layer alone: the forward values it reads, and the way back to the last layer.")
    with lg.record() as report:
        lg.gradient(J, [params["W3"], params["b3"]])
    show(report)

    print("2. One more layer: the values are there, the way back goes on where the first query ended.")
    with lg.record() as report:
        lg.gradient(J, [params["W2"], params["b2"]])
    show(report)

    print("3. The first layer: again only what is new.")
    with lg.record() as report:
        lg.gradient(J, [params["W1"], params["b1"]])
    show(report)

    print("4. All six once more: nothing to compute.")
    with lg.record() as report:
        lg.gradient(J, params)
    show(report)

    print("5. W3 changed, and its gradient asked again: only what W3 reaches is recomputed.")
    params["W3"].set(0.9 * params["W3"].value)
    with lg.record() as report:
        lg.gradient(J, params["W3"])
    show(report)
    return result


if __name__ == "__main__":
    main()
