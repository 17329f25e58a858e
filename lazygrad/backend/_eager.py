"""Functions that are prepared by calling them: for backends that have no graph of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from .._errors import ShapeError
from .._functions.call import Argnums
from .._graph.leaf import copy_frozen
from .._graph.trees import Tree, flatten, list_places
from .._graph.types import Array, ArrayLike
from .._graph.value import readonly_view
from ._point import Flat, Linearizer, Point
from ._prepared import Answers, PreparedByExample
from ._signature import Arguments, Slot
from ._statistics import Statistics

__all__ = ["EagerBackend", "PreparedCalls"]


class EagerBackend(Linearizer, Protocol):
    """The operations of a backend that prepared calls need, at a `Point`: see `Backend`."""

    @property
    def namespace(self) -> ModuleType:
        """Return the module of functions on the backend's arrays."""

    def array(self, value: object) -> Any:
        """Return a NumPy array in the backend's own kind."""

    def gradient(self, at: Point, wanted: Sequence[int]) -> list[Any]:
        """Return the gradients of the only output."""

    def jvp(self, at: Point, tangents: Sequence[object]) -> list[Any]:
        """Return the tangents of the outputs."""

    def hvp(self, at: Point, vectors: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        """Return the products of the Hessian with vectors."""

    def jacobian(self, at: Point, wanted: Sequence[int]) -> list[list[Any]]:
        """Return for each output the Jacobians by the wanted arrays."""


class EagerAnswers:
    """A function at one point, and the answers that a backend found there."""

    def __init__(
        self, backend: EagerBackend, function: Callable[..., Any], arrays: list[Any], statistics: Statistics
    ) -> None:
        self._backend = backend
        self._statistics = statistics
        self._trees: list[Tree] = []  # what the function returned, once it has run
        self._point = Point(backend, _flatten_outputs(backend, function, self._trees), arrays)
        self._found: dict[tuple[str, int], Any] = {}
        self._values: list[Any] | None = None

    @property
    def out(self) -> Tree:
        """Return the structure of the function's result, with its leaves."""
        self.values()
        return self._trees[0]

    def slots(self) -> list[Slot]:
        """Return shape and dtype of each output, linearising at once: whoever asks wants a derivative."""
        self._point.linearise()
        outs = self.values()
        names = [f"output{place}" for place in list_places(self.out.like(outs))]
        return [Slot(name, out.shape, out.dtype) for name, out in zip(names, outs, strict=True)]

    def values(self) -> list[Array]:
        """Return the outputs, evaluated once."""
        if self._values is None:
            if not self._point.linear:
                self._statistics.count_evaluation("value")
            self._values = [_copy_readonly(out) for out in self._point.outs]
        return self._values

    def gradients(self, wanted: Sequence[int]) -> list[Array]:
        """Return the gradients, asking the backend for those that are not known yet."""

        def compute(missing: list[int]) -> list[Any]:
            return self._check_answers(self._backend.gradient(self._point, missing), self._arrays_at(missing))

        return self._find_or_compute("gradient", wanted, compute)

    def pull(self, cotangents: Sequence[object], wanted: Sequence[int]) -> list[Array]:
        """Return the vector-Jacobian products, which are not kept."""
        self._statistics.count_evaluation("vjp")
        return self._check_answers(self._point.pull(cotangents, wanted), self._arrays_at(wanted))

    def push(self, tangents: Sequence[object]) -> list[Array]:
        """Return the Jacobian-vector products, which are not kept."""
        self._statistics.count_evaluation("jvp")
        return self._check_answers(self._backend.jvp(self._point, tangents), self.values())

    def hessian_times(
        self, vectors: Sequence[ArrayLike], wanted: Sequence[int], cotangents: Sequence[Any] | None = None
    ) -> list[Array]:
        """Return the products of the Hessian with vectors, which are not kept."""
        self._statistics.count_evaluation("hvp")
        point = self._point if cotangents is None else self._weigh_outputs(cotangents)
        return self._check_answers(self._backend.hvp(point, vectors, wanted), self._arrays_at(wanted))

    def jacobian(self, wanted: Sequence[int]) -> list[list[Array]]:
        """Return the Jacobians of each output, asking the backend for the columns that are not known yet."""

        def compute(missing: list[int]) -> list[Any]:
            rows = self._backend.jacobian(self._point, missing)
            return [[_copy_readonly(row[n]) for row in rows] for n in range(len(missing))]

        columns = self._find_or_compute("jacobian", wanted, compute)
        return [[column[n] for column in columns] for n in range(len(self.values()))]

    def _find_or_compute(
        self, kind: str, wanted: Sequence[int], compute: Callable[[list[int]], list[Any]]
    ) -> list[Any]:
        """Return the answers of one kind, computing in one go those that were not asked for before."""
        if missing := [k for k in wanted if (kind, k) not in self._found]:
            self._statistics.count_evaluation(kind)
            self._found.update({(kind, k): answer for k, answer in zip(missing, compute(missing), strict=True)})
        return [self._found[kind, k] for k in wanted]

    def _weigh_outputs(self, cotangents: Sequence[Any]) -> Point:
        """Return the sum of the outputs' products with cotangents, as a function at the same point."""
        weights = [self._backend.array(w) for w in cotangents]

        def total(*arrays: Any) -> list[Any]:
            terms = [(out * w).sum() for out, w in zip(self._point.function(*arrays), weights, strict=True)]
            real = self._backend.namespace.real
            return [sum(real(term) if np.iscomplexobj(w) else term for term, w in zip(terms, cotangents, strict=True))]

        return Point(self._backend, total, self._point.arrays)

    def _arrays_at(self, wanted: Sequence[int]) -> list[Any]:
        return [self._point.arrays[k] for k in wanted]

    def _check_answers(self, answers: Sequence[Any], expected: Sequence[Any]) -> list[Any]:
        """Return a backend's answers as read-only arrays, if they have the number and shapes that are expected."""
        name = type(self._backend).__name__
        if len(answers) != len(expected):
            raise ShapeError(f"{name} gave {len(answers)} answers where {len(expected)} were asked for")
        return [_check_answer(name, answer, like) for answer, like in zip(answers, expected, strict=True)]


def _flatten_outputs(backend: EagerBackend, function: Callable[..., Any], trees: list[Tree]) -> Flat:
    """Return the function with a list of arrays as its result; the structure of the last result is put in `trees`."""

    def flat(*moved: Any) -> list[Any]:
        trees[:] = [flatten(function(*moved))]
        return [backend.array(out) if isinstance(out, (int, float, complex)) else out for out in trees[0].leaves]

    return flat


def _check_answer(name: str, answer: Any, like: Any) -> Any:
    """Return one answer of a backend as a read-only array of the expected shape and dtype."""
    array = np.asarray(answer)
    if array.shape != like.shape:
        raise ShapeError(f"{name} gave an answer of shape {array.shape}, where {like.shape} was to be expected")
    if array.dtype.kind == "c" and like.dtype.kind != "c":
        array = array.real
    return _copy_readonly(array.astype(like.dtype, copy=False))


def _copy_readonly(answer: Any) -> Any:
    """Return an answer as a read-only array that nobody else can write to."""
    return readonly_view(copy_frozen(np.asarray(answer)))


class PreparedCalls(PreparedByExample[EagerBackend]):
    """A function that a backend calls anew at each point."""

    def __init__(
        self, backend: EagerBackend, f: Any, example: tuple[Any, ...], kwargs: Any, wrt: Argnums, points: int
    ) -> None:
        if not callable(f):
            raise TypeError(
                f"{type(backend).__name__} prepares functions; a node is for the backend 'lazy' and engines"
            )
        super().__init__(backend, f, example, kwargs, wrt, points)
        self.statistics.schedules = 1

    def _go_to(self, arguments: Arguments | None) -> Answers:
        arguments = self._present if arguments is None else arguments
        if (known := self._recall(arguments)) is not None:
            self._present = known[0]
            return self._remember(*known)
        self._present = arguments = arguments.copy()
        # None of it leads back to us, so that a point goes when it is forgotten, without the garbage collector.
        signature, function, kwargs, wanted = self.signature, self._function, self._kwargs, self.signature.wanted
        constant = [
            leaf if slot.dtype is None or k in wanted else self._source.array(leaf)
            for k, (leaf, slot) in enumerate(zip(arguments.leaves, signature.slots, strict=True))
        ]

        def call_with(*arrays: Any) -> Any:
            leaves = list(constant)
            for k, array in zip(wanted, arrays, strict=True):
                leaves[k] = array
            return function(*signature.build_arguments(leaves), **kwargs)

        arrays = [np.asarray(arguments.leaves[k]) for k in wanted]
        return self._remember(arguments, EagerAnswers(self._source, call_with, arrays, self.statistics))
