"""Lowering: nodes become rows of a program, and adjoints are written out into ops.

Rules, and ops that are made of others, are read once on stand-ins for each combination of shapes, and then copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Hashable, Sequence
from typing import Any

import attrs
import numpy as np

from .._derivatives.adjoint_node import AdjointNode, ValueHolder, sum_contributions, unbroadcast_node, unbroadcast_to
from .._derivatives.target_memo import MirrorOp
from .._graph.demand import demand
from .._graph.node import NO_STATIC, Node
from .._graph.traverse import collect_inputs_first
from .._graph.types import DType, Shape
from ..ops import linear
from ..ops._op import Op
from ..ops._rule import Rule
from .kernels import Kernel, is_ours, make_typed_key
from .program import Program

__all__ = ["lower"]

STAND = {"leaf": "stand-in"}
SHORT = (np.dtype(np.float16), np.dtype(np.float32))


def get_base(op: Any) -> Any:
    """Return the op that a mirror has from its target; any other op itself."""
    return op.base if op.__class__ is MirrorOp else op


@attrs.frozen(eq=False)
class Template:
    """The rows of a rule that was read once: op, statics, arguments, shape, dtype.

    An argument is a row of the template, or ``-1 - k`` for the argument at place k; a literal is a row without op.
    """

    rows: tuple[tuple[Any, Any, tuple[int, ...], Shape, DType], ...]
    result: int


def _record_template(stands: Sequence[Node], result: Node) -> Template:
    places = {s.serial: -1 - k for k, s in enumerate(stands)}
    rows: list[Any] = []
    for i in collect_inputs_first(result, lambda j: j._inputs):
        if i._serial in places:
            continue
        places[i._serial] = len(rows)
        if i._op is None:
            rows.append((None, i._value, (), i.shape, i.dtype))
        else:
            rows.append((i._op, i._static, tuple([places[j._serial] for j in i._inputs]), i.shape, i.dtype))
    return Template(tuple(rows), places[result.serial])


@attrs.define(eq=False, repr=False)
class _Lowering:
    """A program in the making, and the row of each node that it has so far."""

    program: Program
    rows: dict[int, int] = attrs.field(factory=dict)  # serial of a node -> its row
    templates: dict[Hashable, Template | None] = attrs.field(factory=dict)
    settled: float = math.inf  # nodes from this serial on are not taken from the memo
    moving: set[int] | None = None  # serials of what depends on the inputs; None if all is to be computed

    def lower(self, i: Node) -> None:
        """Give a node its row; its inputs have theirs."""
        program = self.program
        moving = self.moving
        if moving is not None:
            if i._serial in program.given or any(j._serial in moving for j in i._inputs):
                moving.add(i._serial)
            elif (
                i._op is not None
                and i._serial < self.settled
                and any(self.rows[j._serial] not in program.literals for j in i._inputs)
            ):
                self.rows[i._serial] = program.add_leaf(i)  # it stays the same, so the memo has it
                return
        if i._op is None:
            row = program.add_leaf(i)
        elif i.__class__ is AdjointNode:
            row = self._lower_adjoint(i)
        else:
            op = get_base(i._op)
            args = tuple([self.rows[j._serial] for j in i._inputs])
            row = (
                self._lower_composite(op, i, args)
                if op.composite
                else program.apply(op, i._static, args, i.shape, i.dtype)
            )
        if program.origins[row] is None:
            program.origins[row] = i
        self.rows[i._serial] = row

    def _lower_adjoint(self, i: AdjointNode) -> int:
        """Add up the contributions of an adjoint, oldest first, and return the row of the sum."""
        of = i.of
        edges = list(i.each_edge())
        if len(edges) > 2 and any(rule.into is not None for rule, *_ in edges):
            return self._lower_accumulation(i)
        total: int | None = None
        disordered = self.program.disordered if self.program.exact and len(edges) > 2 else ()
        for rule, consumer, argnum, start, stop in edges:
            args = tuple([self.rows[j._serial] for j in i._inputs[start:stop]])
            term = self._lower_term(rule, consumer, argnum, args, of)
            if term in disordered:  # the memo adds the third into the sum of the first two, however that lies
                return self._lower_accumulation(i)
            total = (
                term if total is None else self.program.apply(linear.add, NO_STATIC, (total, term), of.shape, of.dtype)
            )
        if total is None:
            return self.program.add_literal(np.zeros(of.shape, of.dtype)[()])
        return total

    def _lower_term(self, rule: Rule, consumer: Node, argnum: int, args: tuple[int, ...], of: Node) -> int:
        shapes, dtypes = self.program.shapes, self.program.dtypes
        meta = rule.meta(consumer, argnum) if rule.metas else NO_STATIC
        key: Hashable = (rule, *[(shapes[a], dtypes[a]) for a in args], of.shape, of.dtype, make_typed_key(meta))
        try:
            known = key in self.templates
        except TypeError:
            known, key = False, object()
        if not known:
            read = (
                None
                if rule.passes is None and self._needs_numpy(consumer._op, args)
                else self._read_on_stand_ins(lambda *stands: unbroadcast_node(rule.function(*stands, **meta), of), args)
            )
            self.templates[key] = read
        template = self.templates[key]
        if template is None:  # a rule for arrays alone

            def term(*values: Any) -> Any:
                return unbroadcast_to(rule.function(*values, **meta), of.shape, of.dtype, rule)

            users = rule.passes is None and not is_ours(get_base(consumer._op))
            kernel = Kernel("call", rule.label or "rule", term, pure=False, users=users)
            return self.program.add_kernel(kernel, args, of.shape, of.dtype)
        return self._copy_rows(template, args)

    def _lower_composite(self, op: Op, i: Node, args: tuple[int, ...]) -> int:
        """Return the row of an op whose function is written out on nodes, as rules are."""
        shapes, dtypes = self.program.shapes, self.program.dtypes
        key: Hashable = (op, *[(shapes[a], dtypes[a]) for a in args], make_typed_key(i._static))
        if key not in self.templates:
            read = (
                None
                if self._needs_numpy(op, args)
                else self._read_on_stand_ins(lambda *stands: op.function(*stands, **i._static), args)
            )
            self.templates[key] = read
        template = self.templates[key]
        if template is None:
            return self.program.apply(op, i._static, args, i.shape, i.dtype)
        return self._copy_rows(template, args)

    def _needs_numpy(self, op: Op, args: tuple[int, ...]) -> bool:
        """Return whether a function on arrays may give other last bits than the ops that it is written out in.

        As NumPy's of complex numbers do, SciPy's of single precision, which keep double precision in between, and a
        user's, of which nothing is known.
        """
        program = self.program
        if not program.exact:
            return False
        if not is_ours(get_base(op)):
            return True
        scipys = op.name.startswith("scipy.")
        dtypes = program.dtypes
        return any(dtypes[a].kind == "c" or ((scipys or not program.shapes[a]) and dtypes[a] in SHORT) for a in args)

    def _read_on_stand_ins(self, build: Callable[..., Any], args: tuple[int, ...]) -> Template | None:
        stands = [Node(None, (), STAND, self.program.shapes[a], self.program.dtypes[a]) for a in args]
        try:
            return _record_template(stands, build(*stands))
        except Exception:  # whatever it is, on arrays it may be none
            return None

    def _copy_rows(self, template: Template, args: tuple[int, ...]) -> int:
        program = self.program
        made: list[int] = []
        for op, static, places, shape, dtype in template.rows:
            if op is None:
                made.append(program.add_literal(static))
                continue
            given = tuple([made[p] if p >= 0 else args[-1 - p] for p in places])
            if op is linear.broadcast_to:
                made.append(program.expand(given[0], shape, dtype))
            elif op.composite:
                made.append(self._lower_nested(op, static, given, shape, dtype))
            else:
                made.append(program.apply(op, static, given, shape, dtype))
        return made[template.result] if template.result >= 0 else args[-1 - template.result]

    def _lower_nested(self, op: Op, static: Any, args: tuple[int, ...], shape: Shape, dtype: DType) -> int:
        return self._lower_composite(op, Node(op, (), static, shape, dtype), args)

    def _lower_accumulation(self, i: AdjointNode) -> int:
        """Return the row of a sum of contributions that are mostly zeros, added in place as the memo adds them."""
        args = tuple([self.rows[j._serial] for j in i._inputs])
        edges, of, consumer, inputs = i.edges, i.of, i._op.consumer, i._inputs

        def total(*values: Any) -> Any:
            held = [ValueHolder(j, value) for value, j in zip(values, inputs, strict=True)]
            return sum_contributions(held, edges, of, lambda rule, adjoint: consumer(rule, adjoint.node))

        users = any(rule.passes is None and not is_ours(get_base(c._op)) for rule, c, *_ in i.each_edge())
        kernel = Kernel("call", "contributions", total, pure=False, users=users)
        return self.program.add_kernel(kernel, args, of.shape, of.dtype)


def lower(
    roots: Sequence[Node],
    guarded: bool = False,
    boundary: Sequence[Node] = (),
    exact: bool = True,
    given: Container[int] = (),
    settled: float = 0,
) -> Program:
    """Return the program that computes these nodes, all that they need, and nothing else.

    The values of the nodes of the boundary are there already; so are those of all nodes before the serial `settled`
    that do not depend on what is given. Time and memory are linear in the nodes below the roots.
    """
    program = Program(guarded, exact, given=given)
    lowering = _Lowering(program, settled=settled, moving=set() if settled else None)
    rows = lowering.rows
    for i in boundary:
        rows[i._serial] = program.add_leaf(i)

    def missing(i: Node) -> Sequence[Node] | None:
        return None if i._serial in rows else [j for j in i._inputs if j._serial not in rows]

    for root in roots:
        demand(root, missing, lowering.lower)
    program.outputs = [rows[root.serial] for root in roots]
    return program
