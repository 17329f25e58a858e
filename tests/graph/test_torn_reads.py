"""One state: whatever asks while leaves are set sees all of an update, or nothing of it, and no half-written array."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.threads import run_together

SIZE = 20_000  # elements: writing them takes longer than a thread may have to wait for the interpreter


def make_leaves() -> tuple[lg.Node, lg.Node, lg.Node]:
    """Return a parameter and two constants, all of which are always set to the same number."""
    ones = np.ones(SIZE)
    return lg.parameter(ones, name="a"), lg.constant(ones, name="b"), lg.constant(ones, name="c")


def spread(*arrays: Any) -> Any:
    """Return the least and the greatest elements: all the same, if they are of one state."""
    return np.stack([f(x) for x in arrays for f in (np.min, np.max)])


def make_readers(a: lg.Node, b: lg.Node, c: lg.Node) -> dict[str, Callable[[], Any]]:
    """Return ways of reading the leaves, each of which returns numbers that are to be the same."""
    t = lg.constant(1.0, name="t")
    seen = spread(a, b, c) * t
    L = np.sum(a * b) / SIZE + np.sum(b * c) / SIZE
    slow = lg.primitive(lambda x: (time.sleep(1e-4), x * 1.0)[1], vjp=lambda g: g, shape="x", name="slow")
    slowly = spread(slow(a), slow(b), c)
    step, rest = lg.compile(seen, inputs=t), lg.compile(spread(a, b, c), inputs=[a, b])
    whole = lg.compile(lambda x: spread(a, b, c) * x)
    d = lg.differentiator(L)
    return {
        "compiled": lambda: step(1.0),
        "compiled, inputs left out": lambda: rest(),
        "compiled by backend": lambda: whole(1.0),
        "value": lambda: seen.value,
        "value of users' ops": lambda: slowly.value,
        "leaf": lambda: spread(a.value),
        "gradients": lambda: spread(*lg.gradient(L, [a, b, c])[::2]),
        "gradients, named": lambda: spread(*d.gradient({"a": a, "c": c}).values()),
        "value_and_grad": lambda: np.stack(lg.value_and_grad(lambda x: np.sum(x * b) / SIZE)(np.ones(SIZE))[1][:1]),
        "vjp": lambda: spread(*lg.vjp(lambda x: [x * b, x * c], np.ones(SIZE))[0]),
        "jvp": lambda: spread(*lg.jvp(lambda x: x * b, np.ones(SIZE), np.ones(SIZE))),
        "adjoint": lambda: spread(lg.adjoint(L, a).value) * SIZE,
        "contributions": lambda: spread(*[part.value for part in d.contributions(b)]),
        "copy": lambda: copy.deepcopy(seen).value,
        "pickle": lambda: pickle.loads(pickle.dumps(seen)).value,
    }


READERS = sorted(make_readers(*make_leaves()))


def read_while_set(name: str, seconds: float, setters: int = 1, readers: int = 2) -> int:
    """Read again and again while other threads set; return how often, and raise if a state was torn."""
    leaves = make_leaves()
    read = make_readers(*leaves)[name]
    stop = threading.Event()
    turn = threading.Lock()
    rounds = [0]

    def write() -> None:
        k = 1
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                k += 1
                with turn:
                    lg.update(dict.fromkeys(leaves, np.full(SIZE, float(k))))
        finally:
            stop.set()

    def ask() -> None:
        while not stop.is_set():
            found = read()
            rounds[0] += 1
            assert len(set(np.ravel(found).tolist())) == 1, f"{name}: {np.unique(found)}"

    run_together(*[write] * setters, *[ask] * readers)
    return rounds[0]


@pytest.mark.parametrize("name", READERS)
def test_a_reader_sees_one_state(name: str) -> None:
    assert read_while_set(name, 0.25) > 1


@pytest.mark.marathon
@pytest.mark.parametrize("name", READERS)
def test_eight_threads_see_one_state(name: str) -> None:
    assert read_while_set(name, 40.0, setters=2, readers=6) > 1


def test_a_compiled_call_reads_all_leaves_of_one_update() -> None:
    """Deterministically: leaves are changed between the reading of the first and of the second."""
    a, b = lg.constant(np.ones(3)), lg.constant(np.ones(3))
    held = np.sin(a)  # computed when the call asks for it, as it was there before the function was traced
    changed = threading.Event()

    def before(x: Any) -> Any:
        thread = threading.Thread(target=lambda: (lg.update({a: x + 4, b: x + 4}), changed.set()))
        thread.start()
        assert not changed.wait(0.1)  # it waits
        return x

    slow = lg.primitive(before, vjp=lambda g: g, shape="x", name="slow")
    outer = slow(held)
    step = lg.compile(lambda t: t * (outer + b))
    assert step(1.0).tolist() == (np.sin(np.ones(3)) + 1).tolist()
    assert changed.wait(10)
    assert b.value.tolist() == (np.sin(np.ones(3)) + 4).tolist()
