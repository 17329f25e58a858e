"""Leaves as one vector of float64, and back: the ground that `Objective` stands on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import numpy as np

from .._errors import ShapeError
from .._functions.call import name_of
from .._graph.invalidate import update
from .._graph.leaf import as_leaf_array
from .._graph.node import Node
from .._graph.trees import align_leaves, leaves, list_places, map_tree
from .._graph.types import DType, Structure
from ..backend import Prepared
from ..backend._signature import Place

__all__ = ["Layout", "Partial", "Shared", "Vector"]

Vector = np.ndarray[Any, np.dtype[np.float64]]


@attrs.frozen(eq=False)
class _Slice:
    """Where one leaf lies in a vector."""

    place: str
    shape: tuple[int, ...]
    dtype: DType
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Return the name of the leaf, for errors."""
        return self.place or "x"

    @property
    def span(self) -> slice:
        """Return its part of the vector."""
        return slice(self.start, self.stop)

    def write(self, leaf: Any, x: Vector) -> None:
        """Put the numbers of a leaf into the vector: a complex one as real and imaginary parts in alternation."""
        flat = np.asarray(leaf).reshape(-1)
        x[self.span] = flat.astype(np.complex128).view(np.float64) if self.dtype.kind == "c" else flat

    def read(self, x: Vector) -> Any:
        """Return the leaf in its own dtype, from the vector."""
        flat = x[self.span]
        flat = flat.view(np.complex128) if self.dtype.kind == "c" else flat
        return flat.astype(self.dtype, copy=False).reshape(self.shape)

    def as_rows(self, g: Any, count: int) -> Any:
        """Return derivatives of `count` outputs by this leaf, which is along the last axes, as rows for the vector.

        A gradient by x + iy is dL/dx - i dL/dy.
        """
        rows = np.asarray(g).reshape(count, int(np.prod(self.shape)))
        if self.dtype.kind == "c":
            return np.ascontiguousarray(np.conj(rows), np.complex128).view(np.float64)
        return rows


def _line_up(slices: Iterable[tuple[str, tuple[int, ...], DType]]) -> list[_Slice]:
    """Return the parts of a vector for leaves that follow one another: place, shape and dtype of each."""
    lined_up: list[_Slice] = []
    stop = 0
    for place, shape, dtype in slices:
        start, stop = stop, stop + int(np.prod(shape)) * (2 if dtype.kind == "c" else 1)
        lined_up.append(_Slice(place, shape, dtype, start, stop))
    return lined_up


@attrs.define(eq=False)
class Shared:
    """The prepared function and the present point, which an objective and its blocks have in common."""

    prepared: Prepared
    single: bool  # whether it takes one argument, not as many as there are in a tuple
    slices: list[_Slice]
    x: Vector

    @classmethod
    def of(cls, prepared: Prepared, single: bool, present: list[object]) -> Shared:
        """Share a function at these values of its leaves."""
        signature = prepared.signature
        slots = iter(signature.wanted_slots())
        pairs = zip(list_places(signature.wrt), leaves(signature.wrt), strict=True)
        named = [(place, next(slots)) for place, leaf in pairs if isinstance(leaf, Place)]
        slices = _line_up((place, slot.shape, slot.dtype) for place, slot in named if slot.dtype is not None)
        x = np.empty(slices[-1].stop if slices else 0)
        for s, value in zip(slices, present, strict=True):
            s.write(value, x)
        return cls(prepared, single, slices, x)

    def fill(self, found: Iterable[object]) -> Any:
        """Return what was found for each leaf in the structure of the arguments; what is no number there stays."""
        following = iter(found)
        return map_tree(lambda leaf: next(following) if isinstance(leaf, Place) else leaf, self.prepared.signature.wrt)

    def pick_numbers(self, found: list[object]) -> list[object]:
        """Return those of the leaves of such a structure that stand for numbers."""
        pairs = zip(found, leaves(self.prepared.signature.wrt), strict=True)
        return [leaf for leaf, place in pairs if isinstance(place, Place)]


