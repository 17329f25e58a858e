"""Answers do not depend on the questions before, to the last bit: random programs of derivatives of orders 1 to 4."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.derivative_programs import Program
from tests.helpers.random_graphs import same_bits


def compare_histories(seed: int, histories: int) -> None:
    order = 1 + seed % 4
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = Program(seed, order).answers()
        for history in range(histories):
            found = Program(seed, order, random.Random(seed + 1_000_003 * history)).answers()
            for a, b in zip(found, expected, strict=True):
                assert same_bits(a, b), f"program {seed} of order {order}, history {history}"


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_answers_do_not_depend_on_questions_before(first: int) -> None:
    for seed in range(first, first + 40):
        compare_histories(seed, 2)


@pytest.mark.soak
def test_answers_do_not_depend_on_questions_before_in_many_programs() -> None:
    for seed in range(240, 6000):
        compare_histories(seed, 4)


def test_a_third_derivative_after_a_second_one() -> None:
    for seed in range(30):
        answers = []
        for asked_before in (False, True):
            x = lg.parameter(np.random.default_rng(seed).normal(size=6))
            s = np.exp(x)
            L = np.sum(np.log1p(s * s) ** 2)
            S = np.sum(lg.adjoint(L, x) ** 2)
            if asked_before:
                lg.gradient(S, x)
            T = np.sum(lg.adjoint(S, s) ** 2)
            answers.append(lg.gradient(T, x))
        assert same_bits(*answers)
