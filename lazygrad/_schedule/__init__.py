"""Straight-line schedules: a question that is asked again runs without a walk of the graph."""

from ._schedule import BACKENDS, Branched, NotANumber, Schedule, with_numba

__all__ = ["BACKENDS", "Branched", "NotANumber", "Schedule", "with_numba"]
