"""Second derivatives of nodes, and several targets at once: all by adjoints, which are nodes of a target's memo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import NotDifferentiableError
from .._graph.leaf import parameter
from .._graph.node import Node
from .._graph.shapes import unit_array
from .._graph.trees import Tree, align_leaves, flatten
from .._graph.types import Array, Structure
from .._graph.value import readonly_view, zeros
from .checks import as_cotangent, check_wrt, map_nodes, resolve_names
from .differentiator import Differentiator, differentiator

__all__ = ["differentiate_elements", "hessian_of_node", "hvp_of_node", "pair_with_cotangents", "take_unit"]


def take_unit(out: Node, seed: Node) -> Differentiator:
    """Return the derivatives of one element of a node: zeros of the cotangent say that the others are not taken."""
    d = Differentiator(out, cotangent=seed)
    d._memo.op.masked = out.size > 1
    return d


def pair_with_cotangents(outs: Sequence[Node], cotangents: Sequence[Node]) -> Differentiator:
    """Return the differentiator of all outputs at once: of the sum of their products with the cotangents."""
    if len(outs) == 1:
        return Differentiator(outs[0], cotangent=cotangents[0])
    total: Any = 0.0
    for out, w in zip(outs, cotangents, strict=True):
        total = total + (out * w).sum()
    return Differentiator(total, cotangent=np.ones(()))


def _list_nodes(L: Node, wrt: Structure) -> tuple[Tree, list[Node]]:
    """Return what second derivatives are taken by, in its structure and as a list of real nodes."""
    if isinstance(wrt, int):
        raise TypeError(
            "the Hessian of a node is by nodes, `lazygrad.hessian(L, wrt)`: argument numbers are of functions"
        )
    tree = flatten(map_nodes(resolve_names(wrt, L), check_wrt))
    for i in tree.leaves:
        if i._dtype.kind == "c":
            raise NotDifferentiableError(
                f"there is no Hessian by the complex node {i!r}: take its real and imaginary parts"
            )
    return tree, tree.leaves


def hessian_of_node(L: Node, wrt: Structure) -> Structure:
    """Return the second derivatives of a node by nodes: for each one, in the structure of `wrt`, those by each again.

    The first derivatives are the adjoints that `L` keeps; each of their elements is differentiated once.
    """
    d = differentiator(L)
    tree, nodes = _list_nodes(L, wrt)
    return tree.like([tree.like(differentiate_elements(d.adjoint(i), nodes)) for i in nodes])


def differentiate_elements(Y: Node, nodes: list[Node]) -> list[Array]:
    """Return the Jacobians of a node by several, row by row."""
    seed = parameter(zeros(Y))
    d = take_unit(Y, seed)
    rows: list[list[Any]] = [[] for _ in nodes]
    for k in range(Y.size):
        seed.set(unit_array(Y.shape, Y.dtype, k))
        for row, i, g in zip(rows, nodes, d.gradient(nodes, unconnected="none"), strict=True):
            row.append(zeros(i) if g is None else g)
    shapes = [Y.shape + i._shape for i in nodes]
    return [
        readonly_view(np.array(row, i._dtype).reshape(shape)) for row, i, shape in zip(rows, nodes, shapes, strict=True)
    ]


def hvp_of_node(L: Node, wrt: Structure, vectors: Structure) -> Structure:
    """Return the product of the Hessian of a node by nodes with a vector, without the Hessian."""
    d = differentiator(L)
    tree, nodes = _list_nodes(L, wrt)
    what = "the vectors of lazygrad.hvp must have the structure of the nodes"
    given = [vectors] if tree.single else align_leaves(vectors, tree.like(nodes), what)
    seeds = [as_cotangent(i, v, "vector") for i, v in zip(nodes, given, strict=True)]
    found = [(d.adjoint(i), v) for i, v in zip(nodes, seeds, strict=True) if d.is_connected(i)]
    if not found:
        return tree.like([zeros(i) for i in nodes])
    products = pair_with_cotangents(*zip(*found, strict=True)).gradient(nodes, unconnected="none")
    return tree.like([zeros(i) if g is None else g for i, g in zip(nodes, products, strict=True)])
