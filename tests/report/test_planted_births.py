"""Where nan and inf are born: found in random graphs wherever they are planted."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.inspect import find_nonfinite
from tests.helpers.invariants import check_invariants
from tests.helpers.planted_births import (
    bad_rule,
    bad_second,
    bad_value,
    catch_record,
    check_edge,
    check_value,
    get_value,
    rules_run,
)
from tests.helpers.random_graphs import KINDS, Kind, RandomDag, Recipe, Step, build, random_dag, same_bits

BATCHES = range(0, 100, 20)  # each seed without and with arrays: 200 graphs


@pytest.fixture(autouse=True)
def _planted_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for planted in (bad_value, bad_rule, bad_second):
        monkeypatch.setitem(KINDS, planted.name, Kind(planted, planted.function, ()))


class Planted:
    """A random graph with one more node: the op `kind` between a step and all that is built on it."""

    def __init__(self, dag: RandomDag, kind: str, rng: np.random.Generator) -> None:
        target = int(rng.choice(dag.losses))
        below = {target}
        for j in range(target, -1, -1):
            if j in below:
                below.update(dag.recipe[j].inputs)
        k = int(rng.choice([j for j in below if dag.values[j].dtype.kind == "f"]))
        moved = [s._replace(inputs=tuple(j + (j >= k) for j in s.inputs)) for s in dag.recipe[k + 1 :]]
        self.recipe: Recipe = [*dag.recipe[: k + 1], Step(kind, (k,)), *moved]
        self.nodes = build(self.recipe)
        self.place = self.nodes[k + 1]
        self.L = self.nodes[target + (target >= k)]
        self.wrt = [self.nodes[p + (p > k)] for p in rng.permutation(dag.parameters)[: rng.integers(1, 3)]]

    def between(self, w: lg.Node) -> bool:
        """Return whether the planted node is on an open path from `w` to the loss."""
        d = lg.differentiator(self.L)
        onwards = lg.Differentiator(self.place, cotangent=np.ones(self.place.shape))
        return d.is_connected(self.place) and onwards.is_connected(w) and w is not self.place


def graphs(first: int) -> list[tuple[RandomDag, np.random.Generator]]:
    return [
        (random_dag(2 * seed + arrays, arrays), np.random.default_rng([seed, arrays]))
        for seed in range(first, first + 20)
        for arrays in (False, True)
    ]


@pytest.mark.parametrize("first", BATCHES)
def test_nothing_is_found_where_all_is_finite(first: int) -> None:
    for dag, _ in graphs(first):
        nodes = build(dag.recipe)
        L, wrt = nodes[dag.losses[0]], [nodes[p] for p in dag.parameters]
        assert find_nonfinite(L) is None
        assert find_nonfinite(L, wrt) is None
        gradient = lg.gradient(L, wrt, unconnected="none")
        fresh = build(dag.recipe)
        with lg.errstate(nonfinite="raise"):
            again = lg.gradient(fresh[dag.losses[0]], [fresh[p] for p in dag.parameters], unconnected="none")
        assert same_bits(again, gradient)


@pytest.mark.parametrize("first", BATCHES)
def test_a_value_is_located_and_nothing_after_it_is_evaluated(first: int) -> None:
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_value", rng)
        with lg.record() as report:
            check_value(find_nonfinite(p.L), p.place)
        assert report.values.computed[-1] is p.place
        assert max(i.serial for i in report.values.computed) == p.place.serial
        assert report.values.hits >= 0
        with lg.record() as report:
            check_value(find_nonfinite(p.L), p.place)
        assert report.values.computed == report.adjoints.computed == ()
        check_value(find_nonfinite(p.L, p.wrt), p.place)
        fresh = Planted(dag, "bad_value", rng)
        check_value(find_nonfinite(fresh.L, fresh.wrt), fresh.place)
        again = Planted(dag, "bad_value", rng)
        check_value(catch_record(get_value, again.L), again.place)
        check_value(catch_record(get_value, again.L), again.place)  # a second question sees it, too
        assert np.isnan(again.place.value).all()
        check_invariants(again.nodes)


@pytest.mark.parametrize("first", BATCHES)
def test_an_edge_is_located(first: int) -> None:
    located = 0
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_rule", rng)
        assert find_nonfinite(p.L) is None
        located_before = False
        for w in p.wrt:
            if p.between(w):
                with lg.record() as report:
                    check_edge(find_nonfinite(p.L, w), p.place)
                assert located_before or report.adjoints.computed[-1] is p.place.inputs[0]
                with lg.record() as report:
                    check_edge(find_nonfinite(p.L, [w]), p.place)
                assert report.values.computed == report.adjoints.computed == ()
                located_before = True
            else:
                assert find_nonfinite(p.L, w) is None
        located += located_before
        lg.differentiator(p.L).cache_clear()
        if located_before:
            check_edge(catch_record(lg.gradient, p.L, p.wrt), p.place)
            check_invariants(p.nodes)
    assert located > 10


@pytest.mark.parametrize("first", BATCHES)
def test_an_edge_is_located_in_a_target_made_of_adjoints(first: int) -> None:
    located = 0
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_rule", rng)
        w = p.wrt[0]
        M = np.tanh(lg.adjoint(p.L, w) * 0.5).sum()
        found = find_nonfinite(M)
        if p.between(w):
            check_edge(found, p.place)
            check_edge(find_nonfinite(M, p.wrt), p.place)
            located += 1
        else:
            assert found is None
    assert located > 5


@pytest.mark.parametrize("first", BATCHES)
def test_an_edge_of_second_order_is_located(first: int) -> None:
    located = 0
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_second", rng)
        w, v = p.wrt[0], p.wrt[-1]
        assert find_nonfinite(p.L, p.wrt) is None
        M = (lg.adjoint(p.L, w) * 0.5).sum()
        rules_run.clear()
        lg.gradient(M, v, unconnected="none")
        met = bool(rules_run)
        for fresh in (True, False):
            if fresh:
                M = (lg.adjoint(p.L, w) * 0.5).sum()
            found = find_nonfinite(M, v)
            if met:
                assert (found.kind, found.op, found.input.op.name) == ("contribution", "flat", "identity")
                assert [one.finite for one in found.inputs] == [True]
            else:
                assert found is None
        located += met
        if met:
            found = catch_record(lg.gradient, (lg.adjoint(p.L, w) * 0.25).sum(), v)
            assert (found.kind, found.op) == ("contribution", "flat")
    assert located > 3
