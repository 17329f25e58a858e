"""The class of traced values, which some scripts ask for by name."""

from ...._graph.node import Node

__all__ = ["ArrayBox"]

ArrayBox = Node
