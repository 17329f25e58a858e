"""Functions that are prepared by calling them: for backends that have no graph of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import ShapeError
from .._functions.call import Argnums
from .._graph.leaf import copy_frozen
from .._graph.trees import Tree, flatten, places
from .._graph.value import readonly_view
from ._point import Flat, Point
from ._prepared import Prepared
from ._signature import Arguments, Signature, Slot

if TYPE_CHECKING:
    from ._backend import Backend
    from ._statistics import Statistics

__all__ = ["PreparedCalls"]


class _At:
    """A function at one point, and the answers that were found there."""

    def __init__(self, backend: Backend, function: Callable[..., Any], arrays: list[Any], told: Statistics) -> None:
        self._backend = backend
        self._told = told
        self._trees: list[Tree] = []  # what the function returned, once it has run
        self._point = Point(backend, _flat(backend, function, self._trees), arrays)
        self._found: dict[tuple[str, int], Any] = {}
        self._values: list[Any] | None = None

    @property
    def out(self) -> Tree:
        """What the function returns."""
        self._outs()
        return self._trees[0]

    def slots(self) -> list[Slot]:
        """What came out; whoever asks wants a derivative, so that the function is linearised at once."""
        self._point.linearise()
        names = [f"output{place}" for place in places(self.out.like(self._outs()))]
        return [Slot(name, out.shape, out.dtype) for name, out in zip(names, self._outs(), strict=True)]

    def _outs(self) -> list[Any]:
        if self._values is None:
            if not self._point.linear:
                self._told.evaluated("value")
            self._values = [_owned(out) for out in self._point.outs]
        return self._values

    def values(self) -> list[Any]:
        """The outputs."""
        return self._outs()

    def _memoised(self, kind: str, wanted: Sequence[int], missing_of: Callable[[list[int]], list[Any]]) -> list[Any]:
        if missing := [k for k in wanted if (kind, k) not in self._found]:
            self._told.evaluated(kind)
            self._found.update({(kind, k): made for k, made in zip(missing, missing_of(missing), strict=True)})
        return [self._found[kind, k] for k in wanted]

    def gradients(self, wanted: Sequence[int]) -> list[Any]:
        """Those that were not asked for yet are."""
        return self._memoised(
            "gradient", wanted, lambda ks: self._fitted(self._backend.gradient(self._point, ks), self._arrays(ks))
        )

    def pull(self, cotangents: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        """As the backend has it."""
        self._told.evaluated("vjp")
        return self._fitted(self._point.pull(cotangents, wanted), self._arrays(wanted))

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """As the backend has it."""
        self._told.evaluated("jvp")
        return self._fitted(self._backend.jvp(self._point, tangents), self._outs())

    def hessian_times(
        self, vectors: Sequence[Any], wanted: Sequence[int], cotangents: Sequence[Any] | None = None
    ) -> list[Any]:
        """As the backend has it."""
        self._told.evaluated("hvp")
        point = self._point if cotangents is None else self._weighed(cotangents)
        return self._fitted(self._backend.hvp(point, vectors, wanted), self._arrays(wanted))

    def _weighed(self, cotangents: Sequence[Any]) -> Point:
        """The sum of the outputs' products with cotangents, at the same point."""
        weights = [self._backend.array(w) for w in cotangents]

        def total(*arrays: Any) -> list[Any]:
            terms = [(out * w).sum() for out, w in zip(self._point.function(*arrays), weights, strict=True)]
            real = self._backend.namespace.real
            return [sum(real(term) if np.iscomplexobj(w) else term for term, w in zip(terms, cotangents, strict=True))]

        return Point(self._backend, total, self._point.arrays)

    def jacobian(self, wanted: Sequence[int]) -> list[list[Any]]:
        """Those that were not asked for yet are."""

        def columns(ks: list[int]) -> list[Any]:
            rows = self._backend.jacobian(self._point, ks)
            return [[_owned(row[n]) for row in rows] for n in range(len(ks))]

        found = self._memoised("jacobian", wanted, columns)
        return [[column[n] for column in found] for n in range(len(self._outs()))]

    def _arrays(self, wanted: Sequence[int]) -> list[Any]:
        return [self._point.arrays[k] for k in wanted]

    def _fitted(self, made: Sequence[Any], like: Sequence[Any]) -> list[Any]:
        name = type(self._backend).__name__
        if len(made) != len(like):
            raise ShapeError(f"{name} gave {len(made)} answers where {len(like)} were asked for")
        return [_fitted(name, answer, a) for answer, a in zip(made, like, strict=True)]


def _flat(backend: Backend, function: Callable[..., Any], trees: list[Tree]) -> Flat:
    """The same function with a list of arrays as its result, whose structure it notes."""

    def flat(*moved: Any) -> list[Any]:
        trees[:] = [flatten(function(*moved))]
        return [backend.array(out) if isinstance(out, (int, float, complex)) else out for out in trees[0].leaves]

    return flat


def _fitted(name: str, answer: Any, like: Any) -> Any:
    array = np.asarray(answer)
    if array.shape != like.shape:
        raise ShapeError(f"{name} gave an answer of shape {array.shape}, where {like.shape} was to be expected")
    if array.dtype.kind == "c" and like.dtype.kind != "c":
        array = array.real
    return _owned(array.astype(like.dtype, copy=False))


def _owned(answer: Any) -> Any:
    """An answer as a read-only array that nobody else can write to."""
    return readonly_view(copy_frozen(np.asarray(answer)))


class PreparedCalls(Prepared):
    """A function that a backend calls anew at each point."""

    def __init__(
        self,
        backend: Backend,
        f: Callable[..., Any],
        example: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        wrt: Argnums,
        points: int,
    ) -> None:
        if not callable(f):
            raise TypeError(
                f"{type(backend).__name__} prepares functions; a node is for the backend 'lazy' and engines"
            )
        super().__init__(Signature.of(f, example, kwargs, wrt), points)
        self._backend, self._function, self._kwargs, self._wrt = backend, f, kwargs, wrt
        self._present = self.signature.given(example).copied()
        self.statistics.schedules = 1

    def __reduce__(self) -> Any:
        arguments = self.signature.arguments(self._present.leaves)
        return PreparedCalls, (self._backend, self._function, arguments, self._kwargs, self._wrt, self._points)

    def _at(self, given: Arguments | None) -> Any:
        given = self._present if given is None else given
        for known, at in self._recent:
            if known.same(given):
                self._present = known
                return self._remember(known, at)
        self._present = given = given.copied()
        # None of it leads back to us, so that a point goes when it is forgotten, without the garbage collector.
        signature, function, kwargs, wanted = self.signature, self._function, self._kwargs, self.signature.wanted
        constant = [
            leaf if slot.dtype is None or k in wanted else self._backend.array(leaf)
            for k, (leaf, slot) in enumerate(zip(given.leaves, signature.slots, strict=True))
        ]

        def moved(*arrays: Any) -> Any:
            leaves = list(constant)
            for k, array in zip(wanted, arrays, strict=True):
                leaves[k] = array
            return function(*signature.arguments(leaves), **kwargs)

        at = _At(self._backend, moved, [np.asarray(given.leaves[k]) for k in wanted], self.statistics)
        return self._remember(given, at)
