"""Losses that are sums over shards, on a cluster: what travels, what workers keep, and what happens when one dies."""

from __future__ import annotations

import gc
import logging
import os
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

import lazygrad as lg  # noqa: E402
import lazygrad.plugins.dask as lazy  # noqa: E402
from tests.helpers.dask_losses import PATIENCE, data, loss, network, parameters, squash  # noqa: E402
from tests.helpers.random_graphs import same_bits  # noqa: E402


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
