"""Bounds in the structure of what they bound, made the vectors that hosts take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import scipy.optimize

from ..backend._signature import Place
from ._vector import Vector
from .flat import Objective

__all__ = ["as_scipy_bounds", "flatten_limits", "split_pairs"]


def as_scipy_bounds(objective: Objective, bounds: Any, *, sides: bool = False) -> object:
    """Return bounds as SciPy takes them, of bounds in the structure that an objective takes.

    Parameters
    ----------
    objective
        What the bounds are for.
    bounds
        A structure with pairs, lower and upper limits as two structures, or `scipy.optimize.Bounds` of those. What
        SciPy takes by itself is returned as it is.
    sides
        Whether two containers in a list or tuple are lower and upper limits, as for `scipy.optimize.least_squares`, or
        two pairs, as for `scipy.optimize.minimize`.
    """
    example = _make_example(objective)
    if bounds is None or (isinstance(example, Place) and len(objective.shapes[0]) == 1):
        one = objective.size == 1 and not sides and isinstance(bounds, (list, tuple)) and len(bounds) == 2
        return [tuple(bounds)] if one else bounds  # of a number a pair
    keep_feasible: Any = False
    if isinstance(bounds, scipy.optimize.Bounds):
        kept = np.ravel(bounds.keep_feasible)
        keep_feasible = kept if kept.size == objective.size else bool(kept.all())
        lower, upper = bounds.lb, bounds.ub
    elif isinstance(bounds, (list, tuple)) and len(bounds) == 2 and (sides or _are_sides(example, bounds)):
        lower, upper = bounds
    elif not sides and _are_plain_pairs(bounds, objective.size):
        return bounds
    else:
        return scipy.optimize.Bounds(*split_pairs(objective, bounds))
    return scipy.optimize.Bounds(
        flatten_limits(objective, lower, -np.inf, "lower bounds"),
        flatten_limits(objective, upper, np.inf, "upper bounds"),
        keep_feasible,
    )


def _are_sides(example: Any, bounds: Any) -> bool:
    """Return whether two entries are lower and upper limits of something that is no sequence itself."""
    if isinstance(example, (Place, list, tuple)):
        return False
    return any(isinstance(side, Mapping) or _get_fields(side) is not None for side in bounds)


def _are_plain_pairs(bounds: Any, size: int) -> bool:
    """Return whether bounds are a pair of numbers for each element of a vector, as SciPy has it."""
    if not isinstance(bounds, (list, tuple, np.ndarray)) or len(bounds) != size:
        return False
    return all(
        isinstance(pair, (list, tuple, np.ndarray))
        and len(pair) == 2
        and all(limit is None or np.ndim(limit) == 0 for limit in pair)
        for pair in bounds
    )


def flatten_limits(objective: Objective, limits: object, fill: float, what: str) -> Vector:
    """Return lower or upper limits as a vector.

    Parameters
    ----------
    objective
        What the limits are for.
    limits
        In the structure that the objective takes, with a number or an array for each leaf; a number in place of a
        container is for all in it. None stands for no limit, and a dict may leave out keys. Or a vector.
    fill
        The limit where there is none: infinite.
    what
        Their name, for errors.
    """
    if isinstance(limits, np.ndarray) and limits.size == 1:
        limits = limits.item()  # as `scipy.optimize.Bounds` keeps a number, or a dict
    if (
        isinstance(limits, (np.ndarray, list, tuple))
        and len(limits) == objective.size
        and all(map(np.isscalar, limits))
    ):
        return np.array(limits, dtype=float)
    found: list[Any] = [None] * len(objective.names)
    for k, given, _ in _walk(_make_example(objective), limits, what):
        found[k] = given
    return _join(objective, found, fill, what)


def split_pairs(objective: Objective, bounds: object, what: str = "bounds") -> tuple[Vector, Vector]:
    """Return lower and upper limits as two vectors, of bounds with a pair for each leaf.

    Parameters
    ----------
    objective
        What the bounds are for.
    bounds
        In the structure that the objective takes, with a pair (lower, upper) of numbers or arrays for each leaf, or a
        sequence of pairs, one for each of its elements. None stands for no bound, and a dict may leave out keys.
    what
        Their name, for errors.
    """
    lower: list[Any] = [None] * len(objective.names)
    upper = list(lower)
    for k, given, place in _walk(_make_example(objective), bounds, what):
        lower[k], upper[k] = _split_pair(given, objective.shapes[k], what + place)
    return _join(objective, lower, -np.inf, what), _join(objective, upper, np.inf, what)


def _make_example(objective: Objective) -> Any:
    """Return the structure that an objective takes, with a place for each leaf."""
    return objective._layout.fill([Place(k) for k in range(len(objective.names))])


def _walk(example: Any, given: Any, what: str, place: str = "") -> Iterator[tuple[int, Any, str]]:
    """Yield for each leaf its number, what is given for it, and where."""
    if isinstance(example, Place):
        yield example.index, given, place
        return
    children = _list_children(example)
    if children is None or given is None:
        return
    parts = dict.fromkeys(children, given) if np.isscalar(given) else _list_children(given)
    ordered = isinstance(example, (list, tuple)) and not isinstance(given, Mapping)
    if parts is None or parts.keys() - children.keys() or (ordered and len(parts) != len(children)):
        raise TypeError(
            f"{what}{place} must have the structure of what it bounds, with {list(children)}, but is {given!r}"
        )
    for key, part in parts.items():
        step = f".{key}" if _get_fields(example) is not None else f"[{key!r}]"
        yield from _walk(children[key], part, what, place + step)


def _list_children(tree: Any) -> dict[Any, Any] | None:
    """Return what is in a container by key, index or name; None for anything else."""
    if isinstance(tree, Mapping):
        return dict(tree)
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    names = _get_fields(tree)
    return None if names is None else {name: getattr(tree, name) for name in names}


def _get_fields(tree: Any) -> list[str] | None:
    """Return the names of the fields of an instance of an attrs class or dataclass."""
    if isinstance(tree, (type, Place)):
        return None
    if attrs.has(type(tree)):
        return [field.name for field in attrs.fields(type(tree))]
    return [field.name for field in dataclasses.fields(tree)] if dataclasses.is_dataclass(tree) else None


def _split_pair(given: Any, shape: tuple[int, ...], what: str) -> tuple[Any, Any]:
    """Return the lower and the upper limits of one leaf."""
    if given is None:
        return None, None
    if hasattr(given, "lb") and hasattr(given, "ub"):
        return given.lb, given.ub
    if not isinstance(given, (list, tuple, np.ndarray)):
        raise TypeError(f"{what} must be a pair (lower, upper), not {given!r}")
    entries, size = list(given), int(np.prod(shape))
    rows = isinstance(given, np.ndarray) or all(entry is None or isinstance(entry, (tuple, list)) for entry in entries)
    pairs = len(entries) == size and rows and any(entry is not None for entry in entries)
    if pairs and size == 2 and any(isinstance(entry, list) for entry in entries):
        raise TypeError(f"{what} may be two pairs, or lower and upper limits: give pairs as tuples, limits as arrays")
    if pairs and all(entry is None or len(entry) == 2 for entry in entries):
        both = [(None, None) if entry is None else tuple(entry) for entry in entries]
        return _as_shape([low for low, _ in both], shape), _as_shape([high for _, high in both], shape)
    if len(entries) != 2:
        raise TypeError(f"{what} must be a pair (lower, upper), or {size} pairs, not {given!r}")
    return entries[0], entries[1]


def _as_shape(limits: list[Any], shape: tuple[int, ...]) -> Any:
    return np.array(limits, dtype=object).reshape(shape)


def _join(objective: Objective, limits: list[Any], fill: float, what: str) -> Vector:
    """Return the limits of all leaves as a vector, infinite where there is none."""
    x = np.empty(objective.size)
    for s, given in zip(objective._layout.slices, limits, strict=True):
        array = np.asarray(fill if given is None else given, dtype=object)
        array = np.where(np.reshape([one is None for one in array.flat], array.shape), fill, array)
        try:
            array = np.broadcast_to(array.astype(complex if s.dtype.kind == "c" else float), s.shape)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{what}{s.place} must be numbers of shape {s.shape}, not {given!r}") from error
        if s.dtype.kind == "c":
            if given is not None and not np.iscomplexobj(given):
                raise TypeError(f"{what}{s.place} must be complex, for real and imaginary parts, not {given!r}")
            array = np.where(array == fill, complex(fill, fill), array)
        s.write(array, x)
    return x
