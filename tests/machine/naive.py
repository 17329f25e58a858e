"""The naive twin: it remembers nothing, and answers every question on a graph built from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import lazygrad as lg
from tests.helpers.random_graphs import KINDS, Step, make_watched_op
from tests.machine.functions import FUNCTIONS


class Boom(Exception):
    """Raised in the middle of a query."""


class Fuse:
    """Lets the op `fragile` raise on the so-manieth call of its value or rule."""

    def __init__(self) -> None:
        self.left = 0

    def burn(self, what: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Boom(what)


fuse = Fuse()
fragile = make_watched_op("fragile", np.sin, lambda g: g, fuse.burn)  # (any rule will do, it is the same for both)


class Question(NamedTuple):
    """Return the questions that can be asked; `steps` are numbers of steps."""

    kind: str
    target: int
    steps: tuple[int, ...] = ()
    seed: int = 0


def node_of(step: Step, inputs: Sequence[lg.Node]) -> lg.Node:
    """Build one step."""
    if step.kind == "parameter":
        return lg.parameter(step.value)
    if step.kind == "constant":
        return lg.constant(step.value)
    if step.kind == "adjoint":
        return lg.adjoint(*inputs)
    if step.kind == "fragile":
        return fragile(*inputs)
    if step.kind in FUNCTIONS:
        return FUNCTIONS[step.kind](*inputs)
    return KINDS[step.kind].on_nodes(*inputs, **dict(step.static))


def alive(recipe: Sequence[Step], kept: set[int]) -> list[int]:
    """Return the kept steps and all they are built from."""
    found: set[int] = set()
    todo = list(kept)
    while todo:
        k = todo.pop()
        if k not in found:
            found.add(k)
            todo.extend(recipe[k].inputs)
    return sorted(found)


def from_scratch(recipe: Sequence[Step], kept: set[int]) -> tuple[dict[int, lg.Node], dict[int, Exception]]:
    """Return a fresh node for every living step, and for those that cannot be built the reason."""
    nodes: dict[int, lg.Node] = {}
    broken: dict[int, Exception] = {}
    for k in alive(recipe, kept):
        try:
            if bad := [j for j in recipe[k].inputs if j in broken]:
                raise broken[bad[0]]
            nodes[k] = node_of(recipe[k], [nodes[j] for j in recipe[k].inputs])
        except (TypeError, ValueError, IndexError, lg.LazygradError) as error:
            broken[k] = error.with_traceback(None)  # whose frames hold who asked, and all nodes there
    return nodes, broken


def cotangent(node: lg.Node, seed: int) -> Any:
    """Return some cotangent of the shape of `node`, the same for the same seed."""
    return np.random.default_rng(seed).normal(size=node.shape).astype(node.dtype)


def ask(nodes: dict[int, lg.Node], question: Question, held: lg.Differentiator | None = None) -> Any:
    """Return the answer as arrays, or the type of the error."""
    kind, target, steps, seed = question
    L = nodes[target]
    wrt = [nodes[k] for k in steps]
    try:
        if kind == "value":
            return L.value
        if kind == "shape":
            return np.array(L.shape), np.array(L.dtype.itemsize)
        if kind == "gradient":
            d = lg.differentiator(L) if held is None else held
            return d.gradient(wrt, unconnected="none")
        if kind == "adjoint":
            g = lg.adjoint(L, wrt[0])
            return np.array(g.shape), g.value
        if kind == "contributions":
            return [c.value for c in lg.differentiator(L).contributions(wrt[0])]
        if kind == "connected":
            return [np.array(lg.differentiator(L).is_connected(i)) for i in wrt]
        if kind == "cotangent":
            return lg.gradient(L, wrt, cotangent=cotangent(L, seed), unconnected="none")
        assert kind == "second"
        g = lg.adjoint(L, wrt[0])
        return lg.gradient((g * lg.constant(cotangent(g, seed))).sum(), wrt[1:], unconnected="none")
    except (TypeError, ValueError, IndexError, lg.LazygradError) as error:
        return [np.frombuffer(type(error).__name__.encode(), np.uint8)]


QUESTIONS = ("value", "shape", "gradient", "adjoint", "contributions", "connected", "cotangent", "second")
