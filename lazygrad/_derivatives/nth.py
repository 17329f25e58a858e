"""The n-th derivative by one number, in polynomially many nodes.

The derivative by x is a derivation D of the nodes: D(x) = 1, and the chain rule. Applying gradients to gradients
anew at each order forgets that all orders have the *same* D, and doubles the graph or worse each time. Here one memo
of tangents serves all orders, and equal nodes are one node: the n-th derivative of a product then consists of the
products a^(i) b^(j), i + j <= n, and of sums of them, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from .._graph.leaf import constant
from .._graph.node import Node, _next_serial, build, by_serial
from .._graph.traverse import ancestors, collect_inputs_first
from ..ops._guards import keep_taken
from ..ops.arithmetic import divide, guarded_divide, guarded_multiply, multiply
from .adjoint_node import unbroadcast_node
from .tangents import Tangents

__all__ = ["Derivation"]


class Derivation(Tangents):
    """D = d/dx for one 0-d node x, applied to any nodes, again and again.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0)
    >>> d = Derivation(x)
    >>> y = x**3
    >>> d.of(y).item(), d.of(d.of(y)).item(), d.of(d.of(d.of(d.of(y))))
    (12.0, 12.0, None)
    """

    def __init__(self, x: Node) -> None:
        super().__init__({x: constant(np.ones((), x.dtype))})
        self._known: dict[Hashable, Node] = {}

    def nth(self, y: Node, n: int) -> Node | None:
        """Apply D n times; return None if the result is structurally zero."""
        for i in ancestors(y):
            if i._serial >= self._oldest:
                self._known.setdefault(key_of(i), i)
        found: Node | None = y
        for _ in range(n):
            found = None if found is None else self.of(found)
        return found

    def _build(self, i: Node) -> None:
        if i._op is divide or i._op is guarded_divide:
            self._found[i._serial] = self._differentiate_quotient(i)
        else:
            super()._build(i)

    def _differentiate_quotient(self, q: Node) -> Node | None:
        """Return D(x / y) = (Dx - q Dy) / y with q = x / y: one division, of derivatives of q that are there anyway.

        As two terms, each a division of its own, the n-th derivative would take all 2^n orders of dividing.
        """
        x, y = q.inputs
        before = _next_serial()
        by_x, by_y = self._found.get(x.serial), self._found.get(y.serial)
        times, over = (guarded_multiply, guarded_divide) if q._op is guarded_divide else (multiply, divide)
        if by_y is not None:
            by_y = -times(by_y, q)
        numerator = by_y if by_x is None else by_x if by_y is None else by_x + by_y
        if numerator is None:
            return None
        quotient = over(numerator, y)
        self._keep_mark(q, [self._taken.get(j._serial) for j in (x, y) if self._found.get(j._serial) is not None])
        if (taken := self._taken.get(q.serial)) is not None:
            quotient = keep_taken(quotient, taken)
        return self._share(unbroadcast_node(quotient, q), before)

    def _make_term(self, i: Node, argnum: int, tangent: Any) -> Node:
        """Return the term of one input, in which nodes that are there already take the place of equal new ones."""
        before = _next_serial()
        term = super()._make_term(i, argnum, tangent)
        return self._share(term, before)

    def _mark(self, make: Callable[..., Any], *args: Any) -> Any:
        before = _next_serial()
        mark = make(*args)
        return self._share(mark, before) if isinstance(mark, Node) and mark.serial >= before else mark

    def _add(self, first: Any, second: Any) -> Node:
        return self._share(super()._add(first, second), 0)

    def _share(self, term: Node, before: int) -> Node:
        """Return a term whose nodes younger than `before` are replaced by equal ones that are known."""
        if term.serial in self._found:
            return term
        fresh = collect_inputs_first(term, lambda i: [j for j in i._inputs if j._serial > before]) if before else [term]
        place: dict[int, Node] = {}
        for old in sorted(fresh, key=by_serial):
            if old.__class__ is not Node:  # an adjoint that a rule asked for: one built anew would not know its edges
                place[old.serial] = old
                continue
            inputs = tuple([place.get(j._serial, j) for j in old.inputs])
            same = all(j is k for j, k in zip(inputs, old.inputs, strict=True))
            i = old if same else build(old.op, inputs, old.static, old.shape, old.dtype)
            place[old.serial] = self._known.setdefault(key_of(i), i)
        return place[term.serial]


def key_of(i: Node) -> Hashable:
    """Return the key that equal nodes share: op, inputs and statics; of constant numbers dtype and bytes."""
    if i._op is None:
        return (i._dtype, i._value.tobytes()) if "number" in i._static else i._serial
    plain = (bool, int, float, complex, str, tuple, np.generic)
    statics = tuple([(name, repr(v) if v is None or isinstance(v, plain) else id(v)) for name, v in i._static.items()])
    return (id(i._op), tuple([j._serial for j in i._inputs]), statics, i._shape, i._dtype)
