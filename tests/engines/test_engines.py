"""The seeds' algorithms behind one interface: examples, shapes, edges, the registry and the comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import engines
from lazygrad.ops._declare import elementwise
from lazygrad.ops._rule import BLOCKED, UNDEFINED, ZERO
from tests.helpers.engine_helpers import BUILT_IN, agree, counted, every_engine, network
from tests.helpers.engine_helpers import only_ours as only_ours
from tests.helpers.random_graphs import same_bits

# -- the worked examples of the seeds ----------------------------------------------------------------------


def collins() -> tuple[lg.Node, dict[lg.Node, float]]:
    """Examples 1 to 5: u3 = u1 + u2, u4 = u2 u3 = 15; P^1 = 3, P^2 = 8, P^3 = 3."""
    u1, u2 = lg.parameter(2.0), lg.parameter(3.0)
    u3 = u1 + u2
    u4 = u2 * u3
    return u4, {u1: 3.0, u2: 8.0, u3: 3.0, u4: 1.0}


def collins_chain() -> tuple[lg.Node, dict[lg.Node, float]]:
    """Slides: z = x^3 = 8, y = z^2 = 64, dy/dx = 12 * 16 = 192."""
    x = lg.parameter(2.0)
    z = x**3
    return z**2, {x: 192.0, z: 16.0}


def sullivan() -> tuple[lg.Node, dict[lg.Node, float]]:
    """sin(x^2): 2 x cos(x^2)."""
    x = lg.parameter(1.5)
    return np.sin(x**2), {x: 3.0 * np.cos(2.25)}


def tomassoli_diamonds() -> tuple[lg.Node, dict[lg.Node, float]]:
    """Sections 7 and 8: a -> (b1, b2) -> c -> (d1, d2) -> e; de/da is the product of two sums over two paths."""
    a = lg.parameter(3.0)
    b1, b2 = a * a, 2.0 * a
    c = b1 * b2  # 2 a^3 = 54
    d1, d2 = np.log(c), 3.0 * c
    e = d1 * d2  # 3 c log c
    dc = 3.0 * (np.log(54.0) + 1.0)
    return e, {a: dc * 54.0, c: dc, b1: dc * 6.0, d1: 162.0}


@every_engine
@pytest.mark.parametrize("example", [collins, collins_chain, sullivan, tomassoli_diamonds])
def test_worked_examples(engine: str, example: Callable[[], tuple[lg.Node, dict[lg.Node, float]]]) -> None:
    L, truth = example()
    found = lg.gradient(L, list(truth), engine=engine)
    np.testing.assert_allclose(found, list(truth.values()), rtol=1e-10)
    for w, value in truth.items():
        np.testing.assert_allclose(lg.gradient(L, w, engine=engine), value, rtol=1e-10)


@pytest.mark.parametrize("engine", ["sweep", "children"])
def test_the_forward_pass_leaves_the_values(engine: str) -> None:
    """Collins' example 2: u3 = 5 and u4 = 15, computed in that order."""
    u4, _ = collins()
    u3 = u4.inputs[1]
    report = counted(u4, list(u4.inputs), engine)
    assert [id(i) for i in report.values.computed] == [id(u3), id(u4)]
    with lg.record() as later:
        assert (u3.value, u4.value) == (5, 15)
    assert later.values.computed == ()


# -- shapes, dtypes, structures ----------------------------------------------------------------------------


@every_engine
def test_structures_names_and_read_only_answers(engine: str) -> None:
    L, leaves = network()
    truth = lg.gradient(L, leaves)
    found = lg.gradient(L, leaves, engine=engine)
    assert found.keys() == leaves.keys()
    for key, array in found.items():
        np.testing.assert_allclose(array, truth[key], atol=1e-10)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    W1 = leaves["W1"]
    nested = lg.gradient(L, ("W1", [W1, W1]), engine=engine)
    assert isinstance(nested, tuple)
    assert same_bits(nested, (nested[0], [nested[0], nested[0]]))
    d = lg.differentiator(L)
    assert same_bits(d.gradient(W1, engine=engine), nested[0])
    assert lg.gradient(L, [], engine=engine) == []


