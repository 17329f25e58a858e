"""Define by run: `lg.grad(f)(parameters)` of a small network, 64-32-10, whose graph each call builds anew."""

from __future__ import annotations

from harness import arguments, check, compare, versions  # isort: skip  (pins the threads before NumPy loads)

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import lazygrad as lg

SIZES = (64, 32, 10)
BATCH = 32
REPEATS = 20  # of one call, so that the clock's grain does not matter


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(BATCH, SIZES[0])), np.eye(SIZES[-1])[rng.integers(0, SIZES[-1], BATCH)]
    W1, W2 = (rng.normal(size=shape) * 0.1 for shape in itertools.pairwise(SIZES))
    parameters = [W1, np.zeros(SIZES[1]), W2, np.zeros(SIZES[2])]

    def loss_in(np: Any) -> Callable[[Any], Any]:
        def loss(p: Any) -> Any:
            h = np.tanh(np.dot(x, p[0]) + p[1])
            z = np.dot(h, p[2]) + p[3]
            return -np.sum((z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))) * y) / BATCH

        return loss

    def by_hand(p: Any) -> list[np.ndarray]:
        W1, b1, W2, b2 = p
        h = np.tanh(x @ W1 + b1)
        e = np.exp(h @ W2 + b2)
        dz = (e / e.sum(axis=1, keepdims=True) - y) / BATCH
        da = (dz @ W2.T) * (1 - h * h)
        return [x.T @ da, da.sum(axis=0), h.T @ dz, dz.sum(axis=0)]

    print(versions("torch", "autograd"))
    candidates: dict[str, Callable[[Any], Any]] = {"hand-written NumPy": by_hand, "lazygrad": lg.grad(loss_in(np))}
    if options.peers:
        candidates |= autograd_peer(loss_in) | torch_peer(x, y)
    check({name: candidate(parameters) for name, candidate in candidates.items()})
    rounds = 3 if options.quick else options.rounds
    ratios = compare(
        f"gradient of a network {'-'.join(map(str, SIZES))}, batch {BATCH}, {REPEATS} times",
        {name: lambda f=f: [f(parameters) for _ in range(REPEATS)] for name, f in candidates.items()},
        rounds=rounds,
    )
    if "autograd" in ratios:
        print(f"\nlazygrad takes {ratios['lazygrad'] / ratios['autograd']:.2f} of autograd's time")


def autograd_peer(loss_in: Callable[[Any], Any]) -> dict:
    """HIPS autograd, if it is installed."""
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        return {}
    return {"autograd": autograd.grad(loss_in(anp))}


def torch_peer(x: np.ndarray, y: np.ndarray) -> dict:
    """Eager torch, if it is installed."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    given, labels = torch.tensor(x), torch.tensor(y)

    def eager(p: Any) -> list[np.ndarray]:
        W1, b1, W2, b2 = leaves = [torch.tensor(a, requires_grad=True) for a in p]
        z = torch.tanh(given @ W1 + b1) @ W2 + b2
        loss = -((z - torch.log(torch.exp(z).sum(dim=1, keepdim=True))) * labels).sum() / BATCH
        return [g.numpy() for g in torch.autograd.grad(loss, leaves)]

    return {"torch": eager}


if __name__ == "__main__":
    main()
