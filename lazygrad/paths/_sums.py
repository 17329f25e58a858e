"""Sums over paths: counting them, any semiring along them, and which of them a gradient is made of.

A gradient is a sum over paths of products of local Jacobians (Collins 1.4.3, Theorem 1; Tomassoli 7), which the
library never writes out. Here the same sum is taken in other semirings (`sum_product`, `count`), and its largest terms
are shown (`top`): *why* a gradient is what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from .._derivatives.defined import find_defined_leaves
from .._derivatives.edges import make_arc_finder
from .._graph.node import Node, Operand
from .._graph.settings import check_count, check_function, check_instance, describe
from .._graph.turns import as_one_question, call_outside
from .._graph.types import Array
from .._jacobian.local import factors
from .._jacobian.structured import product
from .._query.checks import check_node
from .._query.differentiator import Contribution, differentiator
from ._semirings import Memo, Semiring, counting, sum_over_paths

__all__ = ["contributions", "count", "differentiable_leaves", "edge_jacobian", "sum_product"]

Arc = Callable[[Any, Any, int], Any]
Graph = Mapping[Any, Iterable[Any]]


def sum_product(
    graph: Node | Graph,
    W: Any,
    semiring: Semiring,
    arc: Arc | None = None,
    *,
    to: Hashable = None,
    edges: Literal["open", "all"] = "open",
    memo: Memo | None = None,
) -> Any:
    """Sum, over all paths from `W` to the target, the product of what their arcs are worth.

    Parameters
    ----------
    graph
        The target L, a node; or any acyclic graph as a mapping from each node to its children (nodes without
        children may be left out).
    W
        The node where paths start.
    semiring
        `counting`, `real`, `longest`, `shortest`, `max_product`, `sets`, `matrices`, or your own `Semiring`.
    arc
        ``arc(consumer, input, argnum)`` gives Q of the arc from `input` to `consumer`, its input number `argnum`; so
        x * x has two arcs. For a mapping, ``arc(child, node, position)``, the position among the node's children.
        By default every arc is worth `one`.
    to
        The target in a mapping; by default its only node without children.
    edges
        Of a lazygrad graph: "open", those along which a derivative flows, or "all".
    memo
        Receives what was found: mu(s) for the nodes met, and the number of steps.

    Returns
    -------
    mu(W): `semiring.zero` if no path leads from `W` to the target, `semiring.one` if `W` is the target.

    Raises
    ------
    ValueError
        If a mapping has a cycle, or several nodes without children and no `to`.

    Notes
    -----
    Stratos, F.2: mu(s) = sum over j in ch(s) of mu(j) * Q^{s->j}, in that order of factors, run by demand. It takes one
    step for each arc between `W` and the target, however many paths there are.

    Examples
    --------
    Stratos' layered example: 729 paths in 51 steps.

    >>> layers = [[1], *([f"{k}{c}" for c in "abc"] for k in range(2, 8)), [8]]
    >>> graph = {i: after for layer, after in zip(layers, layers[1:]) for i in layer}
    >>> memo = Memo()
    >>> sum_product(graph, 1, counting, memo=memo), memo.steps
    (729, 51)

    On a graph of nodes. The derivative, by local derivatives as arcs; how deep the graph is; which nodes lie between:

    >>> import lazygrad as lg
    >>> from lazygrad.paths import longest, real, sets
    >>> x = lg.parameter(3.0, name="x")
    >>> y = x * x
    >>> L = y * y + x
    >>> sum_product(L, x, real, arc=edge_jacobian), lg.gradient(L, x)
    (109.0, array(109.))
    >>> sum_product(L, x, longest, arc=lambda consumer, input, argnum: 1)
    3
    >>> nodes = sum_product(L, y, sets, arc=lambda consumer, input, argnum: frozenset({input.serial}))
    >>> nodes == {y.serial, L.inputs[0].serial}
    True
    """
    check_instance(semiring, Semiring, "semiring")
    if arc is not None:
        check_function(arc, "arc= of sum_product", "none: `edge_jacobian` is such a function")
    memo = Memo() if memo is None else check_instance(memo, Memo, "memo")
    if isinstance(graph, Node):
        if not isinstance(W, Node):
            raise TypeError(f"paths to a node start from a node, not from {type(W).__name__}")
        if to is not None:
            raise TypeError("`to` is for graphs given as a mapping: a node is its own target")
        if edges not in ("open", "all"):
            raise ValueError(f"edges must be 'open' or 'all', not {edges!r}")
        memo.belong(graph, semiring, arc, edges)
        own = arc if arc is None or arc is edge_jacobian else partial(call_outside, arc)  # the user's code
        find_arcs = make_arc_finder(graph, edges == "all")
        return as_one_question((graph, W), sum_over_paths, W, graph, find_arcs, semiring, own, memo, _serial)
    if not isinstance(graph, Mapping):
        raise TypeError(f"expected a node or a mapping from nodes to their children, not {type(graph).__name__}")
    for end, name in ((W, "W"), (to, "to")):
        if not isinstance(end, Hashable) or isinstance(end, (slice, Node)):
            raise TypeError(f"{name} must be a node of the mapping, not {describe(end)}")
    target = _only_sink(graph) if to is None else to
    memo.belong(graph, semiring, arc, to)
    return sum_over_paths(W, target, lambda s: [(j, k) for k, j in enumerate(graph.get(s, ()))], semiring, arc, memo)


def _serial(node: Node) -> int:
    return node.serial


def _only_sink(graph: Graph) -> Hashable:
    """Return the only node without children."""
    nodes = dict.fromkeys(graph)
    for children in graph.values():
        nodes.update(dict.fromkeys(children))
    last = [i for i in nodes if not graph.get(i)]
    if len(last) != 1:
        raise ValueError(
            f"the graph has {len(last)} nodes without children ({last[:5]}): say which is meant with `to=`"
        )
    return last[0]


def count(graph: Node | Graph, W: Operand) -> int:
    """Return the number of directed paths from `W` to the target, without walking them.

    Parameters
    ----------
    graph, W
        As in `sum_product`. Of a lazygrad graph those paths count along which a derivative flows, the terms of dL/dW.

    Notes
    -----
    |P(W, L)| of Stratos F.1 and Collins' Definition 4; a node has one path, of no edge, to itself.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = y = lg.parameter(1.0)
    >>> for _ in range(100):
    ...     y = y * y
    >>> count(y, x) == 2**100
    True
    """
    found: int = sum_product(graph, W, counting)
    return found


def contributions(L: Node, node: Node) -> list[Contribution]:
    """Return the terms that sum to dL/d`node`, one for each edge: all paths over that edge together.

    Notes
    -----
    The terms of Stratos' equation (2). They come from the memo that `L` keeps; see `Differentiator.contributions`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0)
    >>> L = x * x + 2 * x
    >>> [(c.consumer.op.name, c.argnum, float(c.value)) for c in contributions(L, x)]
    [('multiply', 0, 3.0), ('multiply', 1, 3.0), ('multiply', 1, 2.0)]
    """
    return differentiator(L).contributions(node)


def edge_jacobian(consumer: Node, input: Node, argnum: int) -> Array | float:
    """Return the local Jacobian of one edge, for `sum_product`: a float if both nodes have one element, else a matrix.

    Parameters
    ----------
    consumer, input, argnum
        As `sum_product` calls its `arc`: use it with `real` on scalar graphs, with `matrices` on any.

    See Also
    --------
    lazygrad.local_jacobian : of all edges between two nodes together.

    Notes
    -----
    J^{j->i} of Collins' Definition 3, one row for each element of the consumer. With it the sum over paths is his
    Theorem 1.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> from lazygrad.paths import matrices
    >>> W, x = lg.parameter([[1.0, 2.0], [3.0, 4.0]]), lg.parameter([1.0, 0.0])
    >>> edge_jacobian(W @ x, x, 1)
    array([[1., 2.],
           [3., 4.]])
    >>> L = np.tanh(W @ x).sum() * x[1]
    >>> sum_product(L, x, matrices, arc=edge_jacobian)
    array([[0.        , 1.75664891]])
    >>> lg.gradient(L, x)
    array([0.        , 1.75664891])
    """
    check_node(consumer)
    check_node(input)
    if check_count(argnum, "argnum") >= len(consumer.inputs) or consumer.inputs[argnum] is not input:
        raise ValueError(f"{input!r} is not input number {argnum} of {consumer!r}, which has {len(consumer.inputs)}")

    def compute() -> Array:
        return product([entries() for _, entries in factors(consumer, argnum)]).dense()

    dense = as_one_question((consumer,), compute)
    return float(dense[0, 0]) if consumer.size == input.size == 1 else dense


def differentiable_leaves(L: Node) -> tuple[Node, ...]:
    """Return the leaves below `L` all of whose paths to it have well-defined local Jacobians, oldest first.

    Not among them are leaves with an integer or boolean on some path, and with an edge that is blocked (labels,
    indices, masks) or has no rule. Edges whose derivative is zero, as that of `sign`, are well defined.

    Notes
    -----
    D^i of Collins' Definition 6, for which his Theorem 3 holds as it stands. A gradient can be asked for in more cases:
    by `x` in ``where(x > 0, x, 0)`` say, because blocked edges are left out of the sum; an error comes only where
    every path meets one.

    Examples
    --------
    >>> import lazygrad as lg
    >>> scores, labels = lg.parameter([[1.0, 2.0]], name="scores"), lg.constant([1], name="labels")
    >>> differentiable_leaves(lg.ops.cross_entropy(scores, labels).sum())
    (<parameter 'scores' #..., shape (1, 2), float64>,)
    """
    if not isinstance(L, Node):
        raise TypeError(f"expected a node, not {type(L).__name__}")
    return as_one_question((L,), find_defined_leaves, L)
