"""Reports: what a block of queries asked of the memo, and what had to be computed."""

from __future__ import annotations

from .._graph.settings import check_flag
from .._graph.watch import Block
from .views import ReportViews

__all__ = ["Report", "record"]


class Report(ReportViews):
    """The counts and events between the start of `record` and its end. It keeps the nodes it names alive.

    Attributes
    ----------
    asked
        Of the report of one query: the question.
    timing
        Whether computations are timed.
    nodes_touched
        How many nodes discovery examined.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0)
    >>> with lg.record() as report:
    ...     dx = lg.gradient(x * x, x)
    >>> report.rules_run, report.adjoints.misses, report.values.misses
    (2, 1, 0)
    """

    __module__ = "lazygrad"


def record(*, timing: bool = False) -> Block[Report]:
    """Collect statistics and events of the block, in this thread.

    Parameters
    ----------
    timing
        Whether to time each computation, for ``by_op``, ``seconds`` and the tables.

    Returns
    -------
    Context manager that gives a Report
        With ``values`` and ``adjoints`` (each ``.requests .hits .misses .hit_rate .computed .stale .reused``),
        ``rules_run``, ``nodes_touched``, ``bytes_computed``, ``bytes_held``, ``bytes_peak``, ``queries``, ``by_op``,
        ``trace()``, ``to_dict()``, ``to_json()`` and ``diff(other)``; ``print(report)`` gives a table, ``details()``
        and a notebook all there is. Blocks may nest. In a generator a block counts only while that one runs.

    Examples
    --------
    >>> import lazygrad as lg
    >>> a, b = lg.parameter(2.0), lg.parameter(3.0)
    >>> L = a * b
    >>> with lg.record() as report:
    ...     da = lg.gradient(L, a)
    >>> report.rules_run, report.adjoints.computed == (a,), report.values.computed
    (1, True, ())
    """
    report = Report(timing=check_flag(timing, "record: timing"))
    return Block(lambda around: (*around, report), report)