@every_engine
def test_float32_stays_float32(engine: str) -> None:
    L, leaves = network(np.float32)
    assert L.dtype == np.float32
    # Differences of float32 numbers near 1.4 are multiples of 1.2e-7, over steps of some 1e-3.
    agree(L, list(leaves.values()), engine, tolerance=5e-4 if engine == "numeric" else 1e-6)


@every_engine
def test_shapes_at_the_edge(engine: str) -> None:
    empty, scalar = lg.parameter(np.zeros((0, 3))), lg.parameter(2.0)
    L = (empty * scalar).sum() + scalar * scalar
    gradients = lg.gradient(L, [empty, scalar], engine=engine)
    assert gradients[0].shape == (0, 3)
    np.testing.assert_allclose(gradients[1], 4.0, rtol=1e-10)


@every_engine
def test_broadcasting_is_undone(engine: str) -> None:
    rng = np.random.default_rng(2)
    column, row, number = (lg.parameter(rng.normal(size=s)) for s in ((3, 1), (1, 4), ()))
    Y = np.exp(column * row) / (number + 3.0)
    agree(Y, [column, row, number], engine, cotangent=rng.normal(size=(3, 4)))


@every_engine
def test_the_target_itself_and_a_leaf_as_target(engine: str) -> None:
    x = lg.parameter([1.0, 2.0])
    y = x * x
    g = np.array([3.0, 5.0])
    found = lg.gradient(y, [y, x], cotangent=g, engine=engine)
    np.testing.assert_allclose(found[0], g, rtol=1e-10)
    np.testing.assert_allclose(found[1], [6.0, 20.0], rtol=1e-10)
    np.testing.assert_allclose(lg.gradient(x, x, cotangent=g, engine=engine), g, rtol=1e-10)
    np.testing.assert_allclose(lg.gradient(y, x, cotangent=lg.constant(g), engine=engine), [6.0, 20.0], rtol=1e-10)


# -- gradients of gradients --------------------------------------------------------------------------------


@every_engine
def test_adjoints_in_the_graph(engine: str) -> None:
    L, leaves = network()
    W1, b1, W2 = leaves.values()
    h = L.inputs[0].inputs[0].inputs[0]
    v = np.random.default_rng(3).normal(size=W1.shape)
    slope = (lg.adjoint(L, W1) * v).sum() + (lg.adjoint(L, h) ** 2).sum()
    agree(slope, [W1, b1, W2, h, lg.adjoint(L, W1)], engine)
    agree(lg.adjoint(L, W2), [W1, W2], engine, cotangent=np.ones(W2.shape))  # the target is an adjoint
    if engine != "paths":  # there are too many
        agree((lg.adjoint(slope, W2) ** 2).sum(), [W1, W2], engine)


@every_engine
def test_adjoints_that_read_the_value_of_their_target(engine: str) -> None:
    x = lg.parameter(0.3)
    y = np.exp(x)
    for _ in range(3):
        np.testing.assert_allclose(lg.gradient(y, x, engine=engine), np.exp(0.3), rtol=1e-10)
        y = lg.adjoint(y, x)


@every_engine
def test_an_adjoint_that_is_structurally_zero(engine: str) -> None:
    """No path leads from y to x * x, so the adjoint is a node of zeros with nothing below it."""
    x, y = lg.parameter([2.0, 3.0]), lg.parameter([[1.0], [5.0]])
    nothing = lg.adjoint((x * x).sum(), y)
    for L in ((nothing * x).sum(), (nothing + x * x).sum(), (lg.adjoint(nothing.sum(), x) * y).sum(), nothing.sum()):
        agree(L, [x, y, nothing], engine)


# -- what is not connected, blocked, zero or undefined -------------------------------------------------------


