"""Reform: a leaf takes another shape or dtype, and what is built on it follows; or nothing changes at all.

In the order of creation, so that inputs come first (contract C4)::

    reform(i):  if i came from a call that may have read what has changed, call again, and let i take over
                what is built; else infer the shape and dtype of i again from those of its inputs.

Adjoints that somebody holds come last: they are built again if the edges that they sum over are others.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from .._errors import LazygradError
from .log import logger
from .node import NO_STATIC, Node, by_serial, delist, enlist
from .traverse import dependents
from .types import Array, DType, Shape, Signature

__all__ = ["Changes", "collect_new", "find_call", "is_replaced", "make_relay", "place_before", "reform"]


@attrs.define(eq=False)
class Changes:
    """The changes that nodes have undergone, to be undone if anything fails."""

    moved: set[float] = attrs.field(factory=set)  # the serials of nodes whose shape or dtype has changed
    before: list[tuple[Node, dict[str, Any]]] = attrs.field(factory=list)

    def set(self, i: Node, **values: object) -> None:
        """Set attributes of a node after noting what they were."""
        self.before.append((i, {name: getattr(i, name) for name in values}))
        _set_attributes(i, values)

    def set_signature(self, i: Node, shape: Shape, dtype: DType) -> None:
        """Set the shape and dtype of a node; a shape is another tuple even where it is equal (`ops.linear._part`)."""
        if shape != i._shape or dtype != i._dtype:
            self.moved.add(i._serial)
        self.set(i, shape=shape, dtype=dtype)

    def set_leaf(self, i: Node, value: Array) -> None:
        """Set the value of a leaf, and with it its shape and dtype."""
        self.set_signature(i, value.shape, value.dtype)
        self.set(i, _value=value)

    def undo(self) -> None:
        """Set everything back, the last change first; called again, it goes on where it was interrupted."""
        while self.before:
            _set_attributes(*self.before[-1])
            self.before.pop()


FIXED = {"dtype", "inputs", "op", "serial", "shape", "static"}  # what users read alone, under these names


def _set_attributes(i: Node, values: dict[str, Any]) -> None:
    """Set attributes of a node, and tell its inputs if they are others."""
    if "inputs" in values:
        delist(i)
    for name, value in values.items():
        setattr(i, f"_{name}" if name in FIXED else name, value)
    if "inputs" in values:
        enlist(i)


def reform(values: Sequence[tuple[Node, Array]], invalidate: Callable[[Node], None]) -> None:
    """Give leaves values of another shape or dtype, and all that is built on them what follows.

    Parameters
    ----------
    values
        Pairs of a leaf and its value, a frozen array of its own.
    invalidate
        Marks what is computed from a node as stale.

    Raises
    ------
    LazygradError, TypeError, ValueError, IndexError
        If some op does not fit: a note names it. Then everything is as it was.
    """
    leaves = [leaf for leaf, _ in values]
    _forget_adjoints(dependents(leaves))  # but for those that somebody holds: they follow their nodes
    walk = _Walk({leaf._serial: value for leaf, value in values}, leaves[-1])
    changes = walk.changes
    try:
        nodes = _list_reached(leaves)
        walk.visit(nodes)
        for i in nodes:
            if i._memo is not None:  # once more, as a memo begins with the inputs that its target has
                i._memo.forget_shapes()
            invalidate(i)
        changes.before.clear()
    except BaseException as error:
        try:
            changes.undo()
        finally:  # an interruption can come within the first
            changes.undo()
        _forget_adjoints(dependents(leaves))
        if isinstance(error, (LazygradError, TypeError, ValueError, IndexError)):
            shapes = ", ".join(f"shape {value.shape} and dtype {value.dtype} of {leaf!r}" for leaf, value in values)
            error.add_note(
                f"each leaf keeps its value: {walk.at!r} does not fit {shapes}; leaves whose shapes only fit "
                f"together can be set at once by `lazygrad.update`"
            )
        raise


def _forget_adjoints(nodes: Iterable[Node]) -> None:
    """Empty the memos of these nodes, whose shapes or dtypes change."""
    for i in nodes:
        if i._memo is not None:
            logger.info("the memo of %r is cleared: a leaf below it changes shape or dtype", i)
            i._memo.forget_shapes()


def _list_reached(leaves: Sequence[Node]) -> list[Node]:
    """Return what is built on leaves, and on numbers and seeds that follow what is reached, oldest first."""
    found: list[Node] = []
    start = list(leaves)
    while True:
        found = dependents(start)
        known = {i._serial for i in start}
        beside = [j for i in found for j in i._inputs if j._op is None and "number" in j._static]
        beside += [seed for i in found if i._memo is not None for seed in i._memo.list_seeds()]
        beside = [j for j in beside if j._serial not in known]
        if not beside:
            return sorted(found, key=by_serial)
        start += beside


class _Walk:
    """One walk over all nodes that may have to follow."""

    def __init__(self, wanted: dict[float, Array], at: Node) -> None:
        self.wanted = wanted
        self.at = at  # the node that the walk has come to
        self.changes = Changes()
        self.replaced: set[float] = set()  # the serials of nodes whose place others have taken
        self.inside: dict[float, Any] = {}  # serial -> the call in which a node was built
        self.outcomes: dict[int, list[Node]] = {}  # id of a call -> the nodes that came of it
        self.takes_over = False  # whether nodes have taken over other ops, or other inputs

    def visit(self, nodes: Sequence[Node]) -> None:
        """Let all nodes follow, oldest first."""
        for i in nodes:
            if i._op.__class__ is _Replaced:  # by a change before, and somebody holds it
                self.replaced.add(i._serial)
                continue
            if (call := find_call(i)) is not None:
                self.outcomes.setdefault(id(call), []).append(i)
                self.inside.update(dict.fromkeys([j._serial for j in call.list_inside(i)], call))
            if i.__class__ is not Node:
                self.replaced.update([j._serial for j in i._op.list_unfolded(i)])
        for i in nodes:
            self.at = i
            if i._serial in self.wanted:
                self.changes.set_leaf(i, self.wanted[i._serial])
                if i._memo is not None:  # a leaf may be a target itself
                    i._memo.follow_target(i, self.changes)
            elif i._op is not None and i._serial not in self.replaced:
                self.follow(i)
        for i in nodes if self.replaced else ():  # from here on nothing is found through them
            if i._serial in self.replaced and i._op is not None and i._op.__class__ is not _Replaced:
                self.changes.set(i, op=_Replaced(i._op))
        memos: dict[int, Any] = {}
        for i in nodes if self.replaced or self.takes_over else ():
            self.at = i
            if i.__class__ is not Node and i._serial not in self.replaced:
                i._op.build_again(i, self.changes, memos)

    def follow(self, i: Node) -> None:
        """Give a node that an op computes what follows from its inputs, which have changed or not."""
        call = find_call(i) or self.inside.get(i._serial)
        if call is not None and not self.changes.moved.isdisjoint(call.serials):
            if (outcome := self.outcomes.pop(id(call), None)) is not None:
                for j in outcome:
                    self.replaced.update([k.serial for k in call.list_inside(j)])
                before = [(j._op, j._inputs) for j in outcome]
                call.make_again(outcome, self.changes)
                self.takes_over = self.takes_over or any(
                    j._op is not op or any(k is not old for k, old in itertools.zip_longest(j._inputs, inputs))
                    for j, (op, inputs) in zip(outcome, before, strict=True)
                )
        elif self.is_built_on_replaced(i):
            self.replaced.add(i._serial)
        else:
            for number, cast in i._op.numbers(i):
                if cast.dtype != number._dtype:
                    self.changes.set_leaf(number, cast)
            self.changes.set_signature(i, *i._op.infer(i))
            if i._memo is not None:
                i._memo.follow_target(i, self.changes)

    def is_built_on_replaced(self, i: Node) -> bool:
        """Return whether a node belongs to what is replaced; an error if it is the user's own."""
        if i.__class__ is not Node:
            return i.of.serial in self.replaced  # type: ignore[attr-defined]
        if self.replaced.isdisjoint([j._serial for j in i._inputs]):
            return False
        if i._op.is_mirror:
            return True
        raise LazygradError(
            f"{i!r} is built on a part of what a function built inside, which is built anew as a shape or dtype "
            f"changes: build it on the result of the function, or build the graph again"
        )


