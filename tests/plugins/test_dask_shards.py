"""Losses that are sums over shards, in this process: what is computed, copied and refused."""

from __future__ import annotations

import pickle
import threading
from functools import reduce
from typing import Any

import numpy as np
import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

import lazygrad as lg  # noqa: E402
import lazygrad.plugins.dask as lazy  # noqa: E402
from lazygrad.plugins._dask.pickle import pack  # noqa: E402
from lazygrad.plugins._dask.workers import Failed, Replica, _OutOfStep  # noqa: E402
from tests.helpers.dask_losses import by_hand, data, loss, loss_at, parameters, squash  # noqa: E402
from tests.helpers.op_checks import close  # noqa: E402
from tests.helpers.random_graphs import same_bits  # noqa: E402


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
