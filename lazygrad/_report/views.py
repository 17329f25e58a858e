"""Views of a report: text, tables for notebooks, plain data, and the difference of two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from .._graph.node import Node, label
from .grid import Grid, Shown, cut, size
from .tally import Tally

if TYPE_CHECKING:
    from .report import Report

__all__ = ["Change", "Difference", "difference", "grids", "summary", "to_dict", "to_json"]

LISTED = 20  # queries, ops and nodes in a text

TALLIES = ("values", "adjoints")


def _tallies(report: Report) -> dict[str, Tally]:
    return {name: getattr(report, name) for name in TALLIES}


# -- tables ------------------------------------------------------------------------------------------


def summary(report: Report) -> str:
    """The tallies; with several queries or times, what each query and each op did, too."""
    head = Grid(
        ("", "requests", "hits", "misses", "hit rate"),
        [(name, t.requests, t.hits, t.misses, f"{t.hit_rate:.0%}") for name, t in _tallies(report).items()],
        foot=f"{report.rules_run} rules run, {report.nodes_touched} nodes touched by discovery",
    )
    more = [_queries(report)] if len(report.queries) > 1 else []
    more += [_ops(report)] if report.timing and report.by_op else []
    return "\n\n".join([head.text(narrowest=8), *[grid.text() for grid in more]])


def grids(report: Report) -> list[Grid]:
    """The tallies, the queries and the ops."""
    head = ("", "requests", "hits", "misses", "hit rate", "stale", "reused")
    rows = [
        (name, t.requests, t.hits, t.misses, f"{t.hit_rate:.0%}", len(t.stale), len(t.reused))
        for name, t in _tallies(report).items()
    ]
    lines = [
        f"{report.rules_run} rules run, {report.nodes_touched} nodes touched by discovery",
        f"{size(report.bytes_computed)} computed, {size(report.bytes_held)} held at the end, "
        f"{size(report.bytes_peak)} at most",
    ]
    if report.timing:
        lines.append(f"{1000 * report.seconds:.3g} ms")
    title = "" if report.asked is None else str(report.asked)
    found = [Grid(head, rows, title, foot="; ".join(lines))]
    found += [_queries(report)] if report.queries else []
    return [*found, *([_ops(report)] if report.by_op else [])]


def _queries(report: Report) -> Grid:
    head = ["query", "values", "adjoints", "hits", "rules", "touched", "bytes"]
    shown, more = cut(report.queries, LISTED)
    rows = []
    for query in shown:
        values, adjoints = _tallies(query).values()
        counts = [len(values.computed), len(adjoints.computed), values.hits + adjoints.hits, query.rules_run]
        rows.append([query.asked, *counts, query.nodes_touched, query.bytes_computed, *_time(report, query.seconds)])
    return Grid([*head, *_time_head(report)], rows, foot=more)


def _ops(report: Report) -> Grid:
    shown, more = cut(report.by_op, LISTED)
    rows = [[one.op, one.runs, one.nbytes, *_time(report, one.seconds)] for one in shown]
    return Grid(["op", "runs", "bytes", *_time_head(report)], rows, foot=more)


def _time_head(report: Report) -> list[str]:
    return ["ms"] if report.timing else []


def _time(report: Report, seconds: float) -> list[str]:
    return [f"{1000 * seconds:.3f}"] if report.timing else []


# -- plain data --------------------------------------------------------------------------------------


def to_dict(report: Report) -> dict[str, Any]:
    """All counters, names of the nodes, queries and ops."""
    asked = report.asked
    return {
        "asked": None if asked is None else {"kind": asked.kind, "text": str(asked), "nodes": _names(asked.nodes)},
        **{name: _tally_dict(tally) for name, tally in _tallies(report).items()},
        "rules_run": report.rules_run,
        "nodes_touched": report.nodes_touched,
        "bytes": {"computed": report.bytes_computed, "held": report.bytes_held, "peak": report.bytes_peak},
        "seconds": report.seconds if report.timing else None,
        "by_op": [attrs.asdict(one) for one in report.by_op],
        "queries": [to_dict(query) for query in report.queries],
    }


def _names(nodes: Sequence[Node]) -> list[str]:
    return [label(node) for node in nodes]


def _tally_dict(tally: Tally) -> dict[str, Any]:
    counts = {name: getattr(tally, name) for name in ("requests", "hits", "misses", "hit_rate")}
    return counts | {name: _names(getattr(tally, name)) for name in ("computed", "stale", "reused")}


def to_json(report: Report, **options: Any) -> str:
    """The same as JSON."""
    return json.dumps(to_dict(report), **options)


# -- the difference of two ---------------------------------------------------------------------------


@attrs.frozen
class Change:
    """One counter in two reports."""

    counter: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """By how much it grew."""
        return self.after - self.before


@attrs.frozen
class Difference(Shown):
    """What two reports have not in common; prints as a table.

    Attributes
    ----------
    changes
        All counters.
    only_before, only_after
        "values" or "adjoints" -> the nodes that only one of the reports computed.
    """

    changes: tuple[Change, ...]
    only_before: dict[str, tuple[Node, ...]]
    only_after: dict[str, tuple[Node, ...]]

    def grids(self) -> list[Grid]:
        """The counters that differ, and the nodes."""
        rows = [
            (c.counter, _number(c.before), _number(c.after), _number(c.change, "+")) for c in self.changes if c.change
        ]
        lines = []
        for when, found in (("before", self.only_before), ("after", self.only_after)):
            for kind, nodes in found.items():
                shown, more = cut(_names(nodes), LISTED)
                if nodes:
                    lines.append(f"{kind} computed only {when}: {', '.join(shown)} {more}".rstrip())
        table = Grid(("counter", "before", "after", "change"), rows) if rows else Grid(title="no counter differs")
        return [table, *[Grid(title=line) for line in lines]]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "changes": {c.counter: {"before": c.before, "after": c.after} for c in self.changes},
            "only_before": {kind: _names(nodes) for kind, nodes in self.only_before.items()},
            "only_after": {kind: _names(nodes) for kind, nodes in self.only_after.items()},
        }

    def __str__(self) -> str:
        return "\n".join([grid.text() for grid in self.grids()])


def _number(x: float, sign: str = "") -> str:
    return f"{x:{sign}d}" if isinstance(x, int) else f"{x:{sign}.3g}"


def _counters(report: Report) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, t in _tallies(report).items():
        counts = {"requests": t.requests, "hits": t.hits, "misses": t.misses, "stale": len(t.stale)}
        found |= {f"{name}: {key}": count for key, count in (counts | {"reused": len(t.reused)}).items()}
    found |= {"rules run": report.rules_run, "nodes touched": report.nodes_touched}
    return found | {f"bytes {name}": getattr(report, f"bytes_{name}") for name in ("computed", "held", "peak")}


def difference(before: Report, after: Report) -> Difference:
    """How two reports differ."""
    first, second = _counters(before), _counters(after)
    if before.timing and after.timing:
        first["seconds"], second["seconds"] = before.seconds, after.seconds
    here, there = _tallies(before), _tallies(after)
    return Difference(
        tuple([Change(name, first[name], second[name]) for name in first]),
        {name: _without(here[name].computed, there[name].computed) for name in TALLIES},
        {name: _without(there[name].computed, here[name].computed) for name in TALLIES},
    )


def _without(nodes: Sequence[Node], others: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes, each once, that are not among others."""
    known = {node.serial for node in others}
    return tuple([node for node in {node.serial: node for node in nodes}.values() if node.serial not in known])
