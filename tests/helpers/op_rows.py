"""The rows of the table of op cases: domains that inputs are drawn from, and shapes and statics to try.

A row says how NumPy computes the op, where its inputs are taken from, and at which shapes and statics.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from lazygrad.ops._op import OPS
from tests.helpers.op_checks import Case, Point

Domain = Callable[[np.random.Generator, Any], Any]

# -- where inputs are taken from: (generator, shape) -> array ---------------------------------------


def complexes(rng: np.random.Generator, shape: Any) -> Any:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def real(rng: np.random.Generator, shape: Any) -> Any:
    return rng.normal(size=shape)


def positive(rng: np.random.Generator, shape: Any) -> Any:
    return rng.uniform(0.5, 2.0, size=shape)


def nonzero(rng: np.random.Generator, shape: Any) -> Any:
    return rng.uniform(0.3, 1.5, size=shape) * rng.choice([-1.0, 1.0], size=shape)


def spaced(offset: float, step: float = 0.5) -> Domain:
    """Return a domain of values at least 0.1 apart from each other, from 0, and from those of another offset."""
    return lambda rng, shape: step * rng.permutation(np.arange(np.prod(shape, dtype=int)) - 2).reshape(shape) + offset


def mask(rng: np.random.Generator, shape: Any) -> Any:
    return rng.integers(0, 2, size=shape).astype(bool)


def below(count: int, first: int = 0) -> Domain:
    return lambda rng, shape: rng.integers(first, count, size=shape)


def shares(rng: np.random.Generator, shape: Any) -> Any:
    x = rng.uniform(0.1, 1.0, size=shape)
    return x / x.sum(-1, keepdims=True)


# -- rows ------------------------------------------------------------------------------------------

ALL_DTYPES = (bool, np.uint8, np.int32, np.int64, np.float32)
FLOATS = (np.float32,)  # ops that only rules use, on adjoints

NONE: tuple[Mapping[str, Any], ...] = ({},)
UNARY = (((),), ((3,),), ((2, 3),), ((0,),), ((2, 0),))
BINARY = (
    ((), ()),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((3,), ()),
    ((), (2, 2)),
    ((1,), (2, 2)),
    ((0,), (1,)),
    ((2, 0), (2, 0)),
)
TERNARY = (((), (), ()), ((3,), (3,), (3,)), ((2, 1), (3,), ()), ((), (2, 1), (3,)), ((1, 3), (), (2, 1)), ((0,),) * 3)
AXES = tuple({"axis": axis, "keepdims": keep} for axis in (None, 1, -1, (0, 2), ()) for keep in (False, True))
ZERO_D_AXES = ({"axis": None, "keepdims": False}, {"axis": 0, "keepdims": True}, {"axis": -1, "keepdims": False})
LAST = {"axis": -1}
LABELLED = (((4,), ()), ((3, 4), (3,)), ((2, 3, 4), (2, 3)), ((0, 4), (0,)))
INF = float("inf")


@attrs.frozen(eq=False)
class Row:
    """One op at some shapes, each with each of the statics."""

    op: str | Callable[..., Any]  # the name of an op, or a function of NumPy's or ours
    reference: Callable[..., Any]
    domains: tuple[Domain, ...]  # of the inputs; the last one serves all that follow
    shapes: tuple[tuple[Any, ...], ...]
    statics: tuple[Mapping[str, Any], ...] = NONE
    dtypes: tuple[Any, ...] = ALL_DTYPES  # of the real inputs, beside float64
    points: tuple[Point, ...] = ()
    order: int = 2  # 0 for what has no derivative at all
    label: str = ""  # what is special about it, where an op has several rows
    broadcasts: bool = False  # an elementwise op, which must also be tried with inputs of different shapes
    covers: tuple[Callable[..., Any], ...] = ()  # the NumPy functions it tries, where `op` is not itself the one

    @property
    def name(self) -> str:
        """Return the name of the op or function."""
        return self.op if isinstance(self.op, str) else f"np.{self.op.__name__}"

    @property
    def call(self) -> Callable[..., Any]:
        """Return the op or function itself."""
        return OPS[self.op] if isinstance(self.op, str) else self.op

    def cases(self) -> Iterator[tuple[str, Case]]:
        """Yield each case with a readable identity, which is its seed, too."""
        for shapes in self.shapes:
            for static in self.statics:
                name = " ".join(
                    [self.name, *self.label.split(), *map(str, shapes), *(f"{k}={v}" for k, v in static.items())]
                )
                rng = np.random.default_rng(zlib.crc32(name.encode()))
                domains = [self.domains[min(k, len(self.domains) - 1)] for k in range(len(shapes))]
                inputs = [domain(rng, shape) for domain, shape in zip(domains, shapes, strict=True)]
                yield name, Case(self.call, self.reference, inputs, static, self.order)


def unary(op: str, reference: Any, domain: Domain, *points: Point, **fields: Any) -> Row:
    return Row(op, reference, (domain,), UNARY, points=points, **fields)


def binary(op: str, reference: Any, first: Domain, second: Domain, *points: Point, **fields: Any) -> Row:
    return Row(op, reference, (first, second), BINARY, points=points, broadcasts=True, **fields)


def reduction(
    op: str, reference: Any, domain: Domain, *points: Point, scalar_axes: tuple[Any, ...] = ZERO_D_AXES
) -> tuple[Row, Row, Row]:
    return (
        Row(op, reference, (domain,), (((2, 3, 2),),), AXES, points=points),
        Row(op, reference, (domain,), (((),),), scalar_axes),
        Row(op, reference, (domain,), (((0, 3),),), ({"axis": 1, "keepdims": False}, {"axis": -1, "keepdims": True})),
    )


def calls(function: Callable[..., Any], *domains: Domain, shapes: tuple[Any, ...] = UNARY, **fields: Any) -> Row:
    """Return a row for a NumPy function, which is its own reference."""
    return Row(function, fields.pop("reference", function), domains or (real,), shapes, **fields)


def zeros_of(function: Callable[..., Any], *domains: Domain, shapes: tuple[Any, ...] = UNARY, **fields: Any) -> Row:
    """Return a row for a function without derivative: integers, booleans, steps."""
    return calls(function, *domains, shapes=shapes, order=0, **fields)
