"""The function of Python's, NumPy's or SciPy's that asked something of a node, and what to call in its place.

Everything here serves error texts alone: frames are read only once something has gone wrong.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any

import numpy as np

from .._graph.types import Function
from ..ops._declare import find_meaning, is_ufunc_of_scipy

__all__ = ["ELSEWISE", "find_caller", "find_public_name", "find_replacement", "find_statement", "takes_lists"]

ELSEWISE = (
    "compose it of functions that are (`lazygrad.numpy.supported()` lists NumPy's), or declare it with its derivatives "
    "by `lazygrad.primitive`"
)

# Where SciPy's names mean what NumPy's do, and NumPy's are defined on nodes.
_NUMPYS = {"scipy.fft": ("np.fft",), "scipy.linalg": ("np.linalg", "np")}

# Functions of `math` and `cmath` that NumPy has by another name, or SciPy alone.
_OF_MATH = {
    "dist": "np.linalg.norm",
    "erf": "lazygrad.scipy.special.erf",
    "erfc": "lazygrad.scipy.special.erfc",
    "fabs": "np.abs",
    "fsum": "np.sum",
    "gamma": "lazygrad.scipy.special.gamma",
    "lgamma": "lazygrad.scipy.special.gammaln",
    "phase": "np.angle",
    "pow": "np.power",
}


def find_public_name(function: Function) -> str:
    """Return the name that users know a function of NumPy's or SciPy's by, such as ``np.linalg.norm``."""
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or ("numpy" if hasattr(np, name) else "")
    if is_ufunc_of_scipy(function):
        module = "scipy.special"
    if module == "numpy" or module.startswith("numpy."):
        module = "np" + module[len("numpy") :]
    return f"{module}.{name}" if module else name


# -- functions of NumPy's and SciPy's --------------------------------------------------------------


def _package_of(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").split(".")[0]


def _outside_frame() -> FrameType | None:
    """Return the innermost frame that is not of this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _package_of(frame) == "lazygrad":
        frame = frame.f_back
    return frame


def find_caller() -> str | None:
    """Return the public name of the function of NumPy's or SciPy's that is running and led to this call, or None."""
    frame, running = _outside_frame(), []
    while frame is not None and _package_of(frame) in ("numpy", "scipy"):
        running.append(frame)
        frame = frame.f_back
    return next(_name_frames(running[::-1]), None)


def _name_frames(frames: list[FrameType]) -> Iterator[str]:
    for frame in frames:
        if (name := _name_in_numpy(frame) if _package_of(frame) == "numpy" else _name_in_scipy(frame)) is not None:
            yield name


def _name_in_numpy(frame: FrameType) -> str | None:
    name = frame.f_code.co_qualname.split(".")[0]
    for prefix, module in (("np.linalg.", np.linalg), ("np.fft.", np.fft), ("np.", np)):
        if hasattr(module, name) and (prefix == "np." or prefix[3:-1] in frame.f_globals["__name__"]):
            return prefix + name
    return None


def _name_in_scipy(frame: FrameType) -> str | None:
    """Return the public name of the function, class or distribution of SciPy's whose code runs in a frame."""
    parts = frame.f_globals["__name__"].split(".")
    owner = frame.f_locals.get("self")
    name = frame.f_code.co_name if owner is None else frame.f_code.co_qualname.split(".")[0]
    for count in range(len(parts), 1, -1):
        module = sys.modules.get(".".join(parts[:count]))
        if module is None or any(part.startswith("_") for part in parts[:count]):
            continue
        if owner is not None and (distribution := _name_distribution(owner, module)) is not None:
            return f"{module.__name__}.{distribution}.{frame.f_code.co_name}"
        if not name.startswith("_") and callable(getattr(module, name, None)):
            return f"{module.__name__}.{name}"
    return _name_wrapped(frame)


