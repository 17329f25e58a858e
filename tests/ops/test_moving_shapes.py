"""Contract C4: every call follows its leaves to other shapes and dtypes, bit for bit as a fresh graph is there.

Each call of the op table, of NumPy's namespace and of the list of other ways is built at one point, its leaves are
set to the inputs of other rows, and all that somebody holds - values, gradients, adjoints, second derivatives, compiled
questions, plans, copies - must be what a graph built at the new point gives, or an error with all as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pytest

from tests.cases.op_table import TABLE
from tests.helpers.case_notes import naming
from tests.helpers.moving_graphs import WAYS, just_set
from tests.helpers.moving_points import Call, Group, Listed, groups, listed, namespace

PARTS = 16
IN_EACH_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
IN_PARTS = pytest.mark.parametrize("part", range(PARTS))


def choose_rows() -> Iterator[Group]:
    """Yield one group of each call: its first."""
    met = set()
    for group in groups(TABLE):
        if (call := group.name.rpartition(" of ")[0]) not in met:
            met.add(call)
            yield group


def walk_all(calls: Sequence[Group | Call | Listed], way: Any = None, most: int | None = None) -> int:
    """Move a graph of each call, each in a way of its own unless one is told; return how often one moved."""
    moved = 0
    for k, call in enumerate(calls):
        chosen = WAYS[k % len(WAYS)] if way is None else way
        if isinstance(call, Group) and call.reads_values:
            continue
        with naming(f"{call.name}, {chosen.__name__}"):
            moved += call.walk(chosen, most)
    return moved


@IN_PARTS
def test_rows_of_the_op_table(part: int) -> None:
    assert walk_all(list(islice(choose_rows(), part, None, PARTS)), most=1) > 20


@pytest.mark.parametrize("part", range(4))
def test_ways_of_building(part: int) -> None:
    assert walk_all(list(islice(listed(), part, None, 4)), most=1) > 40


@pytest.mark.parametrize("part", range(4))
def test_functions_of_numpy(part: int) -> None:
    assert walk_all(list(islice(namespace(), part, None, 4)), just_set, most=1) > 50


@pytest.mark.marathon
@IN_EACH_WAY
@IN_PARTS
def test_all_rows_of_the_op_table(part: int, way: Any) -> None:
    assert walk_all(list(islice(groups(TABLE), part, None, PARTS)), way) > 20


@pytest.mark.marathon
@IN_EACH_WAY
def test_all_ways_of_building(way: Any) -> None:
    assert walk_all(list(listed()), way) > 500


@pytest.mark.marathon
@IN_EACH_WAY
@pytest.mark.parametrize("part", range(8))
def test_all_functions_of_numpy(part: int, way: Any) -> None:
    assert walk_all(list(islice(namespace(), part, None, 8)), way) > 50