@every_engine
def test_unconnected_nodes(engine: str) -> None:
    x, other = lg.parameter(2.0), lg.parameter([1.0, 2.0])
    L = x * x
    found = lg.gradient(L, [x, other], engine=engine)
    np.testing.assert_allclose(found[0], 4.0, rtol=1e-10)
    assert same_bits(found[1], np.zeros(2))
    assert lg.gradient(L, [other], unconnected="none", engine=engine) == [None]
    with pytest.raises(lg.UnconnectedError, match="no path"):
        lg.gradient(L, [x, other], unconnected="raise", engine=engine)
    with pytest.warns(lg.UnconnectedWarning, match="every gradient asked for is zero"):
        lg.gradient(L, other, engine=engine)


half_open = elementwise(
    "half_open_for_engines",
    lambda x, mask: x * mask,
    inputs="x mask",
    vjp={"x": lambda g, mask: g * mask, "mask": BLOCKED},
    jvp={"x": lambda t, mask: t * mask, "mask": BLOCKED},
    register=False,
)
flat = elementwise("flat_for_engines", lambda x: 3.0 * x, vjp={"x": ZERO}, jvp={"x": ZERO}, register=False)
ruleless = elementwise(
    "ruleless_for_engines",
    lambda x, y: x * y,
    inputs="x y",
    vjp={"x": lambda g, y: g * y, "y": UNDEFINED},
    jvp={"x": lambda t, y: t * y, "y": UNDEFINED},
    register=False,
)


@every_engine
def test_blocked_edges_are_not_followed(engine: str) -> None:
    x, m = lg.parameter([1.0, 2.0]), lg.parameter([5.0, 7.0])
    L = half_open(x * x, m * x).sum()  # the way through the mask does not count
    np.testing.assert_allclose(lg.gradient(L, x, engine=engine), [10.0, 56.0], rtol=1e-10)
    with pytest.raises(lg.NotDifferentiableError, match=r"'half_open_for_engines' has no derivative .*every path"):
        lg.gradient(L, m, engine=engine)
    labels = lg.constant([1, 0])
    loss = lg.ops.cross_entropy(lg.parameter(np.ones((2, 3))), labels).sum()
    with pytest.raises(lg.NotDifferentiableError, match="int64"):
        lg.gradient(loss, labels, engine=engine)


@every_engine
def test_structurally_zero_edges(engine: str) -> None:
    x = lg.parameter(2.0)
    L = flat(x) * x  # held fixed in the first factor
    np.testing.assert_allclose(lg.gradient(L, x, engine=engine), 6.0, rtol=1e-10)
    assert lg.gradient(flat(x), [x], unconnected="none", engine=engine) == [None]


@every_engine
def test_an_undefined_edge_matters_only_if_it_is_needed(engine: str) -> None:
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    hidden = y * 2.0
    L = ruleless(x, hidden) + y
    np.testing.assert_allclose(lg.gradient(L, x, engine=engine), 6.0, rtol=1e-10)
    for w in (y, hidden):
        with pytest.raises(
            lg.NotDifferentiableError, match="'ruleless_for_engines' has no derivative by its input 'y'"
        ):
            lg.gradient(L, w, engine=engine)
    np.testing.assert_allclose(lg.gradient(L, x, engine=engine), 6.0, rtol=1e-10)  # the graph still answers


def test_forward_names_the_op_without_a_jvp() -> None:
    only_back = elementwise("only_back_for_engines", np.negative, vjp={"x": lambda g: -g}, register=False)
    x = lg.parameter(1.0)
    assert lg.gradient(only_back(x), x, engine="sweep") == -1.0
    with pytest.raises(lg.NotDifferentiableError, match="'only_back_for_engines' has no jvp rule by its input 'x'"):
        lg.gradient(only_back(x), x, engine="forward")


# -- the graph stays as it is ------------------------------------------------------------------------------


def test_numeric_touches_nothing() -> None:
    L, leaves = network()
    W1 = leaves["W1"]
    before = W1.value.copy()
    consumers = len(W1.consumers)
    with lg.record() as report:
        lg.gradient(L, leaves, engine="numeric")
    assert report.values.computed == ()
    assert "not computed" in repr(L)
    assert same_bits(W1.value, before)
    assert len(W1.consumers) == consumers
    with lg.record() as report:
        lg.gradient(L, leaves)
    assert report.values.misses > 0


