"""Why is a gradient what it is? The paths of a residual network, and which of them the gradient is made of.

A gradient is a sum over paths of products of local Jacobians (Collins 1.4.3; Tomassoli 7). In a network with residual
connections, h + relu(h W + b), a path can go through a block or around it: here the network of ``digits.py``
with such blocks is trained for a moment, and asked along which ways the first layer learns.

Run it with ``python examples/attribution.py``; it takes a few seconds.
"""

from functools import reduce
from operator import add

import numpy as np
from digits import load_digits, named

import lazygrad as lg

BLOCKS, WIDTH, CLASSES = 6, 24, 10
BATCH, EPOCHS, RATE = 50, 6, 0.1


def network(X, params):
    """X -> h0, then blocks h -> h + r with r = relu(h W + b), then the scores."""
    h = named("h0", X @ params["W0"])
    for k in range(1, BLOCKS + 1):
        z = named(f"z{k}", named(f"s{k}", h @ params[f"W{k}"]) + params[f"b{k}"])
        h = named(f"h{k}", h + named(f"r{k}", lg.ops.relu(z)))
    return named("scores", h @ params["V"])


def trained(images, labels, rng):
    """Return the loss of a mini-batch, and the parameters after a few epochs."""
    params = {"W0": lg.parameter(rng.normal(0, 0.2, size=(64, WIDTH)), name="W0")}
    for k in range(1, BLOCKS + 1):
        params[f"W{k}"] = lg.parameter(rng.normal(0, 0.15, size=(WIDTH, WIDTH)), name=f"W{k}")
        params[f"b{k}"] = lg.parameter(np.zeros(WIDTH), name=f"b{k}")
    params["V"] = lg.parameter(rng.normal(0, 0.2, size=(WIDTH, CLASSES)), name="V")
    X, y = lg.constant(images[:BATCH], name="X"), lg.constant(labels[:BATCH], name="y")
    L = named("L", named("losses", lg.ops.cross_entropy(network(X, params), y)).mean())
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(len(images))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            X.set(images[batch])
            y.set(labels[batch])
            gradients = lg.gradient(L, params)
            for name, leaf in params.items():
                leaf.set(leaf.value - RATE * gradients[name])
        print(f"epoch {epoch}: L = {L.value:.4f}")
    return L, params


def route(path):
    """Which blocks a path goes through; it goes around the others."""
    through = [node.name[1:] for node in path.nodes if node.name.startswith("r")]
    return f"through {', '.join(through)}" if through else "around all blocks"


def layered(rng, layers, width=3):
    """Return a scalar network of complete layers, as in Stratos F.2: the number of paths is width ** layers."""
    x = lg.parameter(0.5, name="x")
    layer = [x]
    for _ in range(layers):
        layer = [np.tanh(reduce(add, [h * rng.normal() for h in layer])) for _ in range(width)]
    return x, reduce(add, layer)


def main():
    """Print the paths that matter, and return how far their sum is from the gradient."""
    rng = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    L, params = trained(images / 16.0, labels, rng)

    print("\n1. The ways from the first layer's weights to the loss:")
    W0 = params["W0"]
    print(f"paths: {lg.paths.count(L, W0)}")
    best = lg.paths.top(L, W0, 5)
    for path in best:
        print(f"  norm {path.norm:.4f}, share {path.share:6.1%}: {route(path)}")
    print("the first of them:", best[0])
    print("its ops:", " -> ".join(best[0].ops))

    every = lg.paths.top(L, W0, best.number)
    difference = float(np.abs(sum(path.contribution for path in every) - lg.gradient(L, W0)).max())
    print(f"all {len(every)} contributions sum to the gradient: {difference < 1e-12}")
    print(f"all shares sum to {sum(path.share for path in every):.6f}")

    print("\n2. By the number of blocks a path goes through:")
    for many in range(BLOCKS + 1):
        share = sum(path.share for path in every if sum(node.name.startswith("r") for node in path.nodes) == many)
        print(f"  {many} blocks: {share:7.1%}")

    last = f"h{BLOCKS - 1}"
    print(f"\n3. What reaches {last} through the last block and around it, all paths over each edge together:")
    for consumer, _, value in lg.paths.contributions(L, next(node for node in best[0].nodes if node.name == last)):
        print(f"  by {consumer.name}: norm {np.linalg.norm(value):.4f}")

    print("\n4. A complete graph of 64 layers: more paths than anybody could walk.")
    x, target = layered(rng, 64)
    for path in lg.paths.top(target, x, 3):
        print(f"  norm {path.norm:.3e}, share {path.share:.2e} of {lg.paths.count(target, x):.1e} paths")
    return difference


if __name__ == "__main__":
    main()
