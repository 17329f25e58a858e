"""Schedules against the walk of the memo, for every op: bit for bit, at kinks, at special numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import pytest

import lazygrad as lg
from lazygrad._query.differentiator import Differentiator
from tests.cases.op_table import TABLE
from tests.helpers.op_checks import Case, draw_direction, make_generator
from tests.helpers.random_graphs import same_bits
from tests.helpers.schedule_checks import assert_near, silence


def make_leaf(value: Any) -> lg.Node:
    return (lg.parameter if np.asarray(value).dtype.kind in "fc" else lg.constant)(value)


@attrs.define(eq=False)
class Question:
    """The value of one case and its gradients by all inputs, as nodes."""

    roots: list[lg.Node]
    leaves: list[lg.Node]  # of the case
    seed: lg.Node | None

    @property
    def inputs(self) -> list[lg.Node]:
        return [*{id(i): i for i in self.leaves}.values(), *([self.seed] if self.seed is not None else [])]

    def ask(self, values: Sequence[Any]) -> list[Any]:
        """By the walk of the memo."""
        for i, value in zip(self.inputs, values, strict=True):
            i.set(value)
        return [root.value for root in self.roots]


def make_question(case: Case, leaves: list[lg.Node] | None = None) -> Question | None:
    """None for a case that makes no node."""
    leaves = leaves or [make_leaf(x) for x in case.inputs]
    node = case.op(*leaves, **case.static)
    if not isinstance(node, lg.Node):
        return None
    if not (case.order and case.wrt and node.dtype.kind in "fc"):
        return Question([node], leaves, None)
    seed = lg.parameter(np.asarray(draw_direction(make_generator(), node)).astype(node.dtype))
    adjoint = Differentiator(node, cotangent=seed).adjoint
    return Question([node, *[adjoint(i) for i in {id(leaves[k]): leaves[k] for k in case.wrt}.values()]], leaves, seed)


def draw_other_values(row: Any, shapes: Any, case: Case, of: Question) -> list[Any]:
    """Other inputs of the same row, and a cotangent with zeros in it."""
    rng = np.random.default_rng(5)
    domains = [row.domains[min(k, len(row.domains) - 1)] for k in range(len(shapes))]
    drawn = [np.asarray(d(rng, s))[()] for d, s in zip(domains, shapes, strict=True)]
    values = {id(i): x.astype(i.dtype) for i, x in zip(of.leaves, drawn, strict=True)}
    found = list(values.values())
    if of.seed is not None:
        w = of.seed.value
        found.append(w * np.asarray(rng.integers(0, 2, w.shape)).astype(w.dtype))
    return found


def scatter(value: Any) -> Any:
    """Return equal numbers that do not lie side by side in memory."""
    value = np.asarray(value)
    if value.ndim > 1:
        return np.asfortranarray(value)
    return np.repeat(value, 2)[::2] if value.ndim else value


def iterate_cases(row: Any) -> Iterator[tuple[str, Any, Case]]:
    named = row.cases()
    for shapes in row.shapes:
        for _ in row.statics:
            name, case = next(named)
            yield name, shapes, case


def check_case(case: Case, row: Any, shapes: Any, name: str, leaves: list[lg.Node] | None = None) -> bool:
    """Bit for bit, again with other values, and once more with the first; nobody's array is written to."""
    of = make_question(case, leaves)
    if of is None:
        return False
    first = [i.value for i in of.inputs]
    others = draw_other_values(row, shapes, case, of)
    wanted = [root.value for root in of.roots]
    step = lg.compile(of.roots, inputs=of.inputs, exact=True)
    given = [scatter(x) for x in first]
    before = [x.tobytes() for x in given]
    found = step(*given)
    kept = [x.tobytes() for x in found]
    second, third = step(*others), step(*first)
    assert [x.tobytes() for x in given] == before, "an argument was written to"
    assert [x.tobytes() for x in found] == kept, "a result was written over"
    assert not any(np.may_share_memory(a, b) for a in found for b in given if a.size), "a result shows an argument"
    assert all(x.__class__ is np.ndarray and not x.flags.writeable for x in found)
    assert same_bits(found, third)
    after = of.ask(others)
    assert same_bits(found, wanted)
    assert same_bits(second, after)
    return True


def name_row(row: Any) -> str:
    return f"{row.name} {row.label}".strip()


