"""W5: random scalar graphs of 1e3, 1e4 and 1e5 ops, value and gradient, against a tape of Python floats."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from harness import Question

LEAVES = 10
ADD, TIMES, SIN, TANH = range(4)
Program = list[tuple[int, int, int]]
# of the first question, which builds the graph; of a compiled one
TARGETS = {1_000: (6, 0.40), 10_000: (8, 0.20), 100_000: (11, 0.10)}


def program(n: int, window: int, seed: int = 0) -> Program:
    """Random ops (kind, input, input) over the leaves and earlier results, every one of them on a path to the last.

    Inputs come from the last `window` values, or from any: then the graph is wide, of logarithmic depth. Products
    are with leaves, which are small, so that nothing explodes.
    """
    rng = random.Random(seed)
    steps: Program = []
    used = [False] * LEAVES
    oldest = 0  # of the unused ones
    unused = LEAVES
    while len(steps) + unused - 1 < n:
        new = len(used)
        recent = max(0, new - window)
        while used[oldest]:
            oldest += 1
        i = oldest if oldest == recent or rng.random() < 0.5 else rng.randrange(recent, new)
        kind = rng.randrange(4)
        j = rng.randrange(recent, new) if kind == ADD else rng.randrange(LEAVES) if kind == TIMES else i
        steps.append((kind, i, j))
        unused += 1 - len({k for k in (i, j) if not used[k]})
        used[i] = used[j] = True
        used.append(False)
    rest = deque(k for k, once in enumerate(used) if not once)
    while len(rest) > 1:  # a balanced sum of what nobody reads
        steps.append((ADD, rest.popleft(), rest.popleft()))
        rest.append(LEAVES + len(steps) - 1)
    return steps


def run(steps: Program, ops: Any, *leaves: Any) -> Any:
    """Evaluate a program on whatever has operators."""
    v = list(leaves)
    sin, tanh = ops.sin, ops.tanh
    for kind, i, j in steps:
        if kind == ADD:
            v.append(v[i] + v[j])
        elif kind == TIMES:
            v.append(v[i] * v[j])
        else:
            v.append(sin(v[i]) if kind == SIN else tanh(v[i]))
    return v[-1]


def tape(steps: Program) -> Callable[..., list[float]]:
    """Return the value and the gradient by the leaves, by hand."""
    sin, cos, tanh = math.sin, math.cos, math.tanh

    def forward_and_back(*leaves: float) -> list[float]:
        v = list(leaves)
        push = v.append
        for kind, i, j in steps:
            if kind == ADD:
                push(v[i] + v[j])
            elif kind == TIMES:
                push(v[i] * v[j])
            elif kind == SIN:
                push(sin(v[i]))
            else:
                push(tanh(v[i]))
        adjoints = [0.0] * len(v)
        adjoints[-1] = 1.0
        at = len(v)
        for kind, i, j in reversed(steps):
            at -= 1
            g = adjoints[at]
            if kind == ADD:
                adjoints[i] += g
                adjoints[j] += g
            elif kind == TIMES:
                adjoints[i] += g * v[j]
                adjoints[j] += g * v[i]
            elif kind == SIN:
                adjoints[i] += g * cos(v[i])
            else:
                y = v[at]
                adjoints[i] += g * (1 - y * y)
        return [v[-1], *adjoints[: len(leaves)]]

    return forward_and_back


def peers(n: int) -> Sequence[str]:
    """Who is asked: JAX unrolls and compiles each op, which takes minutes beyond a thousand."""
    return ["torch", "autograd", "micrograd", "CasADi", *(["JAX"] if n <= 1_000 else [])]


def questions(quick: bool) -> Iterator[Question]:
    """Narrow graphs, whose inputs are among the last 50 values, and wide ones."""
    for n, (first, repeated) in {60: (6, 0.40)}.items() if quick else TARGETS.items():
        for name, window in (("narrow", 50), ("wide", n + LEAVES)):
            steps = program(n, window)
            yield Question(
                "W5",
                f"{name} scalar graph of {n} ops",
                loss=partial(run, steps),
                by_hand=tape(steps),
                arrays=[(k - LEAVES / 2 + 0.25) / LEAVES for k in range(LEAVES)],
                queries=[range(LEAVES)],
                changing=range(LEAVES),
                value=True,
                targets={"rebuilt": first, "transform": first, "compiled": repeated, "numba": "CasADi"},
                peers=peers(n),
                tolerance=1e-7,
            )


if __name__ == "__main__":
    script(__doc__, questions)
