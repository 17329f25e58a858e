"""Prepared functions: asked by hosts again and again, at points that come and come back."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from .._functions.call import Argnums
from .._graph.node import INEXACT
from .._graph.trees import Tree
from .._graph.turns import as_one_question, lock, make_lock
from .._graph.types import Array, ArrayLike, Structure
from ._recent import Recent
from ._selection import Selection
from ._signature import Arguments, Signature, Slot, align_with_example
from ._statistics import Statistics

__all__ = ["Answers", "Prepared", "PreparedByExample"]

Source = TypeVar("Source")
Method = TypeVar("Method", bound=Callable[..., Any])


class Answers(Protocol):
    """The answers of a backend for a function at one point, as flat lists of arrays.

    `wanted` are indices of the leaves that derivatives are asked by, and answers come in that order.
    """

    @property
    def out(self) -> Tree:
        """Return the structure of the function's result, with its leaves."""

    def slots(self) -> list[Slot]:
        """Return shape and dtype of each output; a slot without dtype is no number."""

    def values(self) -> list[Array]:
        """Return the outputs."""

    def gradients(self, wanted: Sequence[int]) -> list[Array]:
        """Return the gradients of the only output, a real number."""

    def pull(self, cotangents: Sequence[object], wanted: Sequence[int]) -> list[Array]:
        """Return the vector-Jacobian products."""

    def push(self, tangents: Sequence[object]) -> list[Array]:
        """Return the Jacobian-vector products of the outputs, with a tangent for each leaf."""

    def hessian_times(
        self, vectors: Sequence[ArrayLike], wanted: Sequence[int], cotangents: Sequence[Any] | None = None
    ) -> list[Array]:
        """Return the Hessian's product with vectors, one a leaf: of the only output, or of all, weighed and summed."""

    def jacobian(self, wanted: Sequence[int]) -> list[list[Array]]:
        """Return for each output the Jacobian by each wanted leaf, of the shapes of both."""


def _as_one_question(method: Method) -> Method:
    """Let a method of a prepared function see one point from begin to end: one thread at a time asks."""

    @functools.wraps(method)
    def ask(self: Prepared, *args: Any, **kwargs: Any) -> Any:
        if self._lock is lock:
            return as_one_question((), method, self, *args, **kwargs)
        with self._lock:
            return method(self, *args, **kwargs)

    return ask  # type: ignore[return-value]


