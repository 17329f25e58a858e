"""Forks: whatever other threads are doing, the child can ask, set and compile."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.threads import LIMIT, run_program

FORK = """
import os, signal, threading, time
import numpy as np, lazygrad as lg
from lazygrad.backend import prepare

stop = threading.Event()
x = lg.parameter(np.ones(50)); L = np.sum(np.sin(x) * x)
p = prepare(lambda v: np.sum(np.sin(v) * v), np.ones(50))
op = lg.primitive(lambda x: (time.sleep(0.001), x * 2.0)[1], vjp=lambda g: g * 2.0, shape="x")
M = np.sum(op(x))
compiled = lg.compile(lambda v: np.sum(np.tanh(op(v))), wrt=0)

def work(k):
    n = 0
    while not stop.is_set():
        n += 1
        v = np.full(50 + n % 7, 0.1 * k + n)
        if k == 0: lg.compile(lambda v, n=n: np.sum(np.exp(-v * n)), wrt=0)(v)
        elif k == 1: compiled(v)
        elif k == 2: p.gradient(v[:50] + n)
        else: x.set(v[:50]); M.value; lg.gradient(L, x)

threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(4)]
for thread in threads: thread.start()
for turn in range(COUNT):
    time.sleep(0.003 * (turn % 5))
    child = os.fork()
    if not child:
        signal.alarm(20)
        ones = np.ones(50)
        found = [lg.compile(lambda v: np.sum(v * v), wrt=0)(ones)[0], compiled(ones)[0], p.value(ones)]
        x.set(ones); found += [M.value, L.value, lg.engines.sweep(L, [x], None)[0].sum()]
        want = [50, 50 * np.tanh(2), 50 * np.sin(1), 100, 50 * np.sin(1), 50 * (np.sin(1) + np.cos(1))]
        os._exit(0 if np.allclose(found, want) else 3)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
stop.set()
for thread in threads: thread.join(30)
print("forked")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
@pytest.mark.parametrize("count", [12, pytest.param(300, marks=pytest.mark.marathon)])
def test_a_fork_while_other_threads_compile_ask_and_set(count: int) -> None:
    assert run_program(FORK.replace("COUNT", str(count)), max(LIMIT, 3.0 * count)).strip() == "forked"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
def test_a_fork_from_within_an_op() -> None:
    def before(x: Any) -> None:
        child = os.fork()
        if not child:
            y = lg.parameter(2.0)
            y.set(3.0)
            os._exit(0 if lg.gradient(y * y, y) == 6.0 else 3)
        assert os.waitpid(child, 0)[1] == 0
        forked.append(child)

    @lg.primitive(vjp=lambda g: g * 2.0, shape="x")
    def double(x: Any) -> Any:
        before(x)
        return x * 2.0

    forked: list[int] = []
    assert double(lg.parameter(np.ones(4))).sum().value == 8.0
    assert len(forked) == 1
