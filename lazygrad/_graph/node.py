"""The node of the lazy graph.

A computation graph (Stratos 1; Collins Definition 1) is held by its nodes alone: each knows the
inputs it was built from, pa(i), strongly, and the consumers built on it, ch(i), weakly. So a graph
lives exactly as long as somebody holds one of its outputs, and there is no graph object.
"""

from __future__ import annotations

import itertools
import math
import operator
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs

from .turns import lock
from .types import Array, ArrayLike, DType, Shape, Signature, Statics

if TYPE_CHECKING:
    from .node_methods import NodeMethods
else:
    NodeMethods = object

__all__ = ["Node", "NodeOrArray", "Operand"]

_next_serial = itertools.count(1).__next__

NO_STATIC: Mapping[str, Any] = MappingProxyType({})
INEXACT = "fc"  # the kinds of dtype that have derivatives: real and complex floating point

_FIRST_SWEEP = 8


class Runnable(Protocol):
    """The part of an op that a node needs: a name, and the local function f^i (Stratos 1)."""

    name: str

    def run(self, node: Node) -> Array: ...

    def infer(self, node: Node) -> Signature: ...


@attrs.define(eq=False, repr=False)
class Node(NodeMethods):
    """A value that is computed when somebody asks, and then kept.

    Nodes are made by `lazygrad.parameter`, `lazygrad.constant`, by operators and functions applied
    to nodes, and by `lazygrad.adjoint`; never by calling this class.

    Attributes
    ----------
    op
        The op that computes the node; None for a leaf.
    inputs
        The nodes it is computed from, pa(i) in Stratos' notation.
    static
        The op's keyword arguments, such as ``axis``.
    shape, dtype
        Known as soon as the node is built.
    name
        A name for reports, or None. May be assigned.
    serial
        The order of creation: inputs have smaller serials than their consumers.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([1.0, 2.0], name="x")
    >>> y = x * x
    >>> y
    <multiply #..., shape (2,), float64, not computed>
    >>> y.value
    array([1., 4.])
    >>> x.set([3.0, 4.0])
    >>> y
    <multiply #..., shape (2,), float64, stale>
    """

    __module__ = "lazygrad"

    # What is public is read-only; modules that are run for every node read and write these.
    _op: Any
    _inputs: tuple[Node, ...]
    _static: Mapping[str, Any]
    _shape: tuple[int, ...]
    _dtype: DType
    name: str | None = None
    _serial: int = attrs.field(factory=_next_serial)
    _value: Any = None  # the memo of forward-rec: None is "not there"
    _stale: bool = False  # it was there, until a leaf below it was set
    # Weak references to the consumers. One alone is held without a list: most nodes have no more, and
    # every container less spares the garbage collector a visit.
    _consumers: weakref.ref[Node] | list[weakref.ref[Node]] | None = None
    _sweep_at: int = _FIRST_SWEEP
    _memo: Any = None  # what is known of the derivatives of this node as a target
    # Where it stands in sums if that is not the place of its creation; not set for most (`summation_key`).
    _key: tuple[float, ...] = attrs.field(init=False)
    # The user's file and line; not set unless `trace_sources` looks for them.
    _source: tuple[str, int] | None = attrs.field(init=False)
    # The call of a function that the node came from, and its place among the results; not set if it was an op's.
    _call: Any = attrs.field(init=False)

    @property
    def is_leaf(self) -> bool:
        """Return whether the node is an input of the graph, V_I in Stratos' notation."""
        return self._op is None

    @property
    def ndim(self) -> int:
        """Return the number of axes."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """Return the number of elements."""
        return math.prod(self._shape)

    @property
    def consumers(self) -> tuple[Node, ...]:
        """Return the living nodes built on this one, ch(i) in Stratos' notation, oldest first."""
        return tuple(sorted(living_consumers(self), key=by_serial))

    def __repr__(self) -> str:
        kind = self._static["leaf"] if self._op is None else self._op.name
        state = "" if self._value is not None else ", stale" if self._stale else ", not computed"
        name = "" if self.name is None else f" {self.name!r}"
        return f"<{kind}{name} #{self._serial}, shape {self._shape}, {self._dtype}{state}>"


class _FixedError(AttributeError, TypeError):
    """An attribute of a node cannot be assigned."""


def _fix(name: str, look_up: Callable[[Node], Any], hint: str) -> None:
    """Let users read an attribute of nodes that only the library writes, under its private name."""

    def refuse(self: Node, value: object) -> None:
        raise _FixedError(f"`.{name}` of {self!r} cannot be assigned, as nodes do not change: {hint}")

    setattr(Node, name, property(look_up, refuse, doc=look_up.__doc__))


for _name, _hint in {
    "op": "build another node",
    "inputs": "build another node from others",
    "static": "build another node with other keywords",
    "shape": "`.reshape` makes another node, and `.set` may give a leaf another shape",
    "dtype": "`.astype` makes another node",
    "serial": "it is the order of creation",
}.items():
    _fix(_name, operator.attrgetter(f"_{_name}"), _hint)
