"""A bar that shows how far a long evaluation has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._graph.node import Node
from .._graph.value import find_pending
from .._graph.watch import Watcher, attach_watcher
from .grid import import_optional

__all__ = ["Progress", "progress"]


class Progress(Watcher):
    """A watcher that counts what a block computes, and shows it as a bar.

    Attributes
    ----------
    done
        Values and adjoints computed so far.
    planned
        Values and adjoints computed, and those that the running question still needs; after a question, also one that
        failed, as many as `done`.

    Examples
    --------
    >>> import io
    >>> import lazygrad as lg
    >>> x = lg.parameter(0.5)
    >>> with lg.progress(file=io.StringIO()) as bar:
    ...     dx = lg.gradient(x * x, x)
    >>> bar.done, bar.planned
    (1, 1)
    """

    __module__ = "lazygrad"

    def __init__(self, bar: Any) -> None:
        self.done = 0
        self.planned = 0
        self._bar = bar
        self._depth = 0
        self._counted: dict[int, Node] = {}  # what the running question needs, met so far

    def question_begins(self) -> None:
        """Note that a question begins."""
        self._depth += 1

    def describe_question(self, differentiator: Any, wrt: tuple[Node, ...], lazily: bool) -> None:
        """Build all adjoints of the question, as it is about to do itself, to know what is needed in all."""
        if lazily:
            for i in wrt:
                adjoint = differentiator._find_adjoint(i)
                if adjoint is not None:
                    self._plan(adjoint)

    def question_ends(self) -> None:
        """Forget what the question planned and did not do."""
        self._depth = max(self._depth - 1, 0)
        if not self._depth:
            self._counted.clear()
            self._show(self.done)

    def need_begins(self, node: Node, was_requested: bool) -> None:
        """Plan what a needed node still lacks."""
        self.question_begins()
        self._plan(node)

    def need_ends(self) -> None:
        """Note that the need is met."""
        self.question_ends()

    def computation_ends(self, node: Node) -> None:
        """Count one more, unless it is a mirror, which shows what its original computed."""
        if node.op.mirrors is None:
            self._count(1)

    def note_visit(self, node: Node, rules: int) -> None:
        """Count one more that could not be planned."""
        self._show(self.planned + 1)
        self._count(1)

    def _plan(self, node: Node) -> None:
        found = len(find_pending(node, self._counted))
        if found:
            self._show(self.planned + found)

    def _show(self, planned: int) -> None:
        if planned != self.planned:
            self.planned = self._bar.total = planned
            self._bar.refresh()

    def _count(self, n: int) -> None:
        self.done += n
        self._bar.update(n)


@contextmanager
def progress(description: str = "lazygrad", **options: object) -> Iterator[Progress]:
    """Show a bar while the block computes: nodes done of nodes planned.

    Parameters
    ----------
    description
        The text before the bar.
    options
        Passed to `tqdm.tqdm`, such as ``file``, ``leave`` or ``mininterval``.

    Yields
    ------
    Progress
        With the counts ``done`` and ``planned``: values and adjoints.

    Raises
    ------
    ImportError
        If tqdm is not installed; it comes with the extra ``lazygrad[progress]``.

    Examples
    --------
    >>> import io
    >>> import lazygrad as lg, numpy as np
    >>> x = y = lg.parameter(0.5)
    >>> for k in range(1000):
    ...     y = np.sin(y)
    >>> with lg.progress(file=io.StringIO()) as bar:
    ...     dx = lg.gradient(y, x)
    >>> bar.done, bar.planned
    (1999, 1999)
    """
    tqdm = import_optional("tqdm.auto", "progress", "lazygrad.progress").tqdm
    with tqdm(total=0, desc=description, unit="node", **options) as bar:
        shown = Progress(bar)
        with attach_watcher(shown):
            yield shown
