"""Gradients on a Dask cluster: a question as a task graph, and a network whose data lies on two workers.

1. `lazygrad.plugins.dask.gradient` makes a Dask collection with a task for each node that the question needs.
2. `lazygrad.plugins.dask.data_parallel` keeps the graph and the memo of each shard of the data on a worker: parameters
   that have changed go there, gradients that are asked for come back.
3. A question for everything at a new point, on one worker and on two.
4. Layers are trained in turn; then again, and a worker is killed, and the training goes on as if nothing had happened.

Run it with ``python examples/dask_shards.py`` (``--rows 20000`` gives the workers something to do); it needs
``pip install "lazygrad[dask]"``.
"""

# ruff: noqa: E402 - threads are counted when NumPy loads

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # as in Dask's workers: with more threads BLAS adds up in another order

import argparse
import itertools
import logging
import signal
import time

import dask
import numpy as np
from distributed import Client, LocalCluster

import lazygrad as lg
from lazygrad.plugins.dask import data_parallel, gradient

PIXELS, WIDTH, CLASSES = 64, 128, 10
RATE = 0.05


def loss(p, shard):
    """Cross-entropy of a network with two hidden layers, its share of the mean over all shards."""
    images, labels, total = shard
    h = np.tanh(images @ p["W1"] + p["b1"])
    h = np.tanh(h @ p["W2"] + p["b2"])
    return lg.ops.cross_entropy(h @ p["W3"] + p["b3"], labels).sum() / total


def start(rng):
    """Return the parameters before training."""
    sizes = [PIXELS, WIDTH, WIDTH, CLASSES]
    p = {}
    for k, (rows, columns) in enumerate(itertools.pairwise(sizes), 1):
        p[f"W{k}"], p[f"b{k}"] = rng.normal(0, rows**-0.5, size=(rows, columns)), np.zeros(columns)
    return p


def trained(total, p, steps, before=lambda step: None):
    """Return the parameters after some steps, each on the blocks of one layer; the last layer three times as often."""
    for step in range(steps):
        before(step)
        layer = (3, 2, 3, 1, 3)[step % 5]
        blocks = [f"W{layer}", f"b{layer}"]
        gradients = total.gradient(p, select={name: name for name in blocks})
        p = p | {name: p[name] - RATE * gradients[name] for name in blocks}
    return p


def same(one, other):
    """Whether two sets of arrays are equal bit for bit."""
    return all(one[name].tobytes() == other[name].tobytes() for name in one)


def kibibytes(total, question):
    """Return what a question moves, out and back."""
    before = total.traffic.out, total.traffic.back
    question()
    out, back = (now - then for now, then in zip((total.traffic.out, total.traffic.back), before, strict=True))
    return f"{out / 1024:8.1f} KiB out, {back / 1024:8.1f} KiB back"


def cluster(workers):
    """Return a cluster of processes on this machine."""
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.CRITICAL
    )


def seconds(total, p, rng, rounds=5):
    """Return the median time of a question for everything at a new point."""
    times = []
    for _ in range(rounds):
        at = {name: x + 0.01 * rng.normal(size=x.shape) for name, x in p.items()}
        begin = time.perf_counter()
        total.gradient(at)
        times.append(time.perf_counter() - begin)
    return sorted(times)[rounds // 2]


def tasks(p, shard):
    """Return the graph of one question on any of Dask's schedulers."""
    leaves = {name: lg.parameter(x, name=name) for name, x in p.items()}
    L = loss(leaves, shard)
    first, last = gradient(L, leaves["W1"]), gradient(L, leaves["W3"])
    print("1. Questions as task graphs")
    print(f"dL/dW3: {len(last.tasks)} tasks; dL/dW1: {len(first.tasks)}; both: {len({*first.tasks, *last.tasks})}")
    for scheduler in ("synchronous", "threads"):
        dW1, dW3 = dask.compute(first, last, scheduler=scheduler)
        equal = same({"W1": dW1, "W3": dW3}, lg.gradient(L, {"W1": leaves["W1"], "W3": leaves["W3"]}))
        print(f"{scheduler}: bit for bit as computed here: {equal}")


def main():
    """Print what moves, how long a step takes on one worker and on two, and what a killed worker changes: nothing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500, help="images in each of the two shards")
    rows = parser.parse_args().rows
    rng = np.random.default_rng(0)
    shards = [(rng.normal(size=(rows, PIXELS)), rng.integers(CLASSES, size=rows), 2 * rows) for _ in range(2)]
    p = start(rng)
    tasks(p, shards[0])
    want = trained(data_parallel(loss, shards, p, client="local"), p, 10)

    with cluster(2) as both, Client(both) as client:
        total = data_parallel(loss, shards, p, client=client)
        print(f"\n2. Two shards of {rows} images on {len(client.nthreads())} workers")
        print(f"the data, once:                {total.traffic.shards / 1024:8.1f} KiB out")
        print("all gradients, a first time:  ", kibibytes(total, lambda: total.gradient()))
        moved = {name: x + 0.1 for name, x in p.items()}
        print("all parameters change, all:   ", kibibytes(total, lambda: total.gradient(moved)))
        last = moved | {"W3": p["W3"]}
        print("W3 changes, dL/dW3:           ", kibibytes(total, lambda: total.gradient(last, select="W3")))
        print("the value there:              ", kibibytes(total, lambda: total.value(last)))
        print("the same questions again:     ", kibibytes(total, lambda: (total.gradient(select="W3"), total.value())))

        print("\n3. A step for everything")
        alone = data_parallel(loss, shards, p, client=client, workers=list(client.nthreads())[:1])
        for workers, where in ((1, alone), (2, total)):
            print(f"{workers} workers: {1e3 * seconds(where, p, rng):.1f} ms")

        print("\n4. Ten steps of training")
        print(f"as in one process, bit for bit: {same(trained(total, p, 10), want)}")

        def kill(step):
            if step == 5:
                os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

        built = total.traffic.built
        print(f"with a worker killed half-way:  {same(trained(total, p, 10, kill), want)}")
        print(f"shards built again:             {total.traffic.built > built}")
        client.wait_for_workers(2)  # the one in its place


if __name__ == "__main__":
    main()
