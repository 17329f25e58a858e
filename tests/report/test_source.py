"""The user's file and line of each node: right where it is built, and nothing at all while it is off."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
import lazygrad.numpy
from lazygrad._derivatives.adjoint_node import AdjointNode
from lazygrad._graph.traverse import ancestors
from lazygrad._report import source_lines


@pytest.fixture(autouse=True)
def _off_before_and_after() -> Iterator[None]:
    lg.trace_sources(False)
    yield
    lg.trace_sources(False)


def here(plus: int = 0) -> str:
    """Return the caller's line."""
    frame = sys._getframe(1)
    return f"{os.path.relpath(frame.f_code.co_filename)}:{frame.f_lineno + plus}"


def test_off_nothing_is_noted_and_the_constructor_is_the_plain_one() -> None:
    x = lg.parameter(1.0)
    y = np.sin(x) * 2
    assert [i.source for i in (x, y, *y.inputs)] == [None] * 4
    assert lg.adjoint(y, x).source is None
    assert lg.Node.__init__ is source_lines._plain_init
    assert not any(hasattr(i, "_source") for i in ancestors(y))


def test_every_way_of_building_tells_the_users_line() -> None:
    lg.trace_sources()
    x = lg.parameter([1.0, 2.0])
    assert x.source == here(-1)
    ways = {
        "operator": lambda: x + 1,
        "reflected": lambda: 1 - x,
        "array": lambda: np.ones(2) * x,
        "ufunc": lambda: np.sin(x),
        "function": lambda: np.sum(x),
        "python function": lambda: np.stack([x, x]),
        "method": lambda: x.mean(),
        "index": lambda: x[0],
        "op": lambda: lg.ops.softmax(x),
        "namespace": lambda: lazygrad.numpy.tanh(x),
        "constant": lambda: lg.constant(1.0),
    }
    for way, build in ways.items():
        assert build().source == f"{os.path.relpath(__file__)}:{build.__code__.co_firstlineno}", way
    assert (x * 2.5).inputs[1].source == here()


def test_a_call_over_several_lines_and_a_helper() -> None:
    def helper(x: Any) -> Any:
        return x * x

    with lg.trace_sources():
        x = lg.parameter(1.0)
        y = helper(
            x,
        )
        z = (
            x
            + helper(x)
        )  # fmt: skip
    assert y.source == f"{os.path.relpath(__file__)}:{helper.__code__.co_firstlineno + 1}"
    assert z.source in (here(-4), here(-5))
    assert z.inputs[1].source == y.source


def test_on_and_off_and_nested_blocks() -> None:
    def on() -> bool:
        return lg.constant(0.0).source is not None

    with lg.trace_sources():
        assert on()
        with lg.trace_sources(False):
            assert not on()
            with lg.trace_sources():
                assert on()
            assert not on()
        assert on()
        with pytest.raises(ZeroDivisionError), lg.trace_sources(False):
            raise ZeroDivisionError
        assert on()
    assert not on()
    lg.trace_sources()
    assert on()
    lg.trace_sources(False)
    assert not on()


def test_adjoints_and_what_rules_build_have_the_line_of_their_nodes() -> None:
    def f(x: Any) -> Any:
        return np.tanh(x)

    with lg.trace_sources():
        x = lg.parameter([1.0, 2.0])
        h = np.tanh(x)
        L = h.sum()
        g = lg.adjoint(L, x)
        M = (g * g).sum()
        second = lg.adjoint(M, x)
        _, tangent = lg.jvp(np.sin, x, x)
        _, pushed = lg.jvp(f, x, x)
    assert isinstance(g, AdjointNode)
    assert isinstance(second, AdjointNode)
    assert g.source == second.source == x.source
    root, stands = g.op.unfold(g)
    by_rule = [i for i in ancestors(root) if i.serial > stands[-1].serial]
    assert by_rule
    assert {i.source for i in by_rule} == {h.source}  # the rule of tanh
    assert g.op.mirror.source == L.source
    assert tangent.source == here(-10)
    assert pushed.source == f"{os.path.relpath(__file__)}:{f.__code__.co_firstlineno + 1}"


def test_inside_transforms_the_lines_are_those_of_the_function() -> None:
    sources: list[str | None] = []

    def f(x: Any) -> Any:
        y = x * x
        sources.append(y.source)
        return y

    with lg.trace_sources():
        lg.grad(lg.grad(f))(2.0)
    assert sources == [f"{os.path.relpath(__file__)}:{f.__code__.co_firstlineno + 1}"]


def test_an_error_names_the_line() -> None:
    with lg.trace_sources():
        scores = lg.parameter([[1.0, 2.0]])
        L = lg.ops.svm_loss(scores, lg.constant([5]))
        line = here(-1)
    with pytest.raises(IndexError) as error:
        _ = L.value
    assert error.value.__notes__[0].endswith(f", built at {line}")
    with pytest.raises(IndexError) as error:
        _ = lg.ops.svm_loss(scores, lg.constant([5])).value
    assert "built at" not in error.value.__notes__[0]


def test_a_file_elsewhere_is_named_in_full_and_frames_of_numpy_are_skipped(tmp_path: Path) -> None:
    script = tmp_path / "model.py"
    script.write_text("import numpy as np, lazygrad as lg\nx = lg.parameter([1.0])\ny = np.average(x * 1.0)\n")
    space: dict[str, Any] = {}
    with lg.trace_sources():
        exec(compile(script.read_text(), str(script), "exec"), space)
    assert space["x"].source == f"{script}:2"
    assert {i.source for i in ancestors(space["y"])[1:]} == {f"{script}:3"}


def test_a_graph_frees_itself_and_survives_copies() -> None:
    with lg.trace_sources():
        x = lg.parameter([1.0, 2.0])
        L = (x * x).sum()
        for twin in (copy.deepcopy(L), pickle.loads(pickle.dumps(L))):
            assert lg.gradient(twin, ancestors(twin)[0]).tolist() == [2.0, 4.0]
    gc.collect()
    gc.disable()
    try:
        with lg.trace_sources():
            y = np.sin(lg.parameter(1.0))
            lg.gradient(y, y.inputs[0])
        del y
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_environment_variable() -> None:
    script = """
        import lazygrad as lg
        x = lg.parameter(1.0)
        print(x.source)
    """
    for value, shown in (("1", "<string>:3"), ("0", "None")):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, "LAZYGRAD_SOURCES": value},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == shown
