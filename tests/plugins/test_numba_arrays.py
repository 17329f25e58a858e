"""Schedules on arrays in numba's machine: blocks, labels, layouts, and what stays NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import build, random_dag

pytest.importorskip("numba")
from lazygrad.plugins import numba as plugin
from tests.helpers.numba_questions import agree, close, form, points_of


@pytest.mark.filterwarnings("ignore:no path leads")
def test_random_graphs_of_arrays():
    machines = 0
    for seed in range(60):
        dag = random_dag(seed, arrays=True)
        nodes = build(dag.recipe)
        wrt = [nodes[k] for k in dag.parameters]
        for loss in dag.losses:
            step = agree(nodes[loss], wrt, wrt, points_of(dag.recipe, dag.parameters), rtol=1e-11)
            machines += isinstance(form(step), (plugin.Arrays, plugin.Numbers))
    assert machines >= 40


rng = np.random.default_rng(7)
A, B, ROW, COLUMN, CUBE = (rng.normal(size=s) for s in ((6, 5), (5, 4), (5,), (6, 1), (3, 6, 5)))

PROGRAMS = {
    "row": lambda a, b, row, column, cube: np.sum(np.tanh(a * row + row)),
    "column": lambda a, b, row, column, cube: np.sum(np.exp(a - column) / (1 + column**2)),
    "both": lambda a, b, row, column, cube: np.sum(np.sin(row * column) * a),
    "cube": lambda a, b, row, column, cube: np.sum(np.cos(cube * a) + column),
    "rows summed": lambda a, b, row, column, cube: np.sum(np.sum(a * a, axis=0) * row),
    "columns summed": lambda a, b, row, column, cube: np.sum(np.log(np.sum(np.exp(a), axis=1, keepdims=True)) * column),
    "mean": lambda a, b, row, column, cube: np.mean((a - np.mean(a, axis=-1, keepdims=True)) ** 2),
    "largest": lambda a, b, row, column, cube: np.sum(a.max(axis=1)) + cube.min() * row[2:].max(),
    "products": lambda a, b, row, column, cube: np.sum(lg.ops.relu(a @ b) ** 2) + np.sum(b.T @ row),
    "transposed": lambda a, b, row, column, cube: np.sum(np.tanh((b.T @ a.T).T + 1)),
    "reshaped": lambda a, b, row, column, cube: np.sum(a.reshape(5, 6).reshape(-1) * a.reshape(30) + 1),
    "chosen": lambda a, b, row, column, cube: np.sum(np.where(a > 0, a * row, np.clip(a, -1, -0.1)) * np.abs(a)),
    "scaled": lambda a, b, row, column, cube: np.sum(a) * np.sum(a * a) / np.sum(np.exp(row)),
    "sigmoid": lambda a, b, row, column, cube: np.sum(lg.ops.sigmoid(a) * np.logaddexp(a, row) + a**3),
    "logsumexp": lambda a, b, row, column, cube: np.sum(lg.ops.logsumexp(a, axis=-1) * column[:, 0]),
}
ELSEWHERE = {"largest", "logsumexp"}  # have rows that no machine knows


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_on_arrays(name, dtype):
    arrays = [v.astype(dtype) for v in (A, B, ROW, COLUMN, CUBE)]
    leaves = [lg.parameter(v) for v in arrays]
    loss = PROGRAMS[name](*leaves)
    points = [arrays, [v * dtype(1.5) + dtype(0.1) for v in arrays]]
    step = agree(loss, leaves, leaves, points, rtol=1e-12 if dtype is np.float64 else 3e-6)
    assert isinstance(form(step), plugin.Arrays) or name in ELSEWHERE


@pytest.mark.parametrize("size", [1, 7, 8, 1000, 2048, 2049, 100_003])
def test_blocks(size):
    x = lg.parameter(np.random.default_rng(0).normal(size=size))
    t = np.tanh(x * 0.5 + 0.1)
    loss = np.sum(np.exp(-np.sqrt(t * t + 1)) * 3 - 0.25) + np.sum(x) * 0.1
    step = agree(loss, [x], [x], [[x.value], [x.value[::-1].copy()]], kind=plugin.Arrays)
    found = form(step)
    assert len(found.source.splitlines()) == found.steps + len(found.layout.stages)
    assert found.nbytes < 1 << 16 or size > 2048


@pytest.mark.parametrize("size", [5, 20_000])
def test_a_sum_is_complete_before_it_is_read(size):
    x = lg.parameter(np.random.default_rng(0).normal(size=size))
    scaled = np.exp(x) / np.sum(np.exp(x)) - np.max(x)
    agree(np.sum(scaled * scaled), [x], [x], [[x.value], [x.value[::-1].copy()]], kind=plugin.Arrays)


def test_a_network_with_labels():
    rng = np.random.default_rng(0)
    X, labels = lg.constant(rng.normal(size=(9, 6))), lg.constant(rng.integers(0, 4, size=9))
    W, b, V, c = (lg.parameter(rng.normal(size=s)) for s in ((6, 8), (8,), (8, 4), (4,)))
    loss = lg.ops.cross_entropy(lg.ops.relu(X @ W + b) @ V + c, labels).mean()
    inputs = [X, labels, W, b, V, c]
    points = [
        [rng.normal(size=(9, 6)), rng.integers(0, 4, size=9), *[rng.normal(size=p.shape) for p in (W, b, V, c)]]
        for _ in range(3)
    ]
    step = agree(loss, [W, b, V, c], inputs, points, kind=plugin.Arrays)
    for wrong in (4, -1):
        with pytest.raises(IndexError, match=r"labels must lie in 0\.\.3"):
            step(points[0][0], np.full(9, wrong), *points[0][2:])
    agree(loss, [W, b, V, c], inputs, points, kind=plugin.Arrays)


def test_without_blas_small_products_are_loops(monkeypatch):
    monkeypatch.setattr(plugin, "find_blas", lambda dtype: 0)
    rng = np.random.default_rng(0)
    for m, k, n, kind in ((5, 6, 7, plugin.Arrays), (40, 40, 40, None)):
        a, b = lg.parameter(rng.normal(size=(m, k))), lg.parameter(rng.normal(size=(k, n)))
        step = agree(np.sum(np.tanh(a @ b)), [a, b], [a, b], [[a.value, b.value]], kind=kind)
        assert isinstance(form(step), plugin.Arrays) == (kind is not None)


def test_inputs_of_any_layout():
    rng = np.random.default_rng(0)
    x = lg.parameter(np.ones((4, 6)))
    step = lg.compile(np.sum(np.sin(x) * x), wrt=x, inputs=[x], backend="numba")
    base = rng.normal(size=(6, 8))
    raw = np.zeros(4 * 6 * 8 + 1, np.uint8)
    unaligned = raw[1:].view(np.float64).reshape(4, 6)
    unaligned[...] = base.T[:4]
    read_only = base.T[:4].copy()
    read_only.flags.writeable = False
    for given in (base.T[:4], base[:4, ::-1][:, :6], unaligned, read_only, read_only.tolist(), read_only.astype(">f8")):
        value, gradient = step(given)
        expected = np.array(given, float)
        close(value, np.sum(np.sin(expected) * expected), 1e-13)
        close(gradient, np.cos(expected) * expected + np.sin(expected), 1e-13)
    assert isinstance(form(step), plugin.Arrays)


def test_answers_of_all_kinds():
    x, flags, counts = lg.parameter(np.arange(6.0).reshape(2, 3)), lg.constant([True, False, True]), lg.constant([1, 2])
    targets = {
        "leaf": x * 1,
        "view": np.sin(x).reshape(3, 2),
        "same": np.sin(x),
        "truth": np.sin(x) > 0.1,
        "chosen": np.where(flags, x, -x),
        "integers": x * counts[:, None],
        "total": x.sum(),
    }
    step = lg.compile(targets, inputs=[x, flags, counts], backend="numba")
    found = step(x.value + 1, [False, True, True], [3, 4])
    lg.update({x: x.value + 1, flags: [False, True, True], counts: [3, 4]})
    for name, node in targets.items():
        assert found[name].dtype == node.dtype
        np.testing.assert_allclose(found[name], node.value, rtol=1e-14)
        assert not found[name].flags.writeable
    assert isinstance(form(step), plugin.Arrays)


def test_a_leaf_as_an_answer_is_a_copy():
    x = lg.parameter(np.zeros(6))
    step = lg.compile([x, x.reshape(2, 3), 2 * x], inputs=[x], backend="numba")
    given = np.arange(6.0)
    found = step(given)
    assert isinstance(form(step), plugin.Arrays)
    given[:] = 7.0
    assert [answer.tolist() for answer in found] == [[0, 1, 2, 3, 4, 5], [[0, 1, 2], [3, 4, 5]], [0, 2, 4, 6, 8, 10]]


def test_answers_are_the_callers():
    x = lg.parameter(np.zeros(50_000))
    step = lg.compile(np.sum(np.sin(x)), wrt=x, inputs=[x], backend="numba")
    held = [step(np.full(50_000, float(k)))[1] for k in range(4)]
    for k, gradient in enumerate(held):
        np.testing.assert_allclose(gradient, np.cos(float(k)), rtol=1e-14)


def test_what_numba_does_not_know_is_numpys():
    x = lg.parameter(np.linspace(0, 1, 7))
    loss = np.sum(np.cumsum(x) * np.sin(x))
    step = agree(loss, [x], [x], [[x.value]])
    assert not isinstance(form(step), (plugin.Arrays, plugin.Numbers))
    empty = lg.parameter(np.zeros((0, 3)))
    agree(np.sum(empty * 2) + 1, [empty], [empty], [[np.zeros((0, 3))]])


def test_a_program_that_computes_nothing_of_what_it_is_given():
    x = lg.parameter(np.zeros((0, 3)))
    y = np.min(x, axis=0, initial=2.0)
    step = lg.compile([np.where(y > 0.2, y, 0.3), y], inputs=x, backend="numba")
    assert [a.tolist() for a in step(np.zeros((0, 3)))] == [[2.0] * 3] * 2
    assert step.statistics.failures == 0
