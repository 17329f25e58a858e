"""Wrong uses made of right ones, and the judgement of what becomes of each."""

from __future__ import annotations

import contextlib
import io
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import lazygrad as lg
from tests.cases.wrong_uses import VALUES, Use, World

__all__ = ["judge", "list_variants", "try_use"]

ALLOWED = (TypeError, ValueError, IndexError, KeyError, lg.LazygradError, ImportError)
OURS = str(Path(lg.__file__).parent)
# What Python says of code that took for granted what it was given: it names nothing that the caller wrote.
UNCLEAR = re.compile(
    r"is not iterable|not callable|not subscriptable|has no len\(\)|cannot unpack|has no attribute|unhashable|"
    r"(not enough|too many) values to unpack|^$"
)
Arguments = Callable[[World], tuple[list[Any], dict[str, Any]]]


def _replace(use: Use, place: int | str, value: str) -> Arguments:
    def make(world: World) -> tuple[list[Any], dict[str, Any]]:
        args, kwargs = list(use.args(world)), use.kwargs(world)
        if isinstance(place, int):
            args[place] = VALUES[value](world)
        else:
            kwargs[place] = VALUES[value](world)
        return args, kwargs

    return make


def list_variants(use: Use) -> Iterator[tuple[str, Arguments]]:
    """Yield each wrong use: every value in every place, arguments left out, too many, and one of an unknown name."""
    world = World()
    count, names = len(use.args(world)), list(use.kwargs(world))
    for place in (*range(count), *names):
        for value in VALUES:
            yield f"{value} as {place}", _replace(use, place, value)
    for k in range(count):
        yield f"{k} arguments", lambda w, k=k: (list(use.args(w))[:k], {})  # type: ignore[misc]
    yield "too many arguments", lambda w: ([*use.args(w), *[1] * 9], use.kwargs(w))
    yield "an unknown keyword", lambda w: (list(use.args(w)), {**use.kwargs(w), "surprise": 1})


def try_use(use: Use, world: World, make: Arguments) -> Exception | None:
    """Make a call, and evaluate the nodes that come back; return the error, if there is one."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            args, kwargs = make(world)
            outcome = use.function(world)(*args, **kwargs)
            for node in outcome if isinstance(outcome, (tuple, list)) else [outcome]:
                if isinstance(node, lg.Node):
                    node.value  # noqa: B018
        except Exception as error:
            return error
    return None


def _gives_node(make: Arguments) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        args, kwargs = make(World())
    return _holds_node([*args, *kwargs.values()])


def _holds_node(value: Any, depth: int = 0) -> bool:
    if isinstance(value, (list, tuple)) and depth < 3:
        return any(_holds_node(item, depth + 1) for item in value)
    return isinstance(value, lg.Node)


def judge(use: Use, error: Exception, make: Arguments) -> str | None:
    """Return what is wrong with an error, or None."""
    if isinstance(error, use.raises):
        return None
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if not any(name.startswith(OURS) for name in frames) or not (frames[-1].startswith(OURS) or _gives_node(make)):
        return None  # NumPy's own, or SciPy's or Python's, of a call that holds no node
    if not isinstance(error, ALLOWED):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, KeyError):
        return None if "named" in str(error) else f"KeyError: {error}"  # as for a dict of nodes by their names
    text = str(error)
    if UNCLEAR.search(text) and not text.startswith(("np.", "lazygrad.")) and frames[-1].startswith(OURS):
        return f"{type(error).__name__} says only: {text}"
    return None
