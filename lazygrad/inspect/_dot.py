"""A picture as a graph in Graphviz' language."""

from __future__ import annotations

import math
import unicodedata

from ._model import COMPUTED, HIT, STALE, UNTOUCHED, Box, Picture

__all__ = ["ADJOINT", "PATH", "VALUE", "WIDTHS", "make_printable", "measure_widths", "shorten", "write_dot"]

VALUE = {UNTOUCHED: "#ffffff", COMPUTED: "#bfdbfe", HIT: "#bbf7d0", STALE: "#fde68a"}  # fills
ADJOINT = {UNTOUCHED: "#94a3b8", COMPUTED: "#7c3aed", HIT: "#15803d", STALE: "#d97706"}  # borders
PATH, EDGE, INK, FADED = "#7c3aed", "#94a3b8", "#0f172a", "#64748b"
WIDTHS = ("bytes", "time", None)
LONGEST = 40  # characters of a line in a box; the tooltip has them all

_GRAPH = f"""\
  graph [rankdir=TB, nodesep=0.25, ranksep=0.35, bgcolor="white", fontname="Helvetica,Arial,sans-serif"];
  node [shape=box, style="rounded,filled", fontname="Helvetica,Arial,sans-serif", fontsize=11, fontcolor="{INK}",
        margin="0.12,0.06", height=0.3];
  edge [color="{EDGE}", arrowsize=0.5];
"""
_WORDS = {UNTOUCHED: "never touched", COMPUTED: "computed", HIT: "hit: the memo had it", STALE: "stale"}


def write_dot(picture: Picture, by: str | None) -> str:
    """Write the picture as DOT text; the width of an edge tells the bytes it carries, or the time they took."""
    lines = ["digraph lazygrad {", _GRAPH]
    lines += [f"  n{k} [{_write_attributes(box)}];" for k, box in enumerate(picture.boxes)]
    wide = measure_widths(picture, by)
    for (a, b), on_path in picture.edges.items():
        tip = _quote(f"{picture.boxes[a].title} → {picture.boxes[b].title}")
        path = f', color="{PATH}", weight=4' if on_path else ""
        lines.append(f"  n{a} -> n{b} [penwidth={wide[a] + on_path:.2f}, tooltip={tip}{path}];")
    return "\n".join(
        [*lines, f"  legend [shape=plain, style=solid, tooltip=legend, label=<{_write_legend()}>];", "}\n"]
    )


def measure_widths(picture: Picture, by: str | None) -> list[float]:
    """Return how wide the edges from each box are, from 1 to 4."""
    if by is None:
        return [1.0] * len(picture.boxes)
    values = [box.nodes[-1]._value for box in picture.boxes]
    carried = [0 if value is None else value.nbytes for value in values]
    amounts = [math.log1p(n) for n in carried] if by == "bytes" else [box.seconds for box in picture.boxes]
    most = max(amounts) or 1
    return [1 + 3 * amount / most for amount in amounts]


def shorten(text: str) -> str:
    """Cut a line of a box to the length that fits."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def make_printable(text: str) -> str:
    """Replace what is no character in a text: control codes and halves of surrogate pairs."""
    return "".join([c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs") else "\ufffd" for c in text])


def _quote(text: str) -> str:
    """Write a text as a string of the language, whose labels also know escapes and HTML's entities."""
    text = make_printable(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n") + '"'


def _write_attributes(box: Box) -> str:
    """Write how a box looks: its fill shows the state of the value, its border that of the adjoint."""
    found = {
        "label": _quote("\n".join([shorten(line) for line in (box.title, box.note) if line])),
        "tooltip": _quote("\n".join(box.describe())),
        "fillcolor": f'"{VALUE[box.value]}"',
        "color": f'"{ADJOINT[box.adjoint]}"',
        "penwidth": "1" if box.adjoint == UNTOUCHED else "2.2",
    }
    if box.kind == "parameter":
        found["shape"] = "ellipse"
    elif box.kind == "fold":
        found["shape"] = "box3d"
    elif box.kind == "constant":
        found |= {"fontcolor": f'"{FADED}"', "fontsize": "10"}
    if STALE in (box.value, box.adjoint):
        found["style"] = '"rounded,filled,dashed"'
    if box.asked or box.target:
        found |= {"peripheries": "2", "fontname": '"Helvetica-Bold,Arial Bold,sans-serif"'}
    return ", ".join([f"{name}={value}" for name, value in found.items()])


def _write_legend() -> str:
    """Write what the colours mean, as a table in a node of its own."""
    head = "<tr><td align='left'><b>value</b></td><td align='left'><b>adjoint</b></td><td></td></tr>"
    rows = [
        f"<tr><td bgcolor='{VALUE[state]}' border='1' color='{ADJOINT[UNTOUCHED]}' width='28'></td>"
        f"<td border='{1 if state == UNTOUCHED else 3}' color='{ADJOINT[state]}' width='28'></td>"
        f"<td align='left'>{words}</td></tr>"
        for state, words in _WORDS.items()
    ]
    path = (
        f"<tr><td colspan='2'><font color='{PATH}'><b>→</b></font></td><td align='left'>on a path asked for</td></tr>"
    )
    return f"<table border='0' cellspacing='3'>{head}{''.join(rows)}{path}</table>"
