"""Padding in all modes of np.pad: one op where the border is linear in the array, else a composition."""

from __future__ import annotations

from typing import Any

from .._graph.node import INEXACT, Node, Operand
from .._graph.types import both as np
from ._declare import function, op
from ._op import Signature, as_node
from .indexing import SLOT, scatter_add
from .joining import join_arrays
from .linear import along
from .linear import concatenate as join
from .repeating import repeat
from .shape import evaluate_argument

__all__ = ["pad"]

Pairs = tuple[tuple[Any, Any], ...]  # before and after, for each axis

OPTIONS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    **dict.fromkeys(("maximum", "mean", "median", "minimum"), "stat_length"),
    **dict.fromkeys(("reflect", "symmetric"), "reflect_type"),
    **dict.fromkeys(("edge", "empty", "wrap"), ""),
}
STATISTICS: dict[str, Any] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}

# -- the op ----------------------------------------------------------------------------------------


def _pad_array(x: Any, pad_width: Pairs, mode: str, options: tuple[tuple[str, Any], ...]) -> Any:
    return np.pad(x, pad_width, mode, **dict(options)) if pad_width else x


def _padded_shape(x: Node, pad_width: Pairs, mode: str, options: Any) -> Signature:
    for axis, (n, widths) in enumerate(zip(x.shape, pad_width, strict=True)):
        if n == 0 and any(widths) and mode != "constant":
            raise ValueError(f"axis {axis} is empty, and can be padded with constants only")
    return tuple([n + before + after for n, (before, after) in zip(x.shape, pad_width, strict=True)]), x.dtype


def _sources(n: int, widths: tuple[int, int], mode: str, odd: bool) -> tuple[Any, Any, Any]:
    """Return the places of a border along an axis of length n, the elements they read, and with what weights.

    A weight of 0 is left out, so that an infinite adjoint of a border goes nowhere it does not belong.
    """
    before, after = widths
    border = np.concatenate([np.arange(-before, 0), np.arange(n, n + after)])
    if mode == "linear_ramp":
        weights = np.concatenate([np.arange(before) / max(before, 1), np.arange(after)[::-1] / max(after, 1)])
        used = weights != 0
        return (border + before)[used], np.where(border < 0, 0, n - 1)[used], weights[used]
    read = np.pad(np.arange(n), widths, mode)[border + before]
    if not odd or n == 1:
        return border + before, read, np.ones(len(border), int)
    # Point reflections at both ends: x(t + period) = x(t) + 2 (last - first), and 2 last - x beyond the last.
    rounds, rest = np.divmod(border, 2 * n if mode == "symmetric" else 2 * n - 2)
    mirrored = rest >= n
    weights = np.concatenate([np.where(mirrored, -1, 1), -2 * rounds, 2 * rounds + 2 * mirrored])
    places, read = np.tile(border + before, 3), np.concatenate([read, 0 * read, 0 * read + n - 1])
    used = weights != 0
    return places[used], read[used], weights[used]


def _fold_border(g: Any, x_shape: tuple[int, ...], pad_width: Pairs, mode: str, options: Any) -> Any:
    """Sum what came from each element, starting with the axis that was padded last: the transpose of pad."""
    for axis in reversed(range(len(x_shape))):
        n, (before, after) = x_shape[axis], pad_width[axis]
        if not before and not after:
            continue
        core = g[along(axis, slice(before, before + n))]
        if mode != "constant":
            places, read, weights = _sources(n, (before, after), mode, ("reflect_type", "odd") in options)
            terms = g[along(axis, places)]
            if (weights != 1).any():
                terms = terms * weights.astype(g.dtype).reshape((-1,) + (1,) * (len(x_shape) - axis - 1))
            core = core + scatter_add(terms, read, shape=core.shape, key=along(axis, SLOT))
        g = core
    return g


def _tangent(t: Any, pad_width: Pairs, mode: str, options: Any) -> Any:
    constants = mode in ("constant", "linear_ramp")  # their values, the options, have no tangent
    return _pad(t, pad_width=pad_width, mode=mode, options=() if constants else options)


_pad: Any = op(
    "pad",
    _pad_array,
    shape=_padded_shape,
    vjp={"x": _fold_border},
    jvp={"x": _tangent},
    statics={"pad_width": (), "mode": "constant", "options": ()},
    selects="jvp",
    doc="Return x with a border of constants or of its own elements.",
)


