"""Copies of graphs: pickle, deepcopy and `copy`, without recursion however deep the graph.

A node is saved with everything it is computed from, oldest first, so that each node finds its inputs saved already; a
copy answers bit for bit as the original does. Values and adjoints in the memo are computed again when they are asked
for, unless they are saved along (`copy`, `dumps`).

What pickles hold of a node is a `_Part`: the pickler's own memo knows it again, so that nodes that several roots share
are one node after loading, too. Any pickler will do, also one that gives up half-way.
"""

from __future__ import annotations

import copy as _copy
import io
import pickle
import weakref
from collections.abc import Sequence
from threading import get_ident
from typing import Any, TypeVar

import attrs
import numpy as np

from .._graph.node import Node
from .._graph.turns import lock
from ..ops._calls import Call
from .arrivals import Arrivals, find_layout, flatten_memory
from .restoring import MemoOf, Private, collect_needs, describe, list_extras, list_held, list_links, restore
from .target_memo import AdjointOp

__all__ = ["copy", "copy_deeply", "copy_node", "dumps", "loads", "reduce_node"]

T = TypeVar("T")

# -- pickle ------------------------------------------------------------------------------------------


class _Saved:
    """A call of `restore` in the place of what it returns."""

    def __init__(self, kind: str, *arguments: object) -> None:
        self.call = kind, *arguments

    def __reduce__(self) -> Any:
        return restore, self.call


_ARRIVALS = _Saved("arrivals")


class _Part:
    """A stand-in in a pickle for a node, an op of adjoints, a memo, or an array: loaded, it is one."""

    __slots__ = ("__weakref__", "of", "value", "values")

    def __init__(self, of: object, values: bool) -> None:
        self.of, self.values = of, values
        self.value: Any = None

    def __reduce__(self) -> Any:
        refer = self.refer
        i: Any = self.of
        if isinstance(i, Node):
            described = describe(i, refer, dict(i._static))
            extras = list_extras(i, refer, self.values)
            return restore, ("node", _ARRIVALS, i._serial, described, self.value, extras)
        if isinstance(i, AdjointOp):
            return restore, ("adjoint op", _ARRIVALS, refer(i.mirror), refer(i.seed), i.order, i.masked)
        if isinstance(i, Call):
            return restore, ("call", _ARRIVALS, i.mark, *i.describe(refer, pickled=True))
        if isinstance(i, MemoOf):
            return restore, ("memo", *i.describe(refer, self.values))
        return restore, ("array", flatten_memory(i), i.shape, i.strides)

    def refer(self, to: object) -> _Part:
        """Return the part of something else."""
        return _find_part(to, self.values)


# Those that some pickler holds, by what they are of. A part holds that, so its id is not another's. Each thread has its
# own, as another thread's may hold the values of another state.
_parts: weakref.WeakValueDictionary[tuple[int, bool, int], _Part] = weakref.WeakValueDictionary()


def _find_part(of: object, values: bool) -> _Part:
    """Return the part of a node, op, memo or array: one, as long as a pickler holds it."""
    key = id(of.memo if isinstance(of, MemoOf) else of), values, get_ident()
    part = _parts.get(key)
    if part is None:
        part = _Part(of, values)
        if isinstance(of, Node):
            part.value = _find_value(of, values)
        part = _parts.setdefault(key, part)
    return part


def _find_value(i: Node, values: bool) -> Any:
    """Return the value of a leaf, or of any node that has one if all values are saved; None for none."""
    if not values:
        return i._value if i._op is None else None
    value = i._value
    if value is None or value.__class__ is not np.ndarray:
        return None if value is None else _Saved("value", value)
    layout = find_layout(value)
    if layout is None:
        return _Saved("value", _find_part(value, True))
    return _Saved("value", _find_part(layout[0], True), *layout[1:])


def reduce_node(self: Node, protocol: object = None, values: bool = False) -> Any:
    return _save([self], self, values)


def _reduce_memo(self: MemoOf, protocol: object = None, values: bool = False) -> Any:
    return _save([self.target, *list_held(self.memo, values)], self, values)


def _save(roots: Sequence[Node], wanted: Any, values: bool) -> Any:
    """Return what restores a node or memo: its part, after those of all it needs."""
    with lock:
        nodes = collect_needs(roots, values)
        parts: list[Any] = []
        for i in nodes:
            part = _find_part(i, values)
            if values or i._op is None:
                part.value = _find_value(i, values)  # as it is now: another pickler may hold the part since long
            parts.append(part)
        parts += [_Saved(*link) for link in list_links(nodes, parts[0].refer, values)]
        parts.append(_find_part(wanted, values))
    return restore, ("last", parts)


class _Pickler(pickle.Pickler):
    """A pickler that saves nodes with their values and adjoints."""

    def reducer_override(self, obj: object) -> Any:
        """Return what restores a node or memo; other things are pickled as ever."""
        if isinstance(obj, Node):
            return reduce_node(obj, values=True)
        return _reduce_memo(obj, values=True) if isinstance(obj, MemoOf) else NotImplemented


# -- deepcopy ----------------------------------------------------------------------------------------


class _Copying:
    """A note in the memo of a deep copy: its `Arrivals`, whether values come along, and all that has been copied."""

    def __init__(self, values: bool) -> None:
        self.values, self.arrivals = values, Arrivals()
        self.kept: list[Any] = []  # as long as their ids are in the memo


_COPYING = "lazygrad"  # where the memo of a deep copy has it; the other keys are numbers


