"""Compiled questions as copies, pickles and generated source, under any names of leaves."""

from __future__ import annotations

import copy
import gc
import inspect
import linecache
import pickle
import traceback
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.compiled_questions import build_layer, make_observed_op, sum_of_squares
from tests.helpers.op_checks import close
from tests.helpers.random_graphs import same_bits


def test_pickles_and_copies_ask_the_same() -> None:
    W, b, X, L = build_layer()
    step = lg.compile({"L": L}, [W, b], {"data": X}, exact=True, specializations=5)
    wanted = step(data=2 * X.value)
    for other in (pickle.loads(pickle.dumps(step)), copy.deepcopy(step), copy.copy(step)):
        assert same_bits(other(data=2 * X.value), wanted)
        assert other.statistics.calls == 1
    W.set(0 * W.value)
    assert same_bits(copy.deepcopy(step)(), step())
    f = lg.compile(sum_of_squares, wrt=0)
    assert same_bits(pickle.loads(pickle.dumps(f))(np.ones(2)), f(np.ones(2)))
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(lg.compile(lambda x: x, wrt=0))


def test_the_source_stands_in_tracebacks_and_goes_with_the_schedule() -> None:
    def before(x: Any) -> None:
        if x[0] > 5:
            raise RuntimeError("too large")

    x = lg.parameter([1.0, 2.0], name="x")
    h = np.tanh(make_observed_op(before)(x))
    h.name = "hidden"
    step = lg.compile(h.sum(), x, x)
    assert "# hidden" in step.schedule.source
    lines = [line for line in step.schedule.source.splitlines() if not line.startswith("    #")]
    assert step.schedule.steps == len(lines) - 3
    linecache.checkcache()
    with pytest.raises(RuntimeError) as caught:
        step([7.0, 2.0])
    told = "".join(traceback.format_exception(caught.value))
    assert "<lazygrad schedule" in told
    assert "= watching(x)" in told
    assert inspect.getsource(step.schedule._ready[0]).rstrip() == step.schedule.source.rstrip()
    name = step.schedule._ready[0].__code__.co_filename
    assert name in linecache.cache
    del caught, step
    gc.collect()
    assert name not in linecache.cache


NAMES = [
    "s",
    "b0",
    "v1",
    "k0",
    "o0",
    "f3",
    "w1",
    "i",
    "map",
    "float",
    "abs",
    "dot",
    "empty",
    "copyto",
    "scalar",
    "class",
]
NAMES += ["relu", "None", "schedule", "NotANumber", "new_o0", "x²", "a\nb", "1st", "θ", "", "_", "view3", "__import__"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_leaf_or_node(name: str) -> None:
    x, z = lg.parameter([1.0, 2.0], name=name), lg.parameter(2.0, name=name)
    h = np.exp(x)
    h.name = "first\nraise ValueError"
    L = (lg.ops.relu(x) * z * np.tanh(z) + abs(x) / h).sum()
    L.name = f"{name}\nraise ValueError"
    q = np.sin(z) * abs(z) * z
    q.name = L.name
    step, number = lg.compile([L, x], inputs=[x, z]), lg.compile(q, z, z, backend="numpy")
    gradients = lg.compile(L, [x, z], [x, z], exact=True)
    assert "ValueError" not in [line.strip() for line in step.schedule.source.splitlines()]
    lg.update({x: [3.0, 4.0], z: 1.5})
    close(step([3.0, 4.0], 1.5)[0], L.value)
    assert same_bits(gradients([3.0, 4.0], 1.5), (L.value, lg.gradient(L, [x, z])))
    close(number(1.5)[0], q.value)


def test_names_that_python_takes_for_one() -> None:
    a, b = lg.parameter(1.0, name="µ"), lg.parameter(2.0, name="μ")
    np.testing.assert_array_equal(lg.compile(a * b, inputs=[a, b])(3.0, 4.0), 12.0)


def test_what_it_says_of_itself() -> None:
    x = lg.parameter([1.0, 2.0], name="x")
    L = (x * x).sum()
    L.name = "loss"
    step = lg.compile(L, x, x)
    step([1.0, 2.0])
    assert repr(step) == "<compiled loss, 1 calls, 1 schedules>"
    assert "steps" in repr(step.schedule)
    with pytest.raises(ValueError, match="has not been called yet"):
        lg.compile(sum_of_squares, wrt=0).schedule  # noqa: B018
