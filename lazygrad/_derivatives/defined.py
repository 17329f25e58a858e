"""Where derivatives are well defined: the sets D^i of Collins 1.4.4, and what stands in the way."""

from __future__ import annotations

from .._graph.node import INEXACT, Node, label
from .._graph.traverse import ancestors
from ..ops._rule import BLOCKED, UNDEFINED
from .discover import Discovery, flows, flows_or_blocked

__all__ = ["find_defined_leaves", "find_first_blocked", "list_names"]


def list_names(nodes: tuple[Node, ...], most: int = 8) -> str:
    """Return the names of nodes in a sentence, the first few of many."""
    more = [f"and {len(nodes) - most} more"] if len(nodes) > most else []
    return ", ".join([*map(label, nodes[:most]), *more]) or "none"


def _is_well_defined(c: Node, argnum: int) -> bool:
    """Return whether the local Jacobian of `c` by that input exists: of floats, and with a rule or zero."""
    if c._dtype.kind not in INEXACT or c._inputs[argnum].dtype.kind not in INEXACT:
        return False
    return c._op.is_adjoint or c._op.rule(argnum) not in (BLOCKED, UNDEFINED)


def find_defined_leaves(L: Node) -> tuple[Node, ...]:
    """Return the leaves below `L` all of whose paths to it have well-defined local Jacobians, oldest first."""
    nodes = ancestors(L)
    outside = {L._serial} if L._dtype.kind not in INEXACT else set()
    for c in reversed(nodes):  # consumers first
        excluded = c._serial in outside
        outside.update(i._serial for k, i in enumerate(c._inputs) if excluded or not _is_well_defined(c, k))
    return tuple([i for i in nodes if i._op is None and i._serial not in outside and i._static["leaf"] != "seed"])


def find_first_blocked(i: Node, serial: int, mirror: Node) -> tuple[Node, int, Node] | None:
    """Return the first blocked edge on a path from `i` to a target, where no path is open: consumer, argnum, input.

    `serial` and `mirror` are the target's, as `Discovery` takes them. Return None if only structural zeros lead there.
    """
    search = Discovery(serial, mirror, flows_or_blocked)
    while consumers := search.find(i):
        c = consumers[0]
        if not flows(c, i):
            return c, next(k for k, j in enumerate(c._inputs) if j is i and c._op.blocks(c, k)), i
        i = c
    return None