@pytest.mark.parametrize("row", TABLE, ids=name_row)
def test_every_op_bit_for_bit(row: Any) -> None:
    tried = 0
    for k, (name, shapes, case) in enumerate(iterate_cases(row)):
        with silence(name):
            tried += check_case(case, row, shapes, name)
            if k == 0 and np.float32 in row.dtypes:
                check_case(case.cast(np.float32), row, shapes, f"{name} in single precision")
            if k % 4 == 0 and (of := make_question(case)) is not None:
                found = lg.compile(of.roots, inputs=of.inputs)(*[i.value for i in of.inputs])
                assert_near(found, [root.value for root in of.roots], 1e-12)
    assert tried or row.order == 0


def find_same_shape(case: Case) -> list[int]:
    """Return the inputs with a derivative that have the shape of the first of them."""
    return [k for k in case.wrt if np.shape(case.inputs[k]) == np.shape(case.inputs[case.wrt[0]])]


REPEATED = [row for row in TABLE if any(len(find_same_shape(case)) > 1 for _, case in row.cases())]


def test_an_input_that_stands_there_twice() -> None:
    tried = 0
    for row in REPEATED:
        for name, shapes, case in iterate_cases(row):
            repeated = find_same_shape(case)
            if len(repeated) < 2 or case.inputs[repeated[0]].dtype.kind != "f":
                continue
            leaves = [make_leaf(x) for x in case.inputs]
            for k in repeated:
                leaves[k] = leaves[repeated[0]]
            with silence(name):
                try:
                    case.op(*leaves, **case.static).value  # noqa: B018 - it need not be defined there
                except (np.linalg.LinAlgError, ValueError, lg.LazygradError):
                    continue
                tried += check_case(case, row, shapes, name, leaves)
    assert tried > 200


@pytest.mark.parametrize("row", [row for row in TABLE if row.points], ids=name_row)
def test_kinks_and_edges_bit_for_bit(row: Any) -> None:
    for point in row.points:
        with silence(repr(point)):
            leaves = [lg.parameter(np.full_like(x, 0.75)) for x in point.inputs]
            node = row.call(*leaves, **point.static)
            adjoint = Differentiator(node, cotangent=np.ones(node.shape)).adjoint
            roots = [node, *[adjoint(i) for i in leaves]]
            step = lg.compile(roots, inputs=leaves, exact=True)
            found = step(*point.inputs)
            for i, x in zip(leaves, point.inputs, strict=True):
                i.set(x)
            assert same_bits(found, [root.value for root in roots])


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -2.0, 1e300, 5e-324])


def hold_same_numbers(a: Any, b: Any) -> bool:
    """Return whether two arrays have equal bits, but for those of a nan."""
    nan = np.isnan(b)
    return a.dtype == b.dtype and np.array_equal(np.isnan(a), nan) and a[~nan].tobytes() == b[~nan].tobytes()


def make_guarded_question(case: Case, count: int) -> tuple[list[lg.Node], list[lg.Node]] | None:
    """Roots and inputs of a case on other shapes; None for what takes no such inputs, or has no derivative."""
    leaves = [lg.parameter(np.ones(SPECIAL.shape)) for _ in range(count)]
    try:
        node = case.op(*leaves, **case.static)
        if not isinstance(node, lg.Node) or node.dtype.kind not in "fc" or not case.order:
            return None
        seed = lg.parameter(np.ones(node.shape))
        adjoint = Differentiator(node, cotangent=seed).adjoint
        roots = [node, *[adjoint(leaves[k]) for k in case.wrt]]
        assert all(root.value.dtype.kind in "fc" for root in roots)
    except (TypeError, ValueError, IndexError, lg.LazygradError):
        return None
    return roots, [*leaves, seed]


def test_special_numbers_behind_a_guard() -> None:
    """0, inf and nan, with cotangents of which some are 0: a nan that a guard keeps out is kept out."""
    rng = np.random.default_rng(1)
    tried = 0
    for row in TABLE:
        shapes = next((s for s in (((3,),), ((3,), (3,))) if s in row.shapes), None)
        case = next((case for _, s, case in iterate_cases(row) if s == shapes), None)
        if case is None or any(x.dtype != np.float64 for x in case.inputs):
            continue
        with silence(row.name):
            made = make_guarded_question(case, len(case.inputs))
            if made is None:
                continue
            roots, inputs = made
            step = lg.compile(roots, inputs=inputs, exact=True)
            for trial in range(3):
                values: list[Any] = [rng.permutation(SPECIAL) for _ in inputs[:-1]]
                values.append(np.asarray(rng.integers(0, 2, inputs[-1].shape), float) if trial else inputs[-1].value)
                lg.update(dict(zip(inputs, values, strict=True)))
                try:
                    wanted = [root.value for root in roots]
                except (ValueError, np.linalg.LinAlgError):  # it does not take them
                    continue
                assert all(map(hold_same_numbers, step(*values), wanted))
                tried += 1
    assert tried > 400
