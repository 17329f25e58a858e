"""A program bound to where its leaves come from, ready to run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from .._context import Look
from .._node import Node
from ._program import lowered
from ._source import Branched, NotANumber, Straight, leaf_names, straight

__all__ = ["BACKENDS", "Branched", "NotANumber", "Schedule"]

BACKENDS = ("auto", "numpy", "numba")
NO_TWINS: Mapping[int, Node] = MappingProxyType({})


@attrs.define(eq=False, repr=False)
class Schedule:
    """Straight-line code for the values of some nodes.

    Attributes
    ----------
    source
        The generated Python source; it stands in tracebacks.
    steps
        How many statements it has.
    nbytes
        The bytes of the arrays it keeps for intermediate results.
    """

    roots: Sequence[Node]
    inputs: Sequence[Node]
    exact: bool = False
    backend: str = "auto"
    looks: Sequence[Look] = ()  # of the traced function
    twins: Mapping[int, Node] = NO_TWINS  # leaves of a copied graph -> those whose values are meant
    guarded: bool = False
    used: list[int] = attrs.field(init=False)  # which inputs it reads
    held: list[Node] = attrs.field(init=False)  # the other leaves it reads
    _written: Straight = attrs.field(init=False)
    _ready: deque[Callable[..., tuple[Any, ...]]] = attrs.field(factory=deque, init=False)

    def __attrs_post_init__(self) -> None:
        program = lowered([*[i for i, _, _ in self.looks], *self.roots], self.guarded)
        program.looks = list(zip(program.outputs[: len(self.looks)], self.looks, strict=True))
        del program.outputs[: len(self.looks)]
        live = set(program.live())
        rows = {node.serial: row for row, node in program.leaves.items() if row in live}
        self.used = [k for k, i in enumerate(self.inputs) if i.serial in rows]
        own = {i.serial for i in self.inputs}
        self.held = [i for row, i in program.leaves.items() if row in live and i.serial not in own]
        leaves = [*[self.inputs[k] for k in self.used], *self.held]
        params = [(rows[i.serial], name) for i, name in zip(leaves, leaf_names(leaves), strict=True)]
        self.held = [self.twins.get(i.serial, i) for i in self.held]
        self._written = straight(program, params, self.exact, "")

    @property
    def source(self) -> str:
        """The generated source."""
        return self._written.source

    @property
    def steps(self) -> int:
        """How many statements there are."""
        return self._written.steps

    @property
    def nbytes(self) -> int:
        """The bytes of the arrays that are kept for intermediate results."""
        return self._written.nbytes

    def __repr__(self) -> str:
        return f"<schedule of {self.steps} steps, {self.nbytes} bytes of arrays>"

    def __call__(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The values of the roots; those of its inputs are given, the other leaves tell theirs."""
        try:
            function = self._ready.pop()  # several threads, or a call within a call, have one each
        except IndexError:
            function = self._written.bound()
        try:
            return function(*[values[k] for k in self.used], *[i._value for i in self.held])
        finally:
            self._ready.append(function)
