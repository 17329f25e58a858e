"""Every row of the table of op cases against NumPy and central differences; and the table against the ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._declare import MEANINGS
from lazygrad.ops._op import OPS, Op
from lazygrad.ops._rule import ZERO
from tests.cases.elementwise import OF_INTEGERS
from tests.cases.op_table import TABLE
from tests.helpers.case_notes import naming
from tests.helpers.op_checks import CHECKS, check_dtype, check_point, has_rule

CASES_OF = [(row, dict(row.cases())) for row in TABLE]
NAMED = [named for row in TABLE for named in row.cases()]
CASES = dict(NAMED)
SMOOTH = {name: case for name, case in CASES.items() if case.order and case.wrt}


def name_of(row_and_cases: Any) -> str:
    row, _ = row_and_cases
    return f"{row.name} {row.label}".strip()


def test_every_op_has_a_row_and_every_row_an_op() -> None:
    assert {row.op for row in TABLE if isinstance(row.op, str)} == set(OPS)
    functions = {f for row in TABLE for f in (*row.covers, row.op)}
    assert [f for f, meaning in MEANINGS.items() if not isinstance(meaning, Op) and f not in functions] == []
    assert len(CASES) == len(NAMED), "two cases of one name"


def test_every_broadcasting_op_is_tried_with_different_shapes() -> None:
    elementwise = {
        name for name, o in OPS.items() if len(o.inputs) > 1 and o.infer_from.__qualname__.startswith("elementwise.")
    }
    assert elementwise == {row.op for row in TABLE if row.broadcasts and isinstance(row.op, str)}


def test_every_op_with_a_rule_has_a_case_that_differentiates_by_each_input() -> None:
    ops = [case for case in SMOOTH.values() if isinstance(case.op, Op)]
    tried = {(case.op.name, min(k, len(case.op.inputs) - 1)) for case in ops for k in case.wrt}
    rules = {(name, k) for name, o in OPS.items() for k in range(len(o.inputs)) if has_rule(o.vjp, k)}
    # Their value is read from the other input; the rows of eigh, eig and svd differentiate through both.
    assert tried == rules - {("eigh_values", 0), ("eig_values", 0), ("svd_values", 0)}


@pytest.mark.parametrize("row_and_cases", CASES_OF, ids=name_of)
def test_cases(row_and_cases: Any) -> None:
    """Value, shape and dtype; and where there is one the derivative, in all ways."""
    row, cases = row_and_cases
    for name, case in cases.items():
        for what, check in CHECKS.items():
            if what in ("value", "inference") or (case.order and case.wrt):
                with naming(f"the check {what!r} of {name!r}"):
                    check(case)
        for dtype in row.dtypes:
            with naming(f"the dtype {np.dtype(dtype)} of {name!r}"):
                check_dtype(case, dtype)


@pytest.mark.parametrize("row", [row for row in TABLE if row.points], ids=lambda row: row.name)
def test_points(row: Any) -> None:
    for point in row.points:
        with naming(repr(point)):
            check_point(row.call, point)


@pytest.mark.parametrize("name", [name for name, o in OPS.items() if set(o.vjp) == {ZERO} and name not in OF_INTEGERS])
def test_structural_zeros(name: str) -> None:
    """A derivative that is zero wherever it exists is no path, and costs no rule."""
    leaves = [lg.parameter([1.0, 2.0]) for _ in OPS[name].inputs]
    w = lg.parameter([3.0, 4.0])
    L = (OPS[name](*leaves) * w).sum()
    with lg.record() as report:
        gradients = lg.gradient(L, [w, *leaves], unconnected="none")
    assert gradients[1:] == [None] * len(leaves)
    assert report.rules_run == 2  # of w: the sum and the product
    assert not any(lg.differentiator(L).is_connected(leaf) for leaf in leaves)
