"""Compositions of two and three ops in every form of schedule, bit for bit those of the walk where that is promised."""

from __future__ import annotations

import os
import time

import pytest

from tests.cases.op_table import TABLE
from tests.helpers.composition_forms import FORMS, check_forms, large_from
from tests.helpers.compositions import iterate_compositions

QUICK = [name for name in FORMS if "numba" not in name]


def check_sample(seed: int, count: int, forms: list[str]) -> int:
    """Check so many compositions, every second one with rules that repeat arrays as views; return their number."""
    tried = 0
    for k, made in enumerate(iterate_compositions(seed, count)):
        with large_from(4 if k % 2 else 4096):
            try:
                check_forms(made, forms)
            except BaseException as error:
                error.add_note(f"LAZYGRAD_SEED={seed}, composition {k}: {made.text}")
                raise
        tried += 1
    return tried


def test_a_sample_of_compositions_in_every_form() -> None:
    seed = int(os.environ.get("LAZYGRAD_SEED", "20240611"))
    assert check_sample(seed, 130, QUICK) > 80


@pytest.mark.marathon
def test_many_compositions_in_every_form() -> None:
    """Every row of the table several times, from another seed each day that is printed if anything fails."""
    seed = int(os.environ.get("LAZYGRAD_SEED", time.time_ns() % 2**32))
    assert check_sample(seed, 5 * len(TABLE), list(FORMS)) > 3 * len(TABLE)
