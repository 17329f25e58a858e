"""Where nan and inf are born: found in random graphs wherever they are planted, and watched for by `errstate`."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._report.nonfinite import Operand
from lazygrad.inspect import find_nonfinite
from lazygrad.ops._declare import op
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import KINDS, Kind, RandomDag, Recipe, Step, build, random_dag, same_bits

rules_run: list[str] = []


def identity_op(name: str, function: Any, rule: Any) -> Any:
    return op(name, function, shape=lambda x: (x.shape, x.dtype), vjp={"x": rule}, register=False)


def noted(g: Any) -> Any:
    rules_run.append("flat")
    return g * np.nan


bad_value = identity_op("bad_value", lambda x: x * np.nan, lambda g: g)
bad_rule = identity_op("bad_rule", lambda x: x + 0.0, lambda g: g * np.inf)
flat = identity_op("flat", np.ones_like, noted)  # one everywhere; its derivative is nan
bad_second = identity_op("bad_second", lambda x: x + 0.0, lambda g, x: g * flat(x))

BATCHES = range(0, 100, 20)  # each seed without and with arrays: 200 graphs


@pytest.fixture(autouse=True)
def _planted_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for planted in (bad_value, bad_rule, bad_second):
        monkeypatch.setitem(KINDS, planted.name, Kind(planted, planted.function, ()))


class Planted:
    """A random graph with one more node: the op `kind` between a step and all that is built on it."""

    def __init__(self, dag: RandomDag, kind: str, rng: np.random.Generator) -> None:
        target = int(rng.choice(dag.losses))
        below = {target}
        for j in range(target, -1, -1):
            if j in below:
                below.update(dag.recipe[j].inputs)
        k = int(rng.choice([j for j in below if dag.values[j].dtype.kind == "f"]))
        moved = [s._replace(inputs=tuple(j + (j >= k) for j in s.inputs)) for s in dag.recipe[k + 1 :]]
        self.recipe: Recipe = [*dag.recipe[: k + 1], Step(kind, (k,)), *moved]
        self.nodes = build(self.recipe)
        self.place = self.nodes[k + 1]
        self.L = self.nodes[target + (target >= k)]
        self.wrt = [self.nodes[p + (p > k)] for p in rng.permutation(dag.parameters)[: rng.integers(1, 3)]]

    def between(self, w: lg.Node) -> bool:
        """Whether the planted node is on an open path from `w` to the loss."""
        d = lg.differentiator(self.L)
        onwards = lg.Differentiator(self.place, cotangent=np.ones(self.place.shape))
        return d.is_connected(self.place) and onwards.is_connected(w) and w is not self.place


def graphs(first: int) -> list[tuple[RandomDag, np.random.Generator]]:
    return [
        (random_dag(2 * seed + arrays, arrays), np.random.default_rng([seed, arrays]))
        for seed in range(first, first + 20)
        for arrays in (False, True)
    ]


def value(i: lg.Node) -> Any:
    return i.value


def raised(ask: Any, *args: Any) -> Any:
    """What `errstate` raises while a question is answered."""
    with lg.errstate(nonfinite="raise"), pytest.raises(lg.NonFiniteError) as error:
        ask(*args)
    return error.value.found


def check_value(found: Any, place: lg.Node) -> None:
    assert (found.kind, found.node, found.op) == ("value", place, "bad_value")
    assert [one.finite for one in found.inputs] == [True]
    assert found.output.nans == place.size


def check_edge(found: Any, place: lg.Node) -> None:
    assert (found.kind, found.node, found.input, found.argnum) == ("contribution", place, place.inputs[0], 0)
    assert all(one.finite for one in found.inputs)
    assert not found.output.finite


# -- planted in random graphs -----------------------------------------------------------------------------


@pytest.mark.parametrize("first", BATCHES)
def test_nothing_is_found_where_all_is_finite(first: int) -> None:
    for dag, _ in graphs(first):
        nodes = build(dag.recipe)
        L, wrt = nodes[dag.losses[0]], [nodes[p] for p in dag.parameters]
        assert find_nonfinite(L) is None
        assert find_nonfinite(L, wrt) is None
        gradient = lg.gradient(L, wrt, unconnected="none")
        fresh = build(dag.recipe)
        with lg.errstate(nonfinite="raise"):
            again = lg.gradient(fresh[dag.losses[0]], [fresh[p] for p in dag.parameters], unconnected="none")
        assert same_bits(again, gradient)


@pytest.mark.parametrize("first", BATCHES)
def test_a_value_is_located_and_nothing_after_it_is_evaluated(first: int) -> None:
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_value", rng)
        with lg.record() as report:
            check_value(find_nonfinite(p.L), p.place)
        assert report.values.computed[-1] is p.place
        assert max(i.serial for i in report.values.computed) == p.place.serial
        assert report.values.hits >= 0
        with lg.record() as report:
            check_value(find_nonfinite(p.L), p.place)
        assert report.values.computed == report.adjoints.computed == ()
        check_value(find_nonfinite(p.L, p.wrt), p.place)
        fresh = Planted(dag, "bad_value", rng)
        check_value(find_nonfinite(fresh.L, fresh.wrt), fresh.place)
        again = Planted(dag, "bad_value", rng)
        check_value(raised(value, again.L), again.place)
        check_value(raised(value, again.L), again.place)  # a second question sees it, too
        assert np.isnan(again.place.value).all()
        check_invariants(again.nodes)


@pytest.mark.parametrize("first", BATCHES)
def test_an_edge_is_located(first: int) -> None:
    located = 0
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_rule", rng)
        assert find_nonfinite(p.L) is None
        located_before = False
        for w in p.wrt:
            if p.between(w):
                with lg.record() as report:
                    check_edge(find_nonfinite(p.L, w), p.place)
                assert located_before or report.adjoints.computed[-1] is p.place.inputs[0]
                with lg.record() as report:
                    check_edge(find_nonfinite(p.L, [w]), p.place)
                assert report.values.computed == report.adjoints.computed == ()
                located_before = True
            else:
                assert find_nonfinite(p.L, w) is None
        located += located_before
        lg.differentiator(p.L).cache_clear()
        if located_before:
            check_edge(raised(lg.gradient, p.L, p.wrt), p.place)
            check_invariants(p.nodes)
    assert located > 10


@pytest.mark.parametrize("first", BATCHES)
def test_an_edge_is_located_in_a_target_made_of_adjoints(first: int) -> None:
    located = 0
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_rule", rng)
        w = p.wrt[0]
        M = np.tanh(lg.adjoint(p.L, w) * 0.5).sum()
        found = find_nonfinite(M)
        if p.between(w):
            check_edge(found, p.place)
            check_edge(find_nonfinite(M, p.wrt), p.place)
            located += 1
        else:
            assert found is None
    assert located > 5


@pytest.mark.parametrize("first", BATCHES)
def test_an_edge_of_second_order_is_located(first: int) -> None:
    located = 0
    for dag, rng in graphs(first):
        p = Planted(dag, "bad_second", rng)
        w, v = p.wrt[0], p.wrt[-1]
        assert find_nonfinite(p.L, p.wrt) is None
        M = (lg.adjoint(p.L, w) * 0.5).sum()
        rules_run.clear()
        lg.gradient(M, v, unconnected="none")
        met = bool(rules_run)
        for fresh in (True, False):
            if fresh:
                M = (lg.adjoint(p.L, w) * 0.5).sum()
            found = find_nonfinite(M, v)
            if met:
                assert (found.kind, found.op, found.input.op.name) == ("contribution", "flat", "identity")
                assert [one.finite for one in found.inputs] == [True]
            else:
                assert found is None
        located += met
        if met:
            found = raised(lg.gradient, (lg.adjoint(p.L, w) * 0.25).sum(), v)
            assert (found.kind, found.op) == ("contribution", "flat")
    assert located > 3


# -- what the record tells ------------------------------------------------------------------------------


def test_a_value_prints_with_its_inputs_and_its_line() -> None:
    x, y = lg.parameter([1.0, 0.0, -2.0], name="x"), lg.constant(3.0, name="y")
    with lg.trace_sources():
        q = np.divide(y, x)
    q.name = "q"
    line = test_a_value_prints_with_its_inputs_and_its_line.__code__.co_firstlineno + 3
    found = find_nonfinite(q.sum())
    assert found is not None
    assert (found.op, found.name, found.source) == ("divide", "q", q.source)
    shown = str(found).splitlines()
    assert shown[0] == "the value of q (op divide) is inf, and its inputs are finite"
    assert repr(found) == f"<NonFinite: {shown[0]}>"
    assert shown[1].endswith(f"test_nonfinite.py:{line}")
    assert shown[2:] == [
        "  from y: shape (), float64, finite, 3 to 3",
        "  from x: shape (3,), float64, finite, -2 to 1",
        "  gives q: shape (3,), float64, 1 inf, first at (1,), others -1.5 to 3",
    ]


def test_summaries() -> None:
    one = Operand.of("z", np.array([[3 + 4j, np.nan], [complex(np.inf, 0), 0]]))
    assert (one.min, one.max, one.nans, one.infs, one.where, one.what) == (0.0, 5.0, 1, 1, (0, 1), "nan and inf")
    assert str(one) == "z: shape (2, 2), complex128, 1 nan, 1 inf, first at (0, 1), others 0 to 5"
    assert str(Operand.of("e", np.zeros((0, 2)))) == "e: shape (0, 2), float64, empty"
    assert str(Operand.of("n", np.float32(np.nan))) == "n: shape (), float32, 1 nan"
    assert str(Operand.of("k", np.array([3, 5]))) == "k: shape (2,), int64, finite, 3 to 5"


def test_a_sum_that_overflows_is_born_in_the_sum() -> None:
    x = lg.parameter(1.0, name="x")
    L = x * 1e308 + x * 1.5e308
    found = find_nonfinite(L, x)
    assert found is not None
    assert (found.kind, found.node, len(found.inputs)) == ("sum", x, 2)
    assert [one.max for one in found.inputs] == [1e308, 1.5e308]
    assert str(found).startswith("the sum of the contributions to dL/dx is inf, and each of them is finite")
    assert raised(lg.gradient, L * 1.0, x).kind == "sum"


def test_a_contribution_too_large_for_the_dtype_of_its_input() -> None:
    x = lg.parameter(np.float32(1.0))
    y = x.astype(float)
    found = find_nonfinite(y * 1e300, x)
    assert found is not None
    assert (found.kind, found.node) == ("contribution", y)


def test_several_births_are_told_in_the_order_of_the_flow_of_data() -> None:
    x = lg.parameter(0.0, name="x")
    first, second = np.log(x), np.divide(1.0, x)
    L = second * 0.0 + first * 0.0
    with np.errstate(divide="ignore"):
        assert second.value == np.inf  # in the memo before
    assert find_nonfinite(L).node is first  # type: ignore[union-attr]
    assert find_nonfinite(second).node is second  # type: ignore[union-attr]
    found = find_nonfinite(L, x)  # what the gradient reads comes before what it does not
    assert found is not None
    assert (found.kind, found.node) == ("value", second)
    found = find_nonfinite(np.log(x), x)  # the rule of log does not read its value
    assert found is not None
    assert (found.kind, found.op) == ("value", "log")


def test_what_no_derivative_reads_is_looked_into_last() -> None:
    calls: list[str] = []
    expensive = identity_op("expensive", lambda x: calls.append("value") or x, lambda g: g)
    W, x = lg.parameter([1.0, 2.0]), lg.parameter(-1.0)
    L = (bad_rule(W) * 3.0).sum() + expensive(x)
    found = find_nonfinite(L, W)
    assert found is not None
    assert found.op == "bad_rule"
    assert calls == []
    L = (W * 3.0).sum() + bad_value(x)
    assert find_nonfinite(L, W).op == "bad_value"  # type: ignore[union-attr]


def test_leaves() -> None:
    nan, mask, x = (
        lg.parameter([1.0, np.nan], name="nan"),
        lg.constant([-np.inf, 0.0], name="mask"),
        lg.parameter([1.0, 2.0]),
    )
    found = find_nonfinite((np.sin(nan) * x).sum(), x)
    assert found is not None
    assert (found.kind, found.node, found.op) == ("leaf", nan, "leaf")
    assert str(found) == "the leaf nan holds nan\n  gives nan: shape (2,), float64, 1 nan, first at (1,), others 1 to 1"
    assert raised(lg.gradient, (nan * x).sum(), x).node is nan
    attention = lg.ops.softmax(x + mask)
    with lg.errstate(nonfinite="raise"):
        lg.gradient((attention * x).sum(), x)
    assert find_nonfinite((attention * x).sum(), x) is None
    assert find_nonfinite((x + mask).sum()).node is mask  # type: ignore[union-attr]
    assert find_nonfinite(nan).node is nan  # type: ignore[union-attr]
    filled = np.where(np.isnan(nan), 0.0, nan)
    with lg.errstate(nonfinite="raise"):
        assert filled.value.tolist() == [1.0, 0.0]
    assert find_nonfinite(filled) is None


def test_names_structures_cotangents_and_refusals() -> None:
    x = lg.parameter([0.0, 1.0], name="x")
    y = np.sqrt(x)
    assert find_nonfinite(y, {"x": "x"}, cotangent=[1.0, 0.0]).input is x  # type: ignore[union-attr]
    assert find_nonfinite(y, (x,), cotangent=[0.0, 1.0]) is None  # a zero adjoint lets no singularity through
    with pytest.raises(TypeError, match="one element"):
        find_nonfinite(y, x)
    with pytest.raises(TypeError, match="expected a node"):
        find_nonfinite(3.0)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="no node is named"):
        find_nonfinite(y.sum(), "z")
    unconnected = lg.parameter(1.0)
    assert find_nonfinite(y.sum(), unconnected) is None


def test_after_a_leaf_was_set_only_what_is_stale_is_evaluated() -> None:
    x, w = lg.parameter(1.0), lg.parameter(2.0)
    kept, moved = np.sin(w), np.log(x)
    L = kept + moved
    assert find_nonfinite(L) is None
    x.set(0.0)
    with lg.record() as report:
        assert find_nonfinite(L).node is moved  # type: ignore[union-attr]
    assert report.values.computed == (moved,)


def test_a_target_that_is_gone_leaves_its_adjoints_searchable() -> None:
    x = lg.parameter(0.0)
    g = lg.adjoint(np.exp(bad_value(x)), x)
    assert find_nonfinite(g).op == "bad_value"  # type: ignore[union-attr]


def test_a_deep_chain() -> None:
    x = node = lg.parameter(1.0)
    for _ in range(20_000):
        node = np.negative(node)
    node = bad = bad_rule(node)
    for _ in range(20_000):
        node = np.negative(node)
    assert find_nonfinite(node) is None
    check_edge(find_nonfinite(node, x), bad)


# -- errstate ---------------------------------------------------------------------------------------------


def logarithm() -> tuple[lg.Node, lg.Node]:
    x = lg.parameter([1.0, 0.0], name="x")
    return x, np.log(x).sum()


def test_a_warning_names_the_place_once_and_the_numbers_go_on() -> None:
    x, L = logarithm()
    with lg.errstate(nonfinite="warn"), pytest.warns(lg.NonFiniteWarning) as caught:
        found = [L.value, *lg.gradient(L, x)]
    assert found == [-np.inf, 1.0, np.inf]
    first, second = [str(w.message).splitlines()[0] for w in caught]
    assert first.startswith("the value of log#")
    assert second.startswith("the contribution of log#")
    assert {w.filename for w in caught} == {__file__}


def test_numpy_warns_elsewhere_as_ever() -> None:
    _, L = logarithm()
    with (
        lg.errstate(nonfinite="warn"),
        lg.errstate(nonfinite="ignore"),
        pytest.warns(RuntimeWarning, match="divide by zero"),
    ):
        assert L.value == -np.inf
    with lg.errstate(nonfinite="warn"), pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(1))


def test_blocks_nest_and_the_innermost_counts() -> None:
    with lg.errstate(nonfinite="raise"):
        with lg.errstate(nonfinite="ignore"), np.errstate(divide="ignore"):
            assert logarithm()[1].value == -np.inf
        with lg.errstate(nonfinite="warn"), pytest.warns(lg.NonFiniteWarning):
            assert logarithm()[1].value == -np.inf
        with pytest.raises(lg.NonFiniteError):
            value(logarithm()[1])
    with np.errstate(divide="ignore"):
        assert logarithm()[1].value == -np.inf


def test_what_raised_is_not_kept_nor_reported_and_the_graph_goes_on() -> None:
    x, L = logarithm()
    for _ in range(2):
        with lg.record() as report, lg.errstate():
            with lg.record() as inner, pytest.raises(lg.NonFiniteError, match="the value of log"):
                value(L)
            assert report.values.computed == inner.values.computed == ()
    x.set([1.0, np.e])
    with lg.errstate():
        assert L.value == 1.0
    check_invariants([x, L])


def test_inside_function_transforms() -> None:
    def root(x: Any) -> Any:
        return np.sum(np.sqrt(x))

    zero = np.zeros(2)
    for transformed in (lg.grad(root), lg.value_and_grad(root), lg.grad(lambda x: lg.grad(root)(x + 1.0)[0] / x[1])):
        assert raised(transformed, zero).kind in ("contribution", "value")
    with lg.errstate():
        assert lg.grad(root)(np.ones(2)).tolist() == [0.5, 0.5]
    with np.errstate(divide="ignore"):
        assert lg.grad(root)(zero).tolist() == [np.inf, np.inf]


def test_other_threads_are_not_watched() -> None:
    _, L = logarithm()
    found: list[Any] = []

    def ask() -> None:
        with warnings.catch_warnings(), np.errstate(divide="ignore"):
            found.append(L.value)

    with lg.errstate():
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert found == [-np.inf]


def test_an_op_that_raises_leaves_numpys_settings_alone() -> None:
    def fails(x: Any) -> Any:
        raise OSError("no")

    broken = identity_op("broken", fails, lambda g: g)
    before = np.geterr()
    with lg.errstate(), pytest.raises(OSError, match="no"):
        value(broken(lg.parameter(1.0)))
    assert np.geterr() == before


def test_modes_and_errors() -> None:
    with pytest.raises(ValueError, match="'raise', 'warn' or 'ignore', not 'print'"):
        lg.errstate(nonfinite="print")  # type: ignore[arg-type]
    assert issubclass(lg.NonFiniteError, lg.LazygradError)
    assert issubclass(lg.NonFiniteError, FloatingPointError)
    _, L = logarithm()
    with lg.errstate(), pytest.raises(lg.NonFiniteError) as error:
        value(L)
    assert error.value.found.node is L.inputs[0]
    assert str(error.value) == str(error.value.found)
