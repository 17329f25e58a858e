"""Views of a report: text, tables for notebooks, plain data, and the difference of two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs

from .._graph.node import Node, label
from .grid import Displayable, Grid, format_bytes, truncate
from .recording import Recording
from .tally import Tally

__all__ = ["Change", "Difference", "ReportViews"]

LISTED = 20  # queries, ops and nodes in a text

TALLIES = ("values", "adjoints")


@attrs.frozen
class Change:
    """One counter in two reports."""

    counter: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """Return by how much the counter grew."""
        return self.after - self.before


@attrs.frozen
class Difference(Displayable):
    """The counters and nodes in which two reports differ; prints as a table.

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
        """Return the counters that differ, and the nodes that only one report computed."""
        rows = [
            (c.counter, _format_number(c.before), _format_number(c.after), _format_number(c.change, "+"))
            for c in self.changes
            if c.change
        ]
        lines = []
        for when, found in (("before", self.only_before), ("after", self.only_after)):
            for kind, nodes in found.items():
                shown, more = truncate(_list_names(nodes), LISTED)
                if nodes:
                    lines.append(f"{kind} computed only {when}: {', '.join(shown)} {more}".rstrip())
        table = Grid(("counter", "before", "after", "change"), rows) if rows else Grid(title="no counter differs")
        return [table, *[Grid(title=line) for line in lines]]

    def to_dict(self) -> dict[str, object]:
        """Return the difference as plain data."""
        return {
            "changes": {c.counter: {"before": c.before, "after": c.after} for c in self.changes},
            "only_before": {kind: _list_names(nodes) for kind, nodes in self.only_before.items()},
            "only_after": {kind: _list_names(nodes) for kind, nodes in self.only_after.items()},
        }

    def __str__(self) -> str:
        return "\n".join([grid.text() for grid in self.grids()])


