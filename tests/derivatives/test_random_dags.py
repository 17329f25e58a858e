"""Exact work and right numbers on thousands of random graphs, against brute force and an independent engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import (
    Expected,
    RandomDag,
    build,
    dependents,
    derivative,
    find_expected_work,
    random_dag,
    same_bits,
    with_ancestors,
)

BATCHES = [(arrays, first) for arrays in (False, True) for first in range(0, 1200, 100)]


def dags(batch: tuple[bool, int]) -> list[RandomDag]:
    arrays, first = batch
    return [random_dag(2 * seed + arrays, arrays) for seed in range(first, first + 100)]


def chosen(dag: RandomDag, salt: int) -> tuple[int, list[int]]:
    """Return a loss and some nodes to ask for: parameters mostly, sometimes any float node below or beside it."""
    rng = np.random.default_rng([len(dag.recipe), salt])
    target = dag.losses[rng.integers(len(dag.losses))]
    wrt = list(rng.permutation(dag.parameters)[: rng.integers(1, 3)])
    if rng.random() < 0.5:
        wrt.append(rng.choice([k for k, v in enumerate(dag.values) if v.dtype.kind == "f"]))
    return target, [int(k) for k in dict.fromkeys(wrt)]


def ask(nodes: list[lg.Node], target: int, wrt: list[int]) -> tuple[Any, lg.Report]:
    with lg.record() as report, np.errstate(over="ignore", invalid="ignore"):
        gradients = lg.gradient(nodes[target], [nodes[k] for k in wrt], unconnected="none")
    return gradients, report


def check_work(nodes: list[lg.Node], report: lg.Report, edges: int, adjoints: set[int], values: set[int]) -> None:
    """Return the counts of a report, and the very nodes."""
    number = {node.serial: k for k, node in enumerate(nodes)}
    assert report.rules_run == edges
    for tally, wanted in ((report.adjoints, adjoints), (report.values, values)):
        computed = [number[node.serial] for node in tally.computed]
        assert sorted(computed) == sorted(wanted)
        assert tally.requests == tally.hits + tally.misses
        assert tally.misses == len(computed)
        assert tally.hits >= 0


@pytest.mark.parametrize("batch", BATCHES)
def test_work_is_exactly_what_lies_between(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        nodes = build(dag.recipe)
        target, wrt = chosen(dag, salt)
        want = find_expected_work(dag.recipe, nodes, target, wrt)
        first, report = ask(nodes, target, wrt)
        check_work(nodes, report, len(want.edges), want.adjoints, want.values)
        again, report = ask(nodes, target, wrt)
        check_work(nodes, report, 0, set(), set())
        assert report.adjoints.requests == len([k for k in wrt if k in want.adjoints])
        assert same_bits(first, again)


@pytest.mark.parametrize("batch", BATCHES)
def test_values_and_gradients_agree_with_complex_steps(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        nodes = build(dag.recipe)
        target, wrt = chosen(dag, salt)
        gradients, _ = ask(nodes, target, wrt)
        connected = find_expected_work(dag.recipe, nodes, target, wrt).adjoints | {target}
        scale = 1.0
        for k, gradient in zip(wrt, gradients, strict=True):
            truth = derivative(dag.recipe, target, k)
            if gradient is None:
                assert k not in connected
                assert not truth.any()
                continue
            assert k in connected
            assert isinstance(gradient, np.ndarray)
            assert (gradient.shape, gradient.dtype) == (nodes[k].shape, nodes[k].dtype)
            scale = max(scale, np.abs(truth).max(initial=0))
            np.testing.assert_allclose(gradient, truth, rtol=1e-12, atol=1e-12 * scale)
        for node, truth in zip(nodes, dag.values, strict=True):
            assert (node.shape, node.dtype) == (truth.shape, truth.dtype)
            np.testing.assert_allclose(node.value, truth, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("batch", BATCHES[::4])
def test_any_target_with_a_cotangent(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        nodes = build(dag.recipe)
        rng = np.random.default_rng(salt)
        target = int(rng.choice([k for k, v in enumerate(dag.values) if v.dtype.kind == "f"]))
        cotangent = rng.normal(size=dag.values[target].shape)
        wrt = int(rng.choice(dag.parameters))
        gradient = lg.gradient(nodes[target], nodes[wrt], cotangent=cotangent, unconnected="none")
        truth = derivative(dag.recipe, target, wrt, cotangent)
        if gradient is None:
            assert not truth.any()
        else:
            np.testing.assert_allclose(gradient, truth, rtol=1e-12, atol=1e-12 * max(1, np.abs(truth).max(initial=0)))


@pytest.mark.parametrize("batch", BATCHES[::2])
def test_a_second_question_costs_only_what_is_new(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        nodes = build(dag.recipe)
        known_edges: dict[int, set[tuple[int, int]]] = {}
        known_adjoints: dict[int, set[int]] = {}
        known_values: set[int] = set()
        for question in range(4):
            target, wrt = chosen(dag, salt + 1000 * question)
            want = find_expected_work(dag.recipe, nodes, target, wrt)
            _, report = ask(nodes, target, wrt)
            edges = known_edges.setdefault(target, set())
            adjoints = known_adjoints.setdefault(target, set())
            check_work(nodes, report, len(want.edges - edges), want.adjoints - adjoints, want.values - known_values)
            edges |= want.edges
            adjoints |= want.adjoints
            known_values |= want.values


def stale_adjoints(dag: RandomDag, want: Expected, moved: set[int]) -> set[int]:
    """Return the adjoints that read a moved value, at once or through the adjoint of a consumer."""
    found: set[int] = set()
    for c, position in sorted(want.edges, reverse=True):  # consumers come first that way
        if c in found or want.reads[c, position] & moved:
            found.add(dag.recipe[c].inputs[position])
    return found


@pytest.mark.parametrize("batch", BATCHES[::2])
def test_a_changed_leaf_costs_only_what_it_reaches(batch: tuple[bool, int]) -> None:
    for salt, dag in enumerate(dags(batch)):
        rng = np.random.default_rng(salt)
        nodes = build(dag.recipe)
        target, wrt = chosen(dag, salt)
        want = find_expected_work(dag.recipe, nodes, target, wrt)
        ask(nodes, target, wrt)
        leaf = int(rng.choice([k for k, step in enumerate(dag.recipe) if step.kind == "parameter"]))
        value = dag.values[leaf] + 0.1 * rng.normal(size=dag.values[leaf].shape)
        with lg.record() as report:
            nodes[leaf].set(value)
        check_work(nodes, report, 0, set(), set())

        moved = dependents(dag.recipe, leaf)
        adjoints = stale_adjoints(dag, want, moved)
        edges = {(c, position) for c, position in want.edges if dag.recipe[c].inputs[position] in adjoints}
        read = set().union(*[want.reads[edge] for edge in edges])
        gradients, report = ask(nodes, target, wrt)
        check_work(nodes, report, len(edges), adjoints, with_ancestors(dag.recipe, read) & moved)

        fresh = list(dag.recipe)
        fresh[leaf] = fresh[leaf]._replace(value=value)
        assert same_bits(gradients, ask(build(fresh), target, wrt)[0])