class Prepared(ABC):
    """A function that is prepared for one structure of its arguments, with shapes and dtypes.

    All methods take the positional arguments at which to evaluate; none of them means the present point, that of the
    last question (at first the example). They return read-only arrays, in the structure of what was asked for.

    Attributes
    ----------
    statistics
        How often it was asked, and how often it had to compute: see `Statistics`.

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

    __module__ = "lazygrad.backend"

    def __init__(self, signature: Signature, points: int, shared: Any = None) -> None:
        if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 1:
            raise ValueError(f"points must be the number of points that are remembered, at least 1, not {points!r}")
        self.signature = signature
        self.statistics = Statistics()
        self._points = int(points)
        self._recent: Recent[tuple[Arguments, Answers]] = Recent(self._points)
        self._everything = Selection.of(signature, None)
        self._lock = make_lock() if shared is None else shared

    def __repr__(self) -> str:
        by = ", ".join(slot.name for slot in self.signature.wanted_slots())
        return f"<{type(self).__name__} of {self.signature.function} by {by}: {self.statistics}>"

    @abstractmethod
    def _go_to(self, arguments: Arguments | None) -> Answers:
        """Go to a point, the present one for None."""

    def _select(self, select: Any) -> Selection:
        """Return the selection that a question asks for."""
        return self._everything if select is None else Selection.of(self.signature, select)

    def _begin(self, args: tuple[Any, ...], *kinds: str) -> Answers:
        """Check the arguments, count questions of these kinds, and go to the point."""
        arguments = self._check_arguments(args)
        for kind in kinds:
            self.statistics.count_question(kind)
        return self._go_to(arguments)

    def _recall(self, arguments: Arguments) -> tuple[Arguments, Answers] | None:
        """Return a remembered point with these arguments, bit for bit, and its answers, if there is one."""
        return self._recent.find(lambda one: one[0].is_same_point(arguments))

    def _remember(self, arguments: Arguments, answers: Answers) -> Answers:
        """Count a question at a point, which is the present one from now on, and return its answers."""
        known = self._recall(arguments)
        if known is None:
            self.statistics.points.misses += 1
        else:
            self.statistics.points.hits += 1
            self._recent.remove(known)
        self._recent.use((arguments, answers))
        return answers

    def _check_arguments(self, args: tuple[Any, ...]) -> Arguments | None:
        """Return the leaves of the arguments, checked; None if there are none, for the present point."""
        return self.signature.check_arguments(args) if args else None

    # -- questions ---------------------------------------------------------------------------------

    @_as_one_question
    def value(self, *args: object) -> Any:
        """Return the value, in the structure that the function returns.

        Raises
        ------
        TypeError, ShapeError
            If an argument is not what the function is prepared for.
        """
        at = self._begin(args, "value")
        return at.out.like(at.values())

    @_as_one_question
    def gradient(self, *args: object, select: Structure = None) -> Any:
        """Return the gradient of a function that returns one real number.

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
        selection = self._select(select)
        at = self._begin(args, "gradient")
        self._check_number(at)
        return selection.fill(at.gradients(selection.wanted))

    @_as_one_question
    def value_and_gradient(self, *args: object, select: Structure = None) -> tuple[Any, Any]:
        """Return the value and the gradient; see `value` and `gradient`."""
        selection = self._select(select)
        at = self._begin(args, "value", "gradient")
        self._check_number(at)
        gradients = selection.fill(at.gradients(selection.wanted))
        return at.out.like(at.values()), gradients

    @_as_one_question
    def vjp(self, *args: object, cotangent: object, select: Any = None) -> Any:
        """Return the vector-Jacobian product of a cotangent in the value's structure; `select` as for `gradient`."""
        selection = self._select(select)
        at = self._begin(args, "vjp")
        return selection.fill(at.pull(self._check_cotangents(at, cotangent), selection.wanted))

    @_as_one_question
    def jvp(self, *args: object, tangents: Structure) -> tuple[Any, Any]:
        """Return the value, and its derivative along `tangents`, which have the structure of a gradient."""
        found = self.signature.check_vectors(tangents, "tangent")
        at = self._begin(args, "jvp")
        self._check_floats(at)
        pushed = at.push(found)
        return at.out.like(at.values()), at.out.like(pushed)

    @_as_one_question
    def hvp(self, *args: Any, vectors: Structure, cotangent: object = None, select: Any = None) -> Any:
        """Return the Hessian's product with vectors in the structure of a gradient; `select` chooses among its blocks.

        If the function does not return one number, the Hessian is that of the value's product with `cotangent`.
        """
        selection = self._select(select)
        found = self.signature.check_vectors(vectors, "vector")
        at = self._begin(args, "hvp")
        if cotangent is None:
            self._check_number(at)
            return selection.fill(at.hessian_times(found, selection.wanted))
        return selection.fill(at.hessian_times(found, selection.wanted, self._check_cotangents(at, cotangent)))

    @_as_one_question
    def jacobian(self, *args: object, select: Structure = None) -> Any:
        """Return the Jacobian: for each output a gradient's structure, with arrays of the shapes of output and leaf.

        Raises
        ------
        TypeError
            If a leaf is complex: a Jacobian by it is one array only for holomorphic functions.
        """
        selection = self._select(select)
        slots = self.signature.wanted_slots()
        for slot in (slots[k] for k in selection.wanted):
            if slot.dtype is not None and slot.dtype.kind == "c":
                raise TypeError(
                    f"there is no Jacobian of {self.signature.function} by the complex argument {slot.name}: take "
                    f"it by real and imaginary parts, or use `vjp`"
                )
        at = self._begin(args, "jacobian")
        self._check_floats(at)
        return at.out.like([selection.fill(row) for row in at.jacobian(selection.wanted)])

    # -- checks ------------------------------------------------------------------------------------

    def _check_floats(self, at: Answers) -> list[Slot]:
        """Return the slots of the outputs, if all of them are floats."""
        for slot in (slots := at.slots()):
            if slot.dtype is None or slot.dtype.kind not in INEXACT:
                what = "something that is no number" if slot.dtype is None else f"dtype {slot.dtype}"
                raise TypeError(f"{self.signature.function} returns {what}, which has no derivative")
        return slots

    def _check_cotangents(self, at: Answers, cotangent: Any) -> list[Any]:
        """Return a cotangent for each output, of its shape and dtype."""
        slots = self._check_floats(at)
        given = align_with_example(
            cotangent, at.out.like(at.out.leaves), "a cotangent must have the structure of the value"
        )
        return [slot.check_numbers(w, f"the cotangent of {slot.name}") for slot, w in zip(slots, given, strict=True)]

    def _check_number(self, at: Answers) -> None:
        """Raise TypeError unless the only output is one real number."""
        function = self.signature.function
        slots = self._check_floats(at)
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


class PreparedByExample(Prepared, Generic[Source]):
    """A function prepared with an example of its arguments; `source` is where its derivatives come from."""

    def __init__(
        self,
        source: Source,
        f: Any,
        example: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        wrt: Argnums,
        points: int,
        shared: Any = None,
    ) -> None:
        super().__init__(Signature.of(f, example, kwargs, wrt), points, shared)
        self._source, self._function, self._kwargs, self._wrt = source, f, kwargs, wrt
        self._present = self.signature.check_arguments(example).copy()

    def __reduce__(self) -> Any:
        arguments = self.signature.build_arguments(self._present.leaves)
        return type(self), (self._source, self._function, arguments, self._kwargs, self._wrt, self._points)
