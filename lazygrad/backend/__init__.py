"""The interface for hosts: functions prepared once and asked again and again, of lazygrad or of another backend.

A `Backend` differentiates, `prepare` makes a `Prepared` function of it that remembers its last points. This room may
import the graph, its derivatives, the transforms of functions and their Jacobians; plug-ins import it.
"""

from __future__ import annotations

from ._backend import Backend
from ._point import Point
from ._prepare import prepare
from ._prepared import Prepared
from ._registry import available, get, register
from ._statistics import Points, Statistics

__all__ = ["Backend", "Point", "Points", "Prepared", "Statistics", "available", "get", "prepare", "register"]
