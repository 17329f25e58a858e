"""The search for the first place where the numbers of a question stop being finite."""

from __future__ import annotations

from .._graph.node import Node, Operand, by_serial
from .._graph.quiet import QUIET, call_with_errstate
from .._graph.traverse import collect_inputs_first
from .._graph.turns import as_one_question
from .._graph.types import Structure
from .._graph.value import forward_rec
from .._query.checks import check_node, map_nodes, resolve_names
from .._query.differentiator import Differentiator, differentiator
from .._report.nonfinite import NonFinite, describe_leaf, errstate, find_birth, is_finite

__all__ = ["NonFinite", "find_nonfinite"]


def find_nonfinite(L: Node, wrt: Structure = None, *, cotangent: Operand | None = None) -> NonFinite | None:
    """Return the first place where finite numbers gave nan or inf; None if all is finite.

    Parameters
    ----------
    L
        A node: its value is looked into.
    wrt
        A node, the name of one below `L`, or a list, tuple or dict of them: dL/d`wrt` is looked into first, with
        the values that it reads, and then the value of `L`. Left out, the value alone.
    cotangent
        As for `lazygrad.gradient`.

    Returns
    -------
    NonFinite
        Its ``kind`` is ``"value"`` of a forward node, ``"contribution"`` of one edge to an adjoint, ``"sum"`` of
        contributions, or ``"leaf"``; further ``node, op, name, input, inputs, output, source``. It prints as text. An
        inf in a leaf counts only if it reaches an answer and nothing else is found, as it may be meant.

    Raises
    ------
    TypeError, NotDifferentiableError
        As `lazygrad.gradient`.

    See Also
    --------
    lazygrad.errstate : raises or warns while numbers are computed.

    Notes
    -----
    In the order of the flow of data, forward and then backward; adjoints in the graph (of gradients that are
    differentiated) are looked into like all nodes. By demand, through the memo: it stops at the first such place,
    evaluates nothing that was not needed up to there, and what is in the memo is not evaluated again.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([1.0, 0.0], name="x")
    >>> root = np.sqrt(x)
    >>> root.name = "root"
    >>> print(lg.inspect.find_nonfinite(root.sum()))
    None
    >>> print(lg.inspect.find_nonfinite(root.sum(), x))
    the contribution of root (op sqrt) to dL/dx is inf, and what its rule reads is finite
      from dL/droot: shape (2,), float64, finite, 1 to 1
      from root: shape (2,), float64, finite, 0 to 1
      gives its contribution to dL/dx: shape (2,), float64, 1 inf, first at (1,), others 0.5 to 0.5
    """
    check_node(L)

    def find() -> NonFinite | None:
        adjoints: list[Node] = []
        if wrt is not None:
            d = differentiator(L) if cotangent is None else Differentiator(L, cotangent=cotangent)
            map_nodes(resolve_names(wrt, L), lambda i: adjoints.append(d.adjoint(i)))
        looked: set[int] = set()
        found = _find_first_below(adjoints, looked)
        if found is not None and found.kind == "contribution":  # forward comes first: the consumer's own value
            found = _find_first_below([found.node], looked) or found
        found = found or _find_first_below([L], looked)
        return found or next((_find_leaf_behind(i) for i in (*adjoints, L) if not is_finite(i._value)), None)

    def find_unwatched() -> NonFinite | None:
        with errstate(nonfinite="ignore"):
            return find()

    return as_one_question((L,), call_with_errstate, QUIET, find_unwatched)


def _find_first_below(roots: list[Node], looked: set[int]) -> NonFinite | None:
    """Find the first birth among the roots and all below them, leaving out the nodes in `looked`."""
    below: dict[int, Node] = {}
    for root in roots:
        below.update({i.serial: i for i in collect_inputs_first(root, lambda i: _list_unvisited(i, looked, below))})
    for i in sorted(below.values(), key=by_serial):
        looked.add(i.serial)
        if i.op is not None:
            if i._value is None:
                forward_rec(i)
            if (found := find_birth(i)) is not None:
                return found
    return None


def _list_unvisited(i: Node, looked: set[int], below: dict[int, Node]) -> list[Node]:
    """List the inputs of a node that no search has met."""
    return [j for j in i.inputs if j.serial not in looked and j.serial not in below]


def _find_leaf_behind(i: Node) -> NonFinite:
    """Describe the leaf that a value which is not finite comes from, where nothing is born on the way."""
    while i.op is not None:
        i = next(j for j in i.inputs if not is_finite(j._value))
    return describe_leaf(i)
