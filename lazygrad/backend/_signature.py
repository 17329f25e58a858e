"""The arguments that a function is prepared for, and the check of everything that comes in later."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._errors import ShapeError
from .._functions.call import Argnums, name_of, resolve_argnums
from .._functions.trace import name_arguments
from .._graph.bits import same_bits
from .._graph.guards import UNPREPARED
from .._graph.leaf import as_leaf_array, copy_frozen
from .._graph.node import Node, label
from .._graph.trees import align_leaves, as_key, flatten, leaves, structure_key
from .._graph.types import Array, DType, Function, Structure
from .._query.checks import check_wrt, map_nodes, resolve_names

__all__ = ["Arguments", "Place", "Signature", "Slot", "align_with_example"]


@attrs.frozen(eq=False)
class Slot:
    """The requirement on one leaf of the arguments: an array of this shape and dtype, or static if it has none."""

    name: str
    shape: tuple[int, ...] = ()
    dtype: DType | None = None
    wanted: bool = False  # derivatives can be asked by it

    @classmethod
    def of(cls, leaf: object, name: str, wanted: bool, function: str) -> Slot:
        """Make the slot for one leaf of the example."""
        if isinstance(leaf, Node):
            raise TypeError(f"{function} is prepared for arrays, but {name} is the node {leaf!r}: {UNPREPARED}")
        number = wanted and not (leaf is None or isinstance(leaf, (str, bytes)) or callable(leaf))
        if not number and not isinstance(leaf, (np.ndarray, np.generic)):
            return cls(name)
        try:
            array = as_leaf_array(leaf, "parameter" if wanted else "constant")
        except (TypeError, ValueError) as error:
            what = "cannot be differentiated by" if wanted else "cannot be prepared with"
            raise TypeError(f"{function} {what} argument {name}: {error}") from None
        return cls(name, array.shape, array.dtype, wanted)

    def check_array(self, value: object, function: str) -> Array:
        """Return a value for this leaf as an array, not yet a copy, if it has the right shape and dtype."""
        if value.__class__ is np.ndarray and value.dtype == self.dtype and value.shape == self.shape:
            return value
        if isinstance(value, Node):
            raise TypeError(f"argument {self.name} of {function} must be an array, not {value!r}: {UNPREPARED}")
        try:
            array = as_leaf_array(value, "parameter" if self.wanted else "constant", like=self.dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(f"argument {self.name} of {function} must be {self.description}: {error}") from None
        if array.shape != self.shape:
            raise ShapeError(
                f"argument {self.name} of {function} has shape {array.shape}, but it is prepared for "
                f"{self.description}: prepare the function with an example of that shape"
            )
        if array.dtype != self.dtype:
            raise TypeError(
                f"argument {self.name} of {function} has dtype {array.dtype}, but it is prepared for "
                f"{self.description}: cast it with `.astype({str(self.dtype)!r})`, or prepare the function with an "
                f"example of that dtype"
            )
        return array

    def check_numbers(self, value: object, what: str) -> Array:
        """Return a tangent, vector or cotangent for this leaf in its dtype, if it has the right shape."""
        if isinstance(value, Node):
            raise TypeError(f"{what} must be an array, not {value!r}: {UNPREPARED}")
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise TypeError(f"{what} must be {self.description}: {error}") from None
        assert self.dtype is not None
        if array.dtype.kind not in "biufc" or (array.dtype.kind == "c" and self.dtype.kind != "c"):
            raise TypeError(f"{what} must be numbers that {self.dtype} can hold, not dtype {array.dtype}")
        if array.shape != self.shape:
            raise ShapeError(f"{what} has shape {array.shape}, but must be {self.description}")
        return array.astype(self.dtype, copy=False)

    @property
    def description(self) -> str:
        """Return the requirement in words."""
        return f"an array of shape {self.shape} and dtype {self.dtype}"


def _ignore_key_order(key: Any) -> Hashable:
    """Return a structure that is equal for dicts with the same keys in another order."""
    if key is None:
        return None
    kind, rest, children = key
    inner = [_ignore_key_order(child) for child in children]
    return (kind, frozenset(zip(rest, inner, strict=True))) if issubclass(kind, Mapping) else (kind, rest, tuple(inner))


def _static_key(leaf: Any) -> Hashable:
    """Return a hashable key for a static argument; numbers count by their bytes, as in arrays."""
    return (type(leaf), np.asarray(leaf).tobytes()) if isinstance(leaf, (float, complex)) else as_key(leaf)


def align_with_example(given: object, example: Structure, what: str) -> list[object]:
    """Return the leaves of a tree in the order of another's; for a single leaf `given` itself, a list say."""
    return [given] if structure_key(example) is None else align_leaves(given, example, what)


class Place:
    """The stand-in for a leaf that derivatives are asked by, in a structure; no attrs class, as those are trees."""

    dtype = np.dtype(np.float64)  # so that a field of a dataclass that holds one is a leaf, not a static

    def __init__(self, index: int) -> None:
        self.index = index


