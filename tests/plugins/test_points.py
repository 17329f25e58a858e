"""Any derivative at the points asked last, without a host: what is remembered, shared, forgotten and counted."""

import weakref

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.plugins._points import STRUCTURES, GraphMemo, add_step, is_number, kind_of
from tests.helpers.collector import no_collector
from tests.helpers.point_questions import HVP, ONES, VJP, X, ask, cube, names

# -- what a derivative is ----------------------------------------------------------------------------


def test_derivatives_of_any_order_at_one_point():
    memo = GraphMemo(cube)
    (value,) = ask(memo, X)
    (gradient,) = ask(memo, X, VJP, [1.0])
    (product,) = ask(memo, X, HVP, [1.0, [1.0, 0.0]])
    third = add_step(HVP, "vjp", (0,), (0,))
    (thirds,) = ask(memo, X, third, [1.0, [1.0, 1.0], [0.0, 1.0]])
    assert value == 9.0
    assert gradient.tolist() == [3.0, 12.0]
    assert product.tolist() == [6.0, 0.0]
    assert thirds.tolist() == [0.0, 6.0]
    assert memo.statistics.schedules == memo.statistics.misses == 1


def test_derivatives_by_cotangents_are_derivatives_as_well():
    memo = GraphMemo(cube)
    by_both = add_step(VJP, "vjp", (0,), (0, 1))  # x, and the cotangent of the value
    by_x, by_seed = ask(memo, X, by_both, [2.0, ONES])
    assert by_x.tolist() == [12.0, 24.0]
    assert by_seed == 15.0
    forward = add_step(VJP, "jvp", (0,), (0, 1))
    (pushed,) = ask(memo, X, forward, [2.0, [1.0, 0.0], 1.0])
    assert pushed.tolist() == [12.0 + 3.0, 12.0]


def test_forward_mode_and_zeros_where_nothing_leads():
    memo = GraphMemo(lambda x, y: (x * y, np.sin(y)))
    steps = add_step((), "jvp", (0, 1), (0,))
    product, sine = memo.answer((X, 3.0 * ONES), {}, [0, 1], steps, [ONES])[0]
    assert product.tolist() == [3.0, 3.0]
    assert sine.tolist() == [0.0, 0.0]
    back = add_step((), "vjp", (1,), (0, 1))
    by_x, by_y = memo.answer((X, 0.0 * ONES), {}, [0, 1], back, [ONES])[0]
    assert by_x.tolist() == [0.0, 0.0]
    assert by_y.tolist() == [1.0, 1.0]


def test_a_step_value_chooses_among_the_outputs():
    memo = GraphMemo(lambda x: (np.exp(x), np.sin(x), np.cos(x)))
    with lg.record() as report:
        (cosine,) = ask(memo, X, add_step((), "value", (2,), ()))
    assert cosine.tolist() == np.cos(X).tolist()
    assert names(report) == ["cos"]


def test_only_the_rules_on_the_way_to_what_is_asked_run():
    memo = GraphMemo(lambda x, y: np.sum(np.exp(x) * np.sin(y)))
    rules = {}
    for ins in [(0,), (1,), (0, 1)]:
        memo.clear()
        with lg.record() as report:
            memo.answer((X, X), {}, [0, 1], add_step((), "vjp", (0,), ins), [1.0])
        rules[ins] = report.rules_run
    assert rules[0,] == rules[1,] < rules[0, 1] < 2 * rules[0,]


def test_the_convention_of_a_host_goes_both_ways():
    def conjugate(node):
        return np.conj(node) if node.dtype.kind == "c" else node

    z, w = np.array([1 + 2j]), np.array([0.5 + 1j])
    ours, theirs = GraphMemo(lambda z: z * z), GraphMemo(lambda z: z * z, 2, conjugate)
    (plain,), (converted,) = ask(ours, z, VJP, [w]), ask(theirs, z, VJP, [np.conj(w)])
    assert plain.tolist() == (2 * z * w).tolist()
    assert converted.tolist() == np.conj(plain).tolist()


