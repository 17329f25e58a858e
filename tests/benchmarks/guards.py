"""W10: products and quotients where nothing selects, which have no guards, and below `relu`, where they have."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from harness import Question


def plain(ops: Any, x: Any, w: Any) -> Any:
    """Return a sum of exponentials, roots and quotients: each rule multiplies by what may be infinite."""
    y = ops.exp(x * w) * ops.sqrt(x)
    z = ops.sqrt(y * y + 1.0) / x
    return ops.sum(z * z * w)


def masked(ops: Any, x: Any, w: Any) -> Any:
    """Return the same below an op that selects, and leaves nothing out."""
    y = ops.exp(x * w) * ops.sqrt(x)
    z = ops.sqrt(y * y + 1.0) / x
    return ops.sum(ops.relu(z * z * w))


def by_hand(x: np.ndarray) -> Callable[[np.ndarray, np.ndarray], list[Any]]:
    """Return the value and both gradients, with each intermediate once."""

    def run(x: np.ndarray, w: np.ndarray) -> list[Any]:
        e, side = np.exp(x * w), np.sqrt(x)
        y = e * side
        root = np.sqrt(y * y + 1.0)
        z = root / x
        square = z * z
        gz = 2.0 * z * w
        gy = gz / x * y / root
        ge = gy * side * e
        gx = ge * w + 0.5 * gy * e / side - gz * z / x
        return [np.sum(square * w), gx, ge * x + square]

    return run


def questions(quick: bool) -> Iterator[Question]:
    """Yield few and many numbers, without guards and with them."""
    rng = np.random.default_rng(0)
    for size in (20, 300) if quick else (1_000, 100_000, 1_000_000):
        x, w = rng.uniform(0.5, 2.0, size), rng.uniform(0.1, 0.5, size)
        for words, loss in (("nothing selects", plain), ("below relu", masked)):
            yield Question(
                "W10",
                f"{size} numbers, value and gradients, {words}",
                loss=loss,
                by_hand=by_hand(x),
                arrays=[x, w],
                queries=[[0, 1]],
                changing=[0],
                value=True,
            )


if __name__ == "__main__":
    script(__doc__, questions)