@attrs.frozen(eq=False)
class Arguments:
    """The leaves of the arguments at one point: arrays (private copies, if this came of `copy`) and statics."""

    leaves: list[Any]
    statics: tuple[Hashable, ...]

    def copy(self) -> Arguments:
        """Return these arguments with copies of the arrays, which the caller cannot change."""
        return Arguments(
            [copy_frozen(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in self.leaves], self.statics
        )

    def is_same_point(self, other: Arguments) -> bool:
        """Return whether all arrays have the same bytes, and the statics are equal."""
        return self.statics == other.statics and all(
            same_bits(a, np.asarray(b))
            for a, b in zip(self.leaves, other.leaves, strict=True)
            if isinstance(b, (np.ndarray, np.generic))
        )


@attrs.frozen(eq=False)
class Signature:
    """The structure, shapes and dtypes of the arguments, and which of them derivatives are asked by."""

    function: str
    example: tuple[Any, ...]  # its arguments with a place or None for each leaf
    structures: list[Hashable]
    slots: list[Slot]  # of all leaves
    wrt: Any  # places in the structure of the answers; statics as they are
    wanted: list[int]  # which leaves the places stand for
    nodes: tuple[Node, ...] = ()  # of a prepared node, the leaf of each place

    @classmethod
    def of(cls, f: Function, example: Sequence[object], kwargs: Mapping[str, object], argnums: Argnums) -> Signature:
        """Make the signature of a function from an example of its arguments."""
        function = name_of(f)
        try:
            chosen, single = resolve_argnums(f, argnums, len(example))
        except TypeError:
            raise TypeError(
                f"wrt must be the position of an argument of {function}, or several different ones, of the "
                f"{len(example)} that it is prepared with; not {argnums!r}"
            ) from None
        names = iter(name_arguments(f, tuple(example), kwargs))
        slots: list[Slot] = []
        wanted: list[int] = []
        placed: list[Any] = []
        for k, argument in enumerate(example):
            tree = flatten(argument)
            stands: list[Any] = []
            for leaf in tree.leaves:
                slot = Slot.of(leaf, next(names), k in chosen, function)
                stands.append(Place(len(wanted)) if slot.wanted else leaf)
                if slot.wanted:
                    wanted.append(len(slots))
                slots.append(slot)
            placed.append(tree.like(stands) if k in chosen else argument)
        wrt = placed[chosen[0]] if single else tuple([placed[k] for k in chosen])
        order = [place.index for place in leaves(wrt) if isinstance(place, Place)]
        if order != sorted(order):  # argnums in another order than the arguments
            wanted = [wanted[index] for index in order]
            numbered = iter(range(len(order)))
            wrt = flatten(wrt).like([Place(next(numbered)) if isinstance(p, Place) else p for p in leaves(wrt)])
        return cls(function, tuple(example), [structure_key(a) for a in example], slots, wrt, wanted)

    @classmethod
    def of_nodes(cls, L: Node, wrt: Structure) -> Signature:
        """Make the signature of a node as a function of leaves: one argument in the structure of `wrt`."""
        nodes: list[Node] = []

        def replace(node: Node) -> Place:
            if check_wrt(node).op is not None:
                raise TypeError(f"{label(L)} can be prepared as a function of leaves, but {node!r} is computed")
            if any(node is other for other in nodes):
                raise TypeError(f"wrt names {node!r} twice")
            nodes.append(node)
            return Place(len(nodes) - 1)

        places = map_nodes(resolve_names(wrt, L), replace)
        slots = [Slot(label(i), i.shape, i.dtype, True) for i in nodes]
        return cls(label(L), (places,), [structure_key(places)], slots, places, list(range(len(nodes))), tuple(nodes))

    def check_arguments(self, args: tuple[object, ...]) -> Arguments:
        """Return the leaves of other arguments, if they are what the function is prepared for.

        Raises
        ------
        TypeError, ShapeError
            If not: it names the argument, what it is and what it must be.
        """
        if self.nodes and type(self.wrt) is tuple and len(args) == len(self.wrt) and not isinstance(args[0], tuple):
            args = (args,)
        if len(args) != len(self.example):
            raise TypeError(
                f"{self.function} is prepared for {len(self.example)} positional arguments, but was given {len(args)}"
            )
        found: list[Any] = []
        for k, argument in enumerate(args):
            found += self._align_argument(k, argument)
        arrays = [
            leaf if slot.dtype is None else slot.check_array(leaf, self.function)
            for slot, leaf in zip(self.slots, found, strict=True)
        ]
        statics = [_static_key(leaf) for slot, leaf in zip(self.slots, arrays, strict=True) if slot.dtype is None]
        return Arguments(arrays, tuple(statics))

    def _align_argument(self, k: int, argument: Any) -> list[Any]:
        """Return the leaves of the k-th argument in the order of the example's."""
        if self.structures[k] is None:  # a list may stand for an array
            return [argument]
        found = structure_key(argument)
        if found == self.structures[k]:
            return leaves(argument)
        what = f"argument {k} of {self.function} must have the structure that it is prepared for"
        in_order = align_leaves(argument, self.example[k], what)
        if _ignore_key_order(found) != _ignore_key_order(self.structures[k]):
            raise TypeError(f"{what}, but its containers have other types, or other fields that are no arrays")
        return in_order

    def wanted_slots(self) -> list[Slot]:
        """Return the slots that derivatives are asked by."""
        return [self.slots[k] for k in self.wanted]

    def check_vectors(self, given: object, what: str) -> list[Any]:
        """Return tangents or vectors in the structure of the answers, one for each leaf, of its shape and dtype."""
        found = align_with_example(given, self.wrt, f"a {what} must have the structure of what it is differentiated by")
        places = leaves(self.wrt)
        slots = iter(self.wanted_slots())
        return [
            (slot := next(slots)).check_numbers(vector, f"the {what} of {slot.name}")
            for place, vector in zip(places, found, strict=True)
            if isinstance(place, Place)
        ]

    def build_arguments(self, leaves: Iterable[object]) -> tuple[object, ...]:
        """Return the positional arguments with these leaves."""
        arguments: tuple[Any, ...] = flatten(self.example).like(leaves)
        return arguments
