"""The interface for hosts: functions prepared once and asked again and again, by whatever backend."""

from __future__ import annotations

from ._backend import Backend
from ._point import Point
from ._prepare import prepare
from ._prepared import Prepared
from ._registry import available, get, register
from ._statistics import Points, Statistics

__all__ = ["Backend", "Point", "Points", "Prepared", "Statistics", "available", "get", "prepare", "register"]
