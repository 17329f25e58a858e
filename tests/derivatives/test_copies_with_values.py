"""Copies that keep values and adjoints: nothing is computed again, and what views of arrays share they share again."""

from __future__ import annotations

import copy
import pickle
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.derivative_programs import Program
from tests.helpers.random_graphs import same_bits

ALONG: dict[str, Callable[[Any], Any]] = {"copy": lg.copy, "dumps": lambda nodes: lg.loads(lg.dumps(nodes))}
PLAIN: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda nodes: pickle.loads(pickle.dumps(nodes)),
    "copy without": lambda nodes: lg.copy(nodes, values=False),
    "dumps without": lambda nodes: lg.loads(lg.dumps(nodes, values=False)),
}
EVERY = ALONG | PLAIN


def ask_everything(program: Program) -> tuple[list[Any], tuple[int, ...]]:
    """Return gradients of all targets by all nodes, and what they cost."""
    with lg.record() as report:
        answers = [g for L in program.targets for g in lg.gradient(L, program.nodes)]
    return answers, (report.rules_run, report.values.misses, report.adjoints.misses)


def test_nothing_is_computed_again_at_any_order() -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for seed in range(24):
            program = Program(seed, 1 + seed % 4)
            answers, values = program.answers(), [i.value for i in program.nodes]
            twins = []
            for copied in ALONG.values():
                twin = copy.copy(program)
                twin.leaves, twin.nodes, twin.targets = copied((program.leaves, program.nodes, program.targets))
                with lg.record() as report:
                    assert all(map(same_bits, twin.answers(), answers))
                    assert all(map(same_bits, [i.value for i in twin.nodes], values))
                assert (report.rules_run, report.values.misses, report.adjoints.misses) == (0, 0, 0)
                assert report.adjoints.requests > 0
                twins.append(twin)
            # Other questions cost what they cost on the original, and so does what a changed leaf reaches.
            expected, cost = ask_everything(program)
            for twin in twins:
                found, its_cost = ask_everything(twin)
                assert its_cost == cost
                assert all(map(same_bits, found, expected))
            for each in (program, *twins):
                each.leaves[0].set(each.leaves[0].value + 0.125)
            expected, cost = ask_everything(program)
            for twin in twins:
                found, its_cost = ask_everything(twin)
                assert its_cost == cost
                assert all(map(same_bits, found, expected))


def test_a_copy_keeps_what_is_fresh_alone() -> None:
    x, w = lg.parameter([1.0, 2.0], name="x"), lg.parameter([3.0, 4.0], name="w")
    left, right = np.exp(x), np.sin(w)
    L = (left * right).sum()
    lg.gradient(L, [x, w])
    w.set([5.0, 6.0])
    for copied in ALONG.values():
        M, x2, w2 = copied((L, x, w))
        with lg.record() as report:
            assert same_bits(lg.gradient(M, x2), np.exp([1.0, 2.0]) * np.sin([5.0, 6.0]))
        assert [i.op.name for i in report.values.computed] == ["sin"]
        w2.set([0.0, 0.0])
        assert lg.gradient(M, x2).tolist() == [0.0, 0.0]
        assert w.value.tolist() == [5.0, 6.0]


