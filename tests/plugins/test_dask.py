# ruff: noqa: E402 - Dask may not be there
"""Dask: questions as collections, on every scheduler; and losses of shards that workers keep, and lose."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

from dask._task_spec import DataNode, Task
from dask.base import is_dask_collection
from dask.callbacks import Callback

import lazygrad as lg
import lazygrad.plugins.dask as lazy
from lazygrad._functions.primitive import REQUIRED
from lazygrad.ops._rule import UNDEFINED, ZERO
from lazygrad.plugins._dask.pickle import pack, unpack
from lazygrad.plugins._dask.workers import Failed, Replica, _OutOfStep
from tests.cases.op_table import TABLE
from tests.helpers.op_checks import close
from tests.helpers.random_graphs import build, random_dag, same_bits
from tests.ops.test_ops import naming

PATIENCE = 120  # seconds for what a slow machine may take long for

# -- questions as collections ----------------------------------------------------------------------------------


def network(rng: np.random.Generator | None = None, dtype: Any = float) -> tuple[lg.Node, dict[str, lg.Node]]:
    rng = rng or np.random.default_rng(0)
    shapes = {"W1": (3, 4), "b1": (4,), "W2": (4, 2)}
    p = {name: lg.parameter(rng.normal(size=shape).astype(dtype), name=name) for name, shape in shapes.items()}
    x, y = rng.normal(size=(8, 3)).astype(dtype), rng.integers(0, 2, size=8)
    return lg.ops.cross_entropy(np.tanh(x @ p["W1"] + p["b1"]) @ p["W2"], y).mean(), p


def ran(*queries: lazy.Query) -> tuple[Any, list[str]]:
    """The answers, and the keys of the tasks that Dask ran for them, but for those that put together answers."""
    keys: list[str] = []
    with Callback(pretask=lambda key, graph, state: keys.append(key)):
        answers = dask.compute(*queries, scheduler="synchronous")
    computing = {key for query in queries for key in query.tasks}
    return answers, [key for key in keys if key in computing]


def test_the_tasks_are_what_explain_says() -> None:
    L, p = network()
    for change in (lambda: None, lambda: lg.gradient(L, "W2"), lambda: p["b1"].set(np.ones(4)), lambda: L.value):
        change()
        for wrt in ("W2", "W1", p):
            plan, query = lg.inspect.explain(L, wrt), lazy.gradient(L, wrt)
            kinds = [key.startswith("adjoint-") for key in query.tasks]
            assert (kinds.count(True), kinds.count(False)) == (plan.adjoints.misses, plan.values.misses)
            _, keys = ran(query)
            assert sorted(keys) == sorted(query.tasks)
    lg.gradient(L, p)
    assert len(lazy.gradient(L, p).tasks) == 0
    assert same_bits(lazy.gradient(L, p).compute(), lg.gradient(L, p))


def test_a_query_computes_nothing_and_changes_nothing() -> None:
    L, p = network()
    with lg.record() as report:
        query = lazy.gradient(L, p)
        query.compute(scheduler="synchronous")
    assert (report.values.misses, report.adjoints.misses, report.rules_run) == (0, 0, 0)
    assert L._value is None
    with lg.record() as report:
        lg.gradient(L, p)
    assert report.adjoints.misses + report.values.misses == len(query.tasks)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_answers_are_those_of_the_memo_bit_for_bit(scheduler: str) -> None:
    for seed in range(12):
        dag = random_dag(seed, arrays=True)
        nodes = build(dag.recipe)
        leaves = [nodes[k] for k in dag.parameters]
        queries = [lazy.gradient(nodes[k], leaves, unconnected="none") for k in dag.losses]
        found = dask.compute(*queries, scheduler=scheduler)
        assert same_bits(list(found), [lg.gradient(nodes[k], leaves, unconnected="none") for k in dag.losses])


def test_every_op_and_rule_runs_as_a_task_of_another_process() -> None:
    """The tasks go through pickle: nothing of the graph goes with them."""
    tried = set()
    for row in TABLE:
        smooth = ((name, case) for name, case in row.cases() if case.order and case.wrt)
        for name, case in itertools.islice(smooth, 1):
            with naming(name), np.errstate(all="ignore"):
                leaves, node = case.build()
                cotangent = lg.constant(np.ones(node.shape, node.dtype))
                wrt = [leaves[k] for k in case.wrt]
                query = lazy.gradient(node, wrt, cotangent=cotangent, unconnected="none")
                tasks = pickle.loads(pickle.dumps(dict(query.graph)))
                found = lazy._assemble([dask.get(tasks, key) for key in query._keys], query._structure, query._absent)
                assert same_bits(found, lg.gradient(node, wrt, cotangent=cotangent, unconnected="none"))
                tried.add(row.op)
    assert len(tried) > 200


def test_processes() -> None:
    L, p = network()
    queries = lazy.gradient(L, p), lazy.value({"L": L})
    gradients, value = dask.compute(*queries, scheduler="processes", num_workers=1)
    assert same_bits(gradients, lg.gradient(L, p))
    assert same_bits(value, {"L": L.value})


def test_what_two_queries_share_is_computed_once() -> None:
    L, p = network()
    first, last, everything = lazy.gradient(L, p["W1"]), lazy.gradient(L, p["W2"]), lazy.gradient(L, p)
    (dW1, dW2), keys = ran(first, last)
    assert sorted(keys) == sorted({*first.tasks, *last.tasks})
    assert len(keys) < len(first.tasks) + len(last.tasks)
    assert {*first.tasks, *last.tasks} < set(everything.tasks)
    assert same_bits([dW1, dW2], lg.gradient(L, [p["W1"], p["W2"]]))


def test_keys_are_made_of_ops_and_bytes() -> None:
    one, _ = network()
    other, p = network()
    keys = lazy.gradient(one, "W1").__dask_keys__()
    assert lazy.gradient(other, "W1").__dask_keys__() == keys
    p["b1"].set(-p["b1"].value)
    assert lazy.gradient(other, "W1").__dask_keys__() != keys
    p["b1"].set(-p["b1"].value)
    assert lazy.gradient(other, "W1").__dask_keys__() == keys

    def key(value: Any, function: Any = np.sin) -> Any:
        return lazy.value(function(lg.parameter(value))).__dask_keys__()

    assert key(0.0) != key(-0.0)
    assert key(np.nan) == key(np.nan)
    assert key(1.0) != key(np.float32(1.0)) != key(np.ones(1))
    assert key(1.0) != key(1.0, np.cos)
    assert key(np.ones((2, 3)), lambda x: np.sum(x, axis=0)) != key(np.ones((2, 3)), lambda x: np.sum(x, axis=1))
    twins = [lg.primitive(lambda x, k=k: k * x, vjp=lambda g: g, shape="elementwise", name="twin") for k in (2, 3)]
    assert key(1.0, twins[0]) == key(1.0, twins[0]) != key(1.0, twins[1])


def test_a_query_keeps_its_point() -> None:
    x = lg.parameter([1.0, 2.0])
    L = (x * x).sum()
    before = lazy.gradient(L, x)
    x.set([5.0, 6.0])
    after = lazy.gradient(L, x)
    assert same_bits(list(dask.compute(before, after)), [np.array([2.0, 4.0]), np.array([10.0, 12.0])])


def test_structures_and_what_is_not_connected() -> None:
    x, y, z = lg.parameter([1.0, 2.0], name="x"), lg.parameter(3.0, name="y"), lg.parameter(np.ones((2, 0)))
    L = (x * x).sum()
    two = 2 * x.value
    assert same_bits(lazy.gradient(L, {"a": [x, "x"], "b": (x,)}).compute(), {"a": [two, two], "b": (two,)})
    assert same_bits(lazy.gradient(L, [y, x, z]).compute(), [np.zeros(()), two, np.zeros((2, 0))])
    assert same_bits(lazy.gradient(L, [y, x, z], unconnected="none").compute(), [None, two, None])
    with pytest.raises(lg.UnconnectedError, match="from y"):
        lazy.gradient(L, [x, y], unconnected="raise")
    with pytest.warns(lg.UnconnectedWarning, match="every gradient"):
        query = lazy.gradient(L, y)
    assert same_bits(query.compute(), np.zeros(()))
    assert same_bits(lazy.gradient(L, []).compute(), [])
    # the same keys in other structures are other questions
    both = dask.compute(lazy.gradient(L, [x]), lazy.gradient(L, {"x": x}), lazy.gradient(L, x))
    assert same_bits(both, ([two], {"x": two}, two))


def test_cotangents_adjoints_of_adjoints_and_values() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    y = np.sin(x) * x
    w = np.array([1.0, 0.0, 2.0])
    assert same_bits(lazy.gradient(y, x, cotangent=w).compute(), lg.gradient(y, x, cotangent=w))
    slope = (lg.adjoint(y.sum(), x) * w).sum()
    curvature = lazy.gradient(slope, x)
    again = (lg.adjoint(slope, x) * w).sum()
    assert same_bits(
        list(dask.compute(curvature, lazy.gradient(again, x), lazy.value([y, slope]))),
        [lg.gradient(slope, x), lg.gradient(again, x), [y.value, slope.value]],
    )


def test_a_target_that_is_gone_is_computed_by_who_stood_for_it() -> None:
    x = lg.parameter([1.0, 2.0])
    dx = lg.adjoint(np.exp((x * x).sum()), x)  # the rule of exp reads its value, and nobody else holds that node
    assert same_bits(lazy.value(dx).compute(), np.array(dx.value))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_stay(dtype: Any) -> None:
    L, p = network(dtype=dtype)
    found = lazy.gradient(L, p).compute()
    assert {array.dtype for array in found.values()} == {np.dtype(dtype)}
    assert same_bits(found, lg.gradient(L, p))


def test_dask_takes_it_for_one_of_its_own() -> None:
    L, p = network()
    query = lazy.gradient(L, p["W1"])
    assert is_dask_collection(query)
    kept = query.persist(scheduler="synchronous")
    assert kept.__dask_keys__() == query.__dask_keys__()
    assert [type(task) for task in kept.graph.values()] == [DataNode]
    assert {type(task) for task in query.graph.values()} == {DataNode, Task}
    assert same_bits(kept.compute(), lg.gradient(L, p["W1"]))
    assert dask.delayed(np.linalg.norm)(query).compute() == np.linalg.norm(lg.gradient(L, p["W1"]))
    (optimized,) = dask.optimize(query)
    assert same_bits(optimized.compute(), lg.gradient(L, p["W1"]))
    nested = dask.compute({"all": [lazy.gradient(L, p), 1]})
    assert same_bits(nested[0]["all"][0], lg.gradient(L, p))
    rebuild, state = query.__dask_postpersist__()
    name = query.__dask_keys__()[0]
    assert rebuild({"new": 1.0}, *state, rename={name: "new"}).__dask_keys__() == ["new"]
    assert repr(query) == f"<Query of 1 arrays: {len(query.tasks)} tasks>"


def test_what_a_caller_does_to_answers_does_not_reach_the_memo() -> None:
    x = lg.parameter([1.0, 2.0])
    answer = lazy.value(x).compute()
    with pytest.raises(ValueError, match="read-only"):
        answer[0] = 7.0
    assert x.value.tolist() == [1.0, 2.0]


def test_a_deep_graph() -> None:
    x = h = lg.parameter(0.5)
    for _ in range(1500):
        h = np.sin(h)
    assert same_bits(lazy.gradient(h, x).compute(scheduler="synchronous"), lg.gradient(h, x))


def failing(x: Any) -> Any:
    if np.isnan(x).any():
        raise ZeroDivisionError("nobody likes nan")
    return np.tanh(x)


squash = lg.primitive(failing, vjp=lambda g, out: g * (1 - out * out), shape="elementwise", name="squash")


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_an_exception_comes_out_as_itself_and_names_the_node(scheduler: str) -> None:
    x = lg.parameter([1.0, np.nan])
    h = squash(x)
    h.name = "hidden"
    query = lazy.gradient(h.sum(), x)
    with pytest.raises(ZeroDivisionError, match="nobody likes nan") as caught:
        query.compute(scheduler=scheduler)
    assert any("squash 'hidden'" in note for note in caught.value.__notes__)
    x.set([1.0, 2.0])
    assert same_bits(lazy.gradient(h.sum(), x).compute(scheduler=scheduler), lg.gradient(h.sum(), x))


def test_wrong_questions() -> None:
    x = lg.parameter([1.0, 2.0])
    with pytest.raises(TypeError, match=r"one element.*pass `cotangent="):
        lazy.gradient(x * 2, x)
    with pytest.raises(lg.ShapeError, match="cotangent has shape"):
        lazy.gradient(x * 2, x, cotangent=[1.0])
    with pytest.raises(TypeError, match="expected a node"):
        lazy.gradient(3.0, x)
    with pytest.raises(TypeError, match="wrt must be"):
        lazy.gradient(x.sum(), 3.0)
    with pytest.raises(KeyError, match="no node is named 'W'"):
        lazy.gradient(x.sum(), "W")
    with pytest.raises(lg.NotDifferentiableError):
        lazy.gradient(x.sum(), lg.constant([1, 2]))
    with pytest.raises(ValueError, match="unconnected must be"):
        lazy.gradient(x.sum(), x, unconnected="other")
    with pytest.raises(TypeError, match="expected a node"):
        lazy.value([1.0])


def test_marks_and_ops_survive_pickling_by_value() -> None:
    for mark in (ZERO, UNDEFINED, REQUIRED):
        assert unpack(pack(mark)) is mark
    assert unpack(pack(lg.ops.tanh)) is lg.ops.tanh
    x = lg.parameter([0.5, 1.0])
    assert same_bits(lg.gradient(unpack(pack(squash))(x).sum(), x), lg.gradient(squash(x).sum(), x))


# -- shards, in this process -----------------------------------------------------------------------------------


def loss(p: Any, shard: Any) -> Any:
    x, y = shard
    return lg.ops.cross_entropy(np.tanh(x @ p["W1"] + p["b1"]) @ p["W2"], y).sum()


def parameters(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in {"W1": (6, 5), "b1": (5,), "W2": (5, 3)}.items()}


def data(count: int = 5) -> list[Any]:
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(7 + k, 6)), rng.integers(0, 3, size=7 + k)) for k in range(count)]


def by_hand(p: Any, shards: Any) -> dict[str, Any]:
    """The gradients of all shards, each on a graph of its own, added up from the first to the last."""
    gradients = [lg.grad(loss)(p, shard) for shard in shards]
    return {name: reduce(np.add, [g[name] for g in gradients]) for name in p}


@pytest.fixture
def here() -> lazy.DataParallel:
    return lazy.data_parallel(loss, data(), parameters(), client="local")


def test_the_sum_is_that_of_the_shards_in_their_order(here: lazy.DataParallel) -> None:
    p = parameters(2)
    assert same_bits(here.gradient(p), by_hand(p, data()))
    assert same_bits(here.value(), np.array(reduce(np.add, [loss_at(p, shard) for shard in data()])))
    assert same_bits(
        here.value_and_gradient(select=["W2", "b1"]), (here.value(), [here.gradient()["W2"], here.gradient()["b1"]])
    )


def loss_at(p: Any, shard: Any) -> Any:
    return loss({name: lg.constant(x) for name, x in p.items()}, shard).value[()]


def test_everything_that_can_be_asked_of_a_prepared_function(here: lazy.DataParallel) -> None:
    p, v = parameters(2), parameters(3)
    whole = lg.backend.prepare(lambda p: sum(loss(p, shard) for shard in data()), p)
    for found, expected in (
        (here.value(p), whole.value(p)),
        (here.gradient(p), whole.gradient(p)),
        (here.vjp(p, cotangent=2.0), whole.vjp(p, cotangent=2.0)),
        (here.jvp(p, tangents=v)[1], whole.jvp(p, tangents=v)[1]),
        (here.hvp(p, vectors=v), whole.hvp(p, vectors=v)),
        (here.hvp(p, vectors=v, select=("W2",)), whole.hvp(p, vectors=v, select=("W2",))),
        (here.jacobian(p), whole.jacobian(p)),
    ):
        for a, b in zip(lg._graph.trees.leaves(found), lg._graph.trees.leaves(expected), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            close(a, b)


def test_a_question_computes_what_is_new(here: lazy.DataParallel) -> None:
    p, count = parameters(2), len(data())
    here.gradient(p)
    with lg.record() as report:
        here.gradient(p, select="W2")
        here.gradient()
    assert (report.values.misses, report.adjoints.misses) == (0, 0)
    changed = p | {"W2": 2 * p["W2"]}
    with lg.record() as report:
        here.gradient(changed, select="W2")
    assert (report.values.misses, report.adjoints.misses) == (count, 2 * count)  # the scores; their adjoint and dL/dW2
    with lg.record() as report:
        here.gradient(changed, select="W2")
        here.gradient(p)
    assert (report.values.misses, report.adjoints.misses) == (0, 0)
    assert (here.statistics.points.hits, here.statistics.points.misses) == (4, 2)
    assert here.statistics.evaluations == {"gradient": 2}
    assert here.traffic.built == count
    assert (here.traffic.out, here.traffic.back, here.traffic.messages) == (0, 0, 0)


def test_what_the_caller_changes_later_does_not_matter() -> None:
    shards, p = data(), parameters()
    here = lazy.data_parallel(loss, shards, p, client="local")
    for x, y in shards:
        x[:], y[:] = 0.0, 0
    expected = by_hand(parameters(), data())
    for array in p.values():
        array[:] = np.nan
    assert same_bits(here.gradient(), expected)
    p = parameters(2)
    answer = here.gradient(p)
    p["W1"][:] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        answer["W1"][:] = 0.0
    assert same_bits(here.gradient(), by_hand(parameters(2), data()))
    assert same_bits(here.gradient(p), by_hand(p, data()))


def test_a_loss_that_branches_on_values_takes_the_right_way() -> None:
    def kinked(p: Any, shard: Any) -> Any:
        return p * shard if p > 0 else p * p

    here = lazy.data_parallel(kinked, [2.0, 3.0], 1.0, client="local")
    assert [float(here.gradient(x)) for x in (1.0, -1.0, 5.0)] == [5.0, -4.0, 5.0]


def test_parameters_of_all_kinds() -> None:
    p = {"layers": [np.float32(2.0), np.ones((2, 0))], "kind": "linear", "unused": np.ones(2)}

    def total(p: Any, shard: Any) -> Any:
        assert p["kind"] == "linear"
        return np.sum(p["layers"][0] * shard) + p["layers"][1].sum()

    here = lazy.data_parallel(total, [np.ones(3, np.float32), np.ones(2, np.float32)], p, client="local")
    found = here.gradient()
    assert found["kind"] == "linear"
    assert same_bits(found["layers"], [np.array(5, np.float32), np.ones((2, 0)) * 2])
    assert same_bits(found["unused"], np.zeros(2))
    with_nan = p | {"layers": [np.float32(np.nan), np.ones((2, 0))]}
    assert np.isnan(here.value(with_nan))
    assert same_bits(here.value(p), np.array(10, np.float32) + np.float64(0.0))


def test_wrong_parameters_and_losses(here: lazy.DataParallel) -> None:
    p = parameters()
    expected = here.gradient()
    for wrong, error, match in (
        (p | {"W1": np.ones((6, 6))}, lg.ShapeError, r"p\['W1'\] of loss has shape \(6, 6\)"),
        (p | {"W1": p["W1"].astype(np.float32)}, TypeError, r"p\['W1'\] of loss has dtype float32"),
        (p | {"W1": p["W1"].astype(object)}, TypeError, r"p\['W1'\]"),
        ({"W1": p["W1"]}, TypeError, "leaves at"),
        (p | {"W1": lg.parameter(p["W1"])}, TypeError, "pass its `.value`"),
    ):
        with pytest.raises(error, match=match):
            here.gradient(wrong)
        assert same_bits(here.gradient(), expected)
    with pytest.raises(KeyError, match="W7"):
        here.gradient(select="W7")
    with pytest.raises(ValueError, match="at least one shard"):
        lazy.data_parallel(loss, [], p)
    with pytest.raises(TypeError, match="client must be"):
        lazy.data_parallel(loss, data(), p, client="tcp://somewhere")
    with pytest.raises(TypeError, match="int"):
        lazy.data_parallel(loss, data(), {"W1": np.arange(3)}, client="local")
    with pytest.raises(TypeError, match=r"one number.*shape") as caught:
        lazy.data_parallel(lambda p, shard: p * shard, [np.ones(2)], 1.0, client="local")
    assert any("in shard 0" in note for note in caught.value.__notes__)
    here.close()
    with pytest.raises(RuntimeError, match="closed"):
        here.gradient(parameters(5))


def test_an_exception_of_the_loss_comes_out_as_itself_and_the_next_question_is_right() -> None:
    def watched(p: Any, shard: Any) -> Any:
        if shard == "broken":
            raise KeyError("mine")
        return squash(p * shard).sum()

    here = lazy.data_parallel(watched, [1.0, 2.0], np.ones(2), client="local")
    expected = here.gradient()
    with pytest.raises(ZeroDivisionError, match="nobody likes nan") as caught:
        here.gradient(np.array([1.0, np.nan]))
    assert any("squash" in note for note in caught.value.__notes__)
    assert any("in shard 0; raised at" in note for note in caught.value.__notes__)
    assert same_bits(here.gradient(np.ones(2)), expected)
    with pytest.raises(KeyError, match="mine") as caught:
        lazy.data_parallel(watched, [1.0, "broken"], np.ones(2), client="local")
    assert any("in shard 1" in note for note in caught.value.__notes__)


def test_a_replica_takes_no_message_that_builds_on_another_than_it_has() -> None:
    replica = Replica()
    owner = lazy.data_parallel(loss, data(2), parameters(), client="local")
    leaves = list(parameters().values())
    build = (owner._function, 1, {k: pack(shard) for k, shard in enumerate(data(2))})
    asked = (("gradients", ([0],)),)
    (first, second), _ = replica.ask(None, 1, dict(enumerate(leaves)), asked, build)
    assert same_bits(first[0][0] + second[0][0], owner.gradient(select="W1"))
    for base, state in ((0, 2), (3, 4), (1, 1), (None, 1)):
        with pytest.raises(_OutOfStep):
            replica.ask(base, state, {}, asked, None)
    assert isinstance(replica.ask(1, 5, {0: np.ones((2, 2))}, asked, None), Failed)
    with pytest.raises(_OutOfStep):
        replica.ask(1, 6, {}, asked, None)  # what the last one left is not known
    (first, second), _ = replica.ask(None, 7, dict(enumerate(leaves)), asked, None)
    assert same_bits(first[0][0] + second[0][0], owner.gradient(select="W1"))


def test_an_exception_that_cannot_be_pickled_is_told_in_words() -> None:
    error = ValueError("mine")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    assert isinstance(pickle.loads(pickle.dumps(Failed(ValueError("mine")))).error, ValueError)
    assert "ValueError: mine" in str(pickle.loads(pickle.dumps(Failed(error))).error)


# -- shards, on a cluster --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    settings = {
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.comm.timeouts.connect": PATIENCE,
        "distributed.comm.timeouts.tcp": PATIENCE,
        "distributed.scheduler.worker-ttl": None,
        "distributed.nanny.pre-spawn-environ.PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            memory_limit=0,
        ) as cluster,
        distributed.Client(cluster, timeout=PATIENCE, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=PATIENCE)
        yield client


def addresses(total: lazy.DataParallel) -> set[str]:
    return {group.address for group in total._groups}


def test_cluster_only_what_has_changed_travels(client: Any) -> None:
    p, shards = parameters(), data()
    here = lazy.data_parallel(loss, shards, p, client="local")
    with lazy.data_parallel(loss, shards, p, client=client) as total:
        sizes = {name: x.nbytes for name, x in p.items()}
        workers, count, everything = 2, len(shards), sum(sizes.values())
        assert addresses(total) == set(client.nthreads())
        assert (total.traffic.out, total.traffic.back, total.traffic.built) == (workers * everything, 0, count)
        built = total.traffic.shards
        assert built > sum(x.nbytes + y.nbytes for x, y in shards)

        def moved(question: Any) -> tuple[int, int]:
            before = total.traffic.out, total.traffic.back
            found, expected = question(total), question(here)
            assert same_bits(found, expected)
            return total.traffic.out - before[0], total.traffic.back - before[1]

        assert moved(lambda t: t.gradient()) == (0, count * everything)
        assert moved(lambda t: t.gradient(select="W2")) == (0, 0)
        changed = p | {"W2": 2 * p["W2"]}
        assert moved(lambda t: t.gradient(changed, select="W2")) == (workers * sizes["W2"], count * sizes["W2"])
        assert moved(lambda t: t.value_and_gradient(select=["b1"])) == (0, count * (sizes["b1"] + 8))
        assert moved(lambda t: t.value(changed)) == (0, 0)
        other = {name: -x for name, x in p.items()}
        assert moved(lambda t: t.gradient(other)) == (workers * everything, count * everything)
        assert moved(lambda t: t.hvp(vectors=p, select="b1")) == (workers * everything, count * sizes["b1"])
        assert total.traffic.shards == built
        assert total.traffic.built == count


def test_cluster_workers_keep_graph_and_memo(client: Any, tmp_path: Path) -> None:
    runs = tmp_path / "runs"

    def told(x: Any) -> Any:
        with runs.open("a") as file:
            file.write(".")
        return np.tanh(x)

    tanh = lg.primitive(told, vjp=lambda g, out: g * (1 - out * out), shape="x")

    def deep(p: Any, shard: Any) -> Any:
        return np.sum(tanh(shard @ p["W1"]) @ p["W2"])

    def new() -> int:
        seen = len(runs.read_text()) if runs.exists() else 0
        runs.unlink(missing_ok=True)
        return seen

    p = {"W1": np.ones((3, 4)), "W2": np.ones((4, 2))}
    with lazy.data_parallel(deep, [np.ones((2, 3)), np.eye(3), np.zeros((1, 3))], p, client=client) as total:
        assert new() == 0
        total.gradient()
        assert new() == 3
        total.gradient(p | {"W2": 2 * p["W2"]})
        total.value()
        assert new() == 0
        total.gradient(p | {"W1": 2 * p["W1"]}, select="W2")
        assert new() == 3


def test_cluster_workers_compute_at_the_same_time(client: Any, tmp_path: Path) -> None:
    def meets(x: Any) -> Any:
        """Each worker waits for the other."""
        (tmp_path / str(os.getpid())).touch()
        deadline = time.monotonic() + PATIENCE
        while len(list(tmp_path.iterdir())) < 2:
            if time.monotonic() > deadline:
                raise TimeoutError("the other worker was not asked")
            time.sleep(0.01)
        return np.sin(x)

    sine = lg.primitive(meets, vjp=lambda g, x: g * np.cos(x), shape="x")
    with lazy.data_parallel(lambda p, x: np.sum(sine(p * x)), [1.0, 2.0], np.ones(2), client=client) as total:
        assert float(total.value()) == 2 * np.sin(1.0) + 2 * np.sin(2.0)
    assert len(list(tmp_path.iterdir())) == 2


def test_cluster_exceptions_come_out_as_themselves(client: Any) -> None:
    def watched(p: Any, shard: Any) -> Any:
        if shard == "broken":
            raise OSError("mine")  # as a lost connection would be
        return squash(p * shard).sum()

    with lazy.data_parallel(watched, [1.0, 2.0], np.ones(2), client=client) as total:
        expected = total.gradient()
        with pytest.raises(ZeroDivisionError, match="nobody likes nan") as caught:
            total.gradient(np.array([1.0, np.nan]))
        assert any("squash" in note for note in caught.value.__notes__)
        assert any("in shard 0; raised at" in note for note in caught.value.__notes__)
        assert same_bits(total.gradient(np.ones(2)), expected)
        assert total.traffic.built == 2
    with pytest.raises(OSError, match="mine") as caught:
        lazy.data_parallel(watched, [1.0, "broken"], np.ones(2), client=client)
    assert any("in shard 1" in note for note in caught.value.__notes__)
    x = lg.parameter([1.0, np.nan])
    query = lazy.gradient(squash(x).sum(), x)
    with pytest.raises(ZeroDivisionError, match="nobody likes nan") as caught:
        client.compute(query).result()
    assert any("squash" in note for note in caught.value.__notes__)


def test_cluster_shards_that_are_there_already(client: Any) -> None:
    def square(p: Any, shard: Any) -> Any:
        return np.sum((p * shard) ** 2)

    shards = [client.scatter(np.arange(3.0)), dask.delayed(np.full)(3, 2.0), np.ones(3)]
    p = np.array([1.0, 2.0, 3.0])
    with lazy.data_parallel(square, shards, p, client=client, workers=list(client.nthreads())[1:]) as total:
        assert addresses(total) == {list(client.nthreads())[1]}
        assert total.gradient().tolist() == (2 * p * (np.arange(3.0) ** 2 + 4 + 1)).tolist()
    with pytest.raises(ValueError, match="workers must be among"):
        lazy.data_parallel(square, shards, p, client=client, workers=["tcp://nowhere:1"])


def test_cluster_queries(client: Any) -> None:
    L, p = network()
    first, last = lazy.gradient(L, p["W1"]), lazy.gradient(L, p["W2"])
    found = [future.result() for future in client.compute([first, last])]
    assert same_bits(found, lg.gradient(L, [p["W1"], p["W2"]]))
    kept = client.persist(last)
    assert len(kept.tasks) == 0
    assert same_bits(client.compute(kept).result(), lg.gradient(L, p["W2"]))


def test_cluster_workers_forget_what_is_closed(client: Any) -> None:
    def actors(dask_worker: Any) -> int:
        return len(dask_worker.state.actors)

    def come_to(count: int) -> bool:
        deadline = time.monotonic() + PATIENCE
        while (found := sum(client.run(actors).values())) != count and time.monotonic() < deadline:
            time.sleep(0.05)
        return found == count

    gc.collect()
    assert come_to(0)
    totals = [lazy.data_parallel(loss, data(), parameters(), client=client) for _ in range(2)]
    assert come_to(4)
    totals[0].close()
    assert come_to(2)
    del totals  # one is only dropped
    gc.collect()
    assert come_to(0)
    with pytest.raises(TypeError, match="one number"):
        lazy.data_parallel(lambda p, shard: p * shard, [np.ones(2), np.ones(2)], 1.0, client=client)
    assert come_to(0)


def test_cluster_a_killed_worker_changes_no_sum(client: Any, tmp_path: Path) -> None:
    """One worker dies while it computes; then another between two questions. The sums stay the same bit for bit."""
    started = tmp_path / "started"

    def stops_once(x: Any) -> Any:
        if np.any(x > 100):
            try:
                with started.open("x") as file:  # only one worker, and only once
                    file.write(str(os.getpid()))
            except FileExistsError:
                return np.sin(x)
            time.sleep(2 * PATIENCE)
        return np.sin(x)

    sine = lg.primitive(stops_once, vjp=lambda g, x: g * np.cos(x), shape="elementwise")

    def waves(p: Any, shard: Any) -> Any:
        return np.sum(sine(p["a"] * shard) * p["b"])

    def kill() -> None:
        deadline = time.monotonic() + PATIENCE
        while not (started.exists() and started.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(int(started.read_text()), signal.SIGKILL)

    rng = np.random.default_rng(0)
    shards = [rng.normal(size=4) for _ in range(4)]
    points = [{"a": rng.normal(size=4), "b": rng.normal(size=4)} for _ in range(4)]
    points[1]["a"] = np.full(4, 1000.0)
    expected = [
        {k: reduce(np.add, parts) for k, parts in zip("ab", by_shard(points[n], shards), strict=True)} for n in range(4)
    ]
    with lazy.data_parallel(waves, shards, points[0], client=client) as total:
        assert same_bits(total.gradient(), expected[0])
        killer = threading.Thread(target=kill)
        killer.start()
        assert same_bits(total.gradient(points[1]), expected[1])
        killer.join()
        assert started.exists()
        assert total.traffic.built == 6
        assert same_bits(total.gradient(points[2]), expected[2])

        client.wait_for_workers(2, timeout=PATIENCE)
        assert same_bits(total.gradient(points[0]), expected[0])
        assert same_bits(total.gradient(points[3]), expected[3])
        assert len(addresses(total)) == 2  # what has come in its place has taken over
        victim = next(iter(addresses(total)))
        os.kill(client.run(os.getpid, workers=[victim])[victim], signal.SIGKILL)
        assert same_bits(total.gradient(points[2]), expected[2])
        client.wait_for_workers(2, timeout=PATIENCE)


def by_shard(p: Any, shards: Any) -> Any:
    a = [np.cos(p["a"] * shard) * p["b"] * shard for shard in shards]
    return a, [np.sin(p["a"] * shard) for shard in shards]
