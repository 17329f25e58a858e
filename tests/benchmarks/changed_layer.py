"""One layer's weights change and its gradient is asked again (20 layers, 256 wide), against incremental NumPy."""

from __future__ import annotations

from harness import arguments, check, compare, versions  # isort: skip  (pins the threads before NumPy loads)

import numpy as np
from networks import Network

import lazygrad as lg


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    width, batch, rounds = (32, 8, 3) if options.quick else (256, 64, options.rounds)
    net = Network(20, width, batch)
    below = net.forward()[-2]
    lg.gradient(net.loss, net.weights[-1])

    def change() -> None:
        net.arrays[-1] = net.rng.normal(size=(width, width)) / np.sqrt(width)

    def by_hand() -> list[np.ndarray]:
        out = np.tanh(below @ net.arrays[-1])
        return [below.T @ (2 * (out - net.y) * (1 - out * out))]

    def lazily() -> list[np.ndarray]:
        net.weights[-1].set(net.arrays[-1])
        return [lg.gradient(net.loss, net.weights[-1])]

    change()
    check({"by hand": by_hand(), "lazygrad": lazily()})
    change()
    with lg.record() as report:
        lazily()
    print(versions("torch"))
    print(f"after the change: {report.values.misses} values and {report.adjoints.misses} adjoints computed")
    candidates = {"NumPy by hand, the last layer alone": by_hand, "set + gradient": lazily}
    if options.peers:
        candidates |= torch_peer(net)
    compare(f"20 layers of {width}, batch {batch}, float64", candidates, rounds=rounds, before=change)


def torch_peer(net: Network) -> dict:
    """The same question to torch, if it is installed: the graph is built anew."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    weights = [torch.tensor(W, requires_grad=True) for W in net.arrays]
    x, y = torch.tensor(net.x), torch.tensor(net.y)

    def again() -> np.ndarray:
        weights[-1] = torch.tensor(net.arrays[-1], requires_grad=True)
        h = x
        for W in weights:
            h = torch.tanh(h @ W)
        loss = ((h - y) * (h - y)).sum()
        return torch.autograd.grad(loss, weights[-1])[0].numpy()

    return {"torch": again}


if __name__ == "__main__":
    main()
