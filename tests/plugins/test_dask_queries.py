"""Dask: gradients as task graphs - the tasks that a question needs, and no other."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

from dask._task_spec import DataNode, Task  # noqa: E402
from dask.base import is_dask_collection  # noqa: E402
from dask.callbacks import Callback  # noqa: E402

import lazygrad as lg  # noqa: E402
import lazygrad.plugins.dask as lazy  # noqa: E402
from lazygrad._functions.primitive import REQUIRED  # noqa: E402
from lazygrad.ops._rule import UNDEFINED, ZERO  # noqa: E402
from lazygrad.plugins._dask.pickle import pack, unpack  # noqa: E402
from tests.cases.op_table import TABLE  # noqa: E402
from tests.helpers.case_notes import naming  # noqa: E402
from tests.helpers.dask_losses import network, squash  # noqa: E402
from tests.helpers.random_graphs import build, random_dag, same_bits  # noqa: E402


def ran(*queries: lazy.Query) -> tuple[Any, list[str]]:
    """Return the answers, and the keys of the tasks that Dask ran for them, but for those that put together answers."""
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


def test_ops_that_share_a_name_share_no_task() -> None:
    x = lg.parameter([1.0, 2.0])

    def times(n: int) -> Any:
        return lg.primitive(lambda x: n * x, vjp=lambda g: n * g, shape="elementwise", name="times")

    twice, thrice = times(2), times(3)
    queries = lazy.value(twice(x)), lazy.value(thrice(x))
    assert queries[0].tasks.keys().isdisjoint(queries[1].tasks)
    assert lazy.value(twice(x)).tasks.keys() == queries[0].tasks.keys()
    first, second = dask.compute(*queries)
    assert (first.tolist(), second.tolist()) == ([2.0, 4.0], [3.0, 6.0])


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


def test_a_gradient_that_reads_its_own_target_takes_it_from_the_memo() -> None:
    x = lg.parameter(0.5)
    L = np.exp(x)
    assert len(lazy.gradient(L, x).tasks) == 2
    value = L.value
    query = lazy.gradient(L, x)
    assert len(query.tasks) == 1
    assert same_bits(query.compute(), value)


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
