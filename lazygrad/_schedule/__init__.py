"""Straight-line schedules: a question that is asked again runs without a walk of the graph."""

from ._memory import LARGE
from ._schedule import BACKENDS, Branched, NotANumber, Schedule, with_numba

__all__ = ["BACKENDS", "LARGE", "Branched", "NotANumber", "Schedule", "with_numba"]