VIEWS: dict[str, Callable[[Any], Any]] = {
    "squeeze": lambda x: np.squeeze(x[None]),
    "transpose": lambda x: x.T,
    "flip": lambda x: x[::-1, ::2],
    "real": lambda x: np.real(x * 1j) if x.dtype.kind == "c" else x.reshape(-1),
    "broadcast": lambda x: np.broadcast_to(x, (2, *x.shape)),
    "three": lambda x: np.transpose(x.reshape(3, 2, 2), (1, 2, 0)) * 2.0,
}


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("view", VIEWS)
def test_views_stay_views_and_leaves_can_be_set(how: str, view: str) -> None:
    x = lg.parameter(np.arange(12.0).reshape(3, 4))
    y = VIEWS[view](x)
    y.value  # noqa: B018
    y2, x2 = EVERY[how]((y, x))
    assert same_bits(y2.value, y.value)
    assert y2._value.strides == y._value.strides
    assert np.shares_memory(y2._value, x2._value) == np.shares_memory(y._value, x._value)
    for node in (x2, y2):
        array: Any = node.value
        while isinstance(array, np.ndarray):
            assert not array.flags.writeable
            array = array.base
        assert array is None
    held, before = y2.value, y2.value.copy()
    for k in range(3):
        x2.set(np.full((3, 4), float(k)))
        x.set(np.full((3, 4), -float(k)))
        assert set(y2.value.flat) <= {float(k), 2.0 * k}
        assert set(y.value.flat) <= {-float(k), -2.0 * k}
    assert same_bits(held, before)
    del y, y2, held, array
    for leaf in (x, x2):  # nobody else looks at the array now, so it is written to in place
        address = leaf._value.ctypes.data
        leaf.set(np.full((3, 4), 7.0))
        assert leaf._value.ctypes.data == address


@pytest.mark.parametrize("how", EVERY)
def test_a_differentiator_keeps_its_cotangent_even_if_that_does_not_fit_now(how: str) -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    y = x * x
    d = lg.Differentiator(y, cotangent=[1.0, 0.0, 10.0])
    assert d.gradient(x).tolist() == [2.0, 0.0, 60.0]
    d2, x2 = EVERY[how]((d, x))
    with lg.record() as report:
        assert d2.gradient(x2).tolist() == [2.0, 0.0, 60.0]
    assert (report.rules_run == 0) == (how in ALONG)
    x.set([1.0, 2.0])
    d2, x2 = EVERY[how]((d, x))
    for each, leaf in ((d, x), (d2, x2)):
        with pytest.raises(lg.ShapeError, match="cotangent"):
            each.gradient(leaf)
    x2.set([3.0, 2.0, 1.0])
    assert d2.gradient(x2).tolist() == [6.0, 0.0, 20.0]
    assert d2.target is not y


@pytest.mark.parametrize("how", EVERY)
def test_the_differentiator_of_a_node_is_that_of_its_copy(how: str) -> None:
    x = lg.parameter([1.0, 2.0])
    L = (x * x).sum()
    d, M = EVERY[how]((lg.differentiator(L), L))
    assert d is lg.differentiator(M)
    alone = EVERY[how](lg.Differentiator(L))
    assert alone is not lg.differentiator(alone.target)
    assert alone.gradient(alone.target.inputs[0]).tolist() == [1.0, 1.0]


def test_values_come_to_another_process(tmp_path: Path) -> None:
    x = lg.parameter([0.5, 1.5], name="x")
    L = np.sum(np.exp(x) * x)
    expected = lg.gradient(L, x)
    (tmp_path / "nodes").write_bytes(lg.dumps((L, x)))
    script = """
        import sys, lazygrad as lg
        L, x = lg.loads(open(sys.argv[1], "rb").read())
        with lg.record() as report:
            print(lg.gradient(L, x).tobytes().hex(), report.rules_run)
    """
    code = "\n".join(line.strip() if "print" not in line else "    " + line.strip() for line in script.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "nodes")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [expected.tobytes().hex(), "0"]


def test_serials_of_a_copy_are_in_the_order_of_the_originals() -> None:
    rng = random.Random(1)
    x = lg.parameter(1.0)
    nodes = [x]
    for _ in range(60):
        nodes.append(rng.choice(nodes) * rng.choice(nodes))
    for copied in EVERY.values():
        things = list(enumerate(nodes))
        rng.shuffle(things)
        found = dict(copied(things))
        serials = [found[k].serial for k in range(len(nodes))]
        assert serials == sorted(set(serials))
        assert (nodes[0] * 1.0).serial > max(serials)
