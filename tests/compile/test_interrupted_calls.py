"""Compiled questions after errors, in threads, and within themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.compiled_questions import ON_BOTH, make_observed_op, run_in_threads
from tests.helpers.op_checks import close
from tests.helpers.random_graphs import same_bits


@ON_BOTH
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, ValueError, FloatingPointError])
def test_an_exception_in_the_middle(error: type[BaseException], exact: bool) -> None:
    def before(x: Any) -> None:
        if (x == 0).all():
            raise error("in the middle")

    x = lg.parameter(np.ones(3))
    L = np.tanh(make_observed_op(before)(x * 2.0) * x).sum()
    step = lg.compile(L, x, x, exact=exact)
    first = step(np.ones(3))
    for _ in range(2):
        with pytest.raises(error, match="in the middle"):
            step(np.zeros(3))
        assert same_bits(step(np.ones(3)), first)


@ON_BOTH
def test_a_call_within_a_call(exact: bool) -> None:
    results: list[Any] = []

    def before(value: Any) -> None:
        k = len(results)
        if k < 2:
            results.append(None)
            results[k] = step(np.full(3, 2.0 + k))

    x = lg.parameter(np.ones(3))
    y = np.tanh(x) * 2.0
    L = (make_observed_op(before)(y) * y).sum()
    step = lg.compile(L, x, x, exact=exact)
    found = step(np.full(3, 0.5))
    for value, result in ((0.5, found), (2.0, results[0]), (3.0, results[1])):
        assert same_bits(result, step(np.full(3, value)))


def test_threads() -> None:
    x = lg.parameter(np.ones(50))
    nodes = lg.compile((np.tanh(x) * x).sum(), x, x, specializations=2)
    function = lg.compile(lambda v: (np.tanh(v) * v).sum() * (1 if v[0] > 0 else 2), wrt=0, specializations=2)

    def work(k: int) -> None:
        for turn in range(60):
            v = np.full(50 + k % 3, 0.01 * (turn + 1) * (-1) ** turn)
            slope = (1 - np.tanh(v) ** 2) * v + np.tanh(v)
            close(nodes(v)[1], slope, rtol=1e-12)
            close(function(v)[1], slope * (1 if v[0] > 0 else 2), rtol=1e-12)

    run_in_threads(work)
    assert nodes.statistics.calls == function.statistics.calls == 240
