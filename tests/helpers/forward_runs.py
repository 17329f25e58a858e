"""How often the forward nodes of a target were computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import lazygrad as lg
from lazygrad._graph.traverse import ancestors


def forward_nodes(L: lg.Node) -> list[lg.Node]:
    """Return the computed nodes that a target depends on, and itself."""
    return [i for i in ancestors(L) if i.op is not None]


def forward_runs(report: lg.Report, nodes: Iterable[lg.Node]) -> Counter[int]:
    """Return how often each of the nodes, by its serial, was computed."""
    serials = {i.serial for i in nodes}
    return Counter(i.serial for i in report.values.computed if i.serial in serials)
