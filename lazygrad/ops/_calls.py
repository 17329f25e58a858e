"""The calls that nodes came from, to be made again when a shape or dtype changes (contract C4).

A function of nodes reads shapes and dtypes in Python, and what it builds holds what it read: the length of a transform,
the indices of a part, whether numbers are complex. So the nodes it returns remember the call. When one of the arguments
changes its shape or dtype, the function is called again, and each of those nodes takes over what is built in its place.
"""

from __future__ import annotations

import functools
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import numpy as np

from .._errors import LazygradError, ShapeError
from .._graph.bits import same_bits
from .._graph.leaf import copy_frozen
from .._graph.node import NO_STATIC, Node, _next_serial, by_serial, delist, enlist
from .._graph.reform import Changes, collect_new, make_relay, place_before
from .._graph.trees import check_depth
from .._graph.types import Function
from ._op import OPS

__all__ = ["Call", "Source", "call_unrecorded", "record_calls"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_PLAIN = {Node, int, float, complex, bool, str, type(None), type, type(np._NoValue)}
_LASTING = {*_PLAIN, np.ndarray}  # no lists, which may be changed later


class _Thread(threading.local):
    """Whether this thread is inside of a function that is recorded: what it calls is no call of its own."""

    inside = False


_thread = _Thread()


def call_unrecorded(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
    """Call a function whose calls are not recorded, as what it builds is part of something else."""
    before = _thread.inside
    try:  # (no `with`: its `__exit__` could be interrupted before it sets anything back)
        _thread.inside = True
        return function(*args, **kwargs)
    finally:
        _thread.inside = before


@attrs.frozen(eq=False)
class Source:
    """A function that can be called again, and the public function that it stands for."""

    meaning: Function
    public: Function

    def find_call(self, i: Node) -> Call:
        """Return the call that a node came of, which holds its parts until somebody asks."""
        _, args, kwargs, mark = i._call
        call = Call(self, args, kwargs, mark, _collect_nodes(args, kwargs), 1)
        i._call = call, 0
        return call


def record_calls(meaning: F, public: Function | None = None, count: int = 0, keywords: Sequence[str] = ()) -> F:
    """Return a function of nodes that lets the nodes it returns remember the call.

    `public` is the function of NumPy's or SciPy's that it stands for, if there is one. Calls with at most `count`
    arguments by position and with `keywords` alone give one node of an op that reads shapes by itself.
    """
    direct = frozenset(keywords)

    @functools.wraps(meaning)
    def call(*args: Any, **kwargs: Any) -> Any:
        thread = _thread
        if thread.inside or (len(args) <= count and (not kwargs or kwargs.keys() <= direct)):
            return meaning(*args, **kwargs)
        plain = True
        for value in (*args, *kwargs.values()) if kwargs else args:
            if value.__class__ not in _PLAIN:
                plain = False
                args, kwargs = tuple(map(_copy_lists, args)), {k: _copy_lists(v) for k, v in kwargs.items()}
                break
        mark = _next_serial()
        try:
            thread.inside = True
            outcome = meaning(*args, **kwargs)
        finally:
            thread.inside = False
        if plain and outcome.__class__ is Node and outcome._serial > mark and outcome._op is not None:
            inputs = outcome._inputs
            for value in (*args, *kwargs.values()) if kwargs else args:
                if value.__class__ is Node and id(value) not in map(id, inputs):
                    break  # nothing tells the outcome yet when its shape changes
            else:
                outcome._call = source, args, kwargs, mark
                return outcome
        if isinstance(outcome, (Node, tuple, list)) and (nodes := _collect_nodes(args, kwargs)):
            return Call(source, args, kwargs, mark, nodes).attach(outcome)
        return outcome

    source = Source(meaning, call if public is None else public)
    call.source = source  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def _copy_lists(value: Any, depth: int = 0) -> Any:
    """Return the value with the lists, sets and dicts in it copied."""
    if value.__class__ in _LASTING:
        return value
    check_depth(value, depth)
    if isinstance(value, tuple):
        parts = [_copy_lists(v, depth + 1) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [_copy_lists(v, depth + 1) for v in value]
    if value.__class__ is dict:
        return {k: _copy_lists(v, depth + 1) for k, v in value.items()}
    return set(value) if value.__class__ is set else value


def _list_nodes(value: Any) -> Iterator[Node]:
    """Yield the nodes in arguments."""
    if isinstance(value, Node):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _list_nodes(part)
    elif value.__class__ is dict:
        yield from _list_nodes([*value.values()])
    elif value.__class__ is slice:
        yield from _list_nodes((value.start, value.stop, value.step))


def _collect_nodes(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Node, ...]:
    """Return the nodes among the arguments, each once."""
    return tuple({i._serial: i for i in _list_nodes((tuple(args), dict(kwargs)))}.values())


def _are_same(some: Sequence[Node], others: Sequence[Node]) -> bool:
    """Return whether two sequences hold the same nodes; ``==`` would build others."""
    return len(some) == len(others) and all(i is j for i, j in zip(some, others, strict=True))


@attrs.define(eq=False)
class Call:
    """A call of a function, and where its nodes stand."""

    source: Source
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    mark: float  # what was built inside of the call has a larger serial, the arguments have smaller ones
    nodes: tuple[Node, ...]  # among the arguments
    count: int = 0  # of the nodes that came of it
    constants: tuple[tuple[Node, Any], ...] = ()  # leaves built inside, with the array that they share with `args`
    relays: dict[float, Node] = attrs.field(factory=dict)  # from arguments whose shape alone matters

    def find_call(self, i: Node) -> Call:
        """Return this call, as the one that a node came of."""
        return self

    @property
    def serials(self) -> list[float]:
        """Return the serials of the nodes among the arguments."""
        return [i._serial for i in self.nodes]

    def attach(self, outcome: object) -> object:
        """Return the outcome with each of its nodes one that is this call's alone, and remembers it."""
        roots: list[Node] = []
        outcome = self._own(outcome, self.mark, roots)
        self.count = len(roots)
        for place, root in enumerate(roots):
            root._call = self, place
        self._settle(roots, roots)
        return outcome

    def _own(self, value: Any, mark: float, roots: list[Node]) -> Any:
        """Return an outcome with identities of nodes that are others' as well, and collect its nodes."""
        if isinstance(value, Node):
            if value.serial <= mark or value.op is None or any(value is root for root in roots):
                value = OPS["identity"].on_nodes((value,), NO_STATIC)
            roots.append(value)
        elif isinstance(value, (tuple, list)):
            parts = [self._own(part, mark, roots) for part in value]
            if any(new is not old for new, old in zip(parts, value, strict=True)):
                return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        return value

    def _settle(self, outcome: Sequence[Node], roots: Sequence[Node]) -> None:
        """Let `roots` follow arguments whose shape alone they read, and share arrays with the leaves built inside."""
        given = (*self.args, *self.kwargs.values())
        arrays = any(value.__class__ is np.ndarray or value.__class__ not in _LASTING for value in given)
        if not arrays and len(roots) == 1 and _are_same(roots[0].inputs, self.nodes):
            return
        inside = collect_new(outcome, self.mark)
        if arrays:
            leaves = [i for i in inside if i._op is None and i._shape]
            shared: dict[int, tuple[Node, Any]] = {}

            def keep(array: Any) -> Any:
                if array.__class__ is not np.ndarray:
                    return array
                for leaf in leaves:
                    if leaf._value is array or same_bits(leaf._value, array):
                        shared[leaf._serial] = leaf, leaf._value
                        return leaf._value
                return copy_frozen(array)

            self.args, self.kwargs = _map_parts((tuple(self.args), dict(self.kwargs)), keep)
            self.constants = tuple(shared.values())
        for root in roots:
            reached = {j._serial for i in collect_new([root], self.mark) for j in i._inputs}
            for argument in self.nodes:
                if argument.serial not in reached:
                    if argument.serial not in self.relays:
                        self.relays[argument.serial] = make_relay(argument)
                    enlist(root, (self.relays[argument.serial],))

    def describe(self, refer: Callable[[Node], object], pickled: bool) -> tuple[object, ...]:
        """Return what makes a copy of the call but for its mark, with references to nodes in their place."""
        args, kwargs = _map_parts((tuple(self.args), dict(self.kwargs)), _drop_function if pickled else None, refer)
        return self.source, args, kwargs, tuple(map(refer, self.nodes)), self.count

    def attach_copy(self, root: Node, place: int) -> None:
        """Let the copy of a node that came of the call that this is a copy of remember this one."""
        root._call = self, place
        self._settle([root], [root])

    def list_inside(self, root: Node) -> list[Node]:
        """Return what was built inside of the call for one of the nodes that came of it."""
        inside = collect_new(root.inputs, self.mark)
        return [i for i in inside if (found := getattr(i, "_call", None)) is None or found[0] is not self]

    def make_again(self, outcome: Sequence[Node], changes: Changes) -> None:
        """Call the function again, and let the nodes that came of it take over what is built now.

        `outcome` holds those that are alive, and mirrors of targets among them.
        """
        name = getattr(self.source.public, "__name__", "the function")
        for leaf, array in self.constants:
            if leaf._value is not array:
                raise LazygradError(
                    f"{name} cannot be called again for another shape or dtype, as {leaf!r}, an array among its "
                    f"arguments, was set: pass it as a node, `lazygrad.constant(array)`, and set that"
                )
        if any(isinstance(value, Iterator) for value in (*self.args, *self.kwargs.values())):
            raise LazygradError(f"{name} cannot be called again for another shape or dtype: pass a list, no iterator")
        mark = _next_serial()
        built: list[Node] = []
        again = call_unrecorded(self.source.meaning, *self.args, **self.kwargs)
        call_unrecorded(self._own, again, mark, built)
        if len(built) != self.count:
            raise ShapeError(
                f"{name} gives {len(built)} results for the new shapes, not {self.count}: build the graph again"
            )
        taken = {built[root._call[1]].serial: root for root in outcome if not root.op.is_mirror}
        last = self.mark
        for root in sorted(taken.values(), key=by_serial):
            i = built[root._call[1]]
            inputs = self._place_inside(root, i, taken, max(last, root.serial - 1), mark, changes)
            last = root.serial
            changes.set(root, op=i._op, inputs=inputs, static=i._static)
            changes.set_signature(root, i._shape, i._dtype)
            delist(i)
            if root._memo is not None:
                root._memo.follow_target(root, changes)
        # (A mirror of what is built of constants alone is told by its target: no argument leads to it.)
        mirrors = {id(i): (i, i._call[1]) for i in outcome if i.op.is_mirror}
        for root in taken.values():
            if root._memo is not None:
                mirrors.update({id(i): (i, root._call[1]) for i in root._memo.list_mirrors()})
        for mirror, place in mirrors.values():
            i = taken.get(built[place].serial, built[place])
            inputs = self._place_inside(mirror, i, taken, mirror.serial - 1, mark, changes)
            changes.set(mirror, op=mirror.op.take_over(i.op), inputs=inputs, static=i.static)
            changes.set_signature(mirror, i.shape, i.dtype)
        self._settle(built, [root for root in outcome if not root.op.is_mirror])

    def _place_inside(
        self, root: Node, i: Node, taken: Mapping[int, Node], after: float, mark: float, changes: Changes
    ) -> tuple[Node, ...]:
        """Place what `i` is computed from before `root`, which takes it over, and return the inputs it will have."""
        inside = [j for j in collect_new([i], mark) if j is not i]
        if any(taken[j._serial].serial >= root.serial for j in inside if j._serial in taken):
            name = getattr(self.source.public, "__name__", "the function")
            raise LazygradError(f"{name} builds its results in another order now: build the graph again")
        waiting = [j for j in inside if j._serial not in taken]
        for j in waiting:
            inputs = tuple([taken.get(k.serial, k) for k in j._inputs])
            if not _are_same(inputs, j._inputs):
                changes.set(j, inputs=inputs)
        place_before(root, waiting, after)
        return tuple([taken.get(k.serial, k) for k in i._inputs])


# -- copies ------------------------------------------------------------------------------------------


def _map_parts(value: Any, change: Callable[[Any], Any] | None, refer: Callable[[Node], Any] = lambda i: i) -> Any:
    """Return arguments with references to the nodes in them, and other things changed."""
    if isinstance(value, Node):
        return refer(value)
    if value.__class__ is slice:
        return slice(*[_map_parts(v, change, refer) for v in (value.start, value.stop, value.step)])
    if isinstance(value, (list, tuple)):
        parts = [_map_parts(v, change, refer) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if value.__class__ is dict:
        return {k: _map_parts(v, change, refer) for k, v in value.items()}
    return value if change is None else change(value)


def _drop_function(value: Any) -> Any:
    """Return the value, or what says that it was lost if it is a function that cannot be pickled."""
    if callable(value) and not isinstance(value, type):
        try:
            pickle.dumps(value)
        except Exception:
            return _raise_lost
    return value


def _raise_lost(*args: object, **kwargs: object) -> Any:
    """Raise LazygradError, in place of a function that could not be saved."""
    raise LazygradError(
        "a function among the arguments was no function of a module, so it could not be saved with the node: build the "
        "graph again for another shape or dtype"
    )
