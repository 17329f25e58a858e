"""One question put in all ways: to every engine, and in forward mode by arrays and by nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import lazygrad as lg
from lazygrad._derivatives.tangents import Tangents, TangentValues

ENGINES = ("sweep", "children", "forward", "paths")
Build = Callable[[], tuple[lg.Node, list[lg.Node]]]  # a target and the leaves that it is differentiated by


def draw_cotangent(L: lg.Node) -> Any:
    rng = np.random.default_rng(5)
    g = rng.uniform(0.5, 2.0, L.shape)
    return (g + 1j * rng.uniform(0.5, 2.0, L.shape) if L.dtype.kind == "c" else g).astype(L.dtype)


def ask(build: Build, engine: str) -> Any:
    """Return the gradients of a fresh graph by an engine, or the name of the error that it raises."""
    L, leaves = build()
    try:
        return lg.gradient(L, leaves, cotangent=draw_cotangent(L), engine=engine, unconnected="none")
    except lg.NotDifferentiableError:
        return "not differentiable"
    except lg.LazygradError as error:
        if "paths lead" in str(error):
            return "too many paths"
        raise


def agree(found: Any, expected: Any, tolerance: float) -> bool:
    """Return whether two answers are the same up to rounding, and nan and inf in the same places."""
    if found is None or expected is None:
        return found is expected or not np.any(expected if found is None else found)
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return False
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(found)):
        return False
    if not np.array_equal(np.where(finite, 0, found), np.where(finite, 0, expected), equal_nan=True):
        return False
    a, b = np.where(finite, found, 0), np.where(finite, expected, 0)
    return bool(np.all(np.abs(a - b) <= tolerance * np.maximum(1.0, np.max(np.abs(b), initial=0.0))))


def check_engines(build: Build, name: str, engines: Sequence[str] = ENGINES, tolerance: float = 1e-7) -> None:
    """Check that every engine gives what the default one gives."""
    expected = ask(build, "lazy")
    for engine in engines:
        found = ask(build, engine)
        if found == "too many paths":
            continue
        if isinstance(expected, str) or isinstance(found, str):
            assert found == expected, f"{name}, {engine}: {found} and {expected}"
            continue
        for a, b in zip(found, expected, strict=True):
            assert agree(a, b, tolerance), f"{name}, {engine}: {a} and {b}"


def check_tangents(build: Build, name: str, tolerance: float = 1e-7) -> None:
    """Check that <g, J t> is <J^T g, t> for t with no element that is 0, in both kinds of forward mode."""
    expected = ask(build, "lazy")
    if isinstance(expected, str):
        return
    for kind in (Tangents, TangentValues):
        L, leaves = build()
        g = draw_cotangent(L)
        for k, leaf in enumerate(leaves):
            t = np.random.default_rng(k).uniform(0.5, 2.0, leaf.shape).astype(leaf.dtype)
            found = kind({leaf: lg.constant(t)}).of(L)
            pushed = np.zeros(L.shape) if found is None else found.value if isinstance(found, lg.Node) else found
            a = np.asarray(np.sum(g * pushed).real, float)
            b = np.asarray(0.0 if expected[k] is None else np.sum(expected[k] * t).real, float)
            assert agree(a, b, tolerance), f"{name}, {kind.__name__} of input {k}: {a} and {b}"


def of_call(call: Callable[..., Any], inputs: Sequence[Any], static: Any, wrt: Sequence[int] | None = None) -> Build:
    """Return the graph of one call, differentiated by some of its inputs; by default by all that are floats."""
    floats = [k for k, v in enumerate(inputs) if np.asarray(v).dtype.kind in "fc"]

    def build() -> tuple[lg.Node, list[lg.Node]]:
        nodes = [(lg.parameter if k in floats else lg.constant)(v) for k, v in enumerate(inputs)]
        return call(*nodes, **static), [nodes[k] for k in (floats if wrt is None else wrt)]

    return build


def of_adjoints(build: Build) -> Build:
    """Return a sum of the adjoints of a graph's leaves: what is differentiated is derivatives."""

    def second() -> tuple[lg.Node, list[lg.Node]]:
        L, leaves = build()
        g = draw_cotangent(L)
        L = np.real(L * g).sum()
        terms = [np.real(lg.adjoint(L, i) * (0.7 + 0.1j if i.dtype.kind == "c" else 0.7)).sum() for i in leaves]
        return sum(terms[1:], terms[0]), leaves

    return second


def of_scaled(call: Callable[..., Any], inputs: Sequence[Any], static: Any) -> Build:
    """Return the graph of one call of inputs times a number, and differentiated by it: also without any elements."""

    def build() -> tuple[lg.Node, list[lg.Node]]:
        s = lg.parameter(1.5)
        return call(*[v * s if np.asarray(v).dtype.kind == "f" else v for v in inputs], **static), [s]

    return build
