"""Jacobians of nodes by nodes, by the cheaper order.

Along a chain the Jacobian is a product of local ones (Tomassoli 14, equation 6). From the output side (foldr,
Collins: P^n = I(d^n), P^j = sum P^i J^{j->i}) it costs what the rows cost, from the input side (foldl) what the columns
cost; Sullivan counts 2m^2 + md against 2m^2 d + md multiplications. Both are counted here from the shapes on the
path before anything is computed; for a chain, the best bracketing is found by dynamic programming.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import attrs
import numpy as np

from .._derivatives.edges import find_edges_between
from .._graph.node import Node
from .._graph.settings import describe
from .._graph.trees import map_tree
from .._graph.turns import as_one_question, lock
from .._graph.types import Array, Structure
from .._graph.value import readonly_view
from .._query.checks import map_nodes, resolve_names
from .._query.second_order import differentiate_elements
from ..ops._bracketing import Tree, best_bracketing
from .local import Factor, factors
from .structured import Form, Matrix, add, form_of_product, form_of_sum, identity, multiply

__all__ = ["Plan", "jacobian", "jacobian_plan", "of_structures"]

Order = Literal["auto", "reverse", "forward", "optimal"]
Edge = tuple[Node, Node, list[Factor]]  # input, consumer, the local Jacobian's factors
LONGEST = 200  # factors of a chain that is bracketed optimally: the dynamic programme is cubic


@attrs.frozen
class Plan:
    """The cost of a Jacobian, in multiplications, and which order was chosen.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([1.0, 2.0])
    >>> plan = lg.jacobian_plan(np.ones((1, 2)) @ (np.ones((2, 2)) @ x), x)
    >>> plan.order, plan.multiplications
    ('reverse', 4)
    """

    __module__ = "lazygrad"

    order: str
    multiplications: int
    reverse: int
    forward: int
    tree: Any = attrs.field(default=None, repr=False)  # the bracketing, where that is the order


def _edges(Y: Node, X: Node) -> list[Edge]:
    """Return the edges between X and Y, inputs first."""
    between = [edge for edges in find_edges_between(X, Y).values() for edge in edges]
    found = [(edge.input, edge.consumer, factors(edge.consumer, edge.argnum)) for edge in between]
    return sorted(found, key=lambda edge: (edge[1].serial, edge[0].serial))


@attrs.define
class _Forms:
    """Arithmetic on forms, which counts."""

    multiplications: int = 0

    def one(self, node: Node) -> Form:
        return Form.identity(node.size)

    def factor(self, factor: Factor) -> Form:
        return factor[0]

    def times(self, x: Form, y: Form) -> Form:
        form, cost = form_of_product(x, y)
        self.multiplications += cost
        return form

    def plus(self, x: Form, y: Form) -> Form:
        return form_of_sum(x, y)


class _Matrices:
    """Arithmetic on structured matrices, in step with that on their forms."""

    def one(self, node: Node) -> Matrix:
        return identity(node.size, node.dtype)

    def factor(self, factor: Factor) -> Matrix:
        return factor[1]()

    def times(self, x: Matrix, y: Matrix) -> Matrix:
        return multiply(x, y)

    def plus(self, x: Matrix, y: Matrix) -> Matrix:
        return add(x, y)


def _from_output(edges: Sequence[Edge], Y: Node, X: Node, on: Any) -> Any:
    """Sum from the output down: P^Y = I; P^j = sum over consumers i of P^i J^{j->i} (Collins, figure 1.5)."""
    P = {Y.serial: on.one(Y)}
    for i, c, local in sorted(edges, key=lambda edge: -edge[1].serial):
        term = P[c.serial]
        for factor in local:
            term = on.times(term, on.factor(factor))
        P[i.serial] = term if i.serial not in P else on.plus(P[i.serial], term)
    return P[X.serial]


def _from_input(edges: Sequence[Edge], Y: Node, X: Node, on: Any) -> Any:
    """Sum from the input up: T^X = I; T^i = sum over inputs j of J^{j->i} T^j (Sullivan's forward mode)."""
    T = {X.serial: on.one(X)}
    for i, c, local in edges:
        term = T[i.serial]
        for factor in reversed(local):
            term = on.times(on.factor(factor), term)
        T[c.serial] = term if c.serial not in T else on.plus(T[c.serial], term)
    return T[Y.serial]


def _chain(edges: Sequence[Edge]) -> list[Factor] | None:
    """Return the factors of the product, output side first, if the edges are a chain; else None."""
    if len({i.serial for i, _, _ in edges}) < len(edges) or len({c.serial for _, c, _ in edges}) < len(edges):
        return None
    return [factor for _, _, local in reversed(edges) for factor in local if not factor[0].unit] or edges[0][2]


def _multiply_out(chain: Sequence[Factor], tree: Tree) -> Matrix:
    """Multiply by a bracketing; on an explicit stack, as it can be as deep as the chain."""
    done: list[Matrix] = []
    todo: list[Any] = [tree]
    while todo:
        item = todo.pop()
        if item is None:
            right = done.pop()
            done.append(multiply(done.pop(), right))
        elif isinstance(item, int):
            done.append(chain[item][1]())
        else:
            todo += [None, item[1], item[0]]
    return done[0]


def _choose_order(edges: Sequence[Edge], Y: Node, X: Node, order: str) -> Plan:
    counts = {}
    for name, accumulate in ACCUMULATE.items():
        on = _Forms()
        accumulate(edges, Y, X, on)
        counts[name] = on.multiplications
    cheaper = "reverse" if counts["reverse"] <= counts["forward"] else "forward"
    if order == "optimal":
        chain = _chain(edges)
        if chain is not None and len(chain) <= LONGEST:
            cost, tree = best_bracketing([form for form, _ in chain], form_of_product)
            if cost < counts[cheaper]:
                return Plan("optimal", cost, counts["reverse"], counts["forward"], tree)
    chosen = order if order in counts else cheaper
    return Plan(chosen, counts[chosen], counts["reverse"], counts["forward"])


ACCUMULATE: dict[str, Callable[..., Any]] = {"reverse": _from_output, "forward": _from_input}


def _check_nodes(Y: Any, X: Any, order: str) -> None:
    for node in (Y, X):
        if not isinstance(node, Node):
            raise TypeError(f"the Jacobian of nodes by nodes takes nodes, not {describe(node)}")
        if node.dtype.kind != "f":
            raise TypeError(f"there is no Jacobian of or by {node!r}: its dtype is {node.dtype}")
    if order not in ("auto", "optimal", *ACCUMULATE):
        raise ValueError(f"order must be 'auto', 'reverse', 'forward' or 'optimal', not {order!r}")


def jacobian_plan(Y: Node, X: Node, order: Order = "auto") -> Plan:
    """Return what `jacobian` would do and its cost in multiplications; nothing is computed.

    Parameters
    ----------
    Y, X, order
        As for `jacobian`.

    Returns
    -------
    Plan with the chosen ``order``, its ``multiplications``, and what ``reverse`` and ``forward`` would take.

    Notes
    -----
    Products of local Jacobians count, additions do not, nor does computing the local Jacobians themselves.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter(np.ones(5))
    >>> h = np.ones((4, 5)) @ x
    >>> y = np.ones((1, 4)) @ (np.ones((4, 4)) @ h)
    >>> jacobian_plan(y, x)
    Plan(order='reverse', multiplications=36, reverse=36, forward=100)
    """
    _check_nodes(Y, X, order)
    with lock:
        edges = [] if Y is X else _edges(Y, X)
        return _choose_order(edges, Y, X, order) if edges else Plan("reverse", 0, 0, 0)


def of_structures(Y: Structure, X: Structure, *, order: Order = "auto") -> Any:
    """Return the Jacobians of nodes by nodes, in the structure of `Y` and each in that of `X`."""
    if isinstance(Y, Node) and isinstance(X, Node):
        return jacobian(Y, X, order=order)
    hint = "the Jacobian of nodes by nodes takes nodes (of a function by its arguments: `argnums` is an int or several)"
    if callable(Y) and not isinstance(Y, Node):
        raise TypeError(f"{hint}, not {describe(Y)}")
    if isinstance(X, int):
        raise TypeError(f"{hint}: name those to differentiate by, `lazygrad.jacobian(Y, X)`")

    def one(target: Any) -> Any:
        if not isinstance(target, Node):
            raise TypeError(f"{hint}, not {describe(target)}")
        return map_nodes(resolve_names(X, target), lambda node: jacobian(target, node, order=order))

    return map_tree(one, Y)


def jacobian(Y: Node, X: Node, *, order: Order = "auto") -> Array:
    """Return dY/dX for nodes of any shape; `lazygrad.jacobian` tells more."""
    _check_nodes(Y, X, order)

    def compute() -> Array:
        if Y is X:
            found = identity(X.size, X.dtype)
        elif not (edges := _edges(Y, X)):
            return readonly_view(np.zeros(Y.shape + X.shape, X.dtype))
        else:
            plan = _choose_order(edges, Y, X, order)
            if plan.order == "optimal":
                found = _multiply_out(_chain(edges) or [], plan.tree)
            else:
                found = ACCUMULATE[plan.order](edges, Y, X, _Matrices())
        made = found.dense()
        if np.isnan(
            made
        ).any():  # 0 times inf, it may be of what was not taken: rules know, products of matrices do not
            made = np.reshape(differentiate_elements(Y, [X])[0], made.shape)
        return readonly_view(made.reshape(Y.shape + X.shape).astype(X.dtype, copy=False))

    return as_one_question((Y, X), compute)
