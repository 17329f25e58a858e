"""The forms of schedules: random graphs in each of them, and which one is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._schedule import schedule as _schedule
from lazygrad._schedule.forms import batches
from lazygrad._schedule.forms.batches import Batches, write_batches
from lazygrad._schedule.forms.loop import Loop, write_loop
from lazygrad._schedule.forms.numbers import Numbers, Tape, has_only_numbers, write_numbers, write_tape
from lazygrad._schedule.forms.order import find_out_of_order
from lazygrad._schedule.forms.straight import Straight, write_straight
from lazygrad._schedule.program import Program
from tests.helpers.random_graphs import build, random_dag, same_bits
from tests.helpers.schedule_checks import assert_near, silence

Form = Callable[[Program, Any, bool], Any]


def as_straight(program: Program, params: Any, exact: bool) -> Any:
    return write_straight(program, params, exact, "")


def as_loop(program: Program, params: Any, exact: bool) -> Any:
    live = program.find_live()
    return write_loop(program, live, params) if not program.guards else None


def as_batches(program: Program, params: Any, exact: bool) -> Any:
    return write_batches(program, program.find_live(), params)


def as_numbers(program: Program, params: Any, exact: bool) -> Any:
    live = program.find_live()
    return write_numbers(program, live, params, "") if not program.guarded and has_only_numbers(program, live) else None


def as_tape(program: Program, params: Any, exact: bool) -> Any:
    live = program.find_live()
    return write_tape(program, live, params) if not program.guarded and has_only_numbers(program, live) else None


FORMS: dict[str, tuple[Form, type, bool]] = {  # how it is written, what comes of it, whether bit for bit
    "straight": (as_straight, Straight, True),
    "loop": (as_loop, Loop, True),
    "batches": (as_batches, Batches, True),
    "numbers": (as_numbers, Numbers, False),
    "tape": (as_tape, Tape, False),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("arrays", [False, True])
def test_random_graphs_in_every_form(form: str, arrays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    write, kind, exactly = FORMS[form]
    if arrays and not exactly:
        pytest.skip("for single numbers alone")
    placed = False

    def written(program: Program, params: Any, exact: bool, *rest: Any, **options: Any) -> Any:
        nonlocal placed
        placed = bool(find_out_of_order(program, program.find_live()))
        return write(program, params, exact) or as_straight(program, params, exact)

    monkeypatch.setattr(_schedule, "choose_form", written)
    monkeypatch.setattr(batches, "WORTH", 0)
    tried = 0
    for seed in range(30):
        dag = random_dag(2 * seed + arrays, arrays)
        nodes = build(dag.recipe)
        rng = np.random.default_rng(seed)
        L = nodes[dag.losses[-1]]
        wrt = [nodes[k] for k in dag.parameters]
        inputs = [nodes[k] for k in dag.parameters if rng.random() < 0.8]
        step = lg.compile(L, wrt, inputs, exact=exactly)
        if not isinstance(step.schedule._form, kind):
            continue
        tried += 1
        for scale in (1.0, 0.9, 1.05):
            values = [scale * i.value for i in inputs]
            with silence(f"seed {seed}"):
                found = step(*values)
                for i, x in zip(inputs, values, strict=True):
                    i.set(x)
                wanted = L.value, lg.gradient(L, wrt)
            if exactly and not (placed and kind is not Straight):
                assert same_bits(found, wanted), seed
            else:
                assert_near([found[0], *found[1]], [wanted[0], *wanted[1]], 1e-11)
    assert tried >= (4 if kind is Batches and arrays else 15)


@pytest.mark.parametrize("arrays", [False, True])
def test_second_derivatives_of_random_graphs(arrays: bool) -> None:
    for seed in range(25):
        dag = random_dag(2 * seed + arrays, arrays)
        nodes = build(dag.recipe)
        L, w = nodes[dag.losses[0]], nodes[dag.parameters[0]]
        v = lg.constant(np.random.default_rng(seed).normal(size=w.shape))
        product = lg.adjoint((lg.adjoint(L, w) * v).sum(), w)  # a Hessian-vector product
        with silence(f"seed {seed}"):
            found = lg.compile(product, inputs=[w, v], exact=True)(w.value, v.value)
            loose = lg.compile(product, inputs=[w, v])(w.value, v.value)
            assert same_bits(found, product.value)
            assert_near([loose], [product.value], 1e-11)


def layered(width: int, depth: int) -> tuple[list[lg.Node], lg.Node]:
    """Many small alike nodes: each layer of each of `width` strands reads two of the layer before."""
    rng = np.random.default_rng(0)
    leaves = [lg.parameter(rng.normal(size=3)) for _ in range(width)]
    layer = leaves
    for _ in range(depth):
        layer = [np.tanh(layer[k] * layer[(k * 7 + 1) % width] + layer[k - 1]) for k in range(width)]
    total = layer[0]
    for x in layer[1:]:
        total = total + x
    return leaves, total.sum()


def test_many_small_alike_nodes_are_batched() -> None:
    leaves, L = layered(60, 6)
    step = lg.compile(L, leaves, leaves, exact=True, backend="numpy")
    assert isinstance(step.schedule._form, Batches)
    rows = sum(batch.stop - batch.start for batch in step.schedule._form.batches)
    assert step.schedule.steps * 5 < rows
    for scale in (1.0, 0.5):
        values = [scale * i.value for i in leaves]
        found = step(*values)
        lg.update(dict(zip(leaves, values, strict=True)))
        assert same_bits(found, (L.value, lg.gradient(L, leaves)))


@pytest.mark.parametrize("read", ["as a result", "by others"])
@pytest.mark.parametrize("exact", [False, True])
def test_long_sums_in_batches(exact: bool, read: str) -> None:
    """Terms that are added and subtracted in their order are one step, up to a partial sum that others read."""
    rng = np.random.default_rng(0)
    leaves = [lg.parameter(rng.normal(size=3)) for _ in range(300)]
    terms = [np.tanh(x * 1.5) * np.sin(x) for x in leaves]
    total = terms[0]
    for k, term in enumerate(terms[1:]):
        total = total - term if k % 3 == 0 else total + term
        if k == 150:
            middle = total
    roots = [total, *((middle,) if read == "as a result" else (np.tanh(middle), middle * 2.0))]
    step = lg.compile(roots, inputs=leaves, exact=exact, backend="numpy")
    form = step.schedule._form
    assert isinstance(form, Batches)
    assert [batch.kernel.kind for batch in form.batches].count("total") == 2
    for scale in (1.0, 0.5):
        values = [scale * i.value for i in leaves]
        found = step(*values)
        lg.update(dict(zip(leaves, values, strict=True)))
        assert same_bits(found, [root.value for root in roots])


def test_a_long_chain_of_arrays_is_a_loop_of_steps() -> None:
    x = lg.parameter([0.1, 0.2])
    y = x
    for _ in range(3100):
        y = np.sin(y) + x
    step = lg.compile(y.sum(), x, x, exact=True, backend="numpy")
    assert isinstance(step.schedule._form, Loop)
    assert step.schedule.steps > 6000
    for value in ([0.1, 0.2], [0.3, -0.1]):
        found = step(value)
        x.set(value)
        assert same_bits(found, (y.sum().value, lg.gradient(y.sum(), x)))


def find_guarded(x: Any) -> Any:
    """Return a value whose derivative is nan at 0, were it not for a guard."""
    return np.where(x > 0, np.sqrt(x), 0.0)


def test_batches_and_loops_see_a_nan_that_a_guard_keeps_out() -> None:
    leaves = [lg.parameter(np.full(3, 1.0 + k)) for k in range(200)]
    L = sum((find_guarded(x * 1.5).sum() for x in leaves[1:]), find_guarded(leaves[0] * 1.5).sum())
    x = lg.parameter([1.0, 2.0])
    y = find_guarded(x)
    for _ in range(3100):
        y = np.sin(y) + 1.0
    for target, wrt, form in ((L, leaves, Batches), (y.sum(), [x], Loop)):
        step = lg.compile(target, wrt, wrt, exact=True, backend="numpy")
        assert isinstance(step.schedule._form, form)
        values = [i.value for i in wrt]
        assert same_bits(step(*values), (target.value, lg.gradient(target, wrt)))
        assert step.statistics.guarded == 0
        for k, bad in enumerate((0.0, np.nan)):  # NumPy warns of 0 * inf, but not of 0 * nan
            values[-1] = np.where(np.arange(values[-1].size) == 1, bad, 2.0)
            lg.update(dict(zip(wrt, values, strict=True)))
            with silence(form.__name__):
                assert same_bits(step(*values), (target.value, lg.gradient(target, wrt)))
            assert step.statistics.guarded == k + 1
            assert np.isfinite(lg.gradient(target, wrt[-1])).all()


def test_a_graph_of_numbers_runs_on_floats_unless_it_must_be_exact() -> None:
    x = lg.parameter(0.3)
    L = np.exp(np.sin(x) * x)
    assert isinstance(lg.compile(L, x, x, backend="numpy").schedule._form, Numbers)
    assert isinstance(lg.compile(L, x, x, exact=True, backend="numpy").schedule._form, Straight)


def test_very_many_numbers_are_a_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    x = lg.parameter(0.3)
    L = x
    for _ in range(20):
        L = np.sin(L) * x + L
    for limit, form in ((10_000, Numbers), (20, Tape)):
        monkeypatch.setattr(_schedule, "LONGEST_SOURCE", limit)
        step = lg.compile(L, x, x, backend="numpy")
        assert isinstance(step.schedule._form, form)
        for value in (0.3, -0.7):
            x.set(value)
            assert_near(step(value), (L.value, lg.gradient(L, x)), 1e-14)


def test_setup_is_linear() -> None:
    """Rows and statements grow with the nodes, whatever they share."""
    steps = []
    for depth in (50, 100, 200):
        x = lg.parameter([0.1, 0.2])
        y = x
        for _ in range(depth):
            y = np.tanh(y * y)
        steps.append(lg.compile(y.sum(), x, x, exact=True).schedule.steps)
    assert steps[2] - steps[1] == 2 * (steps[1] - steps[0])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_product_below_what_selects_looks_at_its_smaller_factor(backend: Any, exact: bool) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(3, 5)), rng.normal(size=(5, 4))
    missing = X.copy()
    missing[1] = np.nan
    x, w = lg.parameter(X), lg.parameter(W)
    L = (np.where(np.array([[True], [False], [True]]), x @ w, 0.0) ** 2).sum()
    step = lg.compile(L, w, [x, w], exact=exact, backend=backend)
    for k, data in enumerate((X, missing, X)):
        x.set(data)
        expected = lg.gradient(L, w)
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(step(data, W)[1], expected, rtol=1e-12)
        assert step.statistics.guarded == min(k, 1)
