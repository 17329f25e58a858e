"""A call of a NumPy function, brought to what the function means on nodes.

A meaning may name its arguments otherwise, take fewer of them, or take them in another order. So a call is read by
NumPy's signature: an argument that the meaning lacks may only have the value that it has by default.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._errors import RangeError
from .._graph.guards import suggest_looking
from .._graph.node import Node
from .._graph.types import Function
from ..ops._declare import find_meaning
from ..ops._op import Op, unknown_setting
from ._callers import ELSEWISE, find_caller, find_public_name, find_replacement

__all__ = [
    "call_meaning",
    "is_default",
    "name_function",
    "refuse_argument",
]

# Arguments that say what is done, and so must be known when a node is built.
_SETTINGS = {
    *("axis", "axis1", "axis2", "axisa", "axisb", "axisc", "axes", "copy", "ddof", "decimals", "destination", "dtype"),
    *(
        "edge_order",
        "endpoint",
        "hermitian",
        "increasing",
        "k",
        "keepdims",
        "kind",
        "mode",
        "n",
        "norm",
        "num",
        "offset",
    ),
    *("order", "rcond", "rtol", "side", "source", "stable", "tol"),
}
_OF_ARRAYS = ("astype", "dtype", "ndim", "reshape", "shape", "size", "T")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
OF_TEXT = (
    "np.array2string",
    "np.array_repr",
    "np.array_str",
    "np.save",
    "np.savetxt",
    "np.savez",
    "np.savez_compressed",
)
IN_PLACE = ("np.copyto", "np.fill_diagonal", "np.place", "np.put", "np.put_along_axis", "np.putmask")
HINTS = {
    "out": "cannot write into an array from a node: assign the result instead",
    "where": "choose by `np.where` before or after",
    "dtype": "use `.astype` before or after",
}


def refuse_argument(name: str, keyword: str) -> TypeError:
    """Return the error for an argument that a function does not take on nodes."""
    hint = HINTS.get(keyword)
    if keyword == "out":
        return TypeError(f"{name} {hint}")
    return TypeError(f"{name} on nodes does not take {keyword}=" + (f": {hint}" if hint else ""))


def name_function(error: TypeError | AttributeError, function: Function) -> TypeError | AttributeError:
    """Return the error with the name of the function that was called put before its text."""
    if isinstance(error, AttributeError):
        if error.obj is None or isinstance(error.obj, Node) or error.name not in _OF_ARRAYS:
            return error
        error = TypeError(f"an array or a node is needed where {error.obj!r} is given")
    if error.__class__ is not TypeError:
        return error
    text = str(error)
    for name in (find_public_name(function), caller := find_caller()):
        if name is not None and name not in text:
            text = f"{name}: {text}"
    if caller is not None and (ours := find_replacement(caller)) is not None and ours not in text:
        text = f"{text}; on nodes call `{ours}`"
    return error if text == str(error) else TypeError(text).with_traceback(error.__traceback__)


def is_default(value: object, default: object) -> bool:
    """Return whether an argument has the value that it has when it is left out."""
    if value is default:
        return True
    return isinstance(value, (bool, int, float, str)) and value.__class__ is default.__class__ and value == default


@attrs.frozen
class _Signatures:
    """How the arguments of a NumPy function become those of its meaning on nodes."""

    names: tuple[str, ...]  # of NumPy's positional arguments
    defaults: Mapping[str, Any]
    renamed: Mapping[str, str]  # what stands in the same place by another name
    known: frozenset[str]  # the names that the meaning takes
    free: bool  # ... or any
    aligned: int  # how many arguments may stand as they are
    direct: frozenset[str]  # ... and may be called so
    settings: frozenset[str]  # what must be known when a node is built
    places: tuple[tuple[int, str], ...]  # where that stands among positional arguments


@functools.cache
def _read_signatures(function: Callable[..., Any], meaning: Callable[..., Any]) -> _Signatures:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # written in C, in an older NumPy
        parameters = []
    names = tuple([p.name for p in parameters if p.kind in _POSITIONAL])
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    if isinstance(meaning, Op):
        own: tuple[str, ...] = (*meaning.inputs, *meaning.statics)
        known = direct = frozenset(own)
        starred, free = meaning.inputs[-1][0] == "*", False
    else:
        mine = list(inspect.signature(meaning).parameters.values())
        own = tuple([p.name for p in mine if p.kind in _POSITIONAL])
        direct = frozenset([p.name for p in mine if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)])
        known = direct | frozenset(own)
        starred = any(p.kind is p.VAR_POSITIONAL for p in mine)
        free = any(p.kind is p.VAR_KEYWORD for p in mine)
    pairs = list(zip(names, own, strict=False))
    theirs = {*names, *defaults}
    renamed = {a: b for a, b in pairs if a not in known and b not in theirs}
    aligned = next((k for k, (a, b) in enumerate(pairs) if b not in (a, renamed.get(a))), len(pairs))
    settings = theirs & _SETTINGS - ({"k"} if defaults.get("k", 0) is None else set())  # polyint's are no setting
    if starred or not names:
        aligned = sys.maxsize
    places = tuple([(k, name) for k, name in enumerate(names) if name in settings])
    return _Signatures(names, defaults, renamed, known, free, aligned, direct, frozenset(settings), places)


def _adapt_arguments(
    function: Callable[..., Any], meaning: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    reading = _read_signatures(function, meaning)
    names = reading.names
    as_it_is = len(args) <= reading.aligned
    for k, name in reading.places:
        if k < len(args) and isinstance(args[k], Node):
            raise unknown_setting(name, args[k])
    for name, value in kwargs.items():
        if value is np._NoValue or name not in reading.direct:
            as_it_is = False
        if isinstance(value, Node) and name in reading.settings:
            raise unknown_setting(name, value)
    if as_it_is:
        return args, kwargs
    if len(args) > len(names) and reading.aligned < sys.maxsize:
        raise TypeError(f"{find_public_name(function)} takes at most {len(names)} arguments, but got {len(args)}")
    if len(args) <= reading.aligned:
        by_keyword = dict(kwargs)
    else:  # from there on the order differs
        by_keyword = dict(zip(names[reading.aligned :], args[reading.aligned :], strict=False)) | dict(kwargs)
        args = args[: reading.aligned]
    for name in names[len(args) : reading.aligned]:  # the first ones by position, as they may be called otherwise
        if name not in by_keyword:
            break
        args = (*args, by_keyword.pop(name))
    static = {}
    for name, value in by_keyword.items():
        if value is np._NoValue:
            continue
        ours = reading.renamed.get(name, name)
        if ours in reading.known or reading.free:
            static[ours] = value
        elif value is not None and not is_default(value, reading.defaults.get(name, inspect.Parameter.empty)):
            raise refuse_argument(find_public_name(function), name)
    return args, static


def _refuse_function(name: str, given: Sequence[object]) -> TypeError:
    """Return the error for a function that has no meaning on nodes."""
    if name in OF_TEXT:
        node = next((x for x in given if isinstance(x, Node)), None)
        look = "" if node is None else suggest_looking(node)
        return TypeError(f"{name} is not defined on nodes, as text and files have no derivative{look}")
    if name in IN_PLACE:
        hint = "build a new one, as by `x = x.at[i].set(y)` or `np.where`"
        return TypeError(f"{name} is not defined on nodes, which do not change: {hint}")
    return TypeError(f"{name} is not defined on nodes: {ELSEWISE}")


def call_meaning(function: Function, args: Sequence[object], kwargs: Mapping[str, object]) -> Any:
    """Call what a NumPy function means on nodes, with NumPy's arguments."""
    meaning = find_meaning(function)
    if meaning is None:
        raise name_function(_refuse_function(find_public_name(function), (*args, *kwargs.values())), function)
    try:
        if kwargs or len(args) > 1:
            args, kwargs = _adapt_arguments(function, meaning, args, kwargs)
        return meaning(*args, **kwargs)
    except (TypeError, AttributeError) as error:
        raise name_function(error, function) from error.__cause__
    except OverflowError as error:  # an integer that no array holds, as an axis or a length
        raise RangeError(f"{find_public_name(function)}: {error}") from None