class ReportViews(Recording, Displayable):
    """A recording that shows what it counted, as text, tables and plain data."""

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain dicts, lists, numbers and strings; nodes by name, or by op and serial."""
        asked = self.asked
        return {
            "asked": None
            if asked is None
            else {"kind": asked.kind, "text": str(asked), "nodes": _list_names(asked.nodes)},
            **{name: _convert_tally(tally) for name, tally in _get_tallies(self).items()},
            "rules_run": self.rules_run,
            "nodes_touched": self.nodes_touched,
            "bytes": {"computed": self.bytes_computed, "held": self.bytes_held, "peak": self.bytes_peak},
            "seconds": self.seconds if self.timing else None,
            "by_op": [attrs.asdict(one) for one in self.by_op],
            "queries": [query.to_dict() for query in self.queries],
        }

    def to_json(self, **options: Any) -> str:
        """Return `to_dict` as JSON text; options as for `json.dumps`."""
        return json.dumps(self.to_dict(), **options)

    def diff(self, other: Recording) -> Difference:
        """Return the counters here and in another report, and the nodes that only one of them computed."""
        first, second = _list_counters(self), _list_counters(other)
        if self.timing and other.timing:
            first["seconds"], second["seconds"] = self.seconds, other.seconds
        here, there = _get_tallies(self), _get_tallies(other)
        return Difference(
            tuple([Change(name, first[name], second[name]) for name in first]),
            {name: _exclude(here[name].computed, there[name].computed) for name in TALLIES},
            {name: _exclude(there[name].computed, here[name].computed) for name in TALLIES},
        )

    def grids(self) -> Sequence[Grid]:
        """Return the tables of the notebook: the summary, by query, by op."""
        head = ("", "requests", "hits", "misses", "hit rate", "stale", "reused")
        rows = [
            (name, t.requests, t.hits, t.misses, f"{t.hit_rate:.0%}", len(t.stale), len(t.reused))
            for name, t in _get_tallies(self).items()
        ]
        lines = [
            f"{self.rules_run} rules run, {self.nodes_touched} nodes touched by discovery",
            f"{format_bytes(self.bytes_computed)} computed, {format_bytes(self.bytes_held)} held at the end, "
            f"{format_bytes(self.bytes_peak)} at most",
        ]
        if self.timing:
            lines.append(f"{1000 * self.seconds:.3g} ms")
        title = "" if self.asked is None else str(self.asked)
        found = [Grid(head, rows, title, foot="; ".join(lines))]
        found += [_build_query_table(self)] if self.queries else []
        return [*found, *([_build_op_table(self)] if self.by_op else [])]

    def details(self) -> str:
        """Return all that the notebook shows, as text."""
        return "\n\n".join([grid.text() for grid in self.grids()])

    def __str__(self) -> str:
        """Return the tallies; with several queries or times also a line for each query and op."""
        head = Grid(
            ("", "requests", "hits", "misses", "hit rate"),
            [(name, t.requests, t.hits, t.misses, f"{t.hit_rate:.0%}") for name, t in _get_tallies(self).items()],
            foot=f"{self.rules_run} rules run, {self.nodes_touched} nodes touched by discovery",
        )
        more = [_build_query_table(self)] if len(self.queries) > 1 else []
        more += [_build_op_table(self)] if self.timing and self.by_op else []
        return "\n\n".join([head.text(narrowest=8), *[grid.text() for grid in more]])

    def __repr__(self) -> str:
        v, a = self.values, self.adjoints
        return f"<Report: {v.misses} values and {a.misses} adjoints computed, {self.rules_run} rules run>"


# -- the parts of tables and plain data --------------------------------------------------------------


def _get_tallies(report: Recording) -> dict[str, Tally]:
    return {name: getattr(report, name) for name in TALLIES}


def _build_query_table(report: Recording) -> Grid:
    head = ["query", "values", "adjoints", "hits", "rules", "touched", "bytes"]
    shown, more = truncate(report.queries, LISTED)
    rows = []
    for query in shown:
        values, adjoints = _get_tallies(query).values()
        counts = [len(values.computed), len(adjoints.computed), values.hits + adjoints.hits, query.rules_run]
        time = _format_time(report, query.seconds)
        rows.append([query.asked, *counts, query.nodes_touched, query.bytes_computed, *time])
    return Grid([*head, *_head_time(report)], rows, foot=more)


def _build_op_table(report: Recording) -> Grid:
    shown, more = truncate(report.by_op, LISTED)
    rows = [[one.op, one.runs, one.nbytes, *_format_time(report, one.seconds)] for one in shown]
    return Grid(["op", "runs", "bytes", *_head_time(report)], rows, foot=more)


def _head_time(report: Recording) -> list[str]:
    """Return the head of the column of times, if there is one."""
    return ["ms"] if report.timing else []


def _format_time(report: Recording, seconds: float) -> list[str]:
    """Return the cell of the column of times, if there is one."""
    return [f"{1000 * seconds:.3f}"] if report.timing else []


def _list_names(nodes: Sequence[Node]) -> list[str]:
    return [label(node) for node in nodes]


def _convert_tally(tally: Tally) -> dict[str, Any]:
    """Return a tally as plain data."""
    counts = {name: getattr(tally, name) for name in ("requests", "hits", "misses", "hit_rate")}
    return counts | {name: _list_names(getattr(tally, name)) for name in ("computed", "stale", "reused")}


def _format_number(x: float, sign: str = "") -> str:
    return f"{x:{sign}d}" if isinstance(x, int) else f"{x:{sign}.3g}"


def _list_counters(report: Recording) -> dict[str, float]:
    """Return all counters of a report by their names."""
    found: dict[str, float] = {}
    for name, t in _get_tallies(report).items():
        counts = {"requests": t.requests, "hits": t.hits, "misses": t.misses, "stale": len(t.stale)}
        found |= {f"{name}: {key}": count for key, count in (counts | {"reused": len(t.reused)}).items()}
    found |= {"rules run": report.rules_run, "nodes touched": report.nodes_touched}
    return found | {f"bytes {name}": getattr(report, f"bytes_{name}") for name in ("computed", "held", "peak")}


def _exclude(nodes: Sequence[Node], others: Sequence[Node]) -> tuple[Node, ...]:
    """Return the nodes, each once, that are not among others."""
    known = {node.serial for node in others}
    return tuple([node for node in {node.serial: node for node in nodes}.values() if node.serial not in known])
