"""Any pickler, also one that fails, that is nested in another one, or that takes turns with it."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import same_bits


def dump_in_python(nodes: Any) -> bytes:
    stream = io.BytesIO()
    pickle._Pickler(stream).dump(nodes)
    return stream.getvalue()


def dump_with_joblib(nodes: Any) -> bytes:
    stream = io.BytesIO()
    pytest.importorskip("joblib").dump(nodes, stream)
    return stream.getvalue()


def load_with_joblib(data: bytes) -> Any:
    return pytest.importorskip("joblib").load(io.BytesIO(data))


def dump_with(module: str) -> Callable[[Any], bytes]:
    return lambda nodes: bytes(pytest.importorskip(module).dumps(nodes))


DUMPS: dict[str, Callable[[Any], bytes]] = {
    "pickle": pickle.dumps,
    "python": dump_in_python,
    "forking": lambda nodes: bytes(ForkingPickler.dumps(nodes)),
    "lazygrad": lg.dumps,
    "cloudpickle": dump_with("cloudpickle"),
    "dill": dump_with("dill"),
    "joblib": dump_with_joblib,
}
every_pickler = pytest.mark.parametrize("how", DUMPS)


def load(how: str, data: bytes) -> Any:
    return load_with_joblib(data) if how == "joblib" else pickle.loads(data)


def deep(depth: int) -> tuple[lg.Node, lg.Node]:
    x = y = lg.parameter([0.5, -0.25], name="x")
    for _ in range(depth):
        y = np.sin(y) + x
    return (y * y).sum(), x


@every_pickler
def test_every_pickler_takes_a_deep_graph_and_keeps_what_is_shared(how: str) -> None:
    L, x = deep(1100)
    g = lg.gradient(L, x)
    again, leaf, same = load(how, DUMPS[how]([L, x, L]))
    assert same is again
    assert same_bits(lg.gradient(again, leaf), g)
    leaf.set([1.0, 2.0])
    assert not same_bits(lg.gradient(again, leaf), g)


class Unwilling:
    """A thing that no pickle and no copy takes."""

    def __reduce__(self) -> Any:
        raise ZeroDivisionError


def with_static(x: lg.Node, thing: Any) -> lg.Node:
    y = x * x
    y._static = {"thing": thing}
    return y


@every_pickler
def test_a_pickle_that_fails_leaves_nothing_behind(how: str) -> None:
    """Its error holds all of its frames, and with them what it was about to save."""
    L, x = deep(1100)
    bad = with_static(L, Unwilling()) * x.sum()
    errors = []
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            DUMPS[how]((bad, L))
        errors.append(caught)
        again, leaf = load(how, DUMPS[how]((L, x)))
        assert same_bits(lg.gradient(again, leaf), lg.gradient(L, x))
        with pytest.raises(ZeroDivisionError):
            copy.deepcopy((L, bad))
        again, leaf = copy.deepcopy((L, x))
        assert same_bits(again.value, L.value)


class Nested:
    """A thing that pickles a graph of its own while it is pickled itself."""

    def __init__(self, how: str, node: lg.Node) -> None:
        self.how, self.node = how, node

    def __reduce__(self) -> Any:
        return load, (self.how, DUMPS[self.how](self.node))

    def __deepcopy__(self, memo: Any) -> Any:
        return Nested(self.how, copy.deepcopy(self.node))


@every_pickler
def test_a_pickle_within_a_pickle(how: str) -> None:
    L, x = deep(1100)
    for inner in (L, L.inputs[0], np.exp(x).sum()):
        outer = np.cos(with_static(L, Nested("python", inner)))
        copied = load(how, DUMPS[how]((outer, L, x)))
        found = copied[0].inputs[0].static["thing"]
        assert isinstance(found, lg.Node)
        assert same_bits(found.value, inner.value)
        assert copied[0].inputs[0].inputs[0] is copied[1]
        assert same_bits(lg.gradient(copied[1], copied[2]), lg.gradient(L, x))


class Turns:
    """A stream that lets another pickler take a step with each of its own."""

    def __init__(self, step: Callable[[], None]) -> None:
        self.data, self.step = bytearray(), step

    def write(self, data: bytes) -> int:
        self.data += data
        self.step()
        return len(data)


def test_picklers_that_take_turns_on_one_graph() -> None:
    L, x = deep(300)
    others: list[bytes] = []

    def step() -> None:
        if len(others) < 5:
            others.append(b"")
            others[-1] = DUMPS[list(DUMPS)[len(others) % 4]]((x, L))

    stream = Turns(step)
    pickle._Pickler(stream, 5).dump((L, x, np.ones(100_000)))
    assert len(others) >= 1
    for data in others:
        leaf, again = pickle.loads(data)
        assert same_bits(lg.gradient(again, leaf), lg.gradient(L, x))
    again, leaf, _ = pickle.loads(bytes(stream.data))
    assert same_bits(lg.gradient(again, leaf), lg.gradient(L, x))


def test_a_pickler_that_lives_on_hides_no_later_value_from_another_one() -> None:
    L, x = deep(3)
    stream = io.BytesIO()
    old = pickle.Pickler(stream)
    old.dump((L, x))
    x.set([3.0, 4.0])
    again, leaf = pickle.loads(pickle.dumps((L, x)))
    assert leaf.value.tolist() == [3.0, 4.0]
    assert same_bits(again.value, L.value)


def test_a_pickle_names_nothing_that_may_move() -> None:
    """So a pickle can be read wherever the modules of the library move."""
    homes = set()

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            homes.add(module)
            return super().find_class(module, name)

    L, x = deep(3)
    lg.gradient(L, x)
    Reader(io.BytesIO(lg.dumps((L, x, lg.adjoint(L, x))))).load()
    assert {home for home in homes if home.partition(".")[0] == "lazygrad"} <= {"lazygrad", "lazygrad.ops"}
