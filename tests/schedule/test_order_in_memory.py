"""Arrays in exact schedules and plans lie in memory as those of the walk do: sums are added up in that order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._op import op_named
from tests.helpers.compositions import without_plans

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(9, 7)), RNG.normal(size=(9, 7)), RNG.normal(size=(9, 4))
LONG = RNG.normal(size=60)

# Of an array x of shape (9, 7) and a number s: what is asked for first, and the target.
GRAPHS: dict[str, Callable[[Any, Any], tuple[list[Any], Any]]] = {
    "a third contribution in place": lambda x, s: (
        [],
        np.sum(np.exp((h := np.sin(x.T) * s).T) * A) + np.sum(np.sin(h.T) * B) + np.sum((h @ C) ** 2),
    ),
    "a third contribution, transposed": lambda x, s: (
        [],
        np.sum(((h := np.sin(x) * s) @ C[:7]) ** 2) + np.sum((h.T @ C) ** 2) + np.sum(np.exp(h.T) * A.T),
    ),
    "gaps that a product with 1 closes": lambda x, s: ([], ((x[:, ::2] * s)[:, ::2] * 1.0).sum() * s),
    "gaps in a vector": lambda x, s: ([], ((x[:, 0] * 1.0) @ (x[:, 1] * 1.0)) * s),
    "gaps that a cast closes": lambda x, s: ([], np.sum(np.sum(x[:, ::2].astype(float) * 1.0, axis=1) ** 2) * s),
    "a repeated array that a cast copies": lambda x, s: ([], np.sum(np.broadcast_to(x * s, (3, 9, 7)).astype(float))),
    "a view of a step in between": lambda x, s: ([h := np.exp(x[:, 0]) + s], np.sum(np.cumsum(h) ** 2 * LONG[:9])),
    "views of two axes": lambda x, s: ([h := np.exp(x) + s], np.sum(np.cumsum(h, axis=0) ** 2 * A)),
    "transposed powers": lambda x, s: ([], np.sum((x.T**2 * s) ** s) + np.sum(x.T**3 * s)),
    "rows and columns": lambda x, s: ([], np.sum(np.roll(x.T * s, 1) * np.tril(x.T)[:, :1]) * s),
}


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_bits_are_those_of_the_walk(graph: str) -> None:
    def build() -> tuple[lg.Node, lg.Node, list[lg.Node], lg.Node]:
        x, s = lg.parameter(abs(A)), lg.parameter(0.7)
        return x, s, *GRAPHS[graph](x, s)

    def ask(made: Any, value: Any) -> list[bytes]:
        x, s, first, L = made
        lg.update({x: value, s: value[0, 0]})
        found = [lg.gradient(L, i) for i in first]
        return [g.tobytes() for g in (*found, *lg.gradient(L, [s, x]), L.value)]

    planned, walked, compiled = build(), build(), build()
    step = lg.compile(compiled[3], wrt=[compiled[1], compiled[0]], inputs=[compiled[0], compiled[1]], exact=True)
    for _ in range(12):
        value = abs(RNG.normal(size=(9, 7))) + 0.1
        with without_plans():
            wanted = ask(walked, value)
        assert ask(planned, value) == wanted
        total, gradients = step(value, value[0, 0])
        assert [g.tobytes() for g in (*gradients, total)] == wanted[len(planned[2]) :]
    assert lg.differentiator(planned[3]).plan_info().runs >= 9


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_bytes_of_a_repeated_number(dtype: Any) -> None:
    """They are read as another dtype, which no array of the number itself has."""
    x = lg.parameter(np.ones((2, 3, 2), dtype))
    L = np.sum(np.nansum(np.flip(x)).reshape(-1) ** 2)
    step = lg.compile(L, wrt=x, inputs=x, exact=True)
    for _ in range(5):
        x.set(RNG.normal(size=(2, 3, 2)).astype(dtype))
        with without_plans():
            wanted = lg.gradient(L, x).tobytes()
        assert step(x.value)[1].tobytes() == wanted
    assert step.statistics.failures == 0


def test_complex_numbers_without_axes() -> None:
    """NumPy's scalars multiply in other last bits than its arrays do."""
    z, w = lg.parameter(0.3 + 0.7j), lg.parameter(1.1 - 0.2j)
    guarded = [op_named(name)(z.reshape(1)[0], w) for name in ("strong_multiply", "multiply", "divide")]
    guarded += [z.reshape(()) * w, np.max(op_named("strong_multiply")(z.reshape(()), w), axis=-1)]
    roots = [*guarded, z * w, (z * w) / (w + z), z * z * z, lg.adjoint(np.real(z * z * w), z)]
    step = lg.compile(roots, inputs=[z, w], exact=True)
    for _ in range(200):
        values = [complex(*RNG.normal(size=2)) for _ in range(2)]
        lg.update(dict(zip([z, w], values, strict=True)))
        assert [a.tobytes() for a in step(*values)] == [root.value.tobytes() for root in roots]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_powers_of_numbers_in_long_programs(dtype: Any) -> None:
    """In the buffers of a loop numbers are arrays without axes, whose operator gives other last bits."""
    x, n = lg.parameter(dtype(1.3)), lg.parameter(dtype(0.7))
    y = x
    for _ in range(3100):
        y = np.sin(y) + x
    roots = [y**n, (y**n) ** n, lg.adjoint(y**n, n)]
    step = lg.compile(roots, inputs=[x, n], exact=True, backend="numpy")
    for _ in range(12):
        values = [dtype(v) for v in RNG.uniform(0.5, 1.5, size=2)]
        lg.update(dict(zip([x, n], values, strict=True)))
        assert [a.tobytes() for a in step(*values)] == [root.value.tobytes() for root in roots]