def test_numeric_halves_its_step_away_from_a_kink() -> None:
    x = lg.parameter([0.5, 1e-3, -1e-3])
    np.testing.assert_allclose(
        lg.gradient(lg.ops.relu(x**3 + x).sum(), x, engine="numeric"), [1.75, 1 + 3e-6, 0], atol=1e-9
    )


@every_engine
def test_a_set_leaf_is_seen(engine: str) -> None:
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    L = np.exp(x) * y * y
    lg.gradient(L, [x, y], engine=engine)
    y.set(5.0)
    np.testing.assert_allclose(lg.gradient(L, y, engine=engine), 10.0 * np.exp(2.0), rtol=1e-10)


@pytest.mark.parametrize("engine", ["sweep", "children", "forward", "paths"])
def test_values_come_from_the_memo_and_adjoints_do_not(engine: str) -> None:
    L, leaves = network()
    first = counted(L, leaves, engine)
    again = counted(L, leaves, engine)
    assert first.values.misses > 0
    assert again.values.computed == ()
    assert again.rules_run == first.rules_run > 0
    assert counted(L, leaves, "lazy").rules_run > 0
    assert counted(L, leaves, "lazy").rules_run == 0


# -- the registry ------------------------------------------------------------------------------------------


def test_names_and_the_unknown() -> None:
    assert engines.names() == BUILT_IN
    x = lg.parameter(1.0)
    with pytest.raises(
        ValueError, match=r"no engine is named 'sweap'; known engines, closest first: sweep, "
    ) as caught:
        lg.gradient(x * x, x, engine="sweap")
    assert all(name in str(caught.value) for name in BUILT_IN)


def test_one_s_own_engine() -> None:
    asked = []

    def doubled(L: lg.Node, wrt: Sequence[lg.Node], cotangent: lg.Node | None) -> list[Any]:
        asked.append((L, list(wrt), cotangent))
        return [None if g is None else 2 * g for g in engines.lazy(L, wrt, cotangent)]

    engines.register("doubled", doubled)
    x, other = lg.parameter([1.0, 2.0]), lg.parameter(1.0)
    L = x * x
    found = lg.gradient(L, {"x": x, "too": [x, other]}, cotangent=[1.0, 10.0], engine="doubled")
    assert same_bits(found, {"x": np.array([4.0, 80.0]), "too": [np.array([4.0, 80.0]), np.array(0.0)]})
    ((target, wrt, cotangent),) = asked
    assert target is L
    assert [id(i) for i in wrt] == [id(x), id(other)]
    assert same_bits(cotangent.value, np.array([1.0, 10.0]))
    lg.gradient(x.sum(), x, engine="doubled")
    assert asked[-1][2] is None
    assert "doubled" in engines.names()

    engines.register("doubled", engines.sweep)  # one's own may be replaced
    assert same_bits(lg.gradient(x.sum(), x, engine="doubled"), np.ones(2))


def test_an_engine_s_array_is_copied_and_cast() -> None:
    kept = np.full(2, 7.0)
    engines.register("sevens", lambda L, wrt, cotangent: [kept])
    x = lg.parameter(np.ones(2, np.float32))
    found = lg.gradient(x.sum(), x, engine="sevens")
    kept[:] = 0.0
    assert same_bits(found, np.full(2, 7.0, np.float32))


def test_wrong_engines_are_told() -> None:
    x = lg.parameter(np.ones(2))
    with pytest.raises(ValueError, match="'lazy' is an engine of lazygrad itself"):
        engines.register("lazy", engines.sweep)
    with pytest.raises(TypeError, match="an engine is a function"):
        engines.register("no function", 3)
    assert "no function" not in engines.names()
    engines.register("too few", lambda L, wrt, cotangent: [])
    with pytest.raises(lg.LazygradError, match="'too few' gave 0 answers for 1 nodes"):
        lg.gradient(x.sum(), x, engine="too few")
    engines.register("wrong shape", lambda L, wrt, cotangent: [np.ones(3)])
    with pytest.raises(lg.ShapeError, match=r"'wrong shape' gave an answer of shape \(3,\)"):
        lg.gradient(x.sum(), x, engine="wrong shape")