def find_call(i: Node) -> Any:
    """Return the call that a node came from; None if there is none, or nothing that it may have read."""
    found = getattr(i, "_call", None)
    return None if found is None else found[0].find_call(i)


class _Replaced:
    """The op of a node whose place others have taken: it has no value any more, and no derivative flows to it."""

    fully_open = False

    def __init__(self, op: Any) -> None:
        self._op = op

    def __getattr__(self, name: str) -> Any:
        return getattr(self._op, name)

    def passes_derivative(self, node: Node, argnum: int) -> bool:
        """Return False: nothing that is asked for is computed from the node."""
        return False

    def run(self, node: Node) -> Array:
        """Raise LazygradError."""
        raise LazygradError(
            f"{node!r} was built inside of a function that has been called again as a shape or dtype changed: "
            f"ask for what the function returned"
        )


def is_replaced(i: Node) -> bool:
    """Return whether another node has taken the place of this one, which has no value any more."""
    return i._op.__class__ is _Replaced


# -- what calls and adjoints need to be built again ----------------------------------------------------


def collect_new(roots: Iterable[Node], mark: float) -> list[Node]:
    """Return the nodes that these are computed from, and themselves, of those built since a serial, oldest first."""
    found = {i._serial: i for i in roots if i._serial > mark}
    todo = list(found.values())
    while todo:
        for j in todo.pop().inputs:
            if j._serial > mark and j._serial not in found:
                found[j._serial] = j
                todo.append(j)
    return sorted(found.values(), key=by_serial)


def place_before(i: Node, new: Sequence[Node], after: float) -> None:
    """Give nodes that an older node is computed from now serials between `after` and its own, in their order.

    No two nodes may have one serial: so each lies somewhere in its part of the way, never twice at the same place.
    """
    step = (i._serial - after) / (len(new) + 1)
    for k, j in enumerate(new, 1):
        j._serial = after + (k - _next_turn() * GOLDEN % 1) * step  # type: ignore[assignment]


GOLDEN = (5**0.5 - 1) / 2  # multiples of it never come together, up to whole numbers
_next_turn = itertools.count(1).__next__


class _Relay:
    """The op of a node that tells others of a change of its input's shape, and not of its value."""

    name = "shape"
    inputs = ("x",)
    is_adjoint = is_mirror = fully_open = False
    mirrors = None

    def infer(self, node: Node) -> Signature:
        """Return the shape and dtype of the relay itself."""
        return node._shape, node._dtype

    def numbers(self, node: Node) -> list[tuple[Node, Array]]:
        """Return nothing: there are no plain numbers."""
        return []

    def passes_derivative(self, node: Node, argnum: int) -> bool:
        """Return False: a shape has no derivative."""
        return False

    blocks = passes_derivative


def make_relay(i: Node) -> Node:
    """Return a node that stands between `i` and others which depend on its shape alone."""
    relay = Node(_Relay(), (i,), NO_STATIC, (), np.dtype(bool))
    enlist(relay)
    return relay
