"""A prepared function: what hosts ask, again and again, at points that come and come back."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .._graph.node import INEXACT
from .._graph.trees import Tree
from ._selection import Selection
from ._signature import Arguments, Signature, Slot, fitting
from ._statistics import Statistics

__all__ = ["At", "Prepared"]


class At(Protocol):
    """A function at one point, as a backend answers for it; everything comes as flat lists of arrays.

    `wanted` are indices of the leaves that derivatives are asked by, and answers come in that order.
    """

    @property
    def out(self) -> Tree:
        """What the function returns."""

    def slots(self) -> list[Slot]:
        """Shape and dtype of each output; a slot without dtype is no number."""

    def values(self) -> list[Any]:
        """The outputs."""

    def gradients(self, wanted: Sequence[int]) -> list[Any]:
        """The gradients of the only output, a real number."""

    def pull(self, cotangents: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        """The vector-Jacobian products."""

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """The Jacobian-vector products of the outputs, with a tangent for each leaf."""

    def hessian_times(
        self, vectors: Sequence[Any], wanted: Sequence[int], cotangents: Sequence[Any] | None = None
    ) -> list[Any]:
        """The product of the Hessian with a vector for each leaf: of the only output, or of all, weighed and summed."""

    def jacobian(self, wanted: Sequence[int]) -> list[list[Any]]:
        """For each output the Jacobian by each wanted leaf, of the shapes of both."""


class Prepared(ABC):
    """A function that is prepared for one structure of its arguments, with shapes and dtypes.

    All methods take the positional arguments at which to evaluate; none of them means the present point, that of the
    last question (at first the example). They return read-only arrays, in the structure of what was asked for.

    Attributes
    ----------
    statistics
        What was asked, and what had to be computed: see `Statistics`.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> p = lg.backend.prepare(lambda w: np.sum(w["a"] ** 2) * w["b"], {"a": np.zeros(2), "b": 0.0})
    >>> at = {"a": np.array([1.0, 2.0]), "b": 3.0}
    >>> p.value(at)
    array(15.)
    >>> p.gradient(at)
    {'a': array([ 6., 12.]), 'b': array(5.)}
    >>> p.gradient(at, select="b")
    array(5.)
    >>> p.hvp(at, vectors={"a": np.array([1.0, 0.0]), "b": 0.0})
    {'a': array([6., 0.]), 'b': array(2.)}
    """

    def __init__(self, signature: Signature, points: int, lock: Any = None) -> None:
        if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 1:
            raise ValueError(f"points must be the number of points that are remembered, at least 1, not {points!r}")
        self.signature = signature
        self.statistics = Statistics()
        self._points = int(points)
        self._recent: deque[tuple[Arguments, At]] = deque(maxlen=self._points)  # the present point comes last
        self._all: tuple[Signature, Selection] | None = None  # the selection of everything
        self._lock = threading.RLock() if lock is None else lock

    def __repr__(self) -> str:
        by = ", ".join(slot.name for slot in self.signature.wanted_slots())
        return f"<{type(self).__name__} of {self.signature.function} by {by}: {self.statistics}>"

    @abstractmethod
    def _at(self, given: Arguments | None) -> At:
        """Go to a point, the present one for None."""

    def _selection(self, select: Any) -> Selection:
        if select is not None:
            return Selection.of(self.signature, select)
        if self._all is None or self._all[0] is not self.signature:
            self._all = self.signature, Selection.of(self.signature, None)
        return self._all[1]

    def _go(self, args: tuple[Any, ...], *kinds: str) -> At:
        given = self._given(args)
        for kind in kinds:
            self.statistics.called(kind)
        return self._at(given)

    def _remember(self, given: Arguments, at: At) -> At:
        """Count a question at a point, which is the present one from now on."""
        known = next((one for one in self._recent if one[0].same(given)), None)
        if known is None:
            self.statistics.points.misses += 1
        else:
            self.statistics.points.hits += 1
            self._recent.remove(known)
        self._recent.append((given, at))
        return at

    def _given(self, args: tuple[Any, ...]) -> Arguments | None:
        return self.signature.given(args) if args else None

    # -- questions ---------------------------------------------------------------------------------

    def value(self, *args: Any) -> Any:
        """The value, in the structure that the function returns.

        Raises
        ------
        TypeError, ShapeError
            If an argument is not what the function is prepared for.
        """
        with self._lock:
            at = self._go(args, "value")
            return at.out.like(at.values())

    def gradient(self, *args: Any, select: Any = None) -> Any:
        """The gradient of a function that returns one real number.

        Parameters
        ----------
        args
            Where.
        select
            Which gradients, if not all: of those in the answer a position, a name (of a dict's key, a field, or a
            leaf), a node if a node was prepared, or a list, tuple or dict of them, in whose structure they come. Only
            these are computed.

        Raises
        ------
        TypeError
            If the function does not return one real number, or an argument is not what it is prepared for.
        ShapeError
            If an argument has another shape.
        KeyError, IndexError
            If `select` names nothing.
        """
        with self._lock:
            selection = self._selection(select)
            at = self._go(args, "gradient")
            self._check_number(at)
            return selection.filled(at.gradients(selection.wanted))

    def value_and_gradient(self, *args: Any, select: Any = None) -> tuple[Any, Any]:
        """Both; see `value` and `gradient`."""
        with self._lock:
            selection = self._selection(select)
            at = self._go(args, "value", "gradient")
            self._check_number(at)
            gradients = selection.filled(at.gradients(selection.wanted))
            return at.out.like(at.values()), gradients

    def vjp(self, *args: Any, cotangent: Any, select: Any = None) -> Any:
        """The vector-Jacobian product of a cotangent in the structure of the value; `select` as for `gradient`."""
        with self._lock:
            selection = self._selection(select)
            at = self._go(args, "vjp")
            return selection.filled(at.pull(self._cotangents(at, cotangent), selection.wanted))

    def jvp(self, *args: Any, tangents: Any) -> tuple[Any, Any]:
        """The value, and its derivative in the direction of `tangents`, which have the structure of a gradient."""
        with self._lock:
            found = self.signature.vectors(tangents, "tangent")
            at = self._go(args, "jvp")
            self._float_slots(at)
            pushed = at.push(found)
            return at.out.like(at.values()), at.out.like(pushed)

    def hvp(self, *args: Any, vectors: Any, cotangent: Any = None, select: Any = None) -> Any:
        """The product of the Hessian with vectors in the structure of a gradient; `select` chooses among its blocks.

        Of a function that does not return one number it is that of the value's product with `cotangent`, as for `vjp`.
        """
        with self._lock:
            selection = self._selection(select)
            found = self.signature.vectors(vectors, "vector")
            at = self._go(args, "hvp")
            if cotangent is None:
                self._check_number(at)
                return selection.filled(at.hessian_times(found, selection.wanted))
            return selection.filled(at.hessian_times(found, selection.wanted, self._cotangents(at, cotangent)))

    def jacobian(self, *args: Any, select: Any = None) -> Any:
        """The Jacobian: for each output, in the structure of a gradient, arrays of the output's shape and the leaf's.

        Raises
        ------
        TypeError
            If a leaf is complex: a Jacobian by it is one array only for holomorphic functions.
        """
        with self._lock:
            selection = self._selection(select)
            slots = self.signature.wanted_slots()
            for slot in (slots[k] for k in selection.wanted):
                if slot.dtype is not None and slot.dtype.kind == "c":
                    raise TypeError(
                        f"there is no Jacobian of {self.signature.function} by the complex argument {slot.name}: take "
                        f"it by real and imaginary parts, or use `vjp`"
                    )
            at = self._go(args, "jacobian")
            self._float_slots(at)
            return at.out.like([selection.filled(row) for row in at.jacobian(selection.wanted)])

    # -- checks ------------------------------------------------------------------------------------

    def _float_slots(self, at: At) -> list[Slot]:
        for slot in (slots := at.slots()):
            if slot.dtype is None or slot.dtype.kind not in INEXACT:
                what = "something that is no number" if slot.dtype is None else f"dtype {slot.dtype}"
                raise TypeError(f"{self.signature.function} returns {what}, which has no derivative")
        return slots

    def _cotangents(self, at: At, cotangent: Any) -> list[Any]:
        """A cotangent for each output; checked."""
        slots = self._float_slots(at)
        given = fitting(cotangent, at.out.like(at.out.leaves), "a cotangent must have the structure of the value")
        return [slot.numbers(w, f"the cotangent of {slot.name}") for slot, w in zip(slots, given, strict=True)]

    def _check_number(self, at: At) -> None:
        function = self.signature.function
        slots = self._float_slots(at)
        if len(slots) != 1:
            raise TypeError(
                f"a gradient needs one number, but {function} returns {len(slots)}: use `vjp` or `jacobian`"
            )
        assert slots[0].dtype is not None
        if int(np.prod(slots[0].shape)) != 1:
            raise TypeError(
                f"a gradient needs one number, but {function} returns shape {slots[0].shape}: sum it, or use `vjp` or "
                f"`jacobian`"
            )
        if slots[0].dtype.kind == "c":
            raise TypeError(
                f"a gradient needs a real number, but {function} returns {slots[0].dtype}: take its `.real`, `.imag` "
                f"or `abs`, or use `vjp`"
            )
