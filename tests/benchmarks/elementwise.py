"""W8: ten chained elementwise ops and their sum, on 1e7 and on 1e3 elements; and the gradient on 1e6."""

from __future__ import annotations

from script import script  # isort: skip  (pins the threads before NumPy loads)

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from harness import Question

PEERS = ("torch", "torch.compile", "JAX", "numexpr")
BLOCK = 32_768


def ten(ops: Any, x: Any) -> Any:
    """Ten elementwise ops, and a sum."""
    y = ops.tanh(x * 0.5 + 0.1)
    y = ops.sqrt(y * y + 1.0)
    return ops.sum(ops.exp(-y) * 3.0 - 0.25)


def ten_in(out: np.ndarray, x: np.ndarray) -> None:
    """Return the ten ops, all in one array."""
    np.multiply(x, 0.5, out=out)
    out += 0.1
    np.tanh(out, out=out)
    out *= out
    out += 1.0
    np.sqrt(out, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out *= 3.0
    out -= 0.25


def unblocked(x: np.ndarray) -> Callable[[np.ndarray], list[Any]]:
    """One pass over memory for each op, into an array that is kept."""
    out = np.empty_like(x)

    def run(x: np.ndarray) -> list[Any]:
        ten_in(out, x)
        return [out.sum()]

    return run


def blocked(x: np.ndarray) -> Callable[[np.ndarray], list[Any]]:
    """All ops on one block after the other, which stays in the cache."""
    size = min(BLOCK, x.size)
    out = np.empty(size, x.dtype)

    def run(x: np.ndarray) -> list[Any]:
        sums = []
        for at in range(0, x.size, size):
            part = x[at : at + size]
            here = out[: part.size]
            ten_in(here, part)
            sums.append(here.sum())
        return [np.sum(sums, dtype=x.dtype)]

    return run


def fresh(x: np.ndarray) -> list[Any]:
    """As an expression, with a new array for each op."""
    return [ten(np, x)]


def with_gradient(x: np.ndarray) -> Callable[[np.ndarray], list[Any]]:
    """Value and gradient; what the way back reads is kept in arrays of its own."""
    t, s, e = (np.empty_like(x) for _ in range(3))

    def run(x: np.ndarray) -> list[Any]:
        np.multiply(x, 0.5, out=t)
        t.__iadd__(0.1)
        np.tanh(t, out=t)
        np.multiply(t, t, out=s)
        s.__iadd__(1.0)
        np.sqrt(s, out=s)
        np.negative(s, out=e)
        np.exp(e, out=e)
        e.__imul__(3.0)
        value = e.sum() - 0.25 * e.size
        g = np.negative(e)  # by sqrt's output
        g /= s
        g *= t
        np.multiply(t, t, out=s)
        np.subtract(1.0, s, out=s)
        g *= s
        g *= 0.5
        return [value, g]

    return run


def questions(quick: bool) -> Iterator[Question]:
    """Large and small, in both precisions."""
    rng = np.random.default_rng(0)
    large, middle, small = (40_000, 500, 20) if quick else (10_000_000, 1_000_000, 1_000)
    for size, dtype, target in ((large, "float64", 0.68), (large, "float32", 0.64), (small, "float64", 1.0)):
        x = rng.normal(size=size).astype(dtype)
        yield Question(
            "W8",
            f"{size} numbers, {dtype}, value",
            loss=ten,
            by_hand=unblocked(x),
            arrays=[x],
            queries=[],
            changing=[0],
            value=True,
            targets={"compiled": target, "numba": target},
            peers=PEERS,
            rivals={"by hand, in blocks": blocked(x), "by hand, as an expression": fresh},
            without=["rebuilt"],
        )
    x = rng.normal(size=middle)
    yield Question(
        "W8",
        f"{middle} numbers, float64, value and gradient",
        loss=ten,
        by_hand=with_gradient(x),
        arrays=[x],
        queries=[[0]],
        changing=[0],
        value=True,
        peers=["torch", "JAX"],
        without=["function", "transform"],
    )


if __name__ == "__main__":
    script(__doc__, questions)