class Layout:
    """A vector of all leaves, or of some; for a block of some the others stay at the present point."""

    def __init__(self, shared: Shared, chosen: list[int]) -> None:
        self.shared, self.chosen = shared, chosen
        self.all = len(chosen) == len(shared.slices)
        self.whole = [shared.slices[k] for k in chosen]  # where ours lie in the vector of all
        self.slices = _line_up((s.place, s.shape, s.dtype) for s in self.whole)
        self.size = self.slices[-1].stop if self.slices else 0

    def __reduce__(self) -> Any:
        return Layout, (self.shared, self.chosen)

    # -- structures --------------------------------------------------------------------------------

    def fill(self, found: list[object]) -> Any:
        """Return what was found for each leaf as the caller has it: for a block a list, or its only leaf."""
        if self.all:
            return self.shared.fill(found)
        return found[0] if len(found) == 1 else list(found)

    def tree(self, x: Vector) -> Any:
        """Return a vector as arrays that belong to the caller."""
        return self.fill([s.read(x).copy() for s in self.slices])

    def flat(self, tree: Structure) -> Vector:
        """Return such arrays as a vector; checked."""
        found = align_leaves(
            tree,
            self.fill([0.0] * len(self.slices)),
            "what is made a vector must have the structure of `wrt`",
        )
        x = np.empty(self.size)
        for s, leaf in zip(self.slices, self.pick_numbers(found), strict=True):
            array = as_leaf_array(leaf, "vector")
            if array.dtype.kind == "c" and s.dtype.kind != "c":
                raise TypeError(f"the leaf {s.name} has dtype {s.dtype}, but was given {array.dtype}")
            if array.shape != s.shape:
                raise ShapeError(f"the leaf {s.name} has shape {s.shape}, but was given {array.shape}")
            s.write(array, x)
        return x

    def find(self, name: object) -> list[int]:
        """Return which leaves a place, a key, the name of a node, or a node stands for."""
        nodes = self.shared.prepared.signature.nodes
        if isinstance(name, Node):
            found = [k for k in self.chosen if nodes and nodes[k] is name]
        else:
            steps = (f"[{name!r}]", f".{name}", str(name))
            found = [k for k in self.chosen if any(_lies_within(self.shared.slices[k].place, step) for step in steps)]
            found = found or [k for k in self.chosen if nodes and nodes[k].name == name]
        if not found:
            raise KeyError(f"no leaf is {name!r}; there are {', '.join(s.name for s in self.slices)}")
        return found

    # -- vectors -----------------------------------------------------------------------------------

    def enter(self, x: object, what: str = "x") -> Vector:
        """Return a private copy of a vector; checked."""
        if isinstance(x, dict):
            raise TypeError(f"{what} must be a vector, not a dict: `objective.flat` makes it one")
        array = as_leaf_array(x, "vector")
        if array.dtype.kind == "c":
            raise TypeError(f"{what} must be real, but has dtype {array.dtype}: give real and imaginary parts by turns")
        if array.shape != (self.size,) and not (array.ndim == 0 and self.size == 1):
            parts = ", ".join(f"{s.name} {s.shape}" for s in self.slices)
            raise ShapeError(
                f"{what} has shape {array.shape}, but must have shape ({self.size},), for {parts}; `objective.flat` "
                f"makes a structure a vector"
            )
        return np.array(array, np.float64).reshape(self.size)

    def copy_present(self) -> Vector:
        """Return our part of the present point."""
        return np.concatenate([np.empty(0), *[self.shared.x[s.span] for s in self.whole]])

    def move(self, x: Vector) -> None:
        """Make a vector the present point; the user's own leaves take its values."""
        moved = self._insert(x, self.shared.x)
        if nodes := self.shared.prepared.signature.nodes:
            update({node: s.read(moved) for node, s in zip(nodes, self.shared.slices, strict=True)})
        self.shared.x = moved

    def build_arguments(self, x: Vector) -> tuple[object, ...]:
        """Return the positional arguments of the prepared function."""
        moved = self._insert(x, self.shared.x)
        tree = self.shared.fill([s.read(moved) for s in self.shared.slices])
        return (tree,) if self.shared.single else tree

    def build_tangents(self, p: Vector) -> Structure:
        """Return a direction as the prepared function takes it, zero along leaves that are not ours."""
        whole = self._insert(p, np.zeros_like(self.shared.x))
        return self.shared.fill([s.read(whole) for s in self.shared.slices])

    def _insert(self, x: Vector, others: Vector) -> Vector:
        """Return a vector of all leaves: of ours from one, of the others from another."""
        if self.all:
            return x
        whole = others.copy()
        for mine, s in zip(self.slices, self.whole, strict=True):
            whole[s.span] = x[mine.span]
        return whole

    # -- answers -----------------------------------------------------------------------------------

    @property
    def select(self) -> list[str] | None:
        """Return the leaves to ask for; None for all."""
        return None if self.all else [s.place for s in self.slices]

    def pick_numbers(self, found: list[object]) -> list[Any]:
        """Return those of the leaves of an answer that are numbers."""
        return self.shared.pick_numbers(found) if self.all else found

    def flatten_gradient(self, gradient: object) -> Vector:
        """Return a gradient as a vector."""
        return self.stack_rows(leaves(gradient), 1).reshape(-1)

    def stack_rows(self, found: list[object], count: int) -> Vector:
        """Return derivatives of several outputs, each by all leaves, as a matrix."""
        matrix = np.empty((count, self.size))
        for s, g in zip(self.slices, self.pick_numbers(found), strict=True):
            matrix[:, s.span] = s.as_rows(g, count)
        return matrix


def _lies_within(place: str, step: str) -> bool:
    """Return whether a place is the one that a step leads to, or lies in it."""
    return place == step or place.startswith((step + "[", step + "."))


class Partial:
    """A function of some of its arguments, with copies of the others that nobody can change.

    They are constants of the graph, so a question at another point need not look at them.
    """

    def __init__(self, f: Callable[..., Any], example: tuple[Any, ...], chosen: list[int], kwargs: Any) -> None:
        self.function, self.chosen = f, chosen
        self.others = [None if k in chosen else _copy_arrays(a) for k, a in enumerate(example)]
        self.kwargs = _copy_arrays(kwargs)
        self.__name__ = name_of(f)
        try:  # so that errors name arguments as the function does
            known = list(inspect.signature(f).parameters.values())
            self.__signature__ = inspect.Signature([known[k].replace(default=inspect.Parameter.empty) for k in chosen])
        except (TypeError, ValueError, IndexError):
            pass

    def __call__(self, *moving: Any) -> Any:
        arguments = list(self.others)
        for k, argument in zip(self.chosen, moving, strict=True):
            arguments[k] = argument
        return self.function(*arguments, **self.kwargs)


def _copy_arrays(tree: Any) -> Any:
    return map_tree(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, tree)
