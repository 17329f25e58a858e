"""Compositions of two and three ops over the rows of the table: what is done before an op, the op, and what after it.

A composition is a recipe that is drawn once and built as often as one likes, so that every form of schedule can be
held against the walk of the memo on a graph of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
import pytest

import lazygrad as lg
from lazygrad._schedule import plans
from tests.cases.op_table import TABLE
from tests.helpers.op_checks import Case
from tests.helpers.op_rows import Row

REFUSED = (TypeError, ValueError, IndexError, ArithmeticError, lg.LazygradError, np.linalg.LinAlgError)
MOST = 200  # elements of an input

# -- before the op: (what the leaf holds, the node made of the leaf), so that the op gets its value --------------

Step = tuple[str, Callable[[Any], Any]]
BEFORE: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "leaf": (lambda v: v, lambda x: x),
    "transpose": (lambda v: v.T, lambda x: x.T),
    "moved axis": (lambda v: np.moveaxis(v, 0, -1), lambda x: np.moveaxis(x, -1, 0)),
    "flip": (np.flip, np.flip),
    "roll": (lambda v: np.roll(v, -1), lambda x: np.roll(x, 1)),
    "row": (lambda v: np.stack([v, v]), lambda x: x[1]),
    "every second": (lambda v: np.repeat(v, 2, -1), lambda x: x[..., ::2]),
    "column": (lambda v: np.stack([v, v], -1), lambda x: x[..., 0]),
    "reshape": (lambda v: v.reshape(-1), lambda x: x),  # the shape is added when it is known
    "sum": (lambda v: np.stack([v, np.zeros_like(v)]), lambda x: x.sum(axis=0).astype(x.dtype)),
    "ones": (lambda v: v, lambda x: x * np.ones(x.shape, x.dtype)),
}
REPEATED: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {  # these change the value
    "repeated first": (lambda v: v[:1], np.broadcast_to),
    "repeated last": (lambda v: v[..., :1], np.broadcast_to),
    "repeated rolled": (lambda v: v[:1], lambda x, shape: np.broadcast_to(np.roll(x, 1), shape)),
    "repeated transpose": (lambda v: v[..., :1].T, lambda x, shape: np.broadcast_to(x.T, shape)),
}

# -- after it -----------------------------------------------------------------------------------------


def times_repeated(y: Any, other: Any) -> Any:
    """Return a product with another repeated array."""
    return y * np.broadcast_to(other, y.shape)


def of_repeated(y: Any, other: Any) -> Any:
    """Return a product of two arrays that are both repeated, each along another axis."""
    return np.broadcast_to(y, (2, *y.shape)) * np.broadcast_to(other, (2, *y.shape))


def of_columns(y: Any, other: Any) -> Any:
    return np.broadcast_to(y[..., None], (*y.shape, 3)) * np.broadcast_to(other, (*y.shape, 3))


AFTER: dict[str, Callable[[Any, Any], Any]] = {
    "transpose": lambda y, _: y.T,
    "flip": lambda y, _: np.flip(y),
    "roll": lambda y, _: np.roll(y, 1),
    "clip": lambda y, _: np.clip(y, -0.7, 0.8),
    "tril": lambda y, _: np.tril(y),
    "repeat before": lambda y, _: np.broadcast_to(y, (2, *y.shape)),
    "repeat after": lambda y, _: np.broadcast_to(y[..., None], (*y.shape, 2)),
    "sum of rows": lambda y, _: y.sum(axis=0),
    "sum of columns": lambda y, _: y.sum(axis=-1, keepdims=True),
    "sum of the middle": lambda y, _: y.sum(axis=1),
    "mean": lambda y, _: y.mean(axis=0),
    "largest": lambda y, _: y.max(axis=-1),
    "reversed": lambda y, _: y[::-1],
    "first": lambda y, _: y[0],
    "last column": lambda y, _: y[..., -1],
    "rows by number": lambda y, _: y[[0, -1, 0]],
    "axis": lambda y, _: y[:, None],
    "flat": lambda y, _: y.reshape(-1),
    "times repeated": times_repeated,
    "of repeated": of_repeated,
    "of columns": of_columns,
    "repeated by itself": lambda y, _: np.broadcast_to(y, (2, *y.shape)) * np.broadcast_to(y.T, (2, *y.shape)),
    "plus transpose": lambda y, _: y + y.T,
    "scaled twice": lambda y, _: y * 0.1 * 0.3,
    "scaled by powers": lambda y, _: y * 0.3 * -4.0 * 0.25,
    "bell": lambda y, _: np.exp(-(y * y)),
    "quotient": lambda y, other: y / (1.5 + other * other),
    "chosen": lambda y, _: np.where(y > 0.2, y, 0.3),
    "gram": lambda y, _: y.T @ y,
    "product": lambda y, _: y @ y.T,
    "stacked": lambda y, _: np.concatenate([y, y[::-1]]),
    "chain": lambda y, other: np.tanh(np.sin(y) * y + other) * y - 0.5,
    "chain of its sum": lambda y, _: np.sin(y * y + y.sum()) * y - y * 0.3,
    "magnitude": lambda y, _: abs(y),
    "single": lambda y, _: y.astype(np.float32),
}


@attrs.define(eq=False)
class Built:
    """A composition as nodes."""

    leaves: list[lg.Node]
    y: lg.Node  # what the ops make
    target: lg.Node | None  # a number to differentiate, if they make one that has a derivative
    wrt: list[lg.Node]

    @property
    def roots(self) -> list[lg.Node]:
        """Return the nodes that a compiled question asks for."""
        if self.target is None:
            return [self.y]
        return [self.y, self.target, *[lg.adjoint(self.target, i) for i in self.wrt]]

    def ask(self, values: Sequence[Any]) -> list[Any]:
        """Return the answers of the memo at these values of the leaves."""
        lg.update(dict(zip(self.leaves, values, strict=True)))
        gradients = [] if self.target is None else lg.gradient(self.target, self.wrt)
        return [self.y.value, *([] if self.target is None else [self.target.value]), *gradients]


@attrs.define(eq=False)
class Composition:
    """What is done before, in and after one op of the table."""

    text: str
    case: Case
    before: list[Callable[[Any], Any]]
    after: list[Callable[[Any, Any], Any]]
    points: list[list[Any]]  # values of the leaves
    is_single: bool  # whether single precision is among the dtypes

    def build(self) -> Built:
        """Return the composition as nodes, its leaves at the first point."""
        *values, other, t = self.points[0]
        leaves = [make_leaf(v) for v in values]
        other, t = lg.parameter(other), lg.parameter(t)
        y: Any = self.case.op(*[f(x) for f, x in zip(self.before, leaves, strict=True)], **self.case.static)
        for f in self.after:
            if not isinstance(y, lg.Node):
                raise TypeError("the result is no node")
            y = f(y, other)
        wrt = [leaves[k] for k in self.case.wrt if leaves[k].dtype.kind in "fc"]
        target = None
        if self.case.order and wrt and y.dtype.kind in "fc":
            wrt += [other, t]
            target = t * np.sum(np.real(y * y))
        return Built([*leaves, other, t], y, target, wrt)


def make_leaf(value: Any) -> lg.Node:
    return (lg.parameter if np.asarray(value).dtype.kind in "fc" else lg.constant)(value)


def draw_composition(rng: np.random.Generator, row: Row, most_after: int = 2) -> Composition | None:
    """Draw a composition of one op; None if what is drawn does not fit together."""
    chosen = rng.integers(len(row.shapes) * len(row.statics))
    shapes, static = row.shapes[chosen // len(row.statics)], row.statics[chosen % len(row.statics)]
    if any(np.prod(shape) > MOST for shape in shapes):
        return None
    dtype = np.float32 if np.float32 in row.dtypes and rng.random() < 0.15 else None
    before, holds, names = [], [], []
    for shape in shapes:
        name, hold, step = draw_before(rng, shape)
        before.append(step)
        holds.append(hold)
        names.append(name)
    domains = [row.domains[min(k, len(row.domains) - 1)] for k in range(len(shapes))]
    points = []
    for _ in range(2):
        case = Case(
            row.call, row.reference, [d(rng, s) for d, s in zip(domains, shapes, strict=True)], static, row.order
        )
        case = case if dtype is None else case.cast(dtype)
        held = [np.asarray(hold(np.asarray(v))) for hold, v in zip(holds, case.inputs, strict=True)]
        points.append([*held, np.float64(rng.normal()), np.float64(rng.normal())])
    after = [list(AFTER)[k] for k in rng.integers(len(AFTER), size=rng.integers(1, most_after + 1))]
    text = f"{' + '.join(names)} -> {row.name} {static or ''} of {shapes} {dtype or ''} -> {' -> '.join(after)}"
    single = "single" in after or any(np.asarray(v).dtype in (np.float32, np.complex64) for v in points[0])
    made = Composition(text, case, before, [AFTER[name] for name in after], [*points, points[0]], single)
    return made if is_sound(made) else None


def draw_before(rng: np.random.Generator, shape: Any) -> tuple[str, Callable[[Any], Any], Callable[[Any], Any]]:
    """Return what is done before an op gets an input of a shape: name, what the leaf holds, and the step itself."""
    if rng.random() < 0.2 and shape and np.prod(shape):
        name = str(rng.choice(list(REPEATED)))
        hold, step = REPEATED[name]
        return name, hold, lambda x: step(x, shape)
    name = str(rng.choice(list(BEFORE)))
    if not shape and name in ("moved axis", "every second"):
        name = "leaf"
    hold, plain = BEFORE[name]
    return name, hold, (lambda x: x.reshape(shape)) if name == "reshape" else plain


def is_sound(made: Composition) -> bool:
    """Return whether the walk answers the composition at all of its points."""
    try:
        with without_plans(), quiet():
            for point in made.points:
                made.build().ask(point)
    except REFUSED:
        return False
    return True


def iterate_compositions(seed: int, count: int, rows: Sequence[Row] = TABLE) -> Iterator[Composition]:
    """Yield compositions, each with a row of the table that was drawn; with as many as there are rows, each has one."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows))
    for k in range(count):
        made = draw_composition(rng, rows[order[k % len(rows)]])
        if made is not None:
            yield made


@contextmanager
def without_plans() -> Iterator[None]:
    """Let the walk answer every question."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "PLAN_AFTER", 1 << 60)
        yield


@contextmanager
def with_plans_at_once() -> Iterator[None]:
    """Let a plan answer every question that can have one; that one cannot be made, or gives another shape, fails."""

    def fail(text: str, *args: Any, **_: Any) -> None:
        raise AssertionError(text % args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "PLAN_AFTER", 1)
        patch.setattr("lazygrad._schedule.plans.logger.warning", fail)
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
