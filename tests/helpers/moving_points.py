"""Points that the calls of the op table are moved to: those of each other row of the same call, and others near them.

Rows of one call and the same statics, which the user gave, belong together. From each of them a graph is moved
to all the others, to other lengths, and to other dtypes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from lazygrad._graph.guards import _guards
from tests.cases.moving_calls import WAYS_TO_BUILD, Way
from tests.cases.namespace import CALLABLES, FORMS, MORE
from tests.helpers.moving_graphs import ERRORS, Living, Quiet, make_leaf, walk
from tests.helpers.op_rows import Domain, Row

Shapes = tuple[tuple[int, ...], ...]


def lengthen(shapes: Shapes) -> Shapes:
    """Add one to each length that is not 1, the same wherever it occurs."""
    return tuple(tuple(n if n == 1 else n + 1 for n in shape) for shape in shapes)


def shorten(shapes: Shapes) -> Shapes:
    return tuple(tuple(max(n - 1, 0) for n in shape) for shape in shapes)


def to_ones(shapes: Shapes) -> Shapes:
    return tuple((1,) * len(shape) for shape in shapes)


def to_zeros(shapes: Shapes) -> Shapes:
    return tuple((0,) * len(shape) for shape in shapes)


def add_axis(shapes: Shapes) -> Shapes:
    return tuple((2, *shape) for shape in shapes)


def drop_axis(shapes: Shapes) -> Shapes:
    return tuple(shape[1:] for shape in shapes)


def turn(shapes: Shapes) -> Shapes:
    return tuple(shape[::-1] for shape in shapes)


NEAR: tuple[Callable[[Shapes], Shapes], ...] = (lengthen, shorten, to_ones, to_zeros, add_axis, drop_axis, turn)
DTYPES: Mapping[str, Any] = {"f": (np.float32, np.complex128), "c": (np.complex64, np.float64)}


@attrs.frozen(eq=False)
class Group:
    """One call with some statics, and the points that it is tried at."""

    name: str
    make: Callable[..., Any]
    domains: tuple[Domain, ...]
    shapes: tuple[Shapes, ...]
    tables: tuple[tuple[Any, ...], ...]  # the inputs of the rows

    @property
    def reads_values(self) -> bool:
        """Return whether the call looks at values while the graph is built, which therefore serves for these alone."""
        found: list[Any] = []
        token = _guards.set(found)
        try:
            with Quiet():
                self.make(*map(make_leaf, self.tables[0]))
        except ERRORS:
            return True
        finally:
            _guards.reset(token)
        return bool(found)

    def draw(self, shapes: Shapes, rng: np.random.Generator) -> list[tuple[Any, ...]]:
        """Return a point of other shapes, or none where the domains have none."""
        domains = [self.domains[min(k, len(self.domains) - 1)] for k in range(len(shapes))]
        try:
            return [tuple(np.asarray(domain(rng, shape))[()] for domain, shape in zip(domains, shapes, strict=True))]
        except (ValueError, IndexError):  # such as of matrices, for vectors
            return []

    def points(self) -> list[tuple[Any, ...]]:
        """Return all points, in an order that is mixed but always the same."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        found = list(self.tables)
        known = set(self.shapes)
        for shapes in self.shapes:
            for change in NEAR:
                if (moved := change(shapes)) not in known:
                    known.add(moved)
                    found += self.draw(moved, rng)
        for point in list(found):
            kinds = {x.dtype.kind for x in point} & set(DTYPES)
            if kinds:
                dtypes = DTYPES[max(kinds)]  # ("f" comes after "c")
                found.append(cast(point, dtypes[int(rng.integers(len(dtypes)))], rng))
        first, *others = found
        return [first, *[others[k] for k in rng.permutation(len(others))]]

    def walk(self, way: Callable[[Living], Living], most: int | None = None) -> int:
        """Move a graph from its first point through all the others, or `most` of them."""
        return walk(self.make, self.points()[: None if most is None else most + 1], way)


def cast(point: Sequence[Any], dtype: Any, rng: np.random.Generator) -> tuple[Any, ...]:
    """Return a point with its floats in another dtype; complex ones get an imaginary part."""

    def one(x: Any) -> Any:
        if x.dtype.kind not in "fc":
            return x
        if np.dtype(dtype).kind == "c" and x.dtype.kind == "f":
            return (x + 0.5j * rng.normal(size=x.shape)).astype(dtype)
        return (x.real if np.dtype(dtype).kind == "f" else x).astype(dtype)

    return tuple(one(x) for x in point)


# One whose values are SciPy's, which are not the same twice: they depend on where arrays lie in memory.
VARY = ("scipy.linalg.logm",)
# Calls whose own text, which is the user's, reads a shape: what is built of it cannot follow.
READ_SHAPES = ("np.called svd", "np.called reduced svd", "np.of_hermitian", "np.rest_of_qr")


def is_shape(shape: Any) -> bool:
    """Return whether it is a shape; some rows give their domains something else."""
    return isinstance(shape, tuple) and all(isinstance(n, int) for n in shape)


