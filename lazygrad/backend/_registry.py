"""Backends by name: ours, those of other libraries, and those that other packages bring."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, metadata, util
from typing import Any

from .._graph.names import list_closest
from .._graph.settings import describe
from .._query import engine as _engine
from ._backend import Backend
from ._engines import EngineBackend
from ._lazy import LazyBackend

__all__ = ["available", "get", "register"]

GROUP = "lazygrad.backends"
_OTHERS = {"jax": "Jax", "torch": "Torch", "autograd": "Autograd"}  # library -> class in `lazygrad.backend._others`
_LAZY = LazyBackend()
_registered: dict[str, Any] = {}
_loaded: dict[str, Backend] = {}


def available() -> tuple[str, ...]:
    """Return the names of the backends that can be had here, without importing any.

    Returns
    -------
    Ours: ``"lazy"`` and all engines; ``"jax"``, ``"torch"`` and ``"autograd"`` where these are installed; what was
    registered; and the entry points of the group ``lazygrad.backends``.

    Examples
    --------
    >>> available()[:6]
    ('lazy', 'sweep', 'children', 'forward', 'paths', 'numeric')
    """
    others = [name for name in _OTHERS if util.find_spec(name) is not None]
    return tuple(dict.fromkeys([*_engine.names(), *others, *_registered, *_entry_points()]))


def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def register(name: str, backend: Backend | Callable[[], Backend]) -> None:
    """Make a backend of your own known by a name.

    Parameters
    ----------
    name
        What ``backend=`` is to be given. Registering a name again replaces the backend, except ours.
    backend
        A `Backend`, or what makes one when it is first asked for, such as its class.

    Raises
    ------
    ValueError
        If the name is that of a backend of lazygrad itself.
    TypeError
        If it is no backend.

    Notes
    -----
    A package can do without: an entry point of the group ``lazygrad.backends`` that names a `Backend`, or its class,
    is loaded when somebody asks for it.

    Examples
    --------
    >>> class Mine(EngineBackend):
    ...     '''The engine "sweep" by another name.'''
    >>> register("mine", Mine("sweep"))
    >>> "mine" in available()
    True
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a backend is a string, not {describe(name)}")
    if name in _OTHERS or name in _engine.names():
        raise ValueError(f"{name!r} is a backend of lazygrad itself; register yours under another name")
    if not isinstance(backend, Backend) and not callable(backend):
        raise TypeError(f"a backend must be a `Backend` or make one, not {backend!r}")
    _registered[name] = backend
    _loaded.pop(name, None)


def get(name: str | Backend) -> Backend:
    """Return the backend of that name, loading it if need be; a backend itself is returned as it is.

    Raises
    ------
    ValueError
        If there is none: it lists what there is, closest first.
    ImportError
        If the library it stands for is not installed.
    TypeError
        If an entry point is no backend.

    Examples
    --------
    >>> get("sweep").prepare(lambda x: x * x, 1.0).gradient(3.0)
    array(6.)
    >>> get("sweeps")
    Traceback (most recent call last):
        ...
    ValueError: no backend is named 'sweeps'; there are, closest first: sweep, ...
    """
    if isinstance(name, Backend):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a backend is given by its name, or is a `Backend`, not {describe(name)}")
    if name == _engine.LAZY:
        return _LAZY
    if name in _engine.names():
        return EngineBackend(name)
    if name not in _loaded:
        _loaded[name] = _load(name)
    return _loaded[name]


def _load(name: str) -> Backend:
    """Import or make the backend of that name, other than ours."""
    if name in _registered:
        made = _registered[name]
    elif name in _OTHERS:
        if util.find_spec(name) is None:
            raise ImportError(f"the backend {name!r} needs {name}: install `lazygrad[{name}]`")
        made = getattr(import_module("lazygrad.backend._others"), _OTHERS[name])
    elif (point := _entry_points().get(name)) is not None:
        made = point.load()
    else:
        close = list_closest(name, available())
        raise ValueError(f"no backend is named {name!r}; there are, closest first: {close}")
    backend = made if isinstance(made, Backend) else made() if callable(made) else made
    if not isinstance(backend, Backend):
        raise TypeError(f"the backend {name!r} must be a `lazygrad.backend.Backend`, not {backend!r}")
    return backend