# -- borders computed from the array ---------------------------------------------------------------


def _slice_along(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[along(axis, slice(start, stop))]


def _statistics(x: Any, axis: int, widths: tuple[int, int], lengths: tuple[Any, Any], mode: str) -> tuple[Any, Any]:
    """Return a statistic of the first and of the last elements, repeated."""
    if 0 in lengths and mode in ("maximum", "minimum"):
        raise ValueError("a stat_length of 0 has no extremum to pad with")
    first, last = lengths
    parts = [
        _slice_along(x, axis, None, first),
        _slice_along(x, axis, None if last is None else -last, 0 if last == 0 else None),
    ]
    found = [STATISTICS[mode](part, axis=axis, keepdims=True) for part in parts]
    return repeat(found[0], widths[0], axis), repeat(found[1], widths[1], axis)


def _pad_with_nodes(x: Any, pad_width: Pairs, values: Node) -> Any:
    """Add a border of constants that are computed."""
    pairs: Any = np.broadcast_to(values.astype(x.dtype), (x.ndim, 2))
    for axis, widths in enumerate(pad_width):
        shapes = [(*x.shape[:axis], width, *x.shape[axis + 1 :]) for width in widths]
        before, after = [np.broadcast_to(pairs[axis, k], shape) for k, shape in enumerate(shapes)]
        x = join_arrays(join, [before, x, after], None, axis=axis)
    return x


# -- NumPy's function ------------------------------------------------------------------------------


def _pairs(given: Any, ndim: int) -> Pairs:
    """Return before and after for each axis, from one for all, one pair for all, or all."""
    return tuple([(before, after) for before, after in np.broadcast_to(given, (ndim, 2)).tolist()])


def _widths(given: Any, ndim: int) -> Pairs:
    given = evaluate_argument(given, "how far np.pad pads")
    if isinstance(given, dict):
        widths = np.zeros((ndim, 2), int)
        for axis, width in given.items():
            widths[axis] = width
        given = widths
    given = np.asarray(given)
    if given.dtype.kind != "i":
        raise TypeError("`pad_width` must be of integral type")
    if (given < 0).any():
        raise ValueError("`pad_width` may not be negative")
    return _pairs(given, ndim)


@function(np.pad)
def pad(array: Operand, pad_width: object, mode: str = "constant", **kwargs: object) -> Node:
    """Return the array with a border: of constants, of its own elements, or of what is computed from them."""
    if not isinstance(mode, str):
        raise TypeError("np.pad on nodes takes no function as mode, as that would write into its argument")
    if mode not in OPTIONS:
        raise ValueError(f"mode {mode!r} is not one of {', '.join(OPTIONS)}")
    if unknown := [key for key in kwargs if key != OPTIONS[mode]]:
        raise ValueError(f"np.pad in mode {mode!r} does not take {', '.join(unknown)}")
    x = as_node(array)
    widths = _widths(pad_width, x.ndim)
    option = kwargs.get(OPTIONS[mode])
    if isinstance(option, Node) and mode == "constant":
        return _pad_with_nodes(x, widths, option)
    option = evaluate_argument(option, f"`{OPTIONS[mode]}` of np.pad")
    if isinstance(option, str):
        if option not in ("even", "odd"):
            raise ValueError(f"reflect_type must be 'even' or 'odd', not {option!r}")
    elif option is not None:
        option = _pairs(option, x.ndim)
    if mode == "empty":  # NumPy leaves the border undefined
        mode = "constant"
    if mode in STATISTICS and x.dtype.kind in INEXACT:
        return _pad_with_statistics(x, widths, mode, option)
    options = () if option is None else ((OPTIONS[mode], option),)
    return _pad(x, pad_width=widths, mode=mode, options=options)


def _pad_with_statistics(x: Any, pad_width: Pairs, mode: str, lengths: Any) -> Any:
    """Add a border of statistics, along one axis after the other."""
    _padded_shape(x, pad_width, mode, ())
    for axis, widths in enumerate(pad_width):
        if any(widths):
            before, after = _statistics(x, axis, widths, (None, None) if lengths is None else lengths[axis], mode)
            x = join_arrays(join, [before, x, after], None, axis=axis)
    return x
