"""The tasks of a question: a node without its neighbours, as a function of the values of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import attrs
import numpy as np
from dask._task_spec import DataNode, GraphNode, Task, TaskRef
from dask.tokenize import tokenize

from ..._derivatives.adjoint_node import AdjointNode, sum_contributions, unmirrored
from ..._derivatives.target_memo import MirrorOp
from ..._graph.leaf import CONSTANT
from ..._graph.node import Node
from ..._graph.types import DType
from ..._graph.value import find_pending
from ...ops._op import OPS, freeze
from ...ops._rule import Rule, pass_on
from .pickle import pack, unpack

__all__ = ["Graph", "Step"]


@attrs.frozen(eq=False)
class _NodeForm:
    """Shape, dtype and statics of a node and of its inputs: all that rules and ops ask of it, besides values."""

    shape: tuple[int, ...]
    dtype: DType
    static: Mapping[str, Any] = attrs.field(factory=dict)
    inputs: tuple[_NodeForm, ...] = ()

    @classmethod
    def of(cls, i: Node) -> _NodeForm:
        """Return the form of a node, and of its inputs without theirs."""
        return cls(i.shape, i.dtype, dict(i.static), tuple([cls(j.shape, j.dtype) for j in i.inputs]))

    def build(self, op: Any, inputs: tuple[Node, ...] | None = None) -> Node:
        """Return a node of this form: on these inputs, or on some without values."""
        if inputs is None:
            inputs = tuple([Node(None, (), CONSTANT, j.shape, j.dtype) for j in self.inputs])
        return Node(op, inputs, self.static, self.shape, self.dtype)

    def __dask_tokenize__(self) -> Any:
        return self.shape, self.dtype, dict(self.static), self.inputs


@attrs.frozen
class _Edge:
    """One contribution to an adjoint: whose rule it is, for which input, and the form of that consumer."""

    op: Any  # None where a derivative that was found in another way is passed on
    argnum: int = 0
    consumer: _NodeForm | None = None
    guarded: bool = False  # whether the rule is read as below an edge that selects

    @classmethod
    def of(cls, rule: Rule, consumer: Node, argnum: int) -> _Edge:
        """Return the contribution of an edge."""
        if rule.passes is not None:
            return cls(None)
        guarded = rule is not consumer.op.rule(argnum)
        return cls(_without_mirror(consumer.op), argnum, None if rule.simple else _NodeForm.of(consumer), guarded)

    @property
    def rule(self) -> Rule:
        """Return the rule as it is in this process."""
        found: Rule = PASS_ON if self.op is None else self.op.rule(self.argnum).reading(self.guarded)
        return found


PASS_ON = Rule(pass_on)


def _without_mirror(op: Any) -> Any:
    """Return the op of a node's target, where the node is a mirror of it."""
    return op.base if isinstance(op, MirrorOp) else op


@attrs.frozen(eq=False)
class Step:
    """The function of a task: from the values of a node's inputs to its own."""

    title: str  # the node, as errors call it
    form: _NodeForm
    op: Any = None  # of a forward value
    edges: tuple[_Edge, ...] = ()  # of an adjoint

    @classmethod
    def of(cls, i: Node) -> Step:
        """Return the step of a node."""
        if not isinstance(i, AdjointNode):
            built = "" if i.source is None else f", built at {i.source}"
            return cls(f"{i!r}{built}", _NodeForm.of(i), _without_mirror(i.op))
        edges = tuple([_Edge.of(rule, consumer, argnum) for rule, consumer, argnum, _, _ in i.each_edge()])
        return cls(f"the adjoint of {i.of!r}", _NodeForm(i.shape, i.dtype), None, edges)

    def __call__(self, *values: Any) -> Any:
        inputs = tuple([Node(None, (), CONSTANT, v.shape, v.dtype, value=_protect(v)) for v in values])
        try:
            if self.op is not None:
                return self.op.run(self.form.build(self.op, inputs))
            flat = [part for edge in self.edges for part in (edge.rule, edge.argnum)]
            consumers = (edge.consumer.build(edge.op) for edge in self.edges if edge.consumer is not None)
            return freeze(
                sum_contributions(inputs, tuple(flat), self.form.build(None), lambda rule, adjoint: next(consumers))
            )
        except Exception as error:
            error.add_note(f"while computing {self.title} in a task of Dask")
            raise

    def __reduce__(self) -> Any:
        return _unpack_step, (pack((self.title, self.form, self.op, self.edges)),)

    def __dask_tokenize__(self) -> Any:
        edges = [(_identify(edge.op), edge.argnum, edge.consumer, edge.guarded) for edge in self.edges]
        return "lazygrad", _identify(self.op), edges, self.form


def _unpack_step(fields: bytes) -> Step:
    return Step(*unpack(fields))


def _protect(value: Any) -> Any:
    """Return a value that an op cannot write to."""
    if value.__class__ is np.ndarray:
        value.flags.writeable = False
    return value


_own_ops: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def _identify(op: Any) -> str | None:
    """Return what tells an op from all others, in any process: users' own may share a name."""
    if op is None or OPS.get(op.name) is op:
        return None if op is None else op.name
    return _own_ops.setdefault(op, uuid4().hex)


@attrs.define(eq=False)
class Graph:
    """The tasks of some nodes at the present values of the leaves; keys are made of content alone."""

    tasks: dict[str, GraphNode] = attrs.field(factory=dict)
    _keys: dict[int, str] = attrs.field(factory=dict)  # by the serial of the node
    _done: dict[int, Node] = attrs.field(factory=dict)

    def add(self, root: Node) -> str:
        """Return the key of a node, after adding tasks for all that the memo does not hold."""
        for i in find_pending(root, self._done):
            step = Step.of(i)
            inputs = [self._find_key(j) for j in i.inputs]
            name = "adjoint" if step.op is None else step.op.name
            key = self._keys[i.serial] = f"{name}-{tokenize(step, inputs)}"
            self.tasks[key] = Task(key, step, *[TaskRef(j) for j in inputs])
        return self._find_key(root)

    def _find_key(self, j: Node) -> str:
        """Return the key of a node that has a task, or is in the memo."""
        i = unmirrored(j)
        if i.serial not in self._keys:
            value = j._value if i._value is None else i._value
            key = self._keys[i.serial] = f"memo-{_digest(value)}"
            self.tasks[key] = DataNode(key, value)
        return self._keys[i.serial]


def _digest(value: Any) -> str:
    """Return a digest of shape, dtype and bytes: -0.0 differs from 0.0, and nan equals itself."""
    digest = blake2b(f"{value.dtype.str}{value.shape}".encode(), digest_size=16)
    digest.update(value.tobytes())
    return digest.hexdigest()
