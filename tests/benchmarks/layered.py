"""W9: a layered graph whose number of paths is exponential in its depth, against Python floats."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from harness import Question

WIDTH = 10
Layers = list[list[tuple[int, int]]]


def layers(depth: int, seed: int = 0) -> Layers:
    """For each value of each layer the two of the layer before that it is made of; all of them are read."""
    rng = random.Random(seed)
    found = []
    for _ in range(depth):
        order = rng.sample(range(WIDTH), WIDTH)
        found.append([(i, rng.randrange(WIDTH)) for i in order])
    return found


def loss(pairs: Layers, ops: Any, *values: Any) -> Any:
    """Return the value of a layer is sin(a + b) of two of the layer before; at last they are added up."""
    sin = ops.sin
    for layer in pairs:
        values = tuple([sin(values[i] + values[j]) for i, j in layer])
    total = values[0]
    for v in values[1:]:
        total = total + v
    return total


def by_hand(pairs: Layers) -> Callable[..., list[float]]:
    """Value and gradient, in Python floats."""
    sin, cos = math.sin, math.cos
    back = list(reversed(pairs))

    def there_and_back(*values: float) -> list[float]:
        kept = []
        v: Any = values
        for layer in pairs:
            a = [v[i] + v[j] for i, j in layer]
            kept.append(a)
            v = [sin(z) for z in a]
        adjoints = [1.0] * WIDTH
        for layer, a in zip(back, reversed(kept), strict=True):
            below = [0.0] * WIDTH
            for (i, j), z, g in zip(layer, a, adjoints, strict=True):
                g *= cos(z)
                below[i] += g
                below[j] += g
            adjoints = below
        return [sum(v), *adjoints]

    return there_and_back


def questions(quick: bool) -> Iterator[Question]:
    """Depth 30, and two more that show how the time grows."""
    for depth in (3, 6) if quick else (30, 60, 120):
        pairs = layers(depth)
        yield Question(
            "W9",
            f"depth {depth}, {WIDTH} values a layer, {2 * WIDTH * depth + WIDTH - 1} ops, {2**depth:.0e} paths a value",
            loss=partial(loss, pairs),
            by_hand=by_hand(pairs),
            arrays=[(k - WIDTH / 2 + 0.25) / WIDTH for k in range(WIDTH)],
            queries=[range(WIDTH)],
            changing=range(WIDTH),
            value=True,
            targets={"compiled": 0.5},
            peers=["torch", "autograd", "CasADi", "JAX"] if depth <= 30 else [],
        )


if __name__ == "__main__":
    script(__doc__, questions)