class _Copier:
    """A helper that copies nodes for one deep copy; the memo does not hold it, so there is no cycle."""

    def __init__(self, memo: dict[Any, Any]) -> None:
        if _COPYING not in memo:
            memo[_COPYING] = _Copying(values=False)
        self.memo, self.copying = memo, memo[_COPYING]

    def copy_all(self, roots: Sequence[Node], wanted: object) -> Any:
        """Return the copy of a node or memo, after all it needs."""
        values = self.copying.values
        nodes = collect_needs(roots, values, lambda i: id(i) in self.memo)
        for i in nodes:
            if id(i) not in self.memo:
                self.copy_node(i, values)
        for link in list_links(nodes, self.refer, values):
            restore(*link)
        return self.refer(wanted)

    def copy_node(self, i: Node, values: bool) -> None:
        """Copy a node whose inputs are copied."""
        static = i._static if i._op is None else _copy.deepcopy(dict(i._static), self.memo)
        value = Private(i._value) if i._value is not None and (values or i._op is None) else None
        described, extras = describe(i, self.refer, static), list_extras(i, self.refer, values)
        self.keep(i, restore("node", self.copying.arrivals, i._serial, described, value, extras))

    def keep(self, of: object, its_copy: T) -> T:
        """Note the copy of something."""
        self.memo[id(of)] = its_copy
        self.copying.kept.append(of)
        return its_copy

    def refer(self, to: object) -> Any:
        """Return the copy of a node, an op of adjoints, or a memo."""
        key = to.memo if isinstance(to, MemoOf) else to
        found = self.memo.get(id(key))
        if found is not None:
            return found
        if isinstance(to, Node):
            return self.copy_all([to], to)
        if isinstance(to, AdjointOp):
            mirror, seed = self.refer(to.mirror), self.refer(to.seed)
            return self.keep(to, restore("adjoint op", self.copying.arrivals, mirror, seed, to.order, to.masked))
        if isinstance(to, Call):
            described = to.describe(self.refer, pickled=False)
            return self.keep(to, restore("call", self.copying.arrivals, to.mark, *described))
        described = to.describe(self.refer, self.copying.values)  # type: ignore[attr-defined]
        return self.keep(key, restore("memo", *described))


def copy_deeply(self: Node, memo: dict[Any, Any]) -> Any:
    with lock:
        return _Copier(memo).copy_all([self], self)


def _deepcopy_memo(self: MemoOf, memo: dict[Any, Any]) -> Any:
    with lock:
        copier = _Copier(memo)
        return copier.copy_all([self.target, *list_held(self.memo, copier.copying.values)], self)


def copy_node(self: Node) -> Any:
    """Return a node computed from the same inputs."""
    value = self._value if self.op is None else None
    described = describe(self, lambda to: to, dict(self.static))
    extras = list_extras(self, lambda to: attrs.evolve(to) if isinstance(to, Call) else to, False)
    return restore("node", Arrivals(), self.serial, described, value, extras)


# -- with values -------------------------------------------------------------------------------------


def copy(nodes: T, *, values: bool = True) -> T:
    """Copy nodes, and all they are computed from, with the values and adjoints that are known.

    Parameters
    ----------
    nodes
        A node, or any structure or object with nodes in it, as `copy.deepcopy` takes it.
    values
        Whether fresh values, and adjoints in the memos of the nodes, are copied along: then nothing is computed again.
        Without them this is `copy.deepcopy`.

    Returns
    -------
    The copy; its leaves are its own, and it answers bit for bit as the original does.

    See Also
    --------
    dumps : the same for another process.

    Notes
    -----
    The arrays of values are shared, as nobody can write to them; a leaf that is set gets one of its own.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([1.0, 2.0])
    >>> L = np.exp(x).sum()
    >>> dx = lg.gradient(L, x)
    >>> L2, x2 = lg.copy((L, x))
    >>> with lg.record() as report:
    ...     same = lg.gradient(L2, x2) == dx
    >>> same.all(), report.rules_run
    (np.True_, 0)
    """
    memo: dict[Any, Any] = {}
    with lock:
        memo[_COPYING] = _Copying(values)
        return _copy.deepcopy(nodes, memo)


def dumps(nodes: object, *, values: bool = True, protocol: int | None = None) -> bytes:
    """Pickle nodes, and all they are computed from, with the values and adjoints that are known.

    Parameters
    ----------
    nodes
        A node, or any structure or object with nodes in it, as `pickle.dumps` takes it.
    values
        Whether fresh values, and adjoints in the memos of the nodes, are saved along. Without them this is
        `pickle.dumps`.
    protocol
        As for `pickle.dumps`.

    Returns
    -------
    Bytes, for `loads` or `pickle.loads`.

    See Also
    --------
    copy : the same within this process.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> L = np.exp(lg.parameter([1.0, 2.0])).sum()
    >>> L.value
    array(10.10733793)
    >>> lg.loads(lg.dumps(L))
    <sum #..., shape (), float64>
    >>> lg.loads(lg.dumps(L, values=False))
    <sum #..., shape (), float64, not computed>
    """
    stream = io.BytesIO()
    with lock:
        (_Pickler if values else pickle.Pickler)(stream, protocol).dump(nodes)
    return stream.getvalue()


def loads(data: bytes) -> object:
    """Load what `dumps` or `pickle.dumps` has saved; like any pickle it can run code, so its origin must be trusted.

    Parameters
    ----------
    data
        The bytes.

    Returns
    -------
    The nodes, or the structure of them, in a graph of their own.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0, name="x")
    >>> y, again = lg.loads(lg.dumps((x * x, x)))
    >>> lg.gradient(y, again)
    array(6.)
    """
    return pickle.loads(data)


for _name, _method in {"__reduce_ex__": _reduce_memo, "__deepcopy__": _deepcopy_memo}.items():
    setattr(MemoOf, _name, _method)
