"""Every row of the table of ops by every engine and in both modes: cases, special points, size 0, second order."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._op import OPS, Op
from tests.cases.op_table import TABLE
from tests.helpers.modes import ENGINES, check_engines, check_tangents, of_adjoints, of_call, of_scaled
from tests.helpers.op_checks import Case, Point

CASES = [(name, case) for row in TABLE for name, case in row.cases() if any(x.dtype.kind in "fc" for x in case.inputs)]
POINTS = [(f"{row.name} at {point.inputs}", row, point) for row in TABLE for point in row.points]
BATCHES = 16

# Where a second derivative does not exist at one element, forward mode by unit tangents is nan at all of them.
KINKS = {"hypot", "np.std", "np.nanstd"}
# Ops that rules alone use, to say so.
NO_DERIVATIVE = {"multiply_kink", "over_kink", "pull_sign", "push_sign", "where_zero"}
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5])


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def chosen(name: str, share: int) -> bool:
    """Return whether a case belongs to the sample: one in so many, the same ones each time."""
    return zlib.crc32(name.encode()) % share == 0


def is_differentiable(case: Case) -> bool:
    leaves, node = case.build()
    return isinstance(node, lg.Node) and node.dtype.kind in "fc" and bool(leaves)


def check_case(name: str, case: Case, *, second: bool = True, numeric: bool = False) -> None:
    if not is_differentiable(case) or (not case.order and any(x.dtype.kind == "c" for x in case.inputs)):
        return
    build = of_call(case.op, case.inputs, case.static, case.wrt if case.order else None)
    if not build()[1]:
        return
    single = build()[0].dtype.itemsize <= 4 or "float32" in name
    check_engines(build, name, tolerance=1e-4 if single else 1e-7)
    check_tangents(build, name, tolerance=1e-4 if single else 1e-7)
    if numeric and case.order and isinstance(case.op, Op) and case.op.pointwise:
        check_engines(build, name, ["numeric"], 1e-5)
    if second and case.order > 1:
        check_engines(of_adjoints(build), f"{name}, second order", tolerance=1e-6)
    if any(x.dtype.kind == "f" and not x.size for x in case.inputs):
        scaled = of_scaled(case.op, case.inputs, case.static)
        if isinstance(scaled()[0], lg.Node) and scaled()[0].dtype.kind in "fc":
            check_engines(scaled, f"{name}, scaled")
            check_tangents(scaled, f"{name}, scaled")


def check_point(name: str, row: Any, point: Point) -> None:
    build = of_call(row.call, point.inputs, point.static)
    check_engines(build, name)
    if row.order > 1:
        engines = [engine for engine in ENGINES if engine != "forward" or row.name not in KINKS]
        check_engines(of_adjoints(build), f"{name}, second order", engines, 1e-6)


@pytest.mark.parametrize("batch", range(4))
def test_a_sample_of_all_cases(batch: int) -> None:
    for name, case in CASES[batch::4]:
        if chosen(name, 32):
            check_case(name, case, second=chosen(name, 96))


@pytest.mark.soak
@pytest.mark.parametrize("batch", range(BATCHES))
def test_all_cases(batch: int) -> None:
    for name, case in CASES[batch::BATCHES]:
        check_case(name, case, numeric=max([x.size for x in case.inputs]) < 20)


@pytest.mark.parametrize("batch", range(4))
def test_all_special_points(batch: int) -> None:
    for name, row, point in POINTS[batch::4]:
        check_point(name, row, point)


POINTWISE = [name for name, o in OPS.items() if o.pointwise and any(rule is not None for rule in o.vjp)]


def find_special_case(o: Op, k: int) -> Case | None:
    """Return a call whose k-th input has every special value; the others are numbers from the table's first case.

    None stands for an input that is no float.
    """
    for row in TABLE:
        if row.op == o.name:
            _, case = next(iter(row.cases()))
            if not all(x.size for x in case.inputs) or case.inputs[k].dtype.kind != "f":
                break
            inputs = [np.full(SPECIAL.shape, np.ravel(x)[0]) for x in case.inputs]
            inputs[k] = SPECIAL
            return Case(o, case.reference, inputs, case.static, case.order)
    return None


# What is integrated takes long.
SLOW = ("scipy.special.betainc", "scipy.special.stdtr", "scipy.special.gammainc_by")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.soak) if name.startswith(SLOW) else name for name in POINTWISE]
)
def test_special_values_of_what_acts_by_element(name: str) -> None:
    o = OPS[name]
    for k in range(len(o.inputs)):
        case = find_special_case(o, k)
        if case is not None and is_differentiable(case):
            engines = [engine for engine in ENGINES if engine != "forward" or name not in NO_DERIVATIVE]
            check_engines(of_call(case.op, case.inputs, case.static), f"{name}, input {k}", engines)


EMPTY: dict[str, Any] = {
    "mean": np.mean,
    "std": np.std,
    "var": np.var,
    "median": np.median,
    "average": np.average,
    "norm": np.linalg.norm,
    "sum": np.sum,
    "prod": np.prod,
    "mean over an axis": lambda x: np.mean(x, axis=0),
    "mean over the other axis": lambda x: np.mean(x, axis=1),
    "function of a mean": lambda x: np.exp(np.mean(x)) + np.sin(np.std(x)),
    "softmax": lambda x: lg.ops.softmax(x, axis=0).sum(),
    "logaddexp": lambda x: np.sum(np.logaddexp(x, 0.0)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_depends_on_no_elements(name: str) -> None:
    """The mean of nothing is nan, but its derivative by what no element depends on is 0 in every mode."""
    build = of_scaled(EMPTY[name], [np.ones((0, 3))], {})
    check_engines(build, name)
    check_tangents(build, name)
    L, (s,) = build()
    assert lg.gradient(L, s, cotangent=np.ones(L.shape)) == 0.0


POINTS_OF_FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "entropy": (lambda x: x * np.log(x), [0.0, 1.0]),
    "sigmoid": (lambda x: 1.0 / (1.0 + np.exp(-x)), [-np.inf, 0.0, np.inf]),
    "sigmoid, doubled": (lambda x: np.tanh(x * 0.5) * 0.5 + 0.5, [-np.inf, np.inf]),
    "expit": (lambda x: lg.scipy.special.expit(x), [-np.inf, 0.0, np.inf]),
    "log_expit": (lambda x: lg.scipy.special.log_expit(x), [-np.inf, 0.0, np.inf]),
    "logit": (lambda x: lg.scipy.special.logit(x), [0.0, 0.5, 1.0]),
    "logaddexp": (lambda x: np.logaddexp(x, 0.0), [-np.inf, 0.0, np.inf]),
    "guarded entropy": (lambda x: np.where(x > 0, x * np.log(x), 0.0), [0.0, 1.0]),
    "root of a square": (lambda x: np.sqrt(x * x), [0.0, 1.0]),
}


@pytest.mark.parametrize("name", POINTS_OF_FUNCTIONS)
def test_functions_at_the_ends_of_their_domains(name: str) -> None:
    f, points = POINTS_OF_FUNCTIONS[name]
    for point in (*points, np.array(points)):
        build = of_call(f, [np.asarray(point, float)], {})
        check_engines(build, f"{name} at {point}")
        check_engines(of_adjoints(build), f"{name} at {point}, second order", ENGINES[:2], 1e-6)
        if np.ndim(point) == 0:
            check_tangents(build, f"{name} at {point}")
