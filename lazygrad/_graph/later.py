"""Import the parts of a package when they are first used (PEP 562), so that importing the package is cheap."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Mapping
from importlib import import_module

__all__ = ["PATIENCE", "import_later", "turn"]

# Threads take turns: one that imports a package while another one imports a module of it would meet Python's deadlock
# of imports. Not for ever, as a thread may wait for a module that the thread whose turn it is imports, too.
turn = threading.RLock()
PATIENCE = 5.0  # seconds


def import_later(package: str, homes: Mapping[str, Collection[str]]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a package whose names are imported when they are first used.

    Parameters
    ----------
    package
        The package's ``__name__``.
    homes
        Module, relative to the package -> the names that it holds. A module that lies in the package is offered itself,
        too, unless one of the names is its own.

    Examples
    --------
    >>> get = import_later("lazygrad", {"._functions.reverse": ["grad"], ".engines": []})
    >>> get("grad").__name__, get("engines").__name__
    ('grad', 'lazygrad.engines')
    >>> get("gard")
    Traceback (most recent call last):
        ...
    AttributeError: module 'lazygrad' has no attribute 'gard'
    """
    places = {home[1:]: home for home in homes} | {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> object:
        home = places.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        mine = turn.acquire(timeout=PATIENCE)
        try:
            module = import_module(home, package)
            found = getattr(module, name) if name in homes[home] else module
            setattr(sys.modules[package], name, found)  # next time Python finds it by itself
        finally:
            if mine:
                turn.release()
        return found

    return get
