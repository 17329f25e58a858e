"""What a function is prepared for, and the check of everything that comes in later."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._errors import ShapeError
from .._functions.call import Argnums, positions, title
from .._functions.trace import names_of
from .._graph.bits import same_bits
from .._graph.leaf import copy_frozen, leaf_array
from .._graph.node import Node, label
from .._graph.trees import aligned, as_key, flatten, leaves, structure
from .._query.checks import check_wrt, each, resolved

__all__ = ["Arguments", "Place", "Signature", "Slot", "fitting"]


@attrs.frozen(eq=False)
class Slot:
    """What one leaf of the arguments must be: an array of this shape and dtype; or static, if it has none."""

    name: str
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None
    wanted: bool = False  # derivatives can be asked by it

    @classmethod
    def of(cls, leaf: Any, name: str, wanted: bool, function: str) -> Slot:
        """That of a leaf of the example."""
        if isinstance(leaf, Node):
            raise TypeError(f"{function} is prepared for arrays, but {name} is the node {leaf!r}: pass its `.value`")
        number = wanted and not (leaf is None or isinstance(leaf, (str, bytes)) or callable(leaf))
        if not number and not isinstance(leaf, (np.ndarray, np.generic)):
            return cls(name)
        try:
            array = leaf_array(leaf, "parameter" if wanted else "constant")
        except (TypeError, ValueError) as error:
            what = "cannot be differentiated by" if wanted else "cannot be prepared with"
            raise TypeError(f"{function} {what} argument {name}: {error}") from None
        return cls(name, array.shape, array.dtype, wanted)

    def array(self, value: Any, function: str) -> Any:
        """A value for this leaf as an array; not yet a copy."""
        if value.__class__ is np.ndarray and value.dtype == self.dtype and value.shape == self.shape:
            return value
        if isinstance(value, Node):
            raise TypeError(f"argument {self.name} of {function} must be an array, not {value!r}: pass its `.value`")
        try:
            array = leaf_array(value, "parameter" if self.wanted else "constant", like=self.dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(f"argument {self.name} of {function} must be {self.told}: {error}") from None
        if array.shape != self.shape:
            raise ShapeError(
                f"argument {self.name} of {function} has shape {array.shape}, but it is prepared for {self.told}: "
                f"prepare the function with an example of that shape"
            )
        if array.dtype != self.dtype:
            raise TypeError(
                f"argument {self.name} of {function} has dtype {array.dtype}, but it is prepared for {self.told}: cast "
                f"it with `.astype({str(self.dtype)!r})`, or prepare the function with an example of that dtype"
            )
        return array

    def numbers(self, value: Any, what: str) -> Any:
        """A tangent, vector or cotangent for this leaf, in its dtype."""
        if isinstance(value, Node):
            raise TypeError(f"{what} must be an array, not {value!r}: pass its `.value`")
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise TypeError(f"{what} must be {self.told}: {error}") from None
        assert self.dtype is not None
        if array.dtype.kind not in "biufc" or (array.dtype.kind == "c" and self.dtype.kind != "c"):
            raise TypeError(f"{what} must be numbers that {self.dtype} can hold, not dtype {array.dtype}")
        if array.shape != self.shape:
            raise ShapeError(f"{what} has shape {array.shape}, but must be {self.told}")
        return array.astype(self.dtype, copy=False)

    @property
    def told(self) -> str:
        """What it must be, in words."""
        return f"an array of shape {self.shape} and dtype {self.dtype}"


def _any_order(key: Any) -> Hashable:
    """A structure, whatever the order of the keys of its dicts."""
    if key is None:
        return None
    kind, rest, children = key
    inner = [_any_order(child) for child in children]
    return (kind, frozenset(zip(rest, inner, strict=True))) if issubclass(kind, Mapping) else (kind, rest, tuple(inner))


def _static(leaf: Any) -> Hashable:
    """A key for what is no array; numbers by their bytes, as in arrays."""
    return (type(leaf), np.asarray(leaf).tobytes()) if isinstance(leaf, (float, complex)) else as_key(leaf)


def fitting(given: Any, example: Any, what: str) -> list[Any]:
    """The leaves of a tree in the order of another's; for a single one whatever NumPy makes an array of."""
    return [given] if structure(example) is None else aligned(given, example, what)


class Place:
    """Stands in a structure for one of the leaves that derivatives are asked by. (No attrs class: those are trees.)"""

    dtype = np.dtype(np.float64)  # so that a field of a dataclass that holds one is a leaf, not a static

    def __init__(self, index: int) -> None:
        self.index = index


