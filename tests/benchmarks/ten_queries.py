"""Ten successive single-parameter queries against one hand-written sweep (10 layers, 256 wide, batch 64)."""

from __future__ import annotations

from harness import arguments, check, compare, versions  # isort: skip  (pins the threads before NumPy loads)

import numpy as np
from networks import Network

import lazygrad as lg


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    width, batch, rounds = (32, 8, 3) if options.quick else (256, 64, options.rounds)
    net = Network(10, width, batch)
    check({"by hand": net.sweep(), "ten queries": net.queries()})
    with lg.record() as report:
        net.new_batch()
        net.queries()
    print(versions("torch"))
    print(
        f"ten queries after a new batch: {report.rules_run} rules, {report.adjoints.misses} adjoints computed once each"
    )

    def rebuilt() -> None:
        net.build()
        net.queries()

    candidates = {
        "NumPy by hand, one sweep": net.sweep,
        "ten queries": net.queries,
        "ten queries, graph rebuilt": rebuilt,
    }
    if options.peers:
        candidates |= torch_peer(net)
    compare(f"10 layers of {width}, batch {batch}, float64", candidates, rounds=rounds, before=net.new_batch)


def torch_peer(net: Network) -> dict:
    """Ten calls of torch.autograd.grad on one graph, if torch is installed."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    weights = [torch.tensor(W, requires_grad=True) for W in net.arrays]

    def ten() -> list[np.ndarray]:
        h = torch.tensor(net.x)
        for W in weights:
            h = torch.tanh(h @ W)
        residual = h - torch.tensor(net.y)
        loss = (residual * residual).sum()
        return [torch.autograd.grad(loss, W, retain_graph=True)[0].numpy() for W in reversed(weights)]

    check({"by hand": net.sweep(), "torch": ten()})
    return {"torch, ten calls with retain_graph": ten}


if __name__ == "__main__":
    main()
