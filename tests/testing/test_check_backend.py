"""`lazygrad.testing.check_backend`: every backend that is here passes, and each kind of wrong one fails."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.trees import leaves
from lazygrad.backend import Backend, Point, available, prepare
from lazygrad.backend._lazy import Graph, LazyBackend, PreparedFunction
from lazygrad.backend._signature import Arguments
from lazygrad.testing import check_backend
from lazygrad.testing._backends import CHECKS
from tests.helpers.collector import no_collector
from tests.helpers.eager_backend import Right

LOOSE = {"numeric": 1e-5}


@pytest.mark.parametrize("name", available())
def test_every_backend_that_is_here(name: str) -> None:
    check_backend(name, rtol=LOOSE.get(name, 1e-7))


def test_one_operation_suffices() -> None:
    check_backend(Right())


def pulling(change: Any) -> type[Backend]:
    """Return a backend whose cotangents are changed: `change(found, cotangents, arrays, wanted)`."""

    class Wrong(Right):
        def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
            value, pull = super().vjp(f, arrays)
            return value, lambda w, wanted: change(pull, w, arrays, wanted)

    return Wrong


class WrongValue(Right):
    def value(self, at: Point) -> list[Any]:
        return [out + 1e-5 for out in super().value(at)]


class WrongJvp(Right):
    def jvp(self, at: Point, tangents: Sequence[Any]) -> list[Any]:
        return [-t for t in super().jvp(at, tangents)]


class WrongHvp(Right):
    def hvp(self, at: Point, vectors: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
        return super().hvp(at, [np.ones_like(v) for v in vectors], wanted)


class WrongJacobian(Right):
    def jacobian(self, at: Point, wanted: Sequence[int]) -> list[list[Any]]:
        return [[-matrix for matrix in row] for row in super().jacobian(at, wanted)]


class Drifting(Right):
    """Answers of the first point for ever."""

    def __init__(self) -> None:
        self.first: Any = None

    def value(self, at: Point) -> list[Any]:
        if at.arrays[0].size == 1 and self.first is None:
            self.first = super().value(at)
        return self.first if at.arrays[0].size == 1 and at.arrays[0].ndim else super().value(at)


class Stubborn(Right):
    """Cannot do without rows of a matrix."""

    def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
        if any(np.shape(a) == (2, 1, 3) for a in arrays):
            raise ValueError("matrices only")
        return super().vjp(f, arrays)


class Narrow(Right):
    """Forgets precision."""

    def value(self, at: Point) -> list[Any]:
        return [np.asarray(out, np.float64) for out in super().value(at)]


class Swallowing(Right):
    """Turns exceptions into others."""

    def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
        try:
            return super().vjp(f, arrays)
        except Exception as error:
            raise RuntimeError("something went wrong") from error


class Real(Right):
    """Knows no imaginary parts."""

    def vjp(self, f: Any, arrays: Sequence[Any]) -> Any:
        value, pull = super().vjp(f, arrays)
        return value, lambda w, wanted: [g.real + 0 * g if np.iscomplexobj(g) else g for g in pull(w, wanted)]


class Writeable(Graph):
    def gradients(self, wanted: Sequence[int]) -> list[Any]:
        return [np.array(g) for g in super().gradients(wanted)]


class Blind(Graph):
    """Replays what it was prepared with."""

    def load(self, values: Sequence[Any]) -> None:
        pass


class Forgetful(Graph):
    """Takes what is given to it without a copy."""

    def load(self, values: Sequence[Any]) -> None:
        self.last = values
        super().load([np.abs(v) if v.size == 1 else v for v in values])


class Slow(Graph):
    def values(self) -> list[Any]:
        time.sleep(0.001)  # time for another thread to come in between
        return super().values()


class Unlocked(PreparedFunction):
    """Mistakes one thread's point for another's."""

    def _go_to(self, arguments: Arguments | None) -> Any:
        self._lock = nullcontext()
        return super()._go_to(arguments)


class Trusting(PreparedFunction):
    """Makes what it is given fit."""

    def _check_arguments(self, args: tuple[Any, ...]) -> Arguments | None:
        example = leaves(self.signature.example)
        found = zip(leaves(args), example, self.signature.slots, strict=False)
        return Arguments([np.resize(np.asarray(a, slot.dtype), slot.shape) for a, _, slot in found], ())


class Terse(PreparedFunction):
    """Raises what is expected, and does not say why."""

    def _check_arguments(self, args: tuple[Any, ...]) -> Arguments | None:
        try:
            return super()._check_arguments(args)
        except (TypeError, lg.ShapeError) as error:
            raise type(error)("no") from None


class Miscounting(PreparedFunction):
    """Counts each point twice."""

    def _remember(self, arguments: Arguments, answers: Any) -> Any:
        self.statistics.points.misses += 1
        return super()._remember(arguments, answers)


class Preparing(LazyBackend):
    """A backend with prepared functions of another class."""

    def __init__(self, kind: Any, make_graph: Any = Graph) -> None:
        super().__init__(make_graph)
        self.kind = kind

    def prepare(self, f: Any, *example: Any, wrt: Any = 0, points: int = 2, **kwargs: Any) -> Any:
        return self.kind(self.make_graph, f, example, kwargs, wrt, points)


def test_all_checks_are_tried_on_wrong_backends() -> None:
    assert {name for name, _ in WRONG} == set(CHECKS)


WRONG: list[tuple[str, Any]] = [
    ("value", WrongValue),
    ("gradient", pulling(lambda pull, w, arrays, wanted: [g * 1.001 for g in pull(w, wanted)])),
    ("select", pulling(lambda pull, w, arrays, wanted: pull(w, range(len(arrays)))[: len(wanted)])),
    ("vjp", pulling(lambda pull, w, arrays, wanted: pull([np.sign(c) for c in w], wanted))),
    ("jvp", WrongJvp),
    ("hvp", WrongHvp),
    ("jacobian", WrongJacobian),
    ("points", lambda: LazyBackend(Forgetful)),
    ("points", Drifting),
    ("unconnected", pulling(lambda pull, w, arrays, wanted: [g + (not np.any(g)) for g in pull(w, wanted)])),
    ("float32", Narrow),
    ("shapes", Stubborn),
    ("exceptions", Swallowing),
    ("complex", Real),
    ("value", lambda: LazyBackend(Blind)),
    ("threads", lambda: Preparing(Unlocked, Slow)),
    ("refusals", lambda: Preparing(Trusting)),
    ("refusals", lambda: Preparing(Terse)),
    ("points", lambda: Preparing(Miscounting)),
    ("gradient", lambda: LazyBackend(Writeable)),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_wrong_backend_fails_the_check_it_is_wrong_in(name: str, wrong: Any) -> None:
    others = tuple(CHECKS.keys() - {name})
    check_backend(Right(), without=others)
    with pytest.raises(AssertionError, match=f"the check '{name}' of .* failed"):
        check_backend(wrong(), without=others)


def test_a_check_can_be_left_out() -> None:
    check_backend(Real(), without=("complex",))
    with pytest.raises(AssertionError, match="the check 'complex' of Real failed"):
        check_backend(Real())
    with pytest.raises(ValueError, match="there is no check 'hpv'; checks are value, gradient"):
        check_backend("lazy", without=("hpv",))


def test_points_of_a_backend_with_one_method_leave_no_garbage():
    with no_collector():
        p = prepare(lambda x: np.sum(np.tanh(x) ** 2), np.ones(3), backend=Right())
        for k in range(5):
            p.gradient(np.full(3, float(k)))
            p.value(np.full(3, float(k)))
        del p
