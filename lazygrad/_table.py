"""What a memo holds, as rows; and the nodes below a target, in order and by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from ._demand import demand
from ._node import Node, by_serial, label

__all__ = ["Row", "Table", "ancestors", "inputs_first", "named_node", "row"]


@attrs.frozen
class Row:
    """One entry of the memo: a value, or the adjoint of a node."""

    node: Node
    kind: str  # "value" or "adjoint"
    op: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    nbytes: int
    state: str  # "fresh", "stale" or "not computed"

    @property
    def stale(self) -> bool:
        """Whether the entry was there and a leaf below it has been set since."""
        return self.state == "stale"


class Table(list[Row]):
    """The rows of `Differentiator.table`; prints as a table."""

    def __str__(self) -> str:
        head = f"{'node':<20}{'kind':<9}{'op':<18}{'shape':<16}{'dtype':<9}{'bytes':>10}  state"
        body = [
            f"{label(r.node):<20}{r.kind:<9}{r.op:<18}{r.shape!s:<16}{r.dtype!s:<9}{r.nbytes:>10}  {r.state}"
            for r in self
        ]
        return "\n".join([head, *body])


def named_node(named: Mapping[str, Node], name: str) -> Node:
    """The node of that name; an unknown one is a KeyError that lists the known, closest first."""
    if name in named:
        return named[name]
    close = difflib.get_close_matches(name, named, n=max(len(named), 1), cutoff=0.0)
    raise KeyError(f"no node is named {name!r}; known names, closest first: {', '.join(close) or 'none'}")


def ancestors(L: Node) -> list[Node]:
    """All nodes `L` is computed from and `L` itself, oldest first."""
    return sorted(inputs_first(L, lambda i: i.inputs), key=by_serial)


def inputs_first(L: Node, needs: Callable[[Node], Sequence[Node]]) -> list[Node]:
    """`L` and all it needs, directly or not, each after what it needs."""
    found: dict[int, Node] = {}
    demand(
        L,
        lambda i: None if i.serial in found else [j for j in needs(i) if j.serial not in found],
        lambda i: found.__setitem__(i.serial, i),
    )
    return list(found.values())


def row(node: Node, entry: Node, kind: str) -> Row:
    state = "fresh" if entry._value is not None else "stale" if entry._stale else "not computed"
    nbytes = 0 if entry._value is None else entry._value.nbytes
    return Row(node, kind, entry.op.name, entry.shape, entry.dtype, nbytes, state)
