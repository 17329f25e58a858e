"""Counts of the questions that a prepared function was asked, and of the answers that it had to compute."""

from __future__ import annotations

import attrs

__all__ = ["Points", "Statistics"]


@attrs.define
class Points:
    """Questions at a point that is remembered, and at a new one.

    Attributes
    ----------
    hits
        Questions at a point whose values are kept.
    misses
        Questions at another: as many as there were different points, unless one came back after it was forgotten.

    Examples
    --------
    >>> import lazygrad as lg
    >>> p = lg.backend.prepare(lambda x: x * x, 1.0)
    >>> answers = [p.value(2.0), p.gradient(2.0), p.value(-2.0)]
    >>> p.statistics.points
    Points(hits=1, misses=2)
    """

    __module__ = "lazygrad.backend"

    hits: int = 0
    misses: int = 0


@attrs.define(repr=False)
class Statistics:
    """The counts of one prepared function.

    Attributes
    ----------
    schedules
        How many structures were prepared: one, and one more for each other way through a function that branches
        on values.
    points
        Hits and misses of the point memo.
    calls
        By kind of question (``"value"``, ``"gradient"``, ...): how often it was asked. Asking for value and gradient
        at once counts as both.
    evaluations
        By kind: how often something had to be computed for the answer.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> p = lg.backend.prepare(lambda x: np.sum(x**2), np.zeros(2))
    >>> for x in (np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([3.0, 4.0])):
    ...     answers = p.value(x), p.gradient(x)
    >>> p.statistics.points
    Points(hits=4, misses=2)
    >>> p.statistics.calls["value"], p.statistics.evaluations["value"]
    (3, 2)
    """

    __module__ = "lazygrad.backend"

    schedules: int = 0
    points: Points = attrs.field(factory=Points)
    calls: dict[str, int] = attrs.field(factory=dict)
    evaluations: dict[str, int] = attrs.field(factory=dict)

    def __repr__(self) -> str:
        counts = f"schedules={self.schedules}, hits={self.hits}, misses={self.misses}"
        return f"Statistics({counts}, calls={self.calls}, evaluations={self.evaluations})"

    @property
    def hits(self) -> int:
        """Return the number of questions at a point that was remembered."""
        return self.points.hits

    @property
    def misses(self) -> int:
        """Return the number of questions at a new point."""
        return self.points.misses

    def count_question(self, kind: str) -> None:
        """Count a question of this kind."""
        self.calls[kind] = self.calls.get(kind, 0) + 1

    def count_evaluation(self, kind: str) -> None:
        """Count a question of this kind whose answer had to be computed."""
        self.evaluations[kind] = self.evaluations.get(kind, 0) + 1