def groups(table: Iterable[Row]) -> Iterator[Group]:
    """Yield the groups of a table of op cases."""
    found: dict[tuple[Any, ...], list[tuple[Row, Shapes, Any]]] = {}
    for row in table:
        for (_, case), (shapes, static) in zip(
            row.cases(), [(shapes, static) for shapes in row.shapes for static in row.statics], strict=True
        ):
            identity = row.op if isinstance(row.op, str) else id(row.op)
            key = (identity, repr(sorted(static.items())), len(shapes))
            found.setdefault(key, []).append((row, shapes, case))
    for (_, _, arity), cases in found.items():
        row, _, case = cases[0]
        if f"{row.name} {row.label}".startswith((*READ_SHAPES, *VARY)):
            continue
        label = f" {row.label}" if row.label else ""
        name = f"{row.name}{label} of {arity} {dict(case.static)}"

        def make(*leaves: Any, case: Any = case) -> Any:
            return case.op(*leaves, **case.static)

        plain = [tuple(shapes) for _, shapes, _ in cases if all(map(is_shape, shapes))]
        shapes = tuple(dict.fromkeys(plain))
        yield Group(name, make, row.domains, shapes, tuple(case.inputs for _, _, case in cases))


# -- the namespace of NumPy --------------------------------------------------------------------------------------


def spread(shape: tuple[int, ...], offset: float) -> Any:
    """Return numbers that are apart from each other; of square matrices symmetric and positive definite ones."""
    x = np.cos(np.arange(np.prod(shape, dtype=int)) * 1.7 + offset).reshape(shape) * 0.4 + 0.5
    if len(shape) == 2 and shape[0] == shape[1]:
        return (x + x.T) / 4 + np.eye(shape[0]) * (1.5 + np.arange(shape[0]))
    return x[()]


SHAPES = ((), (3,), (3, 3), (5,), (1,), (0,), (2, 3), (4, 4), (1, 1), (2, 2, 2), (0, 3), (3, 0))
USERS = {"np.dsplit", "np.split"}  # whose arguments are computed from a length by the call itself
# NumPy's own text, and no function of ours, multiplies a tuple by a node.
NUMPYS = {"np.diag_indices"}


@attrs.frozen(eq=False)
class Call:
    """A function of NumPy's called in some form, and the points it is tried at, from some of them on."""

    name: str
    make: Callable[..., Any]
    starts: tuple[tuple[int, ...], ...] = SHAPES[:3]

    def points(self, start: tuple[int, ...]) -> list[tuple[Any, ...]]:
        """Return all points, the first being of that shape."""
        rng = np.random.default_rng(zlib.crc32(f"{self.name} {start}".encode()))
        found = [(spread(shape, 0.1), spread(shape, 0.6)) for shape in SHAPES if shape != start]
        found += [cast(point, DTYPES["f"][int(rng.integers(2))], rng) for point in found]
        return [(spread(start, 0.1), spread(start, 0.6)), *[found[k] for k in rng.permutation(len(found))]]

    def walk(self, way: Callable[[Living], Living], most: int | None = None) -> int:
        """Move a graph that was built at each of the starts through all points, or at one of them through `most`."""
        moved = 0
        for start in self.starts if most is None else sorted(self.starts, key=lambda s: (len(s) != 2, s))[:1]:
            points = self.points(start)[: None if most is None else most + 1]
            try:
                with Quiet():
                    Living(self.make, points[0])
            except Exception:  # NumPy's or ours: such arguments are refused
                continue
            moved += walk(self.make, points, way)
        return moved


def namespace() -> Iterator[Call]:
    """Yield every form of every callable that makes nodes."""
    for name, (function, _) in CALLABLES.items():
        if name in NUMPYS:
            continue
        forms = FORMS | {f"more {k}": call for k, call in enumerate(MORE.get(name, ()))}
        for form, call in forms.items():
            if name in USERS and form.startswith("more"):
                continue

            def make(x: Any, y: Any, call: Any = call, function: Any = function) -> Any:
                return call(function, x, y)

            yield Call(f"{name} {form}", make)


# -- ways of building that no namespace lists --------------------------------------------------------------------


@attrs.frozen(eq=False)
class Listed:
    """A way of building nodes, with the points that are listed for it, and these in other dtypes."""

    way: Way

    @property
    def name(self) -> str:
        return f"{self.way.name} {self.way.points[0]}"

    def points(self) -> list[tuple[Any, ...]]:
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        found = [tuple(spread(shape, 0.1 + 0.5 * k) for k, shape in enumerate(shapes)) for shapes in self.way.points]
        others = [*found[1:], *[cast(point, dtype, rng) for point in found for dtype in DTYPES["f"]]]
        return [found[0], *[others[k] for k in rng.permutation(len(others))]]

    def walk(self, way: Callable[[Living], Living], most: int | None = None) -> int:
        """Move a graph from its first point through all the others, or `most` of them."""
        return walk(self.way.make, self.points()[: None if most is None else most + 1], way)


def listed() -> Iterator[Listed]:
    """Yield the ways of building that are listed."""
    return map(Listed, WAYS_TO_BUILD)
