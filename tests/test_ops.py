"""Every op against NumPy, central differences, and the seeds' Jacobians; and the checks against wrong ops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from kit import CHECKS, Case, check_dtype, check_point, close, has_rule, inner, seeded, slope
from op_cases import TABLE

import lazygrad as lg
from lazygrad import ops
from lazygrad._op import OPS, ZERO, op

CASES = {name: case for row in TABLE for name, case in row.cases()}
SMOOTH = {name: case for name, case in CASES.items() if case.order and case.wrt}

# -- the table -------------------------------------------------------------------------------------


def test_every_op_has_a_row_and_every_row_an_op() -> None:
    assert {row.op for row in TABLE} == set(OPS)


def test_every_broadcasting_op_is_tried_with_different_shapes() -> None:
    elementwise = {name for name, o in OPS.items() if len(o.inputs) > 1 and o.infer_from.__qualname__.startswith("elementwise.")}
    assert elementwise == {row.op for row in TABLE if row.broadcasts}


def test_every_op_with_a_rule_has_a_case_that_differentiates_by_each_input() -> None:
    tried = {(case.op.name, min(k, len(case.op.inputs) - 1)) for case in SMOOTH.values() for k in case.wrt}
    assert tried == {(name, k) for name, o in OPS.items() for k in range(len(o.inputs)) if has_rule(o.vjp, k)}


@pytest.mark.parametrize("check", ["value", "inference"])
@pytest.mark.parametrize("name", CASES)
def test_value(check: str, name: str) -> None:
    CHECKS[check](CASES[name])


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in ("value", "inference")])
@pytest.mark.parametrize("name", SMOOTH)
def test_derivative(check: str, name: str) -> None:
    CHECKS[check](SMOOTH[name])


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.op)
def test_dtypes(row: Any) -> None:
    for _, case in row.cases():
        for dtype in row.dtypes:
            check_dtype(case, dtype)


@pytest.mark.parametrize(("name", "point"), [(row.op, point) for row in TABLE for point in row.points])
def test_points(name: str, point: Any) -> None:
    check_point(OPS[name], point)