def test_answers_are_the_callers_own():
    memo = GraphMemo(lambda x: x)
    (first,) = ask(memo, X)
    first[:] = 7.0
    given = X.copy()
    (again,) = ask(memo, given)
    given[:] = 7.0
    assert ask(memo, X)[0].tolist() == again.tolist() == [1.0, 2.0]


def test_what_is_no_array_passes_through():
    memo = GraphMemo(lambda x, times: {"y": times * x, "text": "as it is", "five": 5})
    arrays, out = memo.answer((X,), {"times": 2}, [0])
    assert [a.tolist() for a in arrays] == [[2.0, 4.0], 5]
    assert out["text"] == "as it is"
    assert [is_number(leaf) for leaf in (X, 1, 1j, True, np.float32(1), "a", None)] == [True] * 5 + [False] * 2


def test_kinds_are_told_from_the_outside_in():
    assert kind_of(()) == "value"
    assert kind_of(add_step(VJP, "jvp", (0,), (0,))) == "jvp of vjp"
    assert (kind_of((), "f"), kind_of(VJP, "f")) == ("f", "vjp of f")


# -- points ------------------------------------------------------------------------------------------


def test_a_point_that_comes_back_finds_its_values():
    memo = GraphMemo(cube)
    for x in (X, X + 1):
        ask(memo, x)
        ask(memo, x, VJP, [1.0])
    for x in (X, X + 1, X):
        with lg.record() as report:
            ask(memo, x)
            ask(memo, x, VJP, [1.0])
        assert (names(report), report.rules_run) == ([], 0)
    assert (memo.statistics.misses, memo.statistics.hits) == (2, 2 + 6)


def test_points_are_told_apart_bit_for_bit():
    memo = GraphMemo(lambda x: 1 / x)
    with np.errstate(divide="ignore"):
        assert ask(memo, np.array(0.0))[0] == np.inf
        assert ask(memo, np.array(-0.0))[0] == -np.inf
    for _ in range(2):
        ask(memo, np.array(np.nan))
    assert (memo.statistics.misses, memo.statistics.hits) == (3, 1)  # nan is itself


def test_the_point_asked_longest_ago_is_forgotten():
    memo = GraphMemo(cube, 3)
    for k in (0, 1, 2, 0, 3):  # by the last one, 1 is the oldest
        ask(memo, X + k)
    computed = {}
    for k in (0, 2, 3, 1):
        with lg.record() as report:
            ask(memo, X + k)
        computed[k] = len(names(report))
    assert computed == {0: 0, 2: 0, 3: 0, 1: 2}
    assert memo.statistics.misses == 5


def test_a_graph_moves_on_to_a_new_point():
    memo = GraphMemo(cube)
    for k in range(10):
        (value,), (gradient,) = ask(memo, X + k), ask(memo, X + k, VJP, [1.0])
        assert value == cube(X + k)
        assert gradient.tolist() == (3 * (X + k) ** 2).tolist()
    assert (memo.statistics.schedules, memo.statistics.misses) == (2, 10)
    assert len(memo._graphs) == 2


def test_one_point_is_enough():
    memo = GraphMemo(cube, 1)
    for k in (0, 1, 0):
        ask(memo, X + k)
    assert (memo.statistics.schedules, memo.statistics.misses) == (1, 3)


@pytest.mark.parametrize("points", [0, -1])
def test_no_point_is_too_few(points):
    with pytest.raises(ValueError, match=f"points must be at least 1, not {points}: the graph of a call is kept"):
        GraphMemo(cube, points)


def test_every_structure_has_points_of_its_own():
    memo = GraphMemo(cube)
    for x in (X, X + 1, np.ones(3), np.ones((1, 2)), X.astype(np.float32)):
        ask(memo, x)
    with lg.record() as report:
        ask(memo, X)
        ask(memo, X + 1)
        memo.answer((X,), {}, [])  # by other inputs: another graph
    assert names(report) == ["pow", "sum"]
    assert memo.statistics.schedules == 6


