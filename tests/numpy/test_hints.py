"""What errors say to somebody who is differentiating: never a way that cuts the graph, always one that keeps it."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg

V = np.array([0.3, 0.6])


def store(x: Any) -> None:
    out = np.zeros((3, 2))
    out[1] = x


def store_number(x: Any) -> None:
    out = np.zeros(3)
    out[1] = x[0]


def store_slice(x: Any) -> None:
    out = np.zeros(2)
    out[:] = x


sine = math.sin
CUTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "math.sin": (lambda x: math.sin(x[0]), r"`math\.sin` of .* call `np\.sin`, which keeps the graph$"),
    "math.sin by another name": (lambda x: sine(x[0]), r"call `np\.sin`, which"),
    "math.sin of an expression": (lambda x: 1.0 + math.sin(x[0] * math.pi), r"call `np\.sin`, which"),
    "math.sin by map": (lambda x: list(map(math.sin, x)), r"`np\.sin` for `math\.sin`"),
    "math.fabs": (lambda x: math.fabs(x[0]), r"call `np\.abs`"),
    "math.pow": (lambda x: math.pow(2.0, x[0]), r"call `np\.power`"),
    "math.hypot": (lambda x: math.hypot(x[0], x[1]), r"call `np\.hypot`"),
    "math.floor": (lambda x: math.floor(x[0]), r"call `np\.floor`"),
    "math.ceil": (lambda x: math.ceil(x[0]), r"call `np\.ceil`"),
    "math.trunc": (lambda x: math.trunc(x[0]), r"call `np\.trunc`"),
    "math.gamma": (lambda x: math.gamma(x[0]), r"call `lazygrad\.scipy\.special\.gamma`"),
    "math.lgamma": (lambda x: math.lgamma(x[0]), r"call `lazygrad\.scipy\.special\.gammaln`"),
    "math.erf": (lambda x: math.erf(x[0]), r"call `lazygrad\.scipy\.special\.erf`"),
    "math.factorial": (lambda x: math.factorial(x[0]), r"`math\.factorial` .*`lazygrad\.primitive`"),
    "cmath.exp": (lambda x: cmath.exp(x[0]), r"`cmath\.exp` .*call `np\.exp`"),
    "cmath.phase": (lambda x: cmath.phase(x[0]), r"call `np\.angle`"),
    "float": (lambda x: float(x[0]), r"`np\.sin` for `math\.sin`.*`np\.stack`"),
    "complex": (lambda x: complex(x[0]), r"`\.astype\(complex\)` keeps the graph"),
    "int": (lambda x: int(x[0]), r"`np\.trunc` or `\.astype\(int\)` keep"),
    "round": (lambda x: round(x[0]), r"`np\.round` keeps the graph"),
    "round to digits": (lambda x: round(x[0], 2), r"`np\.round` keeps the graph"),
    "index": (lambda x: [1, 2][x[0]], r"`lazygrad\.constant\(array\)\[node\]`"),
    "operator.index": (lambda x: operator.index(x[0]), r"`lazygrad\.constant\(array\)\[node\]`"),
    "array": (lambda x: np.array([x[0], x[1]]), r"`np\.stack`, or `lazygrad\.numpy\.array`$"),
    "asarray": (lambda x: np.asarray(x), r"take the node itself and keep the graph"),
    "mean of a list": (lambda x: np.mean([x[0], x[1]]), r"`lazygrad\.numpy\.mean` takes lists of nodes"),
    "store": (store, r"`np\.stack`.*`lazygrad\.numpy\.array`.*`x = x\.at\[i\]\.set\(node\)`$"),
    "store a slice": (store_slice, r"`np\.stack`.*`lazygrad\.numpy\.array`.*`x = x\.at\[i\]\.set\(node\)`$"),
    "format": (lambda x: f"{x[0]:.3f}", "is no number, to be formatted"),
    "byteswap": (lambda x: x.byteswap(), "bytes have no derivative$"),
    "tolist": (lambda x: x.tolist(), r"`list\(x\)` for a list of nodes$"),
    "tobytes": (lambda x: x.tobytes(), "bytes have no derivative$"),
    "view": (lambda x: x.view(np.complex128), r"`\.astype\(\.\.\.\)`"),
    "dlpack": (lambda x: np.from_dlpack(x), r"`lazygrad\.plugins`"),
    "flags": (lambda x: x.flags, r"no memory of its own, and so no `\.flags`$"),
    "a function without a meaning": (lambda x: np.packbits(x), r"np\.packbits .*`lazygrad\.primitive`$"),
    "a ufunc without a meaning": (lambda x: np.isnat(x), r"np\.isnat .*`lazygrad\.primitive`$"),
    "text": (lambda x: np.array_str(x), r"np\.array_str .*text and files have no derivative$"),
    "in place": (lambda x: np.fill_diagonal(x, 0.0), r"np\.fill_diagonal .*`x = x\.at\[i\]\.set\(y\)`"),
    "into a node": (lambda x: operator.setitem(x, 0, 1.0), r"`x = x\.at\[i\]\.set\(y\)`"),
    "ufunc.at": (lambda x: np.add.at(np.zeros(2), [0, 1], x), r"np\.add\.at .*`\.at\[\.\.\.\]\.add`"),
    "an axis": (lambda x: np.sum(x, axis=x[0]), "axis= must be known when a node is built, and has no derivative"),
    "in": (lambda x: 1.0 in x, r"`np\.any\(x == y\)`"),
}


@pytest.mark.parametrize("name", CUTS)
def test_nothing_tells_somebody_who_differentiates_to_cut_the_graph(name: str) -> None:
    call, hint = CUTS[name]
    with pytest.raises(TypeError, match=hint) as caught:
        lg.grad(lambda x: call(x))(V)
    assert ".value" not in str(caught.value)
    assert ".item" not in str(caught.value)


@pytest.mark.parametrize("name", CUTS)
def test_outside_of_transforms_looking_is_no_way_on(name: str) -> None:
    """A value is only mentioned at the end, after what keeps the graph, and for looking at it alone."""
    call, hint = CUTS[name]
    with pytest.raises(TypeError, match=hint.removesuffix("$")) as caught:
        call(lg.parameter(V))
    text = str(caught.value)
    for way in (".value", ".item"):
        assert text.count(way) == text.count(f"outside of the differentiated function, there is `{way}")


def test_a_number_in_a_buffer_is_refused_with_the_reason() -> None:
    """NumPy raises its own error from ours, which is shown above it."""
    with pytest.raises(ValueError, match="setting an array element") as caught:
        lg.grad(store_number)(V)
    reason = str(caught.value.__cause__)
    assert "`np.stack`" in reason
    assert "`lazygrad.numpy.array`" in reason
    assert ".at[i].set(node)" in reason


def test_a_parameter_of_a_node_is_the_node_itself() -> None:
    with pytest.raises(TypeError, match=r"compute with that node itself.*outside of the differentiated function"):
        lg.grad(lambda x: lg.parameter(x))(V)
