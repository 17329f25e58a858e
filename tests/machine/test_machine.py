"""The main test of the memo: random lives of a graph, bit for bit those of a twin that has no memo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.helpers.case_notes import naming
from tests.machine.actions import ACTIONS, World

SEEDS = st.integers(0, 2**32 - 1)


class Machine(RuleBasedStateMachine):
    """The actions of `World` as rules, so that hypothesis finds a short life that fails."""

    @initialize(seed=SEEDS, arrays=st.booleans(), adjoints=st.booleans(), refits=st.booleans())
    def start(self, seed: int, arrays: bool, adjoints: bool, refits: bool) -> None:
        self.world = World(seed, arrays, adjoints, refits)

    @rule(seed=SEEDS)
    def build(self, seed: int) -> None:
        self.world.build(seed)

    @rule(seed=SEEDS)
    def set(self, seed: int) -> None:
        self.world.set(seed)

    @rule(seed=SEEDS)
    def query(self, seed: int) -> None:
        self.world.query(seed)

    @rule(seed=SEEDS)
    def query_held(self, seed: int) -> None:
        self.world.query_held(seed)

    @rule(seed=SEEDS)
    def raise_in_the_middle(self, seed: int) -> None:
        self.world.raise_in_the_middle(seed)

    @rule(seed=SEEDS)
    def drop(self, seed: int) -> None:
        self.world.drop(seed)

    @rule(seed=SEEDS)
    def cache_clear(self, seed: int) -> None:
        self.world.cache_clear(seed)

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def live(seed: int, adjoints: bool, refits: bool, steps: int = 80) -> None:
    rng = np.random.default_rng(seed)
    world = World(seed, bool(seed % 2), adjoints, refits)
    for step in range(steps):
        getattr(world, ACTIONS[rng.integers(len(ACTIONS))])(1000 * seed + step)
        world.check()


@pytest.mark.parametrize("first", range(0, 60, 10))
@pytest.mark.parametrize(("adjoints", "refits"), [(True, True), (True, False), (False, True)])
def test_long_lives(first: int, adjoints: bool, refits: bool) -> None:
    for seed in range(first, first + 10):
        live(seed, adjoints, refits)


@pytest.mark.marathon
@pytest.mark.parametrize("part", range(20))
def test_longer_lives_from_anywhere(part: int) -> None:
    """Shapes and dtypes change all the time; each life begins at a seed that no run had before."""
    start = int(np.random.default_rng().integers(2**40))
    for seed in range(start, start + 50):
        with naming(f"live({seed}, adjoints=True, refits=True, steps=160)"):
            live(seed, adjoints=True, refits=True, steps=160)
