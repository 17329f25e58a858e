"""A page for the browser: the graph, what the memo holds, and the queries step by step; one file, no network."""

from __future__ import annotations

import html
import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from .._derivatives.adjoint_node import AdjointNode
from .._graph.node import Node, label
from .._graph.quiet import QUIET, call_with_errstate
from .._graph.settings import check_instance, describe
from .._report.grid import format_bytes
from .._report.nonfinite import Operand
from .._report.report import Report
from ..ops._rule import BLOCKED, OUT, UNDEFINED, ZERO, input_name
from ._dot import make_printable, measure_widths
from ._fold import fold as fold_picture
from ._model import COMPUTED, HIT, STALE, UNTOUCHED, Box, Picture, build_picture, find_kind

__all__ = ["page"]

KINDS = ("parameter", "constant", "op", "adjoint", "fold")
STATES = (UNTOUCHED, COMPUTED, HIT, STALE)
WHAT = (HIT, COMPUTED, STALE)
LISTED = 30  # nodes of a box, rules of a node
NUMBERS = 6  # values of so many elements are shown as they are
MOST_STEPS = 400_000  # a longer replay is cut
MOST_NAMES = 50_000  # of nodes in folded boxes, for the search
FILES = {"style": "page.css", "script": "page.js", "cytoscape": "cytoscape.min.js", "viz": "viz-global.js"}

Rows = list[tuple[str, str]]


def page(
    L: Node,
    wrt: Any,
    path: str | Path,
    report: Report | None = None,
    *,
    fold: str | None = "auto",
    max_nodes: int = 5000,
) -> Path:
    """Write a page that shows the graph below a target, what the memo holds of it, and a replay of the queries.

    Parameters
    ----------
    L
        The target, a float node.
    wrt
        A node, the name of one below `L`, or a list, tuple or dict of them, or None: the paths from there to `L` are
        highlighted.
    path
        The file, such as ``report.html``: it holds everything and needs no network.
    report
        Of `lazygrad.record`: its events are replayed step by step, and counted.
    fold, max_nodes
        How nodes share a box if there are more, as for `lazygrad.inspect.draw`.

    Returns
    -------
    Path
        Where the page is.

    Notes
    -----
    Nothing is evaluated: summaries are of what the memo holds as the page is written. Cytoscape draws the graph and
    Graphviz arranges it, in the browser.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np, tempfile
    >>> W, x = lg.parameter([1.0, 2.0], name="W"), lg.parameter(3.0, name="x")
    >>> L = (W * np.sin(x)).sum()
    >>> with lg.record() as report:
    ...     dW = lg.gradient(L, W)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lg.inspect.page(L, W, f"{folder}/report.html", report).name
    'report.html'
    """
    if report is not None:
        check_instance(report, Report, "report")
    if not isinstance(path, (str, Path)):
        raise TypeError(f"path must be a string or a pathlib.Path, not {describe(path)}")
    found = fold_picture(build_picture(L, wrt, report), fold, max_nodes)
    assets = importlib.resources.files(__package__).joinpath("assets")
    parts = {name: assets.joinpath(file).read_text(encoding="utf-8") for name, file in FILES.items()}
    parts["title"] = html.escape(make_printable(f"lazygrad: {label(L)}"))
    # In a script element only "<" could end it, or open a comment.
    parts["data"] = json.dumps(_collect_data(found), ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    template = assets.joinpath("template.html").read_text(encoding="utf-8")
    path = Path(path)
    path.write_text(re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], template), encoding="utf-8")
    return path


def _collect_data(found: Picture) -> dict[str, Any]:
    """Collect everything the page shows, as JSON holds it."""
    boxes, wide = found.boxes, measure_widths(found, "bytes")
    steps, left_out, queries = _list_steps(found)
    names = [
        (make_printable(i.name), k) for k, box in enumerate(boxes) if box.kind == "fold" for i in box.nodes if i.name
    ]
    details = call_with_errstate(QUIET, lambda: [_describe_box(box) for box in boxes])
    return {
        "target": next(k for k, box in enumerate(boxes) if box.target),
        "asked": [k for k, box in enumerate(boxes) if box.asked],
        "nodes": len(found.place),
        "boxes": [_write_box(box) for box in boxes],
        "details": details,
        "edges": [(a, b, int(on_path), round(wide[a], 2)) for (a, b), on_path in found.edges.items()],
        "names": names[:MOST_NAMES],
        "steps": steps,
        "left_out": left_out,
        "queries": queries,
    }


def _write_box(box: Box) -> tuple[Any, ...]:
    flags = box.on_path + 2 * box.asked + 4 * box.target
    states = STATES.index(box.value), STATES.index(box.adjoint)
    return (make_printable(box.title), box.note, KINDS.index(box.kind), *states, flags)


# -- the replay ----------------------------------------------------------------------------------------


