"""Check what is no array among arguments: switches, counts, functions and the kinds of objects; each error names it."""

from __future__ import annotations

from typing import Any, TypeGuard, TypeVar

import numpy as np

from .node import Node

__all__ = ["check_choice", "check_count", "check_flag", "check_function", "check_instance", "describe", "is_whole"]

T = TypeVar("T")
LONGEST = 80  # letters of a value in a message


def describe(value: object) -> str:
    """Return a value as messages show it: in one line that is not too long."""
    if (
        not isinstance(value, Node)
        and callable(value)
        and isinstance(name := getattr(value, "__qualname__", None), str)
    ):
        return name
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a value that cannot show itself is still named by its type
        text = object.__repr__(value)
    return text if isinstance(value, Node) or len(text) <= LONGEST else f"{text[:LONGEST]}..."


def check_flag(value: object, name: str) -> bool:
    """Return a switch as a bool, or raise a TypeError for what is neither True nor False."""
    if isinstance(value, (bool, np.bool)):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {describe(value)}")


def is_whole(value: object) -> TypeGuard[int | np.integer[Any]]:
    """Return whether a value is a whole number: no truth value, and no span of time, which NumPy counts among them."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))


def check_count(value: object, name: str, least: int = 0) -> int:
    """Return a whole number that is not below `least`, or raise a TypeError or ValueError."""
    if not is_whole(value):
        raise TypeError(f"{name} must be a whole number, not {describe(value)}")
    count = int(value)
    if count < least:
        raise ValueError(f"{name} must be at least {least}, not {describe(value)}")
    return count


def check_choice(value: object, name: str, choices: tuple[object, ...]) -> None:
    """Raise a ValueError unless the value is one of the choices; nothing but a string or None is compared."""
    if not (value is None or isinstance(value, str)) or value not in choices:
        known = ", ".join([repr(choice) for choice in choices if choice is not None])
        none = "None or " if None in choices else ""
        raise ValueError(f"{name} must be {none}one of {known}, not {describe(value)}")


def check_function(f: object, caller: str, of_nodes: str = "") -> None:
    """Raise a TypeError unless `f` can be called; for a node the message names the call that takes one."""
    if isinstance(f, Node):
        instead = of_nodes or "`lazygrad.gradient(L, wrt)`"
        raise TypeError(f"{caller} takes a function, not the node {f!r}: of nodes call {instead}")
    if not callable(f):
        raise TypeError(f"{caller} takes a function, not {describe(f)}")


def check_instance(value: object, kind: type[T], name: str) -> T:
    """Return the value if it is of a class, or raise a TypeError that says which is meant."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__module__}.{kind.__qualname__}, not {describe(value)}")
    return value
