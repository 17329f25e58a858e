"""The bar: it counts what is computed, and knows beforehand how much that will be."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.watch import attach_watcher
from lazygrad._report.progress import Progress
from tests.helpers.query_sessions import draw_question
from tests.helpers.random_graphs import build, make_watched_op, random_dag

pytest.importorskip("tqdm")


class Bar:
    """Stands for tqdm: notes each total that is shown, and how much was done when."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.totals: list[tuple[int, int]] = []

    def refresh(self) -> None:
        self.totals.append((self.done, self.total))

    def update(self, n: int) -> None:
        self.done += n
        assert self.done <= self.total


def test_what_is_planned_at_the_start_of_a_question_is_done_at_its_end() -> None:
    for seed in range(150):
        dag = random_dag(seed, arrays=bool(seed % 2))
        nodes = build(dag.recipe)
        rng = np.random.default_rng(seed)
        bar = Bar()
        shown = Progress(bar)
        with np.errstate(all="ignore"), lg.record() as report, attach_watcher(shown):
            for _ in range(3):
                target, wrt = draw_question(dag, rng)
                before = len(bar.totals)
                start = shown.done
                lg.gradient(nodes[target], [nodes[k] for k in wrt], unconnected="none")
                assert all(done == start for done, _ in bar.totals[before:])  # nothing was planned later
                assert shown.done == shown.planned == bar.done
                nodes[dag.parameters[0]].set(np.asarray(nodes[dag.parameters[0]].value) + 0.1)
        assert shown.done == report.values.misses + report.adjoints.misses


def test_values_transforms_and_gradients_of_gradients() -> None:
    x = lg.parameter(0.3)
    y = np.sin(x) * np.cos(x)
    with lg.record() as report, lg.progress(file=io.StringIO()) as bar:
        y.value  # noqa: B018
        assert (bar.done, bar.planned) == (3, 3)
        lg.gradient(lg.adjoint(y, x) * 2.0, x)
        lg.grad(lambda t: np.exp(np.sin(t)))(0.5)
    assert bar.done == bar.planned == report.values.misses + report.adjoints.misses


@pytest.mark.parametrize("engine", ["sweep", "children", "forward"])
def test_engines_without_a_memo_are_counted_as_they_go(engine: str) -> None:
    x = lg.parameter(0.3)
    y = np.sin(np.exp(np.sin(x)))
    with lg.record() as report, lg.progress(file=io.StringIO()) as bar:
        lg.gradient(y, x, engine=engine)
    assert bar.done == bar.planned == report.values.misses + report.adjoints.misses > 0


@pytest.mark.parametrize("engine", ["sweep", "children", "forward"])
def test_what_an_engine_without_a_memo_computes_is_not_planned(engine: str) -> None:
    x = lg.parameter(0.3)
    y = np.sin(np.exp(np.sin(x)))
    assert y.value > 0
    bar = Bar()
    with lg.record() as report, attach_watcher(Progress(bar)):
        lg.gradient(y, x, engine=engine)
    visits = report.adjoints.misses
    assert bar.totals == [(k, k + 1) for k in range(visits)]
    assert y._memo is None or not y._memo.adjoints


def test_an_exception_leaves_the_bar_right() -> None:
    def before(what: str) -> None:
        raise ZeroDivisionError

    x = lg.parameter(1.0)
    good = np.sin(np.exp(x))
    bad = make_watched_op("bad", before=before)(good)
    with lg.progress(file=io.StringIO()) as bar:
        with pytest.raises(ZeroDivisionError):
            bad.value  # noqa: B018
        assert bar.done == bar.planned == 2
        np.cos(good).value  # noqa: B018
        assert bar.done == bar.planned == 3


def test_the_bar_is_shown_where_asked_and_nowhere_else(capfd: Any) -> None:
    y = x = lg.parameter(0.5)
    for _ in range(300):
        y = np.sin(y)
    lg.gradient(y, x)
    assert capfd.readouterr() == ("", "")
    x.set(0.6)
    out = io.StringIO()
    with lg.progress("training", file=out, mininterval=0):
        lg.gradient(y, x)
    assert "training: 100%" in out.getvalue()
    assert "599/599" in out.getvalue()
    assert capfd.readouterr() == ("", "")
    with lg.progress():
        x.set(0.7)
        y.value  # noqa: B018
    assert "300/300" in capfd.readouterr().err


@pytest.mark.parametrize("depth", [2_000, pytest.param(50_000, marks=pytest.mark.deep)])
def test_a_deep_graph_is_planned_in_linear_time(depth: int) -> None:
    y = x = lg.parameter(0.5)
    for _ in range(depth):
        y = np.sin(y)
    with lg.progress(file=io.StringIO()) as bar:
        lg.gradient(y, [x, y.inputs[0]])
    assert bar.done == bar.planned == 2 * depth - 1
