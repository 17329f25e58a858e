"""What the engines compute on random, layered and deep graphs: the same answers, and each its own amount of work."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.engine_helpers import BUILT_IN, agree, counted, every_exact, layered
from tests.helpers.random_graphs import RandomDag, build, find_expected_work, random_dag, with_ancestors

# -- random graphs -----------------------------------------------------------------------------------------

BATCHES = [range(first, first + 50) for first in range(0, 400, 50)]


def request(dag: RandomDag, nodes: Sequence[lg.Node], seed: int) -> tuple[int, list[int]]:
    """Return a loss, all parameters, and any float step."""
    rng = np.random.default_rng(seed)
    anything = int(rng.choice([k for k, v in enumerate(dag.values) if v.dtype.kind == "f"]))
    return int(rng.choice(dag.losses)), list(dict.fromkeys([*dag.parameters, anything]))


@pytest.mark.parametrize("batch", BATCHES)
def test_all_agree_on_random_graphs(batch: range) -> None:
    for seed in batch:
        dag = random_dag(seed, arrays=bool(seed % 2))
        for engine in BUILT_IN:
            nodes = build(dag.recipe)  # so that nobody finds what another computed
            target, wrt = request(dag, nodes, seed)
            agree(nodes[target], [nodes[k] for k in wrt], engine)


@pytest.mark.parametrize("batch", BATCHES[::2])
def test_all_agree_on_any_target_with_a_cotangent(batch: range) -> None:
    for seed in batch:
        dag = random_dag(seed, arrays=True)
        nodes = build(dag.recipe)
        rng = np.random.default_rng(seed)
        target = int(rng.choice([k for k, v in enumerate(dag.values) if v.dtype.kind == "f"]))
        cotangent = rng.normal(size=dag.values[target].shape)
        for engine in BUILT_IN[1:]:
            agree(nodes[target], [nodes[k] for k in dag.parameters], engine, cotangent)


def paths_from_target(edges: set[tuple[int, int]], dag: RandomDag, target: int) -> dict[int, int]:
    """How many paths lead from the target down to each step."""
    count = {target: 1}
    for c, position in sorted(edges, reverse=True):  # consumers come first that way
        j = dag.recipe[c].inputs[position]
        count[j] = count.get(j, 0) + count[c]
    return count


@pytest.mark.parametrize("batch", BATCHES[::2])
def test_counts_on_random_graphs(batch: range) -> None:
    """|A| rules for the sweeps; only what is on a path for the others."""
    for seed in batch:
        dag = random_dag(seed, arrays=bool(seed % 2))
        number = {}

        def ask(engine: str, target: int, wrt: list[int], dag: RandomDag = dag, number: dict[int, int] = number) -> Any:
            nodes = build(dag.recipe)
            number.update({node.serial: k for k, node in enumerate(nodes)})
            report = counted(nodes[target], [nodes[k] for k in wrt], engine)
            for tally in (report.values, report.adjoints):
                assert tally.requests == tally.hits + tally.misses
                assert tally.hits >= 0
            return report

        def visited(report: lg.Report, number: dict[int, int] = number) -> list[int]:
            return [number[i.serial] for i in report.adjoints.computed]

        nodes = build(dag.recipe)
        target, wrt = request(dag, nodes, seed)
        wrt = [k for k in wrt if k != target]
        all_below = find_expected_work(dag.recipe, nodes, target, range(len(nodes)))
        for engine in ("sweep", "children"):
            report = ask(engine, target, wrt)
            assert report.rules_run == len(all_below.edges)
            assert sorted(visited(report)) == sorted(all_below.adjoints)
            values = [number[i.serial] for i in report.values.computed]
            assert sorted(values) == sorted(with_ancestors(dag.recipe, {target}))
        on_path = find_expected_work(dag.recipe, nodes, target, wrt)
        report = ask("lazy", target, wrt)
        assert report.rules_run == len(on_path.edges)
        assert sorted(visited(report)) == sorted(on_path.adjoints)
        for w in wrt:
            on_path = find_expected_work(dag.recipe, nodes, target, [w])
            on_path.edges.difference_update({(c, p) for c, p in on_path.edges if c == w})  # w's own inputs
            above = on_path.adjoints - {w} | {target} if on_path.edges else set()
            report = ask("forward", target, [w])
            assert report.rules_run == nodes[w].size * len(on_path.edges)
            assert sorted(visited(report)) == sorted(above)
            report = ask("paths", target, [w])
            count = paths_from_target(on_path.edges, dag, target)
            assert report.rules_run == sum(count[c] for c, _ in on_path.edges)
            assert sorted(visited(report)) == sorted(on_path.adjoints)
            assert {number[i.serial] for i in report.values.computed} == on_path.values
            report = ask("numeric", target, [w])
            assert (report.rules_run, report.values.computed) == (0, ())
            assert sorted(visited(report)) == sorted(above)


# -- Stratos' layered graph (F.2) --------------------------------------------------------------------------


@every_exact
def test_layered_graph_costs_51_steps_or_729_paths(engine: str) -> None:
    x, L, _ = layered(6)
    report = counted(L, x, engine)
    assert lg.gradient(L, x, engine=engine) == 729
    # The constants of x * 1.0 are three more edges for those that sweep over everything.
    expected_rules = {
        "lazy": 51,
        "forward": 51,
        "sweep": 54,
        "children": 54,
        "paths": sum(3**k for k in range(1, 7)) + 729,
    }
    assert report.rules_run == expected_rules[engine]
    values = {"sweep": 19, "children": 19, "lazy": 0, "forward": 0, "paths": 0}  # linear: no rule reads a value
    assert report.values.misses == values[engine]


def test_paths_refuses_with_the_count() -> None:
    x, L, _ = layered(30)
    for engine in ("lazy", "sweep", "children", "forward"):
        assert lg.gradient(L, x, engine=engine) == 3.0**30
    with lg.record() as report, pytest.raises(lg.LazygradError, match="205,891,132,094,649 paths") as caught:
        lg.gradient(L, x, engine="paths")
    assert f"refuses more than {10_000:,}" in str(caught.value)
    assert report.rules_run == 0
    x, L, _ = layered(20_000)
    with pytest.raises(lg.LazygradError, match=r"about 10\^9542 paths"):
        lg.gradient(L, x, engine="paths")


def test_paths_limit_counts_all_requested_nodes() -> None:
    x, L, nodes = layered(8)  # 6561 paths from x, 2187 from each node of the first layer
    assert lg.gradient(L, [x, nodes[0]], engine="paths") == [6561, 2187]
    with pytest.raises(lg.LazygradError, match="10,935 paths"):
        lg.gradient(L, [x, nodes[0], nodes[1]], engine="paths")


def test_back_op_as_printed_enters_a_node_once_for_each_path() -> None:
    """What the docstring of `children` says of the slides, and what it does instead."""
    x, L, nodes = layered(6)
    entered: dict[int, int] = {}

    def back_op(s: lg.Node) -> None:  # the loop over parents, whether or not the gradient was complete
        entered[s.serial] = entered.get(s.serial, 0) + 1
        for p in s.inputs:
            back_op(p)

    back_op(L)
    assert entered[x.serial] == 729
    report = counted(L, x, "children")
    visits = [i.serial for i in report.adjoints.computed]
    assert len(visits) == len(set(visits))
    assert {x.serial, *(i.serial for i in nodes)} <= set(visits)


# -- depth -------------------------------------------------------------------------------------------------


@every_exact
def test_a_deep_chain(engine: str) -> None:
    n = 30_000
    x = y = lg.parameter(1.0)
    for _ in range(n):
        y = -y
    report = counted(y, x, engine)
    assert (report.rules_run, report.adjoints.misses) == (n, n)
    assert lg.gradient(y, x, engine=engine) == 1.0


@pytest.mark.parametrize("engine", ["lazy", "sweep", "children", "forward"])
def test_doubling_200_times(engine: str) -> None:
    x = y = lg.parameter(1.0)
    for _ in range(200):
        y = y + y
    assert counted(y, x, engine).rules_run == 400
    assert lg.gradient(y, x, engine=engine) == 2.0**200


@pytest.mark.parametrize(
    ("engine", "held"), [("sweep", range(1, 6)), ("forward", range(1, 6)), ("children", range(100, 110))]
)
def test_adjoints_and_tangents_are_freed_as_they_are_consumed(engine: str, held: range) -> None:
    x = y = lg.parameter(np.ones(10_000) if engine != "forward" else np.ones((1, 1)))
    if engine == "forward":
        y = np.ones((10_000, 1)) @ y
    for _ in range(100):
        y = -y
    L = y.sum()
    L.item()
    tracemalloc.start()
    try:
        lg.gradient(L, x, engine=engine)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak // 80_000 in held
