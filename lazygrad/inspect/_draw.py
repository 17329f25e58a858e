"""Pictures of a graph: which values and adjoints were computed, which the memo had, which were never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from .._graph.node import Node
from .._graph.settings import check_instance, describe
from .._report.grid import import_optional
from .._report.report import Report
from ._dot import WIDTHS, write_dot
from ._fold import fold as fold_picture
from ._mermaid import write_mermaid
from ._model import Picture, build_picture

__all__ = ["Drawing", "draw"]

MERMAID = 150  # boxes: by default Mermaid refuses texts with more than 500 edges
TEXTS = {".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}


@attrs.frozen(eq=False, repr=False)
class Drawing:
    """A picture of a graph; prints as DOT text, and shows itself in a notebook.

    Attributes
    ----------
    dot
        The graph in Graphviz' language.
    mermaid
        The same as a Mermaid flowchart; folded further, as Mermaid takes small graphs only, unless `fold` is None.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0, name="x")
    >>> picture = lg.inspect.draw(x * x)
    >>> picture.dot.startswith("digraph")
    True
    """

    __module__ = "lazygrad.inspect"

    _picture: Picture
    _fold: str | None
    _widths: str | None

    @property
    def dot(self) -> str:
        """Return the graph in Graphviz' language."""
        return write_dot(self._picture, self._widths)

    @property
    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        return write_mermaid(fold_picture(self._picture, self._fold and "auto", MERMAID))

    def svg(self) -> str:
        """Return the picture as SVG text; this needs pygraphviz, the extra ``draw``."""
        return self._render("svg").decode("utf-8")

    def png(self) -> bytes:
        """Return the picture as PNG; this needs pygraphviz, the extra ``draw``."""
        return self._render("png")

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, whose suffix tells the format.

        Parameters
        ----------
        path
            ``.dot``, ``.gv``, ``.mmd`` and ``.mermaid`` are text; ``.svg``, ``.png``, ``.pdf`` and the other
            formats of Graphviz need pygraphviz.

        Returns
        -------
        Path
            Where the file is.
        """
        path = Path(path)
        if (name := TEXTS.get(path.suffix)) is not None:
            path.write_text(getattr(self, name), encoding="utf-8")
        elif path.suffix:
            path.write_bytes(self._render(path.suffix[1:]))
        else:
            raise ValueError(f"the format is told by the suffix, such as .dot, .mmd, .svg or .png; {path} has none")
        return path

    def _render(self, form: str) -> bytes:
        graphviz = import_optional("pygraphviz", "draw", f"a picture as {form.upper()}")
        graph = graphviz.AGraph(string=self.dot)
        try:
            rendered: bytes = graph.draw(format=form, prog="dot")
        finally:
            graph.close()
        return rendered

    def __str__(self) -> str:
        return self.dot

    def __repr__(self) -> str:
        boxes = self._picture.boxes
        nodes = sum(len(box.nodes) for box in boxes)
        return f"<Drawing of {nodes} nodes in {len(boxes)} boxes>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return what a notebook shows: SVG, or Mermaid where pygraphviz is missing."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except ImportError:
            return {"text/vnd.mermaid": self.mermaid, "text/plain": self.dot}


def draw(
    L: Node,
    wrt: Any = None,
    report: Report | None = None,
    *,
    fold: str | None = "auto",
    max_nodes: int = 300,
    widths: str | None = "bytes",
) -> Drawing:
    """Return a picture of the graph below a target: what was computed, read from the memo, never touched.

    Parameters
    ----------
    L
        The target, a float node.
    wrt
        A node, the name of one below `L`, or a list, tuple or dict of them: paths from there to `L` are highlighted.
    report
        Of `lazygrad.record`: what was computed in the block is told from what the memo had. Without one, the picture
        shows what the memo holds.
    fold
        How nodes share a box if there are more than `max_nodes`: by ``"prefix"`` of their names (``layer1/W``), by
        ``"repeat"`` of equal blocks, by ``"distance"`` from `L` and `wrt`; ``"auto"`` tries these in turn, and None
        draws every node.
    max_nodes
        How many boxes there may be.
    widths
        What the width of edges means: the ``"bytes"`` of what they carry, the ``"time"`` it took (of a report with
        ``timing=True``), or None.

    Returns
    -------
    Drawing
        With ``dot``, ``mermaid``, ``svg()``, ``png()`` and ``save(path)``; it prints as DOT text, and a notebook
        shows it. The fill of a box shows the state of the value, the border that of the adjoint.

    Raises
    ------
    TypeError
        If `L` is no float node.
    ValueError
        If there is no such fold or width.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> W, x = lg.parameter([1.0, 2.0], name="W"), lg.parameter(3.0, name="x")
    >>> L = (W * np.sin(x)).sum()
    >>> with lg.record() as report:
    ...     dW = lg.gradient(L, W)
    >>> picture = lg.inspect.draw(L, W, report)
    >>> picture
    <Drawing of 5 nodes in 5 boxes>
    >>> print(picture.mermaid)
    flowchart TB
      n0(["W<br/>2"])
      n1(["x<br/>scalar"])
      n2("sin<br/>scalar")
    ...
    """
    if not (widths is None or isinstance(widths, str)) or widths not in WIDTHS:
        raise ValueError(f"widths must be one of {', '.join(map(repr, WIDTHS))}, not {describe(widths)}")
    if report is not None:
        check_instance(report, Report, "report")
    return Drawing(fold_picture(build_picture(L, wrt, report), fold, max_nodes), fold, widths)