def _list_steps(found: Picture) -> tuple[list[int], int, list[tuple[int, str]]]:
    """List the steps, three numbers each (see page.js); how many were left out; and before which of them queries begin.

    Events in a row at the same folded box are one step, up to a thousandth of the whole.
    """
    steps: list[int] = []
    most = len(found.replay.touches) // 1000 + 1
    begins: list[tuple[int, str]] = []
    queries = list(reversed(found.replay.queries))
    left_out = 0
    for n, touch in enumerate(found.replay.touches):
        while queries and queries[-1][0] <= n:
            begins.append((len(steps) // 3, make_printable(queries.pop()[1])))
        box, of_adjoint = found.find_box(touch)
        at = -1 if box is None else box
        code = WHAT.index(touch.what) + 4 * (touch.of is not None) + 8 * of_adjoint
        if box is None or len(found.boxes[box].nodes) > 1:
            earlier = _find_same_step(steps, at, code, begins[-1][0] if begins else 0)
            if earlier is not None and steps[earlier + 1] < most:
                steps[earlier + 1] += 1
                continue
        if len(steps) < 3 * MOST_STEPS:
            steps += (at, 1, code)
        else:
            left_out += 1
    begins += [(len(steps) // 3, make_printable(title)) for _, title in reversed(queries)]  # which needed nothing
    return steps, left_out, begins


def _find_same_step(steps: list[int], at: int, code: int, begin: int) -> int | None:
    """Find the last step that did the same to a box, with nothing happening elsewhere since."""
    k = len(steps) - 3
    while k >= 3 * begin and steps[k] == at:
        if steps[k + 2] == code:
            return k
        k -= 3
    return None


# -- one box -------------------------------------------------------------------------------------------


def _describe_box(box: Box) -> list[tuple[str, Rows]]:
    """Describe a box for the panel: titles, and rows of name and text."""
    sections: list[tuple[str, Rows]] = []
    if box.kind == "fold":
        sections = [("Nodes", _describe_members(box))]
    else:
        i = box.node
        rows = [("name", label(i)), ("op", find_kind(i)), ("shape", str(i.shape)), ("dtype", str(i.dtype))]
        rows += [(name, _shorten_repr(value)) for name, value in i.static.items() if name != "leaf"]
        rows += [("line", i.source)] if i.source else []
        sections = [
            ("Node", rows),
            ("Value", _describe_value(i)),
            ("Adjoint", _describe_value(box.entry)),
            ("Rules", _describe_rules(i)),
        ]
    if box.seconds:
        sections.append(("Time", [("computing", f"{1000 * box.seconds:.3g} ms")]))
    shown = [(title, rows) for title, rows in sections if rows]
    return [(title, [(make_printable(name), make_printable(text)) for name, text in rows]) for title, rows in shown]


def _shorten_repr(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _describe_members(box: Box) -> Rows:
    counts: dict[str, int] = {}
    for i in box.nodes:
        counts[find_kind(i)] = counts.get(find_kind(i), 0) + 1
    rows = [("count", f"{len(box.nodes):,}"), ("bytes", format_bytes(box.nbytes))]
    rows += [(op, f"{many:,}") for op, many in sorted(counts.items(), key=lambda item: -item[1])[:LISTED]]
    names = [label(i) for i in box.nodes[:LISTED]]
    return [*rows, ("first", ", ".join(names) + (", …" if len(box.nodes) > LISTED else ""))]


def _describe_value(entry: Node | None) -> Rows:
    """Describe the value that the memo holds; nothing is computed for it."""
    if entry is None:
        return []
    value = entry._value
    if value is None:
        return [("memo", "stale" if entry._stale else "not computed")]
    array = np.asarray(value)
    told = Operand.of("", array)
    rows = [("bytes", format_bytes(array.nbytes))]
    if array.size and array.size <= NUMBERS:
        rows.append(("is", np.array2string(array, precision=6, separator=", ")))
    if told.min is not None and array.size > 1:
        good = array[np.isfinite(array)]
        mean = good.mean(dtype=complex if array.dtype.kind == "c" else float)
        rows += [("min", f"{told.min:.6g}"), ("mean", f"{mean:.6g}"), ("max", f"{told.max:.6g}")]
    rows += [(what, f"{many:,}") for what, many in (("nan", told.nans), ("inf", told.infs)) if many]
    if told.where is not None:
        rows.append(("first at", str(told.where)))
    return rows if array.size else [*rows, ("is", "empty")]


def _describe_rules(i: Node) -> Rows:
    """Describe what the rule of each input reads."""
    if i.op is None:
        return []
    if isinstance(i, AdjointNode):
        return [("all inputs", "an adjoint unfolds into ops when somebody differentiates through it")]
    rows = []
    for k, j in enumerate(i.inputs[:LISTED]):
        rule = i.op.rule(k)
        if rule is BLOCKED:
            text = "blocked: nothing flows there"
        elif rule is ZERO:
            text = "zero wherever it exists"
        elif rule is UNDEFINED:
            text = "undefined: an error where it is needed"
        else:
            reads = ["its own output" if r == OUT else input_name(i, r) for r in rule.reads]
            reads += [] if rule.rest is None else ["all other inputs"]
            text = f"reads {', '.join(reads)}" if reads else "reads no value"
        rows.append((f"{input_name(i, k)} = {label(j)}", text))
    more = len(i.inputs) - LISTED
    return [*rows, ("…", f"and {more} more inputs")] if more > 0 else rows
