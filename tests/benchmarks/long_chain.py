"""W6: chains of a thousand to a million ops, value and gradient: small arrays, and scalars."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from harness import Question
from ours import Graph

PEERS = ("torch", "autograd", "mygrad")


def chain(n: int, ops: Any, x: Any) -> Any:
    """Apply tanh `n` times, and sum up."""
    tanh = ops.tanh
    for _ in range(n):
        x = tanh(x)
    return ops.sum(x)


def by_hand(n: int) -> Callable[[Any], list[Any]]:
    """Value and gradient in NumPy: there and back."""

    def there_and_back(x: Any) -> list[Any]:
        tanh = np.tanh
        outputs = []
        for _ in range(n):
            x = tanh(x)
            outputs.append(x)
        g = np.ones_like(x)
        for y in reversed(outputs):
            g = g * (1 - y * y)
        return [x.sum(), g]

    return there_and_back


def memory(n: int, question: Question) -> str:
    """Return the bytes that a graph, its values and its adjoints take."""
    gc.collect()
    tracemalloc.start()
    graph = Graph(question, question.arrays)
    built, _ = tracemalloc.get_traced_memory()
    graph.answer()
    answered, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (
        f"bytes for each op of the chain: built {built / n:.0f}, with values and adjoints {answered / n:.0f} (<= 900)"
    )


def questions(quick: bool) -> Iterator[Question]:
    """Chains on 8 numbers, and on one."""
    for n in (50,) if quick else (1_000, 100_000, 1_000_000):
        for name, start in (("8 numbers", np.linspace(0.1, 1.0, 8)), ("a scalar", np.float64(0.5))):
            few = n == 1_000_000
            if few and name == "8 numbers":
                continue  # 3 GB for all candidates at once, and nothing new
            yield Question(
                "W6",
                f"chain of {n} on {name}",
                loss=partial(chain, n),
                by_hand=by_hand(n),
                arrays=[start],
                queries=[[0]],
                changing=[0],
                value=True,
                targets={"memo": 2.5, "rebuilt": 2.5, "transform": 2.5, "compiled": 1.3},
                peers=PEERS[:1] if few else PEERS,
                without=["transform", "function"] if few else ["function"],
                notes=[] if few else [partial(memory, n)],
            )


if __name__ == "__main__":
    script(__doc__, questions)
