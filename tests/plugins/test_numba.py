"""Schedules on numba's machines: the answers of the memo walk, but for the last bits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import build, random_dag, same_bits

pytest.importorskip("numba")

from lazygrad.plugins import numba as plugin
from lazygrad.plugins._numba.rows import UFUNCS


def form(step):
    return step.schedule._form


def agree(target, wrt, inputs, points, *, kind=None, rtol=1e-12, **options):
    """Compile, call with each point, and compare with what the memo walk answers there; the compiled question."""
    step = lg.compile(target, wrt=wrt, inputs=inputs, backend="numba", **options)
    for point in points:
        value, gradients = step(*point)
        lg.update(dict(zip(inputs, point, strict=True)))
        close(value, target.value, rtol)
        for got, expected in zip(gradients, lg.gradient(target, wrt), strict=True):
            close(got, expected, rtol)
            assert not got.flags.writeable
        assert kind is None or isinstance(form(step), kind)
    return step


def close(got, expected, rtol):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale)


def points_of(recipe, parameters, count=3):
    rng = np.random.default_rng(0)
    base = [np.asarray(recipe[k].value) for k in parameters]
    return [base, *[[b + 1e-4 * rng.normal(size=b.shape) for b in base] for _ in range(count - 1)]]


# -- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:no path leads")
@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_of_numbers(seed):
    dag = random_dag(seed, arrays=False)
    nodes = build(dag.recipe)
    wrt = [nodes[k] for k in dag.parameters]
    for loss in dag.losses:
        agree(nodes[loss], wrt, wrt, points_of(dag.recipe, dag.parameters), kind=plugin.Numbers, rtol=1e-11)


def test_a_long_graph_of_numbers():
    rng = np.random.default_rng(1)
    leaves = [lg.parameter(v) for v in rng.normal(size=7)]
    nodes = list(leaves)
    makers = [
        lambda a, b: a + b,
        lambda a, b: np.tanh(a) * b,
        lambda a, b: np.sin(a) - 0.5 * b,
        lambda a, b: np.where(a > b, a, 0.5 * b),
        lambda a, b: a / (b * b + 1.5),
        lambda a, b: np.exp(-np.abs(a)) + np.log1p(b * b),
    ]
    for _ in range(3000):
        a, b = (nodes[k] for k in rng.integers(max(0, len(nodes) - 60), len(nodes), size=2))
        nodes.append(np.tanh(makers[rng.integers(6)](a, b)))
    loss = sum(nodes[-60:])
    step = agree(loss, leaves, leaves, [rng.normal(size=7).tolist() for _ in range(3)], kind=plugin.Numbers, rtol=1e-10)
    found = form(step)
    assert found.steps > 6000
    assert found.runs[:, 2].max() == found.steps
    assert len(found.source.splitlines()) == len(found.runs) < found.steps / 3  # rows of one opcode are together
    assert found.nbytes >= 8 * found.steps


def test_a_constant_and_a_leaf_may_be_answers():
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    step = lg.compile([x * 1, lg.constant(4.0) * 1.5, x * y, x > y], inputs=[x, y], backend="numba")
    found = step(5.0, 4.0)
    assert [v.item() for v in found] == [5.0, 6.0, 20.0, True]
    assert found[3].dtype == bool


UNARY = [ufunc for ufunc in UFUNCS if ufunc.nin == 1] + [np.square, np.reciprocal]
BINARY = [ufunc for ufunc in UFUNCS if ufunc.nin == 2] + [np.greater, np.greater_equal]
POINTS = [0.0, -0.0, 1.0, -1.0, 0.3, -0.7, 2.5, 1e-9, -3e-17, 40.0, -40.0, 1e-310, 1e300, 710.0, -745.5, 3e4, 1e6]
POINTS += [np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("ufunc", [*UNARY, *BINARY], ids=lambda ufunc: ufunc.__name__)
def test_special_values(ufunc, dtype):
    with np.errstate(all="ignore"):
        points = np.array(POINTS).astype(dtype)
        if ufunc.nin == 1:
            given = [np.concatenate([points, np.linspace(-8, 8, 501).astype(dtype)])]
        else:
            given = [np.repeat(points, len(points)), np.tile(points, len(points))]
        expected = ufunc(*given)
    leaves = [lg.constant(a) for a in given]
    step = lg.compile(ufunc(*leaves), inputs=leaves, backend="numba")
    got = step(*given)
    assert isinstance(form(step), plugin.Arrays)
    assert got.dtype == expected.dtype
    if got.dtype == bool:
        np.testing.assert_array_equal(got, expected)
    else:
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        np.testing.assert_allclose(got, expected, rtol=8 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_normal)
        known = (expected == 0) & (ufunc not in (np.maximum, np.minimum))
        np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(expected[known]))
    if dtype is np.float64:
        numbers = [lg.constant(1.0) for _ in given]
        single = lg.compile(ufunc(*numbers), inputs=numbers, backend="numba")
        for k, point in enumerate(zip(*given, strict=True)):
            assert isinstance(form(single), plugin.Numbers)
            assert single(*map(float, point)).tobytes() == got[k].tobytes() or np.isnan(got[k])


def test_functions_of_numbers_err_by_little():
    x = np.random.default_rng(0).normal(size=4000) * 30
    for name in ("exp", "expm1", "sin", "cos", "tanh"):
        leaf = lg.constant(x)
        got = lg.compile(getattr(np, name)(leaf), inputs=[leaf], backend="numba")(x)
        expected = getattr(np, name)(x.astype(np.longdouble))
        assert np.max(np.abs(got - expected) / np.spacing(np.abs(expected).astype(float))) < 3
    for name in ("log", "log1p"):
        leaf = lg.constant(np.abs(x))
        got = lg.compile(getattr(np, name)(leaf), inputs=[leaf], backend="numba")(np.abs(x))
        expected = getattr(np, name)(np.abs(x).astype(np.longdouble))
        assert np.max(np.abs(got - expected) / np.spacing(np.abs(expected).astype(float))) < 2


# -- guards, branches, what is counted -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_guard_is_kept_when_it_is_needed(shape):
    x = lg.parameter(np.ones(shape))
    loss = np.sum(np.where(x > 0, np.sqrt(x), 0.0) * np.where(x > 0, np.log(x), 1.0))
    step = lg.compile(loss, wrt=x, inputs=[x], backend="numba")
    with np.errstate(all="ignore"):
        for v, guarded in ((2.0, 0), (0.0, 1), (3.0, 1), (-0.0, 2)):
            point = np.full(shape, v)
            value, gradient = step(point)
            x.set(point)
            assert value == pytest.approx(loss.value.item(), rel=1e-12)
            np.testing.assert_allclose(gradient, lg.gradient(loss, x), rtol=1e-12)
            assert np.isfinite(gradient).all()
            assert step.statistics.guarded == guarded
    assert step.statistics.calls == 4
    assert isinstance(step._last.careful._form, plugin.Numbers if shape == () else plugin.Arrays)


def test_nan_and_infinity_pass_through():
    x, y = lg.parameter(1.0), lg.parameter(2.0)
    loss = np.tanh(x) * y + np.exp(x)
    with np.errstate(all="ignore"):
        agree(loss, [x, y], [x, y], [[np.nan, 1.0], [np.inf, 1.0], [-np.inf, 0.0], [0.0, np.inf], [1.0, 1.0]])


def test_a_branch_that_goes_another_way():
    def f(x):
        return np.sin(x) if x > 0 else x * x

    fast = lg.compile(f, wrt=0, backend="numba")
    for x in (0.5, -0.5, 0.25, -0.25):
        value, gradient = fast(x)
        expected = lg.value_and_grad(f)(x)
        close(value, np.asarray(expected[0]), 1e-14)
        close(gradient, np.asarray(expected[1]), 1e-14)
        assert isinstance(form(fast), plugin.Numbers)
    assert (fast.statistics.calls, fast.statistics.specialisations) == (4, 2)


def test_a_branch_on_an_array():
    def f(x):
        return np.sum(np.sin(x)) if np.sum(x) > 0 else np.sum(x * x)

    fast = lg.compile(f, wrt=0, backend="numba")
    for x in (np.ones(5), -np.ones(5), np.full(5, 0.5)):
        value, gradient = fast(x)
        expected = lg.value_and_grad(f)(x)
        close(value, np.asarray(expected[0]), 1e-14)
        close(gradient, expected[1], 1e-14)
        assert isinstance(form(fast), plugin.Arrays)
    assert fast.statistics.specialisations == 2


def test_other_shapes_and_dtypes_are_specialised():
    w, x = lg.parameter(np.ones(3), name="w"), lg.constant(np.ones(3), name="x")
    loss = np.sum(np.tanh(w * x) ** 2)
    step = lg.compile(loss, wrt=w, inputs=[w, x], backend="numba")
    rng = np.random.default_rng(0)
    for count, (shape, dtype) in enumerate([((3,), float), ((4, 2), float), ((4, 2), np.float32), ((), float)], 1):
        a, b = rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
        value, gradient = step(a, b)
        expected = lg.value_and_grad(lambda w, x: np.sum(np.tanh(w * x) ** 2))(a, b)
        close(value, np.asarray(expected[0]), 1e-6 if dtype is np.float32 else 1e-13)
        close(gradient, np.asarray(expected[1]), 1e-6 if dtype is np.float32 else 1e-13)
        assert step.statistics.specialisations == count
    assert step.statistics.calls == 4


def test_exact_means_the_same_bits_or_numpy():
    rng = np.random.default_rng(0)
    x, y = lg.parameter(0.3), lg.parameter(0.7)
    loss = np.sqrt(x * x + y) / (y - 3 * x) + np.where(x > y, x, y) * np.abs(y)
    step = lg.compile(loss, wrt=[x, y], inputs=[x, y], backend="numba", exact=True)
    for _ in range(20):
        point = rng.normal(size=2) ** 2
        found = step(*point.tolist())
        lg.update({x: point[0], y: point[1]})
        assert same_bits([found[0], *found[1]], [loss.value, *lg.gradient(loss, [x, y])])
    assert isinstance(form(step), plugin.Numbers)
    inexact = lg.compile(loss + np.tanh(x), wrt=[x, y], inputs=[x, y], backend="numba", exact=True)
    inexact(0.5, 0.25)
    assert not isinstance(form(inexact), plugin.Numbers)
    W = lg.parameter(rng.normal(size=(5, 4)))
    grown = np.abs(W) * 2 - W / 3
    step = lg.compile(grown, inputs=[W], backend="numba", exact=True)
    assert same_bits(step(W.value), grown.value)
    assert isinstance(form(step), plugin.Arrays)
    summed = lg.compile(np.sum(grown), inputs=[W], backend="numba", exact=True)
    summed(W.value)
    assert not isinstance(form(summed), plugin.Arrays)


# -- arrays --------------------------------------------------------------------------------------------------


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


# -- threads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (2000,)])
def test_threads_share_a_question(shape):
    x, y = lg.parameter(np.zeros(shape)), lg.parameter(np.zeros(shape))
    z = x
    for _ in range(50):
        z = np.sin(z) + y * 0.1
    step = lg.compile(np.sum(z), wrt=[x, y], inputs=[x, y], backend="numba")
    points = [(np.full(shape, 0.1 * k), np.full(shape, 1 - 0.1 * k)) for k in range(8)]
    expected = [step(*p) for p in points]
    wrong = []

    def work(k):
        for _ in range(40):
            value, gradients = step(*points[k])
            if not same_bits([value, *gradients], [expected[k][0], *expected[k][1]]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert step.statistics.calls == 8 + 8 * 40


def test_a_call_within_a_call(monkeypatch):
    x = lg.parameter(1.0)
    step = lg.compile(np.sin(x) * x, wrt=x, inputs=[x], backend="numba")
    expected = [step(0.25), step(0.5)]
    run, within = plugin.machine.run_numbers, []

    def interrupted(*args):
        wrong = run(*args)
        if not within:
            within.append(None)
            within[0] = again(0.5)
        return wrong

    monkeypatch.setattr(plugin.machine, "run_numbers", interrupted)
    again = lg.compile(np.sin(x) * x, wrt=x, inputs=[x], backend="numba")
    assert same_bits([again(0.25), within[0]], expected)
    assert again.statistics.calls == 2


# -- what is installed, and what is on disk ----------------------------------------------------------------------


def test_without_numba_there_is_an_error_that_helps(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("lazygrad.plugins") and "numba" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    x = lg.parameter(1.0)
    with pytest.raises(ImportError, match=r"lazygrad\[jit\]"):
        lg.compile(np.sin(x), inputs=[x], backend="numba")
    with pytest.raises(ImportError, match=r"lazygrad\[jit\]"):
        lg.compile(np.sin, wrt=0, backend="numba")
    monkeypatch.setattr("lazygrad._schedule.schedule.find_spec", lambda name: None)
    y = x
    for _ in range(2500):
        y = np.sin(y)
    assert lg.compile(y, inputs=[x])(0.0) == 0.0


def test_auto_takes_numba_for_what_is_long():
    x = lg.parameter(1.0)
    y = x
    for _ in range(2500):
        y = np.sin(y) + 0.1
    assert isinstance(form(lg.compile(y, inputs=[x])), plugin.Numbers)
    assert not isinstance(form(lg.compile(np.sin(x), inputs=[x])), plugin.Numbers)
    assert not isinstance(form(lg.compile(y, inputs=[x], backend="numpy")), plugin.Numbers)


SCRIPT = """
import lazygrad as lg, numpy as np
x = lg.parameter(1.0)
step = lg.compile(np.sin(x), wrt=x, inputs=[x], backend="numba")
assert step(0.0)[1] == 1.0
from lazygrad.plugins._numba import machine
stats = machine.run_numbers.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), machine.__file__)
"""


def test_the_next_process_does_not_compile_again(tmp_path):
    """Even where nothing can be written beside the package: then numba keeps it in the user's cache."""
    package = tmp_path / "site" / "lazygrad"
    shutil.copytree(Path(lg.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "plugins" / "_numba" / "__pycache__").write_text("no directory can be made here")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(package.parent), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        hits, misses, where = done.stdout.split()
        assert where.startswith(str(package))
        found.append((int(hits), int(misses)))
    assert found == [(0, 1), (1, 0)]
