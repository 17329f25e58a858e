"""Text in the manner of Tomassoli's section 13, from the events of a report."""

from __future__ import annotations

from collections.abc import Iterable

from .._graph.node import Node, label

__all__ = ["name_adjoint", "write_trace"]

DEEPEST = 30  # deeper lines stay at this indent, so that a chain of 100 000 nodes is not 10 GB of blanks


def name_adjoint(adjoint: Node) -> str:
    """Return the name of an adjoint: dL/di."""
    return f"d{adjoint.op.name_target()}/d{label(adjoint.of)}"  # type: ignore[attr-defined]


def write_trace(events: Iterable[tuple[Node, bool]]) -> str:
    """Write each adjoint that was requested, and below it the adjoints that it called for."""
    requests: list[tuple[Node, dict[int, Node]]] = []  # what was requested, and what was computed for it
    for node, was_requested in events:
        if was_requested:
            requests.append((node, {}))
        elif node.op.is_adjoint and requests:
            requests[-1][1][node.serial] = node
    blocks = [_write_request(root, fresh) for root, fresh in requests if root.op is not None and root.op.is_adjoint]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _write_request(root: Node, fresh: dict[int, Node]) -> list[str]:
    """Return the lines of one request; `fresh` holds what it computed and has not been shown yet."""
    lines: list[str] = []
    todo: list[tuple[int, Node | str]] = [(0, root)]
    while todo:
        depth, item = todo.pop()
        indent = "  " * min(depth, DEEPEST) + ("" if depth <= DEEPEST else f"({depth}) ")
        if isinstance(item, str):
            lines.append(indent + item)
            continue
        name = label(item.of)  # type: ignore[attr-defined]
        computed = fresh.pop(item.serial, None) is not None
        lines.append(f"{indent}{name_adjoint(item)} {'->' if computed else '<-'} table[{name}]")
        edges = item.edge_adjoints() if computed else []  # type: ignore[attr-defined]
        if all(adjoint.op is None for _, adjoint in edges):
            continue  # where the only consumer is the target itself, dL/di is the local derivative
        below: dict[int, Node | str] = {}
        for k, (consumer, adjoint) in enumerate(edges):
            below[-k - 1] = f"d{label(consumer)}/d{name}"
            if adjoint.op is not None:
                below.pop(adjoint.serial, None)  # once, after the last edge it multiplies
                below[adjoint.serial] = adjoint
        todo.extend([(depth + 1, line) for line in reversed(below.values())])
    return lines
