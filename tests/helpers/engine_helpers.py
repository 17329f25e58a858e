"""What the tests of the engines share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._query import engine as _engine
from lazygrad.ops._declare import op

BUILT_IN = ("lazy", "sweep", "children", "forward", "paths", "numeric")
EXACT = tuple(name for name in BUILT_IN if name != "numeric")
every_engine = pytest.mark.parametrize("engine", BUILT_IN)
every_exact = pytest.mark.parametrize("engine", EXACT)


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a test registers."""
    monkeypatch.setattr(_engine, "_ENGINES", {name: _engine.named_engine(name) for name in BUILT_IN})


def agree(L: lg.Node, wrt: Sequence[lg.Node], engine: str, cotangent: Any = None, tolerance: float = 1e-10) -> None:
    """Check that an engine's answers are the lazy one's: which are there, shape, dtype, and numbers."""
    truth = lg.gradient(L, list(wrt), unconnected="none", cotangent=cotangent)
    found = lg.gradient(L, list(wrt), unconnected="none", cotangent=cotangent, engine=engine)
    scale = max([np.abs(t).max(initial=1.0) for t in truth if t is not None], default=1.0)
    for a, b in zip(found, truth, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert isinstance(a, np.ndarray)
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


def counted(L: lg.Node, wrt: Any, engine: str, **kwargs: Any) -> lg.Report:
    with lg.record() as report:
        lg.gradient(L, wrt, unconnected="none", engine=engine, **kwargs)
    return report


three = op(
    "three",
    lambda x, y, z: x + y + z,
    shape=lambda x, y, z: (x.shape, x.dtype),
    vjp={"x": lambda g: g, "y": lambda g: g, "z": lambda g: g},
    jvp={"x": lambda t: t, "y": lambda t: t, "z": lambda t: t},
    inputs="x y z",
    register=False,
)


def layered(layers: int) -> tuple[lg.Node, lg.Node, list[lg.Node]]:
    """Input, output and the nodes between: complete layers of three, 3^layers paths."""
    x = lg.parameter(2.0)
    layer = [x * 1.0, x * 1.0, x * 1.0]
    nodes = list(layer)
    for _ in range(layers - 1):
        layer = [three(*layer) for _ in range(3)]
        nodes += layer
    return x, three(*layer), nodes


def network(dtype: Any = float) -> tuple[lg.Node, dict[str, lg.Node]]:
    rng = np.random.default_rng(1)
    leaves = {
        "W1": lg.parameter(rng.normal(size=(3, 4)).astype(dtype), name="W1"),
        "b1": lg.parameter(rng.normal(size=4).astype(dtype), name="b1"),
        "W2": lg.parameter(rng.normal(size=(4, 2)).astype(dtype), name="W2"),
    }
    h = np.tanh(rng.normal(size=(5, 3)).astype(dtype) @ leaves["W1"] + leaves["b1"])
    return lg.ops.cross_entropy(h @ leaves["W2"], np.array([0, 1, 1, 0, 1])).mean(), leaves