@attrs.frozen(eq=False)
class Arguments:
    """The leaves of the arguments at one point: arrays, private copies once they are kept, and statics."""

    leaves: list[Any]
    statics: tuple[Hashable, ...]

    def copied(self) -> Arguments:
        """The same with copies of the arrays, that the caller cannot change."""
        return Arguments(
            [copy_frozen(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in self.leaves], self.statics
        )

    def same(self, other: Arguments) -> bool:
        """Whether it is the same point: the same bytes in all arrays, the same statics."""
        return self.statics == other.statics and all(
            same_bits(a, np.asarray(b))
            for a, b in zip(self.leaves, other.leaves, strict=True)
            if isinstance(b, (np.ndarray, np.generic))
        )


@attrs.frozen(eq=False)
class Signature:
    """Structure, shapes and dtypes of the arguments, and which of them derivatives are asked by."""

    function: str
    example: tuple[Any, ...]  # its arguments with a place or None for each leaf
    structures: list[Hashable]
    slots: list[Slot]  # of all leaves
    wrt: Any  # places in the structure of the answers; statics as they are
    wanted: list[int]  # which leaves the places stand for
    nodes: tuple[Node, ...] = ()  # of a prepared node, the leaf of each place

    @classmethod
    def of(cls, f: Any, example: Sequence[Any], kwargs: Mapping[str, Any], argnums: Argnums) -> Signature:
        """That of a function and an example of its arguments."""
        function = title(f)
        try:
            chosen, single = positions(f, argnums, len(example))
        except TypeError:
            raise TypeError(
                f"wrt must be the position of an argument of {function}, or several different ones, of the "
                f"{len(example)} that it is prepared with; not {argnums!r}"
            ) from None
        names = iter(names_of(f, tuple(example), kwargs))
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
        return cls(function, tuple(example), [structure(a) for a in example], slots, wrt, wanted)

    @classmethod
    def of_nodes(cls, L: Node, wrt: Any) -> Signature:
        """That of a node as a function of some of its leaves: one argument in the structure of `wrt`."""
        nodes: list[Node] = []

        def placed(node: Node) -> Place:
            if check_wrt(node).op is not None:
                raise TypeError(f"{label(L)} can be prepared as a function of leaves, but {node!r} is computed")
            if any(node is other for other in nodes):
                raise TypeError(f"wrt names {node!r} twice")
            nodes.append(node)
            return Place(len(nodes) - 1)

        places = each(resolved(wrt, L), placed)
        slots = [Slot(label(i), i.shape, i.dtype, True) for i in nodes]
        return cls(label(L), (places,), [structure(places)], slots, places, list(range(len(nodes))), tuple(nodes))

    def given(self, args: tuple[Any, ...]) -> Arguments:
        """The leaves of other arguments, checked.

        Raises
        ------
        TypeError, ShapeError
            Naming the argument, what it is and what it must be.
        """
        if self.nodes and type(self.wrt) is tuple and len(args) == len(self.wrt) and not isinstance(args[0], tuple):
            args = (args,)
        if len(args) != len(self.example):
            raise TypeError(
                f"{self.function} is prepared for {len(self.example)} positional arguments, but was given {len(args)}"
            )
        found: list[Any] = []
        for k, argument in enumerate(args):
            found += self._leaves(k, argument)
        arrays = [
            leaf if slot.dtype is None else slot.array(leaf, self.function)
            for slot, leaf in zip(self.slots, found, strict=True)
        ]
        statics = [_static(leaf) for slot, leaf in zip(self.slots, arrays, strict=True) if slot.dtype is None]
        return Arguments(arrays, tuple(statics))

    def _leaves(self, k: int, argument: Any) -> list[Any]:
        if self.structures[k] is None:  # a list may stand for an array
            return [argument]
        found = structure(argument)
        if found == self.structures[k]:
            return leaves(argument)
        what = f"argument {k} of {self.function} must have the structure that it is prepared for"
        in_order = aligned(argument, self.example[k], what)
        if _any_order(found) != _any_order(self.structures[k]):
            raise TypeError(f"{what}, but its containers have other types, or other fields that are no arrays")
        return in_order

    def wanted_slots(self) -> list[Slot]:
        """The slots that derivatives are asked by."""
        return [self.slots[k] for k in self.wanted]

    def vectors(self, given: Any, what: str) -> list[Any]:
        """Tangents or vectors in the structure of the answers, one for each leaf; checked."""
        found = fitting(given, self.wrt, f"a {what} must have the structure of what it is differentiated by")
        places = leaves(self.wrt)
        slots = iter(self.wanted_slots())
        return [
            (slot := next(slots)).numbers(vector, f"the {what} of {slot.name}")
            for place, vector in zip(places, found, strict=True)
            if isinstance(place, Place)
        ]

    def arguments(self, made: Iterable[Any]) -> tuple[Any, ...]:
        """The positional arguments, of other leaves."""
        arguments: tuple[Any, ...] = flatten(self.example).like(made)
        return arguments
