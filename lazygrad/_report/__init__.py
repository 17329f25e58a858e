"""What the walks did: who is told of them, and how that is shown.

This room holds reports, tables, traces, progress and the search for nan; nothing below depends on it.
It may import the graph, the ops and the derivatives.
"""

from typing import TYPE_CHECKING

from .._graph.later import import_later

if TYPE_CHECKING:
    from .report import Report as Report
    from .report import record as record
    from .table import Table as Table
    from .table import row as row
else:  # a question about nodes needs them only where it is asked to report
    __getattr__ = import_later(__name__, {".report": ("Report", "record"), ".table": ("Table", "row")})
