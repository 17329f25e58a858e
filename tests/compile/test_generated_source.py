"""What users write is no statement of generated source: names are comments, strings literals, the rest objects."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._schedule.forms import blocks
from tests.helpers.compositions import without_plans

ran: list[str] = []


@pytest.fixture(autouse=True)
def nothing_has_run() -> None:
    ran.clear()  # (what collects the tests may write their parameters)


class Hostile(str):
    """A string that writes itself as a call."""

    def __repr__(self) -> str:
        return (
            "__import__('tests.compile.test_generated_source').compile.test_generated_source.ran.append('x') or 'edge'"
        )


class Axis(enum.IntEnum):
    """An integer that writes itself as no Python."""

    ROWS = 0


@pytest.mark.parametrize("mode", ["edge", np.str_("edge"), Hostile("edge")], ids=["str", "np.str_", "hostile"])
def test_strings_among_the_statics_of_an_op(mode: Any) -> None:
    x = lg.parameter([1.0, 2.0])
    padded = np.pad(x, 1, mode=mode)
    step = lg.compile((padded * padded).sum(), wrt=[x], inputs=[x])
    np.testing.assert_array_equal(step([3.0, 4.0])[1][0], [12.0, 16.0])
    assert ran == []


def test_integers_that_are_more_than_integers() -> None:
    x = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
    total = np.cumsum(x, axis=Axis.ROWS)
    step = lg.compile((total * [[1.0, 1.0], [10.0, 10.0]]).sum(), wrt=[x], inputs=[x])
    np.testing.assert_array_equal(step(np.ones((2, 2)))[1][0], [[11.0, 11.0], [10.0, 10.0]])


NAMES = ["a\0b", "\ud800", '"""', "a\nran.append('x')", "a\r\x0c\u2028b", "\\", "'''\\"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_leaves_and_nodes(name: str) -> None:
    x = lg.parameter([1.0, 2.0], name=name)
    y = np.sin(x) * x
    y.name = name
    total = y.sum()
    total.name = name
    value, (gradient,) = lg.compile(total, wrt=[x], inputs=[x])([0.5, 1.0])
    expected = lg.parameter([0.5, 1.0])
    np.testing.assert_allclose(gradient, lg.gradient((np.sin(expected) * expected).sum(), expected), rtol=1e-15)
    assert value.shape == ()
    assert ran == []


class Kind(enum.Enum):
    """A static that writes itself as no Python."""

    FIRST = 1


class Whole(int):
    """A whole number that writes itself as another one."""

    def __repr__(self) -> str:
        ran.append("repr")
        return "1 + 1"

    __str__ = __repr__


class Name(str):
    """A name whose methods are the user's."""

    def replace(self, *_: Any) -> str:
        ran.append("replace")
        return "1\n1"

    def encode(self, *_: Any, **__: Any) -> bytes:
        ran.append("encode")
        return b"1\n1"

    __str__ = __repr__ = __format__ = replace  # type: ignore[assignment]


def make_doubling(name: str = "doubling") -> Any:
    """Return an op that doubles its input and takes a setting that means nothing."""

    def double(x: Any, mode: Any = None) -> Any:
        return np.asarray(x) * 2.0

    return lg.primitive(double, vjp=lambda g: g * 2.0, shape=lambda x, mode: (x.shape, x.dtype), name=name)


def check_plans_and_schedules(build: Any) -> None:
    """Check that plans and schedules of ``build() -> (leaves, target)`` can be made, and give the walk's bits."""
    leaves, target = build()
    others, compiled = build()
    points = [np.linspace(0.1, 0.7, leaves[0].size).reshape(leaves[0].shape) + 0.1 * k for k in range(5)]
    with without_plans():
        reference, walked = build()
        wanted = []
        for point in points:
            reference[0].set(point)
            wanted.append([walked.value.tobytes(), *[g.tobytes() for g in lg.gradient(walked, reference)]])
    for point, bits in zip(points, wanted, strict=True):
        leaves[0].set(point)
        assert [g.tobytes() for g in lg.gradient(target, leaves)] == bits[1:]
    info = lg.differentiator(target).plan_info()
    assert info.runs
    assert not info.failures
    for exact in (True, False):
        step = lg.compile(compiled, wrt=others, inputs=others[0], exact=exact, backend="numpy")
        for point, bits in zip(points, wanted, strict=True):
            value, gradients = step(point)
            if exact:
                assert [value.tobytes(), *[g.tobytes() for g in gradients]] == bits
        assert step.statistics.failures == 0
    assert ran == []


STATICS = [Kind.FIRST, Hostile("x"), Whole(3), float("nan"), float("-inf"), np.float32(0.1), np.float64("nan")]
STATICS += [np.int64(3), "'\n1/0", (1, Kind.FIRST), 1 + 2j, b"x", object(), frozenset([1]), print]


@pytest.mark.parametrize("static", STATICS, ids=lambda static: type(static).__name__)
def test_settings_of_an_op_are_bound(static: Any) -> None:
    op = make_doubling()

    def build() -> tuple[list[lg.Node], lg.Node]:
        x = lg.parameter([1.0, 2.0])
        return [x], np.sum(op(np.sin(x), mode=static) * x)

    check_plans_and_schedules(build)