for _name in ("consumers", "is_leaf", "ndim", "size"):
    _fix(_name, Node.__dict__[_name].fget, "it follows from what the node is")


NodeOrArray: TypeAlias = Node | Array  # the two readings of a rule's text
Operand: TypeAlias = Node | ArrayLike  # what operators and NumPy's functions take beside a node


def install(members: Mapping[str, object]) -> None:
    """Give `Node` methods that are written below this module (`node_methods.pyi` lists them all)."""
    for name, member in members.items():
        if isinstance(member, FunctionType):
            member.__qualname__ = f"Node.{name}"  # as errors of a call name it
        setattr(Node, name, member)


def by_serial(node: Node) -> int:
    """Return the sort key of the order of creation, which is a topological order."""
    return node._serial


def summation_key(node: Node) -> tuple[float, ...]:
    """Return the sort key of contributions: by creation, but an adjoint, and what it unfolds into, after its target.

    So the order, and with it every bit of a sum, does not depend on which questions came first.
    """
    if node.__class__ is Node:
        return getattr(node, "_key", None) or (node._serial,)
    return node.summation_key()  # type: ignore[attr-defined]


def label(node: Node) -> str:
    """Return the node's name, or the op and serial that stand for it in reports."""
    if node.name is not None:
        return node.name
    return f"{'leaf' if node._op is None else node._op.name}#{node._serial}"


def build(
    op: Runnable,
    inputs: tuple[Node, ...],
    static: Statics,
    shape: Shape,
    dtype: DType,
) -> Node:
    """Make a node and tell its inputs of their new consumer."""
    node = Node(op, inputs, static, shape, dtype)
    enlist(node)
    return node


def enlist(node: Node, inputs: tuple[Node, ...] | None = None) -> None:
    """Enter `node` among the consumers of each of its inputs, or of other nodes that it must follow."""
    ref = weakref.ref(node)
    previous = None
    for j in node._inputs if inputs is None else inputs:
        if j is previous:  # x * x; any other repetition only costs a second look
            continue
        previous = j
        consumers = j._consumers
        if consumers is None:
            j._consumers = ref
        elif consumers.__class__ is not list:
            j._consumers = [consumers, ref]  # type: ignore[list-item]
        else:
            if len(consumers) >= j._sweep_at:
                _sweep(j, consumers)
            consumers.append(ref)


def delist(node: Node, inputs: tuple[Node, ...] | None = None) -> None:
    """Take `node` from among the consumers of its inputs, or of other nodes: it was built only to look at."""
    for j in node._inputs if inputs is None else inputs:
        consumers = j._consumers
        if isinstance(consumers, list):
            for k in range(len(consumers) - 1, -1, -1):  # it is mostly the last
                if consumers[k]() is node:
                    del consumers[k]
                    break
        elif consumers is not None and consumers() is node:
            j._consumers = None


def consumer_refs(node: Node) -> tuple[weakref.ref[Node], ...]:
    """Return weak references to the consumers, some perhaps dead, as a copy: building nodes adds to them."""
    consumers = node._consumers
    if consumers is None:
        return ()
    return tuple(consumers) if isinstance(consumers, list) else (consumers,)


def iterate_consumers(node: Node) -> Iterator[weakref.ref[Node]]:
    """Yield weak references to the consumers, some perhaps dead or twice, without a copy: one may stop after a few."""
    consumers = node._consumers
    if consumers.__class__ is not list:
        yield from () if consumers is None else (consumers,)  # type: ignore[misc]
        return
    k, swept = 0, node._sweep_at
    while k < len(consumers):
        ref = consumers[k]
        yield ref
        if node._sweep_at != swept or k >= len(consumers) or consumers[k] is not ref:  # some have changed their places
            yield from tuple(consumers)
            return
        k += 1


def living_consumers(node: Node) -> list[Node]:
    """Return the consumers that are still alive, in no order."""
    return [c for ref in consumer_refs(node) if (c := ref()) is not None]


def _sweep(node: Node, consumers: list[weakref.ref[Node]]) -> None:
    """Forget dead consumers, and again when as many more have come, so that each costs O(1)."""
    with lock:
        k = 0
        while k < len(consumers):
            ref = consumers[k]
            if ref() is not None:
                k += 1
            # The last takes the place of the dead one: `pop` and item assignment leave what another
            # thread appends meanwhile alone, where a new list would lose it.
            elif (last := consumers.pop()) is not ref:
                consumers[k] = last
        # Another number each time: by it a walk over the consumers sees that some have changed their places.
        count, old = max(_FIRST_SWEEP, 2 * len(consumers)), node._sweep_at
        node._sweep_at = old - 1 if count - 3 < old <= count else count