def test_graphs_of_many_structures_are_bounded():
    memo = GraphMemo(cube)
    for n in range(5 * STRUCTURES):
        ask(memo, np.ones(n))
    assert len(memo._graphs) == 2 * STRUCTURES
    ask(memo, np.ones(3 * STRUCTURES))
    assert memo.statistics.hits == 1
    ask(memo, np.ones(3 * STRUCTURES - 1))
    assert (memo.statistics.hits, memo.statistics.schedules) == (1, 5 * STRUCTURES + 1)


def test_forgotten_graphs_go_at_once():
    memo = GraphMemo(cube)
    ask(memo, X, HVP, [1.0, ONES])
    nodes = [weakref.ref(i) for graph in memo._graphs for _, outs in graph._derivatives.values() for i in outs]
    assert len(nodes) == 3
    with no_collector():
        memo.clear()
        assert [node() for node in nodes] == [None] * 3


# -- what is shared ----------------------------------------------------------------------------------


def test_questions_at_one_point_share_graph_and_memo():
    memo = GraphMemo(lambda x: np.sum(np.exp(x) ** 2))
    with lg.record() as report:
        ask(memo, X)
        ask(memo, X, VJP, [1.0])
        ask(memo, X, HVP, [1.0, [1.0, 0.0]])
    assert names(report).count("exp") == 1
    assert len({i.serial for i in report.values.computed}) == len(names(report))  # each node once
    with lg.record() as report:
        ask(memo, X)
        ask(memo, X, VJP, [1.0])
    assert names(report) == []
    assert memo.statistics.schedules == 1


def test_a_derivative_is_built_once_for_all_questions():
    memo = GraphMemo(lambda x, y: np.sum(np.exp(x) * y))
    graph = memo.example((X, X), {}, [0, 1])
    first, second = (graph.build(add_step((), "vjp", (0,), ins)) for ins in [(0,), (1,)])
    assert first[0] == second[0]  # one leaf for the cotangent, whatever is asked by it
    assert graph.build(add_step((), "vjp", (0,), (0,)))[1][0] is first[1][0]
    with lg.record() as report:
        memo.answer((X, X), {}, [0, 1], add_step((), "vjp", (0,), (0, 1)), [1.0])
    both = report.rules_run
    with lg.record() as report:
        for ins in [(0,), (1,)]:
            memo.answer((X, X), {}, [0, 1], add_step((), "vjp", (0,), ins), [1.0])
    assert (both, report.rules_run) == (4, 0)


def test_cotangents_of_different_outputs_have_leaves_of_their_own():
    memo = GraphMemo(lambda x, y: (x * y, x - y))
    answers = {}
    for outs in [(0,), (1,), (0, 1), (1,)]:
        steps = add_step((), "vjp", outs, (0, 1))
        found, _ = memo.answer((X, 3 * X), {}, [0, 1], steps, [ONES * (k + 1) for k in outs])
        answers[outs] = [a.tolist() for a in found]
    assert answers[0,] == [[3.0, 6.0], [1.0, 2.0]]
    assert answers[1,] == [[2.0, 2.0], [-2.0, -2.0]]
    assert answers[0, 1] == [[5.0, 8.0], [-1.0, 0.0]]


def test_another_cotangent_recomputes_only_what_depends_on_it():
    memo = GraphMemo(lambda x: np.sin(np.exp(x)))
    ask(memo, X, VJP, [ONES])
    with lg.record() as report:
        (again,) = ask(memo, X, VJP, [2 * ONES])
    assert "exp" not in names(report)
    assert "cos" not in names(report)
    np.testing.assert_allclose(again, 2 * np.cos(np.exp(X)) * np.exp(X))
    assert memo.statistics.evaluations == {"vjp": 2}
