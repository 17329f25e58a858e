"""Text in the manner of Tomassoli's section 13, from the events of a report."""

from __future__ import annotations

from collections.abc import Iterable

from .._graph.node import Node, label

__all__ = ["title", "trace"]

DEEPEST = 30  # deeper lines stay at this indent, so that a chain of 100 000 nodes is not 10 GB of blanks


def title(adjoint: Node) -> str:
    """What an adjoint is called: dL/di."""
    return f"d{adjoint.op.target()}/d{label(adjoint.of)}"  # type: ignore[attr-defined]


def trace(events: Iterable[tuple[Node, bool]]) -> str:
    """Write each adjoint asked for, and below it what it called for."""
    requests: list[tuple[Node, dict[int, Node]]] = []  # who was asked for, and what was computed for it
    for node, asked in events:
        if asked:
            requests.append((node, {}))
        elif node.op.is_adjoint and requests:
            requests[-1][1][node.serial] = node
    blocks = [_block(root, fresh) for root, fresh in requests if root.op is not None and root.op.is_adjoint]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _block(root: Node, fresh: dict[int, Node]) -> list[str]:
    """The lines of one request; `fresh` holds what it computed and has not been shown yet."""
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
        lines.append(f"{indent}{title(item)} {'->' if computed else '<-'} table[{name}]")
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
