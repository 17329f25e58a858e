"""Every public call with every argument wrong: an error of ours that names it, and a graph that answers as before."""

from __future__ import annotations

import pytest

from lazygrad._query import engine
from lazygrad.backend import _registry
from tests.cases import wrong_uses, wrong_uses_beyond
from tests.cases.wrong_uses import World
from tests.helpers.invariants import check_invariants
from tests.helpers.wrong_uses import judge, list_variants, try_use

USES = wrong_uses.USES | wrong_uses_beyond.USES


@pytest.fixture(autouse=True)
def forget_registrations() -> object:
    """Keep what the calls register from other tests."""
    engines, backends = dict(engine._ENGINES), dict(_registry._registered)
    yield
    for table, before in ((engine._ENGINES, engines), (_registry._registered, backends)):
        for name in table.keys() - before.keys():
            del table[name]


@pytest.mark.parametrize("name", USES)
def test_a_wrong_use_is_an_error_that_names_it(name: str) -> None:
    use = USES[name]
    assert try_use(use, World(), lambda w: (list(use.args(w)), use.kwargs(w))) is None, "the right call fails"
    world, wrong = World(), []
    before = world.answer()
    for what, make in list_variants(use):
        error = try_use(use, world, make)
        if error is None:  # it may have set a leaf
            world = World()
        elif (complaint := judge(use, error, make)) is not None:
            wrong.append(f"{what}: {complaint}")
        elif world.answer() != before:
            wrong.append(f"{what}: refused, but the graph answers otherwise")
            world = World()
        before = world.answer()
    assert not wrong, "\n".join(wrong)
    check_invariants(world.watched)


def test_there_are_enough_of_them() -> None:
    assert sum(1 for use in USES.values() for _ in list_variants(use)) > 20_000
