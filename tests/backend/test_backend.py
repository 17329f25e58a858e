"""`lazygrad.backend.prepare` on lazy graphs: what is computed, at which point, and what is refused."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.collector import no_collector

X, Y, Z = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.25, -0.5]), np.array([3.0, 1.0, 2.0])


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def two_blocks(w: Any) -> Any:
    return np.sum(np.sin(w["a"]) ** 2) + np.sum(np.exp(w["b"]) * 0.5)


def bits(tree: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in lg._graph.trees.leaves(tree)]


def computed(report: lg.Report) -> tuple[int, int]:
    return report.values.misses, report.adjoints.misses


ASKING = {
    "value": lambda p, x: p.value(x),
    "gradient": lambda p, x: p.gradient(x),
    "hvp": lambda p, x: p.hvp(x, vectors=np.ones(3)),
    "jvp": lambda p, x: p.jvp(x, tangents=np.ones(3)),
    "vjp": lambda p, x: p.vjp(x, cotangent=2.0),
}


# -- exact work ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(["value", "gradient", "hvp"])))
def test_each_node_once_per_point_whatever_the_order(order: tuple[str, ...]) -> None:
    p = prepare(rosenbrock, np.zeros(3))
    for kind in order:
        ASKING[kind](p, Z)  # builds all there is to build
    with lg.record() as report:
        for x in (X, Y):
            for kind in order:
                ASKING[kind](p, x.copy())
            for kind in order:  # again, where all is known
                ASKING[kind](p, x.copy())
            for kind in reversed(order):
                ASKING[kind](p, x.copy())
    for tally in (report.values, report.adjoints):
        times = [sum(i is j for j in tally.computed) for i in tally.computed]
        assert set(times) == {2}  # once at each of two points


@pytest.mark.parametrize("kind", ASKING)
def test_the_last_two_points_are_remembered(kind: str) -> None:
    p = prepare(rosenbrock, X)
    first, second = ASKING[kind](p, X), ASKING[kind](p, Y)
    with lg.record() as report:
        for x, answer in ((X, first), (Y, second), (X, first), (X, first)):
            assert bits(ASKING[kind](p, x.copy())) == bits(answer)
    assert computed(report) == (0, 0)
    assert (p.statistics.points.hits, p.statistics.points.misses) == (4, 2)
    ASKING[kind](p, Z)
    with lg.record() as report:
        assert bits(ASKING[kind](p, X)) == bits(first)
    assert sum(computed(report)) == 0  # X was asked after Y
    with lg.record() as report:
        assert bits(ASKING[kind](p, Y)) == bits(second)
    assert sum(computed(report)) > 0


@pytest.mark.parametrize("points", [1, 2, 3, 5])
def test_as_many_points_as_wanted(points: int) -> None:
    p = prepare(rosenbrock, X, points=points)
    at = [X + k for k in range(points)]
    for x in at:
        p.gradient(x)
    with lg.record() as report:
        for x in at:
            p.gradient(x)
    assert computed(report) == (0, 0)
    p.gradient(X - 1)
    with lg.record() as report:
        p.gradient(at[0])
    assert sum(computed(report)) > 0


def test_what_was_not_asked_at_a_remembered_point_is_all_that_is_computed_there() -> None:
    p = prepare(rosenbrock, X)
    p.gradient(X), p.value(Y)
    with lg.record() as fresh:
        p.gradient(Y)
    p.value(Z)  # X is forgotten
    with lg.record() as report:
        p.gradient(Y)
        p.gradient(Z)
    assert report.values.misses == 0
    assert report.adjoints.misses == fresh.adjoints.misses  # those at Z


def test_hvp_reuses_the_values_and_adjoints_of_the_gradient() -> None:
    p = prepare(rosenbrock, X)
    p.hvp(Y, vectors=X)
    p.value_and_gradient(X)
    with lg.record() as report:
        p.hvp(X, vectors=Z)
    known = {id(i) for i in lg._graph.traverse.ancestors(p._graphs[0][2].outs[0])}
    assert report.adjoints.misses == 0
    assert not [i for i in report.values.computed if id(i) in known]
    with lg.record() as report:
        p.hvp(X, vectors=Z)
    assert computed(report) == (0, 0)


def test_another_vector_computes_tangents_alone() -> None:
    p = prepare(rosenbrock, X)
    p.hvp(X, vectors=Y)
    with lg.record() as report:
        p.hvp(X, vectors=Z)
    below = {id(i) for i in lg._graph.traverse.ancestors(p._graphs[0][2].outs[0])}
    assert report.adjoints.misses == 0
    assert report.values.misses > 0
    assert not [i for i in report.values.computed if id(i) in below]


def test_only_selected_gradients_are_computed() -> None:
    def f(w: Any) -> Any:
        return np.sum(np.tanh(w["early"] * 2) * w["late"])

    w = {"early": X, "late": Y}
    p = prepare(f, w)
    with lg.record() as late:
        p.gradient(w, select="late")
    with lg.record() as early:
        p.gradient(w, select=["early", "late"])
    late_node, early_node = p._graphs[0][2].nodes[1], p._graphs[0][2].nodes[0]
    assert [i for i in late.adjoints.computed if i is late_node]
    assert not [i for i in late.adjoints.computed if i is early_node]
    assert [i for i in early.adjoints.computed if i is early_node]
    assert not [i for i in early.adjoints.computed if i is late_node]


def test_a_changed_block_leaves_the_others_nodes_alone() -> None:
    w = {"a": X, "b": Y}
    p = prepare(two_blocks, w)
    p.value(w), p.gradient(w)
    with lg.record() as report:
        p.value({"a": X, "b": Z})
    assert sorted(i.op.name for i in report.values.computed) == ["add", "exp", "multiply", "sum"]
    with lg.record() as report:
        p.gradient({"a": X, "b": Z}, select="a")
    assert computed(report) == (0, 0)


def test_a_block_that_comes_back_brings_its_nodes() -> None:
    p = prepare(two_blocks, {"a": X, "b": Y})
    p.value({"a": X, "b": Y})
    p.value({"a": Z, "b": Y})
    with lg.record() as report:  # neither point, but both blocks were there
        p.value({"a": X, "b": Z})
    assert sorted(i.op.name for i in report.values.computed) == ["add", "exp", "multiply", "sum"]
    assert p.statistics.points.misses == 3


def test_the_function_is_called_once() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(x.shape)
        return np.sum(x**3)

    p = prepare(f, X)
    for x in (X, Y, Z, X):
        p.value(x), p.gradient(x), p.jacobian(x), p.hvp(x, vectors=x)
    assert calls == [(3,)]
    assert p.statistics.schedules == 1


def test_a_jacobian_is_found_once_a_point() -> None:
    p = prepare(lambda x: np.sin(x) * x[0], X)
    first = p.jacobian(X)
    second = p.jacobian(Y)
    with lg.record() as report:
        assert bits([p.jacobian(X), p.jacobian(Y), p.jacobian(X)]) == bits([first, second, first])
    assert computed(report) == (0, 0)
    assert p.statistics.evaluations["jacobian"] == 2
    np.testing.assert_allclose(second, lg.jacobian(lambda x: np.sin(x) * x[0])(Y))


def test_statistics() -> None:
    p = prepare(rosenbrock, X)
    assert p.statistics.points == lg.backend.Points(0, 0)  # nobody has asked yet
    for x in (X, X, Y, X):
        p.value_and_gradient(x)
    p.gradient()
    assert p.statistics.points == lg.backend.Points(hits=3, misses=2)
    assert p.statistics.calls == {"value": 4, "gradient": 5}
    assert p.statistics.evaluations == {"value": 2, "gradient": 2}
    assert "rosenbrock" in repr(p)
    assert "hits=3" in repr(p)


@given(
    st.lists(
        st.tuples(st.sampled_from(["value", "gradient", "hvp", "jvp", "vjp"]), st.integers(0, 3), st.integers(0, 3)),
        max_size=12,
    ),
    st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_questions_is_answered_as_by_a_fresh_graph(
    asked: list[tuple[str, int, int]], points: int
) -> None:
    def f(w: Any) -> Any:
        return np.sum(np.sin(w["a"]) * w["b"]) + np.sum(w["a"] ** 2)

    example = {"a": X, "b": Y}
    p = prepare(f, example, points=points)
    ones = {"a": np.ones(3), "b": np.ones(3)}
    asking: dict[str, Any] = {
        "value": lambda q, w: q.value(w),
        "gradient": lambda q, w: q.gradient(w),
        "hvp": lambda q, w: q.hvp(w, vectors=ones),
        "jvp": lambda q, w: q.jvp(w, tangents=ones),
        "vjp": lambda q, w: q.vjp(w, cotangent=2.0),
    }
    recent: list[tuple[int, int]] = []
    misses = 0
    for kind, a, b in asked:
        w = {"a": X + a, "b": Y - b}
        assert bits(asking[kind](p, w)) == bits(asking[kind](prepare(f, w), w))
        misses += (a, b) not in recent
        recent = [(a, b), *[at for at in recent if at != (a, b)]][:points]
    assert p.statistics.points == lg.backend.Points(len(asked) - misses, misses)


# -- points ----------------------------------------------------------------------------------------


def test_a_point_is_its_bytes() -> None:
    p = prepare(lambda x: np.sum(1 / x), np.ones(2))
    with np.errstate(divide="ignore"):
        assert p.value(np.array([0.0, 1.0])) == np.inf
        assert p.value(np.array([-0.0, 1.0])) == -np.inf
        assert p.value(np.array([0.0, 1.0])) == np.inf
    assert p.statistics.points == lg.backend.Points(1, 2)
    missing = np.array([np.nan, 1.0])
    p.value(missing)
    with lg.record() as report:
        assert np.isnan(p.value(missing.copy()))
    assert computed(report) == (0, 0)


def test_what_was_given_may_be_changed_afterwards() -> None:
    x = X.copy()
    p = prepare(rosenbrock, x)
    x[:] = 7.0
    assert bits(p.value()) == bits(prepare(rosenbrock, X).value(X))
    x[:] = Y
    before = p.gradient(x)
    x[:] = Z
    assert bits(p.gradient()) == bits(before)  # the present point is still Y
    assert bits(p.gradient(x)) == bits(lg.grad(rosenbrock)(Z))
    assert bits(p.gradient(Y)) == bits(before)


def test_answers_cannot_be_written_to_and_last() -> None:
    p = prepare(rosenbrock, X)
    kept = p.gradient(X)
    copy = kept.copy()
    for x in (Y, Z, X + 1, X):
        p.gradient(x)
    assert bits(kept) == bits(copy)
    for answer in (kept, p.value(X), p.hvp(X, vectors=Y), p.jacobian(X), *p.jvp(X, tangents=Y)):
        with pytest.raises(ValueError, match="read-only"):
            answer[...] = 0


def test_no_arguments_mean_the_present_point() -> None:
    p = prepare(rosenbrock, X)
    assert bits(p.gradient()) == bits(lg.grad(rosenbrock)(X))
    p.value(Y)
    assert bits(p.gradient()) == bits(lg.grad(rosenbrock)(Y))


# -- structures ------------------------------------------------------------------------------------


def test_several_arguments() -> None:
    def f(x: Any, data: Any, scale: Any, *, power: float = 1.0) -> Any:
        return np.sum((x * data) ** power) * scale

    data = np.array([1, 2, 3])
    p = prepare(f, X + 2, data, 2.0, wrt=(2, 0), power=3.0)
    by_scale, by_x = p.gradient(Y + 2, data * 2, 5.0)
    expected = lg.grad(lambda s, x: f(x, data * 2, s, power=3.0), (0, 1))(5.0, Y + 2)
    assert bits([by_scale, by_x]) == bits(list(expected))
    assert bits(p.gradient(select=1)) == bits(by_x)
    assert bits(p.gradient(select="x")) == bits(by_x)
    assert bits(p.jvp(tangents=(1.0, np.zeros(3)))[1]) == bits(by_scale)
    assert p.statistics.schedules == 1


def test_selection() -> None:
    w = {"layers": [{"W": X, "b": 1.0}, {"W": Y, "b": 2.0}], "scale": 3.0}

    def f(w: Any) -> Any:
        return sum(np.sum(layer["W"] ** 2) * layer["b"] for layer in w["layers"]) * w["scale"]

    p = prepare(f, w)
    whole = p.gradient()
    for select, expected in [
        ("scale", whole["scale"]),
        ("layers", whole["layers"]),
        (1, whole["scale"]),
        (-2, whole["layers"]),
        ("['layers'][1]['W']", whole["layers"][1]["W"]),
        ("w['layers'][1]['W']", whole["layers"][1]["W"]),
        (["scale", "['layers'][0]['b']"], [whole["scale"], whole["layers"][0]["b"]]),
        ({"one": "scale", "two": ("scale", 0)}, {"one": whole["scale"], "two": (whole["scale"], whole["layers"])}),
        ([], []),
    ]:
        found = prepare(f, w).gradient(select=select)
        assert bits(found) == bits(expected)
        assert lg._graph.trees.structure_key(found) == lg._graph.trees.structure_key(expected)
    with pytest.raises(KeyError) as caught:
        p.gradient(select="W")
    assert caught.value.args[0] == (
        "2 gradients are named 'W': choose by a place, such as \"['layers'][0]['W']\", or by a list of them"
    )
    with pytest.raises(KeyError) as caught:
        p.gradient(select="V")
    assert caught.value.args[0].startswith("no gradient is named 'V'; f has those by [\"w['layers'][0]['W']\", ")
    with pytest.raises(IndexError, match=r"select=2 is out of range: there are 2 gradients"):
        p.gradient(select=2)
    with pytest.raises(TypeError, match="positions, names or nodes"):
        p.gradient(select=1.5)
    with pytest.raises(TypeError, match="prepared as a function: select by position or name"):
        p.gradient(select=lg.parameter(1.0))


def test_keys_in_another_order_and_what_is_no_number() -> None:
    w = {"a": X, "note": "text", "b": Y, "nothing": None}
    p = prepare(lambda w: np.sum(w["a"] * w["b"] ** 2), w)
    other = {"b": Z, "nothing": None, "a": Y, "note": "text"}
    found = p.gradient(other)
    assert list(found) == ["a", "note", "b", "nothing"]
    np.testing.assert_array_equal(found["b"], 2 * Y * Z)
    assert p.statistics.schedules == 1
    tangents = {"b": np.zeros(3), "a": np.ones(3), "note": None, "nothing": None}
    np.testing.assert_allclose(p.jvp(tangents=tangents)[1], np.sum(Z**2))


def test_outputs_in_a_structure() -> None:
    p = prepare(lambda x: {"y": [np.sin(x), x[0] * 2], "n": np.float64(3.0)}, X)
    assert lg._graph.trees.list_places(p.value(X)) == ["['y'][0]", "['y'][1]", "['n']"]
    pulled = p.vjp(X, cotangent={"n": 1.0, "y": [np.array([1.0, 0.0, 2.0]), 1.0]})
    np.testing.assert_allclose(pulled, np.cos(X) * [1, 0, 2] + [2, 0, 0])
    _, tangent = p.jvp(X, tangents=Y)
    np.testing.assert_allclose(tangent["y"][0], np.cos(X) * Y)
    assert tangent["n"] == 0
    jacobian = p.jacobian(X)
    np.testing.assert_allclose(jacobian["y"][0], np.diag(np.cos(X)))
    np.testing.assert_array_equal(jacobian["n"], np.zeros(3))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (2, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_shapes_and_dtypes(shape: tuple[int, ...], dtype: Any) -> None:
    x = np.full(shape, 2.0, dtype)
    p = prepare(lambda x: np.sum(np.real(x * x * x)), x)
    real = np.zeros((), dtype).real.dtype
    for answer, expected, kind in [
        (p.value(x), np.sum(x**3).real, real),
        (p.gradient(x), 3 * x**2, dtype),
        (p.hvp(x, vectors=x), 6 * x**2, dtype),
        (p.vjp(x, cotangent=1), 3 * x**2, dtype),
        (p.jvp(x, tangents=x)[1], np.sum(3 * x**3).real, real),
    ]:
        assert (answer.shape, answer.dtype) == (np.shape(expected), kind)
        np.testing.assert_allclose(answer, expected, rtol=1e-5)


def test_outputs_that_do_not_depend_on_the_arguments() -> None:
    for f in (lambda x: 3.0, lambda x: np.float64(3.0), lambda x: lg.constant(3.0), lambda x: np.sum(np.floor(x)) + 1):
        p = prepare(f, X)
        value, gradient = p.value_and_gradient(np.array([0.5, 0.5, 2.5]))
        assert value == 3
        for answer in (gradient, p.hvp(vectors=X), p.vjp(cotangent=2.0), p.jacobian()):
            np.testing.assert_array_equal(answer, np.zeros(3))
        assert p.jvp(tangents=X)[1] == 0


def test_the_argument_itself() -> None:
    p = prepare(lambda x: x, 2.0)
    assert p.value_and_gradient(3.0) == (3.0, 1.0)
    assert p.hvp(3.0, vectors=1.0) == 0
    assert p.jvp(3.0, tangents=5.0) == (3.0, 5.0)


# -- ways through a function ------------------------------------------------------------------------


def branching(x: Any) -> Any:
    return np.sum(x**2) if x[0] > 0 else np.sum(x**3)


def test_a_branch_is_taken_anew_and_both_ways_are_kept() -> None:
    p = prepare(branching, X)
    for x in (X, -X, X, -X, X + 1, -X - 1):
        assert bits(p.gradient(x)) == bits(lg.grad(branching)(x))
    assert p.statistics.schedules == 2
    with lg.record() as report:
        p.gradient(X + 1), p.gradient(-X - 1)
    assert computed(report) == (0, 0)


def test_ways_are_bounded() -> None:
    def f(x: Any) -> Any:
        return np.sum(x ** sum(bool(x[0] >= k) for k in range(1, 20)))

    p = prepare(f, np.array([1.0, 2.0]))
    for n in range(2, 14):
        np.testing.assert_allclose(p.value(np.array([n + 0.25, 2.0])), (n + 0.25) ** n + 2.0**n)
    assert p.statistics.schedules == 13
    assert len(p._graphs) == 8
    p.value(np.array([13.75, 2.0]))
    assert p.statistics.schedules == 13
    p.value(np.array([1.0, 2.0]))
    assert p.statistics.schedules == 14  # that way was dropped


def test_static_arguments_choose_the_way() -> None:
    p = prepare(lambda x, n: np.sum(x**n), X, 2)
    for n in (2, 3, 2, 3):
        np.testing.assert_allclose(p.gradient(X, n), n * X ** (n - 1))
    assert p.statistics.schedules == 2
    assert p.statistics.points == lg.backend.Points(2, 2)


def test_static_numbers_are_told_apart_by_their_bytes() -> None:
    p = prepare(lambda x, c: x * np.copysign(1.0, c), 1.0, 0.0)
    for c in (0.0, -0.0, 0.0, np.nan, np.nan):
        np.testing.assert_allclose(p.gradient(2.0, float(c)), np.copysign(1.0, c))
    assert p.statistics.schedules == 3
    moving = prepare(lambda x, c: x * c, 1.0, np.float64(0.0))
    assert [moving.gradient(1.0, c) for c in (2.0, 3.0)] == [2.0, 3.0]
    assert moving.statistics.schedules == 1


def test_an_exception_comes_out_as_itself_and_does_no_harm() -> None:
    p = prepare(lambda m: np.sum(np.linalg.inv(m)), np.eye(2))
    good = p.gradient(np.eye(2) * 2)
    with pytest.raises(np.linalg.LinAlgError, match="Singular") as caught:
        p.gradient(np.zeros((2, 2)))
    assert "while computing <inv" in caught.value.__notes__[0]
    assert bits(p.gradient(np.eye(2) * 2)) == bits(good)

    def f(x: Any) -> Any:
        if x[0] > 1:
            raise ZeroDivisionError("mine")
        return np.sum(x**2)

    p = prepare(f, X)
    before = p.gradient(X)
    with pytest.raises(ZeroDivisionError, match="mine"):
        p.gradient(X + 5)
    assert bits(p.gradient()) == bits(before)  # the present point is the last one that was answered
    assert bits(p.gradient(X)) == bits(before)
    np.testing.assert_allclose(p.gradient(Y), 2 * Y)
    with pytest.raises(ZeroDivisionError, match="mine"):
        prepare(f, X + 5)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((np.ones(2),), lg.ShapeError, r"argument x of rosenbrock has shape \(2,\).* shape \(3,\) .*example"),
        ((np.ones(3, np.float32),), TypeError, r"argument x .* dtype float32, .* float64: cast it with `.astype"),
        ((np.ones(3, int),), TypeError, r"argument x of rosenbrock .*int64: cast it"),
        ((np.array([1, None, 2]),), TypeError, r"argument x of rosenbrock .*object"),
        (("abc",), TypeError, r"argument x of rosenbrock"),
        ((None,), TypeError, r"argument x of rosenbrock"),
        (([[1.0], [2.0, 3.0]],), TypeError, r"argument x of rosenbrock must be an array of shape \(3,\)"),
        ((np.ma.masked_array(X, [0, 1, 0]),), TypeError, "masked"),
        ((X, X), TypeError, "prepared for 1 positional arguments, but was given 2"),
        ((lg.parameter(X),), TypeError, r"argument x .*pass its `.value`"),
    ],
)
def test_arguments_are_checked(args: tuple[Any, ...], error: type[Exception], message: str) -> None:
    p = prepare(rosenbrock, X)
    before = p.gradient(X)
    for ask in (p.value, p.gradient, p.value_and_gradient, p.jacobian):
        with pytest.raises(error, match=message):
            ask(*args)
    assert bits(p.gradient()) == bits(before)
    assert p.statistics.points.misses == 1


def test_a_list_of_numbers_stands_for_an_array() -> None:
    p = prepare(rosenbrock, X)
    assert bits(p.gradient([1, 2, 3])) == bits(lg.grad(rosenbrock)(np.array([1.0, 2.0, 3.0])))
    assert bits(p.hvp(vectors=[1, 0, 0])) == bits(p.hvp(vectors=np.array([1.0, 0.0, 0.0])))


def test_structures_are_checked() -> None:
    p = prepare(two_blocks, {"a": X, "b": Y})
    with pytest.raises(TypeError, match=r"argument 0 .* leaves at \[\"\['a'\]\", \"\['b'\]\"\], but has them at"):
        p.value({"a": X})
    with pytest.raises(TypeError, match="containers have other types"):
        prepare(lambda w: np.sum(w[0] * w[1]), [X, Y]).value((X, Y))
    with pytest.raises(TypeError, match="a tangent must have the structure"):
        p.jvp(tangents={"a": X})
    with pytest.raises(TypeError, match="a vector must have the structure"):
        p.hvp(vectors=X)
    with pytest.raises(lg.ShapeError, match=r"the vector of w\['b'\] has shape \(2,\), but must be .*\(3,\)"):
        p.hvp(vectors={"a": X, "b": X[:2]})
    with pytest.raises(
        TypeError, match=r"the tangent of w\['a'\] must be numbers that float64 can hold, not .*complex"
    ):
        p.jvp(tangents={"a": X * 1j, "b": X})
    with pytest.raises(lg.ShapeError, match=r"the cotangent of output has shape \(3,\), but must be .*\(\)"):
        p.vjp(cotangent=X)


def test_what_has_no_gradient() -> None:
    with pytest.raises(TypeError, match=r"one number, but <lambda> returns shape \(3,\): sum it"):
        prepare(lambda x: x * 2, X).gradient(X)
    with pytest.raises(TypeError, match="returns 2: use `vjp`"):
        prepare(lambda x: (x[0], x[1]), X).gradient(X)
    with pytest.raises(TypeError, match="real number, but <lambda> returns complex128"):
        prepare(lambda x: np.sum(x * 1j), X).gradient(X)
    with pytest.raises(TypeError, match="returns dtype int64, which has no derivative"):
        prepare(lambda x: 3, X).gradient(X)
    with pytest.raises(TypeError, match="returns something that is no number"):
        prepare(lambda x: None, X).jvp(X, tangents=X)
    with pytest.raises(TypeError, match="no Jacobian of <lambda> by the complex argument x"):
        prepare(lambda x: x * x, X * 1j).jacobian()
    assert prepare(lambda x: (x, "text", None), 1.0).value(2.0) == (2.0, "text", None)


def test_what_cannot_be_prepared() -> None:
    with pytest.raises(TypeError, match=r"cannot be differentiated by argument x: .*int64: cast it"):
        prepare(rosenbrock, np.array([1, 2, 3]))
    with pytest.raises(TypeError, match=r"x is the node .*: pass its `.value`"):
        prepare(rosenbrock, lg.parameter(X))
    with pytest.raises(TypeError, match=r"wrt must be the position of an argument of rosenbrock.*not 1"):
        prepare(rosenbrock, X, wrt=1)
    with pytest.raises(TypeError, match="needs an example"):
        prepare(rosenbrock)
    with pytest.raises(TypeError, match="a function or a node, not 3"):
        prepare(3, X)
    with pytest.raises(ValueError, match="points must be"):
        prepare(rosenbrock, X, points=0)
    with pytest.raises(ValueError, match="points must be"):
        prepare(rosenbrock, X, points=1.5)


# -- nodes -----------------------------------------------------------------------------------------


def graph() -> tuple[lg.Node, lg.Node, lg.Node, lg.Node]:
    W, b, data = lg.parameter(X, name="W"), lg.parameter(2.0, name="b"), lg.constant(Y, name="data")
    return np.sum(np.sin(W * data) ** 2) * b, W, b, data


def test_a_node_of_its_leaves() -> None:
    L, W, b, _ = graph()
    p = prepare(L, wrt={"weights": W, "bias": "b"})
    at = {"weights": Z, "bias": 3.0}
    found = p.gradient(at)
    assert W.value.tolist() == Z.tolist()  # the leaves are the user's own
    assert bits(found) == bits(lg.gradient(L, {"weights": W, "bias": b}))
    assert bits(p.gradient(at, select=b)) == bits(found["bias"])
    assert bits(p.gradient(at, select=[W, "bias"])) == bits([found["weights"], found["bias"]])
    assert bits(p.gradient(at, select="W")) == bits(found["weights"])
    assert p.hvp(vectors={"weights": np.zeros(3), "bias": 1.0})["bias"] == 0
    with pytest.raises(KeyError, match="is not among the nodes"):
        p.gradient(select=L)


def test_a_node_of_one_leaf_or_of_a_tuple() -> None:
    L, W, b, _ = graph()
    assert prepare(L, wrt=W).gradient(Z).shape == (3,)
    both = prepare(L, wrt=(W, b))
    assert bits(list(both.gradient(X, 1.0))) == bits(list(both.gradient((X, 1.0))))
    assert bits(prepare(L, wrt=(W,)).gradient(Z)[0]) == bits(prepare(L, wrt=W).gradient(Z))


def test_a_leaf_that_is_not_ours_may_change_in_between() -> None:
    L, W, b, data = graph()
    p = prepare(L, wrt=W)
    p.value_and_gradient(X), p.value_and_gradient(Z)
    for value in (Z, Y, Z):
        data.set(value)
        for x in (X, Z, X):
            expected = lg.value_and_grad(lambda w, d=value: np.sum(np.sin(w * d) ** 2) * 2.0)(x)
            np.testing.assert_allclose(p.value(x), expected[0])
            np.testing.assert_allclose(p.gradient(x), expected[1])
            np.testing.assert_allclose(p.jacobian(x), expected[1])
    b.set(0.0)
    assert p.gradient(X).tolist() == [0.0, 0.0, 0.0]
    W.set(Z)
    b.set(1.0)
    np.testing.assert_allclose(p.value(), np.sum(np.sin(Z * Z) ** 2))


def test_other_shapes_below_a_node_are_followed() -> None:
    data, w = lg.constant(np.ones((4, 3))), lg.parameter(X)
    L = np.sum(np.tanh(data @ w) ** 2)
    p = prepare(L, wrt=w)
    for rows in (4, 2, 5):
        if rows != 4:
            data.set(np.ones((rows, 3)) * rows)
        for x in (X, Y, X):
            f = lambda w, d=data.value: np.sum(np.tanh(d @ w) ** 2)  # noqa: E731
            np.testing.assert_allclose(p.gradient(x), lg.grad(f)(x))
            np.testing.assert_allclose(p.hvp(x, vectors=Z), lg.hvp(f, x, Z))
            np.testing.assert_allclose(p.vjp(x, cotangent=2.0), 2 * lg.grad(f)(x))
            np.testing.assert_allclose(p.jvp(x, tangents=Z)[1], lg.grad(f)(x) @ Z)
            np.testing.assert_allclose(p.jacobian(x), lg.grad(f)(x))
    assert p.statistics.schedules == 3
    lg.update({data: np.ones((2, 2)), w: np.ones(2)})  # a leaf of ours, too
    assert p.gradient().shape == (2,)
    with pytest.raises(lg.ShapeError, match=r"shape \(3,\).*shape \(2,\)"):
        p.gradient(X)


def test_a_node_that_a_function_closes_over_may_change() -> None:
    data = lg.constant(np.ones((4, 3)))
    p = prepare(lambda w: np.sum(np.tanh(data @ w) ** 2), X)
    for value in (np.ones((4, 3)), np.full((4, 3), 0.5), np.ones((4, 3)), np.ones((2, 3)), np.full((2, 3), 0.5)):
        data.set(value)
        for x in (X, Y, X):
            f = lambda w, d=value: np.sum(np.tanh(d @ w) ** 2)  # noqa: E731
            np.testing.assert_allclose(p.value(x), f(x))
            np.testing.assert_allclose(p.gradient(x), lg.grad(f)(x))
            np.testing.assert_allclose(p.hvp(x, vectors=Z), lg.hvp(f, x, Z))
            np.testing.assert_allclose(p.jvp(x, tangents=Z)[1], lg.grad(f)(x) @ Z)
            np.testing.assert_allclose(p.jacobian(x), lg.grad(f)(x))
    assert p.statistics.schedules == 2


def test_points_keep_no_graph_alive() -> None:
    W = lg.parameter(X)
    L = np.sum(W * W)
    p = prepare(L, wrt=W)
    other = np.sum(np.exp(W))
    p.value(X), other.value, p.value(Y), other.value, p.value(Z)
    dead = weakref.ref(other)
    gc.disable()
    try:
        del other
        assert dead() is None
    finally:
        gc.enable()
    kept = weakref.ref(p)
    del p
    assert kept() is None
    assert lg.gradient(L, W).tolist() == (2 * Z).tolist()


def test_what_of_a_node_is_refused() -> None:
    L, W, _, data = graph()
    with pytest.raises(TypeError, match=r"as a function of leaves, but .* is computed"):
        prepare(L * 2, wrt=L)
    with pytest.raises(TypeError, match="takes no arguments"):
        prepare(L, X, wrt=W)
    with pytest.raises(TypeError, match="twice"):
        prepare(L, wrt=[W, W])
    with pytest.raises(KeyError, match="no node is named 'V'"):
        prepare(L, wrt="V")
    with pytest.raises(TypeError, match="must be a node, a name"):
        prepare(L)
    with pytest.raises(TypeError, match=r"no derivative with respect to .*int64"):
        prepare(L, wrt=lg.constant([1, 2]))
    assert prepare(L, wrt=data).gradient().shape == (3,)


def test_thousands_of_points_leave_nothing_behind() -> None:
    with no_collector():
        p = prepare(rosenbrock, X)
        _, W, b, _ = leaves = graph()
        q = prepare(leaves[0], wrt=[W, b])
        held = None
        for k in range(300):
            for kind in ASKING:
                ASKING[kind](p, X + k)
            q.value_and_gradient([X + k, 1.0]), q.jacobian()
            size = (
                len(p._graphs[0][2]._point_memo._kept),
                sum(len(i.consumers) for i in lg._graph.traverse.ancestors(leaves[0])),
            )
            assert held in (None, size)
            held = size if k > 2 else None
        del p, q, leaves, W, b


# -- processes and threads -------------------------------------------------------------------------


def test_pickles() -> None:
    p = prepare(rosenbrock, X)
    p.gradient(Y)
    copy = pickle.loads(pickle.dumps(p))
    assert bits(copy.gradient()) == bits(p.gradient())  # at the present point
    assert bits(copy.gradient(Z)) == bits(p.gradient(Z))
    L, W, b, _ = graph()
    q = prepare(L, wrt={"W": W, "b": b}, points=3)
    at = {"W": Z, "b": 5.0}
    q.gradient(at)
    twin = pickle.loads(pickle.dumps(q))
    assert bits(twin.gradient()) == bits(q.gradient())
    twin.gradient({"W": X, "b": 1.0})
    assert W.value.tolist() == Z.tolist()  # the copy has leaves of its own
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(prepare(lambda x: x, 1.0))


def test_worker_processes() -> None:
    p = prepare(rosenbrock, X)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(p.gradient, [X, Y])
    assert bits(found) == bits([p.gradient(X), p.gradient(Y)])


def test_threads_share_one_prepared_function() -> None:
    p = prepare(rosenbrock, X)
    at = [X + k % 5 for k in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(p.value_and_gradient, at))
    for x, (value, gradient) in zip(at, found, strict=True):
        assert bits([value, gradient]) == bits(list(lg.value_and_grad(rosenbrock)(x)))
    assert p.statistics.calls["gradient"] == 60