def _name_wrapped(frame: FrameType) -> str | None:
    """Return the public name of the function of SciPy's that the wrapper in a frame is about to call."""
    f = frame.f_locals.get("f")
    name, home = getattr(f, "__name__", ""), str(getattr(f, "__module__", "")).partition("._")[0]
    known = not name.startswith("_") and callable(getattr(sys.modules.get(home), name, None))
    return f"{home}.{name}" if home.startswith("scipy.") and known else None


def _name_distribution(owner: object, module: Any) -> str | None:
    """Return the name that a module offers a distribution under, of which `owner` may be a copy with parameters."""
    owner = getattr(owner, "dist", None) or getattr(owner, "_dist", None) or owner
    for name in (getattr(owner, "name", None), type(owner).__name__.removesuffix("_gen")):
        if isinstance(name, str) and type(getattr(module, name, None)) is type(owner):
            return name
    return None


def takes_lists(name: str) -> bool:
    """Return whether the function of `lazygrad.numpy` by this name below ``np.`` takes lists of nodes."""
    function: Any = np
    for part in name.split(".")[1:]:
        function = getattr(function, part, None)
    return isinstance(function, (np.ufunc, type(np.sum))) and find_meaning(function) is not None


def find_replacement(name: str) -> str | None:
    """Return the function to call on nodes in place of one of SciPy's, by its public name, or None."""
    package, _, function = name.rpartition(".")
    if find_spec("lazygrad.scipy") is not None and package.split(".")[0] == "scipy":
        ours = f"lazygrad.{package}"
        try:
            module = import_module(ours)
        except ImportError:
            module = None
        if module is not None and function in vars(module).get("__all__", ()):
            return f"{ours}.{function}"
    for home in _NUMPYS.get(package, ()):
        namespace: Any = np
        for part in home.split(".")[1:]:
            namespace = getattr(namespace, part)
        if callable(found := getattr(namespace, function, None)) and find_meaning(found) is not None:
            return f"{home}.{function}"
    return None


# -- functions of Python's own, and assignments ----------------------------------------------------


def find_statement() -> tuple[str, str | None]:
    """Return what the user's line does with a node, and the function that keeps the graph, if there is one.

    It is ``"store"`` for ``array[i] = node``, the name of a function of `math` or `cmath` or of a builtin, as
    ``"math.sin"`` or ``"float"``, or ``""`` for anything else.
    """
    frame = _outside_frame()
    if frame is None:
        return "", None
    if dis.opname[frame.f_code.co_code[frame.f_lasti]] in ("STORE_SUBSCR", "STORE_SLICE"):
        return "store", None
    called: Any = _find_called(frame)
    module, name = getattr(called, "__module__", None), getattr(called, "__name__", None)
    if not isinstance(name, str):
        return "", None
    if module in ("math", "cmath"):
        known = getattr(np, name, None)
        own = f"np.{name}" if known is not None and find_meaning(known) is not None else None
        return f"{module}.{name}", _OF_MATH.get(name, own)
    return (name, None) if module == "builtins" or isinstance(called, type) else (f"{module}.{name}", None)


def _find_called(frame: FrameType) -> object:
    """Return the function that a frame is about to call, looked up by the names that its code loads."""
    instructions = list(dis.get_instructions(frame.f_code))
    call = next((i for i in instructions if i.offset == frame.f_lasti), None)
    if call is None or not call.opname.startswith("CALL") or call.positions is None:
        return None
    begin = (call.positions.lineno, call.positions.col_offset)
    found: object = None
    for i in instructions:
        if i.offset >= call.offset:
            break
        if i.positions is None or (i.positions.lineno, i.positions.col_offset) != begin:
            continue
        if i.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF"):
            found = next(
                (s[i.argval] for s in (frame.f_locals, frame.f_globals, frame.f_builtins) if i.argval in s), None
            )
        elif i.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            found = getattr(found, i.argval, None)
        elif i.opname.startswith("CALL"):  # of `f(a)(b)` the second: no name
            found = None
    return found
