"""Straight-line schedules: a question that is asked again runs without a walk of the graph.

This room lowers nodes and adjoints to rows of ops, chooses one of the forms they run in, and keeps the plans of
questions about nodes. It may import the graph, the ops and the derivatives.
"""

from typing import TYPE_CHECKING

from .._graph.later import import_later

if TYPE_CHECKING:
    from .schedule import Schedule as Schedule
else:  # a plan is made when a question comes again and again; until then no schedule is needed
    __getattr__ = import_later(__name__, {".schedule": ("Schedule",)})
