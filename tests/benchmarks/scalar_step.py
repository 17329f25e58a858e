"""Define by run on scalars: build, value and gradient of a random graph of 100 000 nodes, all on the path."""

from __future__ import annotations

from harness import arguments, check, compare, versions  # isort: skip  (pins the threads before NumPy loads)

import itertools
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import lazygrad as lg

LEAVES = 10


def program(n: int, seed: int = 0) -> list[tuple[str, int, int]]:
    """Random ops: each takes the newest value and, if it has two inputs, a recent one."""
    rng = random.Random(seed)
    return [(rng.choice("+*st"), k + LEAVES - 1, rng.randrange(max(0, k + LEAVES - 50), k + LEAVES)) for k in range(n)]


def run(steps: list[tuple[str, int, int]], leaves: Sequence[Any], sin: Callable, tanh: Callable) -> Any:
    """Evaluate a program on whatever has operators."""
    v = list(leaves)
    for op, i, j in steps:
        if op == "+":
            v.append(v[i] + v[j])
        elif op == "*":
            v.append(v[i] * v[j])
        else:
            v.append(sin(v[i]) if op == "s" else tanh(v[i]))
    return v[-1]


def main() -> None:
    """Print the table."""
    options = arguments(__doc__)
    n, rounds = (1_000, 3) if options.quick else (100_000, min(options.rounds, 7))
    steps = program(n)
    start = np.linspace(-0.5, 0.5, LEAVES)

    def lazily() -> np.ndarray:
        leaves = [lg.parameter(x) for x in start]
        loss = run(steps, leaves, np.sin, np.tanh)
        _ = loss.value
        return np.array(lg.gradient(loss, leaves))

    leaves = [lg.parameter(x) for x in start]
    at = [time.process_time()]
    loss = run(steps, leaves, np.sin, np.tanh)
    at.append(time.process_time())
    _ = loss.value
    at.append(time.process_time())
    with lg.record() as report:
        lg.gradient(loss, leaves)
    at.append(time.process_time())
    build, value, gradient = (1e6 * (b - a) for a, b in itertools.pairwise(at))
    print(versions("torch", "autograd"))
    print(
        f"{n} nodes: build {build / n:.2f} us a node, value {value / n:.2f} us a node, "
        f"first gradient {gradient / report.rules_run:.2f} us an edge"
    )
    candidates: dict[str, Callable[[], np.ndarray]] = {"lazygrad": lazily}
    if options.peers:
        candidates |= torch_peer(steps, start) | autograd_peer(steps, start)
    check({name: candidate() for name, candidate in candidates.items()}, rtol=1e-6)
    compare(f"scalar graph of {n} nodes: build + value + gradient", candidates, rounds=rounds)


def torch_peer(steps: list, start: np.ndarray) -> dict:
    """Eager torch, if it is installed."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)

    def eager() -> np.ndarray:
        leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in start]
        loss = run(steps, leaves, torch.sin, torch.tanh)
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        return np.array([0.0 if g is None else g.item() for g in found])

    return {"torch": eager}


def autograd_peer(steps: list, start: np.ndarray) -> dict:
    """HIPS autograd, if it is installed."""
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        return {}
    gradient = autograd.grad(lambda x: run(steps, [x[i] for i in range(LEAVES)], anp.sin, anp.tanh))
    return {"autograd": lambda: gradient(start)}


if __name__ == "__main__":
    main()
