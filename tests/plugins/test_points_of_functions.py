"""Any derivative at the points asked last, without a host: branches, errors, counts and threads."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.plugins._points import GraphMemo
from tests.helpers.point_questions import VJP, X, ask, cube, names


def test_an_example_is_a_graph_that_the_first_question_uses():
    calls = []

    def f(x):
        calls.append(x.shape)
        return cube(x)

    memo = GraphMemo(f)
    graph = memo.example((np.zeros(2),), {}, [0])
    with lg.record() as report:
        (out,) = graph.build(())[1]
        assert (out.shape, out.dtype) == ((), np.dtype(float))
        assert memo.example((X,), {}, [0]) is graph  # any of this structure
    assert names(report) == []
    assert (memo.statistics.misses, memo.statistics.calls) == (0, {})
    assert ask(memo, X)[0] == 9.0
    ask(memo, np.zeros(2))
    assert calls == [(2,)] * 2  # it moved to X; then two points need two graphs
    assert memo.statistics.misses == 2


def test_an_example_at_the_very_point_is_no_hit():
    memo = GraphMemo(cube)
    memo.example((X,), {}, [0])
    ask(memo, X)
    assert (memo.statistics.misses, memo.statistics.hits, memo.statistics.schedules) == (1, 0, 1)


# -- branches ----------------------------------------------------------------------------------------


def branching(x):
    return np.sum(x * x) if np.sum(x) > 0 else np.sum(np.exp(x))


def test_a_graph_does_not_move_where_the_function_branches():
    memo = GraphMemo(branching, 1)
    for sign in (1, -1, 1):
        x = sign * X
        (value,), (gradient,) = ask(memo, x), ask(memo, x, VJP, [1.0])
        assert value == (np.sum(x * x) if sign > 0 else np.sum(np.exp(x)))
        assert gradient.tolist() == (2 * x if sign > 0 else np.exp(x)).tolist()
    assert (memo.statistics.schedules, len(memo._graphs)) == (3, 1)
    ask(memo, 2 * X)  # the same way: the graph serves
    assert memo.statistics.schedules == 3


def test_other_ways_are_remembered_as_other_points_are():
    memo = GraphMemo(branching, 2)
    for x in (X, -X, X, -X):
        ask(memo, x)
    assert (memo.statistics.schedules, memo.statistics.hits) == (2, 2)


def test_plain_numbers_are_part_of_the_structure():
    memo = GraphMemo(lambda x, n: np.sum(x**n))
    for n in (2, 3, 2):
        assert memo.answer((X, n), {}, [0])[0][0] == np.sum(X**n)
    assert (memo.statistics.schedules, memo.statistics.hits) == (2, 1)


def test_the_third_plain_number_in_one_place_is_warned_of_once():
    memo = GraphMemo(lambda x, rate: np.sum(x * rate))
    memo.answer((X, 0.1), {}, [0]), memo.answer((X, 0.2), {}, [0]), memo.answer((X, 0.1), {}, [0])
    with pytest.warns(UserWarning, match=r"argument rate of <lambda> is a Python number.*pass np\.float64\(0\.1\)"):
        memo.answer((X, 0.3), {}, [0])
    memo.answer((X, 0.4), {}, [0])
    assert memo.statistics.schedules == 4
    moving = GraphMemo(lambda x, rate: np.sum(x * rate))
    for k in range(9):
        assert moving.answer((X, np.float64(k)), {}, [0])[0][0] == k * np.sum(X)
    assert moving.statistics.schedules <= 2


def test_a_check_sees_the_graph_before_it_is_asked():
    memo = GraphMemo(lambda x: np.exp(x))

    def check(graph):
        raise TypeError(f"{graph.build(())[1][0].shape} will not do")

    with lg.record() as report, pytest.raises(TypeError, match=r"\(2,\) will not do"):
        memo.answer((X,), {}, [0], check=check)
    assert names(report) == []
    assert memo.statistics.calls == {}
    assert ask(memo, X)[0].tolist() == np.exp(X).tolist()


def test_an_error_leaves_a_memo_that_answers():
    def f(x):
        if x.value[0] < 0:
            raise ArithmeticError("negative")
        return cube(x)

    memo = GraphMemo(f, 1)
    ask(memo, X)
    with pytest.raises(ArithmeticError, match="negative"):
        ask(memo, -X)
    assert ask(memo, X)[0] == 9.0
    assert ask(memo, X, VJP, [1.0])[0].tolist() == [3.0, 12.0]


# -- counts ------------------------------------------------------------------------------------------


def test_statistics_tell_questions_from_computations():
    memo = GraphMemo(cube)
    ask(memo, X)
    ask(memo, X)
    for _, w in itertools.product(range(2), (1.0, 2.0)):
        ask(memo, X, VJP, [w])
    ask(memo, X, VJP, [2.0])
    counts = memo.statistics
    assert counts.calls == {"value": 2, "vjp": 5}
    assert counts.evaluations == {"value": 1, "vjp": 4}  # the last cotangent was there
    assert (counts.schedules, counts.hits, counts.misses) == (1, 6, 1)
    assert (counts.points.hits, counts.points.misses) == (6, 1)
    text = "Statistics(schedules=1, hits=6, misses=1, calls={'value': 2, 'vjp': 5}, evaluations={'value': 1, 'vjp': 4})"
    assert repr(counts) == text


def test_threads_share_one_memo():
    memo = GraphMemo(cube, 3)
    points = [X + k for k in range(3)]

    def one(k):
        x = points[k % 3]
        (value,), (gradient,) = ask(memo, x), ask(memo, x, VJP, [1.0 + k % 2])
        return value == cube(x) and gradient.tolist() == (3 * x**2 * (1.0 + k % 2)).tolist()

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, range(120)))
    assert (memo.statistics.schedules, memo.statistics.misses) == (3, 3)
    assert memo.statistics.hits == 240 - 3
    assert memo.statistics.evaluations["value"] == 3


def test_a_function_is_called_again_where_a_leaf_that_it_holds_takes_another_shape():
    c = lg.constant(np.ones(2))
    memo = GraphMemo(lambda x: np.concatenate([x * np.sum(c), c]))
    for there in (np.ones(2), np.full(3, 2.0), np.full(3, 4.0), np.ones(5)):
        c.set(there)
        for _ in range(2):
            (value,) = ask(memo, X)
            assert value.tolist() == [*(X * there.sum()), *there]
            (gradient,) = ask(memo, X, VJP, [np.ones(2 + there.size)])
            assert gradient.tolist() == [there.sum()] * 2
    assert memo.statistics.schedules == 3
