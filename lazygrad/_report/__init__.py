"""Reports of what the walks did: who is told of them, and how that is shown.

This room holds the watchers that the walks tell of each step and everything that shows what they heard.
It may import the graph, the ops and the derivatives; nothing below it knows of it.
"""

from typing import TYPE_CHECKING

from .._graph.later import import_later

if TYPE_CHECKING:
    from .report import Report as Report
    from .report import record as record
    from .table import Table as Table
    from .table import make_row as make_row
else:  # a question about nodes needs them only where it is asked to report
    __getattr__ = import_later(__name__, {".report": ("Report", "record"), ".table": ("Table", "make_row")})