OPS = [
    "1st",
    "class",
    "v1",
    "s",
    "b0",
    "schedule",
    "abs",
    "float",
    "pow",
    "add",
    "negative",
    "broadcast_to",
    "multiply",
]
OPS += [
    "np",
    "i",
    "k1",
    "t1_copy",
    "o0",
    "new_o0",
    "as_kept",
    "scalar",
    "empty",
    "copyto",
    "dot",
    "array",
    "expand",
    "",
]
OPS += ["NotANumber", "f_nan", "a b", "\u00b2", "\ufb01t", "__builtins__", "lambda", "None", "{0}", "{", "a\n1/0", "\\"]


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("name", OPS, ids=ascii)
def test_names_of_ops(name: str, numbers: bool) -> None:
    """Also of what the schedules know by its name: a user's op `negative` need not be one."""
    op = make_doubling(name)

    def build() -> tuple[list[lg.Node], lg.Node]:
        x, y = lg.parameter(1.0 if numbers else [1.0, 2.0]), lg.parameter(0.5 if numbers else [0.5, 0.25], name="x_")
        h = op(np.sin(x) * y)
        z = abs(h) + op(x) * y + np.negative(h) + (h + op(h))
        return [x, y], np.sum(z * z)

    check_plans_and_schedules(build)


LEAVES = [*NAMES, *OPS, "x_copy", "y_", "f3_doubling", "inf", "pi", "exp", "sin_", "leaf_x", "w1", "differs1"]


@pytest.mark.parametrize("name", [*LEAVES, pytest.param(Name("x"), id="hostile")], ids=ascii)
def test_names_of_leaves_and_nodes_meet_no_other(name: str) -> None:
    op = make_doubling()

    def build() -> tuple[list[lg.Node], lg.Node]:
        x, y, z = (lg.parameter(np.ones(n), name=m) for n, m in ((4, name), (4, "y"), (4, str.__str__(name) + "_copy")))
        h = np.exp(op(x) * y) * z
        h.name = name
        target = np.sum(h * np.sin(h))
        target.name = name
        return [x, y, z], target

    check_plans_and_schedules(build)


@pytest.mark.parametrize("names", [("x", "x_"), ("x_", "x"), ("x", "x_copy"), ("x_copy", "x"), ("y", "t1_f0")])
def test_names_beside_those_of_blocks_and_copies(names: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 16)
    x, y = (lg.parameter(np.linspace(0.1, 1.0, 40), name=name) for name in names)
    chain = np.tanh(np.sin(x * y) * x + y) * x - y * 0.5
    step = lg.compile([chain, x.reshape(5, 8), y, x, y * 1.0], inputs=[x, y])
    assert "for i, j in" in step.schedule.source
    first, second = np.linspace(0.2, 0.9, 40), np.linspace(1.0, 3.0, 40)
    found = step(first, second)
    lg.update({x: first, y: second})
    np.testing.assert_array_equal(found[0], chain.value)
    np.testing.assert_array_equal(found[1], first.reshape(5, 8))
    np.testing.assert_array_equal(found[2], second)
    np.testing.assert_array_equal(found[3], first)
    np.testing.assert_array_equal(found[4], second)


ODD = {
    "sum": lambda x: np.sum(x, axis=Whole(1)),
    "max": lambda x: x.max(axis=(Whole(0), Whole(1))),
    "transpose": lambda x: np.transpose(x, (Whole(1), Whole(0))),
    "reshape": lambda x: np.reshape(x, (np.int64(3), Whole(2))),
    "broadcast": lambda x: np.broadcast_to(x, (Whole(2), 2, 3)),
    "row": lambda x: x[Whole(1)],
    "columns": lambda x: x[:, Whole(0) : np.int64(2)],
    "places": lambda x: x[[0, 1], Whole(1)],
    "pad": lambda x: np.pad(x, 1, mode=Hostile("edge")),
    "cumsum": lambda x: np.cumsum(x, axis=Axis.ROWS),
    "clip": lambda x: np.clip(x, np.float32(0.3), 0.6),
    "power": lambda x: x ** Whole(3),
}


@pytest.mark.parametrize("kind", ODD)
def test_settings_of_our_ops_that_are_more_than_numbers(kind: str) -> None:
    def build() -> tuple[list[lg.Node], lg.Node]:
        x = lg.parameter(np.ones((2, 3)))
        return [x], np.sum(np.sin(ODD[kind](x)) ** 2)

    check_plans_and_schedules(build)


def test_equal_settings_that_are_not_the_same() -> None:
    """0.0 and -0.0 of single precision are equal, and so may be what a user's class calls equal."""

    class Same:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    def times_factor(x: Any, *, by: Any) -> Any:
        return x * by.factor

    times = lg.primitive(times_factor, vjp=lambda g, by: g * by.factor, shape=lambda x, by: (x.shape, x.dtype))
    x = lg.parameter([-0.0, 0.0, 1.0])
    bounds = [lg.ops.at_least(x, bound=np.float32(b)) for b in (0.0, -0.0)]
    roots = [*bounds, times(x, by=Same(2.0)), times(x, by=Same(3.0))]
    roots += [lg.adjoint(i.sum(), x) for i in roots[2:]]
    found = lg.compile(roots, inputs=x, exact=True)([-0.0, 0.0, 1.0])
    assert [a.tobytes() for a in found] == [root.value.tobytes() for root in roots]


@pytest.mark.parametrize("name", ["NotANumber", "f_nan", "nan", "f1_chosen"])
def test_a_leaf_named_like_the_error_of_a_guard(name: str) -> None:
    x = lg.parameter(1.0, name=name)
    step = lg.compile(lg.adjoint(np.where(x > 0, np.sqrt(x), 0.0), x), inputs=x, backend="numpy")
    assert [step(value).item() for value in (4.0, 0.0, 1.0)] == [0.25, 0.0, 0.5]
    assert step.statistics.guarded == 1
