"""One statement declares an op: rules read by the names of their parameters, and mistakes show at once."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import ops
from lazygrad.ops._declare import bilinear, elementwise, linear, op
from lazygrad.ops._op import OPS
from lazygrad.ops._rule import BLOCKED, OUT, UNDEFINED, ZERO
from tests.helpers.op_checks import Case, check_jvp, check_second_order, check_vjp, same


def like(x: lg.Node, *others: lg.Node, **static: Any) -> Any:
    return x.shape, x.dtype


def declare_scaled(rule: Any, *, inputs: str = "x y", jvp: Any = None) -> Any:
    """Declare x * y * scale, with the vjp rule of x to be tried."""
    return op(
        "scaled",
        lambda x, y, scale: x * y * scale,
        shape=like,
        inputs=inputs,
        statics={"scale": 2.0},
        vjp={"x": rule, "y": lambda g, x, scale: g * x * scale},
        jvp=jvp,
        register=False,
    )


def leaves() -> tuple[lg.Node, lg.Node]:
    return lg.parameter([1.0, 2.0], name="x"), lg.parameter([3.0, 5.0], name="y")


# -- what a rule may read --------------------------------------------------------------------------


def test_a_rule_receives_what_its_parameters_name() -> None:
    seen: dict[str, Any] = {}

    def rule(
        g: Any, y: Any, out: Any, x_shape: Any, x_dtype: Any, y_shape: Any, scale: Any, shapes: Any, argnum: Any
    ) -> Any:
        seen.update(locals())
        return g * y * scale

    x, y = leaves()
    node = declare_scaled(rule)(x, y, scale=3.0)
    np.testing.assert_array_equal(lg.gradient(node, x, cotangent=[1.0, -1.0]), [9.0, -15.0])
    np.testing.assert_array_equal(seen["g"], [1.0, -1.0])
    np.testing.assert_array_equal(seen["y"], y.value)
    np.testing.assert_array_equal(seen["out"], node.value)
    assert (seen["x_shape"], seen["x_dtype"], seen["y_shape"]) == ((2,), np.dtype(float), (2,))
    assert (seen["scale"], seen["shapes"], seen["argnum"]) == (3.0, ((2,), (2,)), 0)


@pytest.mark.parametrize("order", list(itertools.permutations(["x", "y", "out", "scale", "x_shape"])), ids=" ".join)
def test_parameters_may_come_in_any_order(order: tuple[str, ...]) -> None:
    body = "g * (y * scale + 0 * x.sum() + 0 * out.sum()) * (x_shape == (2,))"
    rule = eval(f"lambda g, {', '.join(order)}: {body}")
    x, y = leaves()
    w = np.array([1.0, -1.0])
    node = declare_scaled(rule)(x, y, scale=3.0)
    np.testing.assert_array_equal(lg.gradient(node, x, cotangent=w), w * [9.0, 15.0])
    adjoint = lg.Differentiator(node, cotangent=w).adjoint(x)
    np.testing.assert_array_equal(lg.gradient(adjoint, y, cotangent=[1.0, 1.0]), 3.0 * w)


def test_reads_are_known_before_anything_runs() -> None:
    def never(*args: Any) -> Any:
        raise AssertionError("called at declaration")

    rule = lambda g, out, y, x: never()  # noqa: E731
    made = declare_scaled(rule)
    assert made.vjp[0].reads == (OUT, 1, 0)
    assert made.vjp[1].reads == (0,)
    assert [name for name, _ in made.vjp[1].metas] == ["scale"]


def test_only_what_is_read_is_computed() -> None:
    """In x * y dL/dx reads y, dL/dy reads x, and neither reads the product."""
    a, b = leaves()
    x, y = np.exp(a), np.exp(b)
    node = declare_scaled(lambda g, y, scale: g * y * scale)(x, y)
    with lg.record() as report:
        lg.gradient(node, x, cotangent=[1.0, 1.0])
    assert report.values.computed == (y,)
    assert report.rules_run == 1


def test_starred_inputs() -> None:
    """One rule serves all inputs of a starred name; it may read them all, their shapes, and which is meant."""
    seen = []

    def rule(g: Any, *xs: Any, shapes: Any, argnum: int) -> Any:
        seen.append((len(xs), shapes, argnum))
        return g * sum(xs[:argnum] + xs[argnum + 1 :]) if len(xs) > 1 else 0 * g

    made = op(
        "edge_rules",
        lambda *xs: sum(a * b for a, b in itertools.combinations(xs, 2)),
        shape=like,
        inputs="*xs",
        vjp={"xs": rule},
        register=False,
    )
    xs = [lg.parameter([float(k), 1.0]) for k in range(1, 5)]
    gradients = lg.gradient(made(*xs), xs, cotangent=[1.0, 1.0])
    np.testing.assert_array_equal(gradients, [[9, 3], [8, 3], [7, 3], [6, 3]])
    assert seen == [(4, ((2,),) * 4, k) for k in range(4)]


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["z", "axis", "z_shape", "y_size", "output", "x_"])
def test_an_unknown_parameter_fails_at_declaration(name: str) -> None:
    with pytest.raises(TypeError, match=rf"a rule of op 'scaled' reads '{name}', which is none of out, x, y, .*scale"):
        declare_scaled(eval(f"lambda g, {name}: g"))
    with pytest.raises(TypeError, match=rf"reads '{name}'"):
        declare_scaled(lambda g, y: g * y, jvp={"x": eval(f"lambda t, {name}: t")})


def test_a_rule_for_an_unknown_input_fails_at_declaration() -> None:
    with pytest.raises(TypeError, match="op 'scaled' has a rule for 'x', but its inputs are a, y"):
        declare_scaled(lambda g, y: g * y, inputs="a y")


def test_an_op_cannot_be_declared_twice() -> None:
    before = dict(OPS)
    for declare in (
        lambda: op("add", np.add, shape=like, inputs="x y", vjp={}),
        lambda: elementwise("tanh", np.tanh),
        lambda: linear("sum", np.sum, shape=like, transpose=lambda g: g),
        lambda: bilinear("matmul", np.matmul, shape=like, vjp={}),
    ):
        with pytest.raises(ValueError, match="is declared twice"):
            declare()
    assert before == OPS


def test_an_unregistered_op_leaves_no_trace() -> None:
    before = dict(OPS)
    declare_scaled(lambda g, y: g * y)
    assert before == OPS


def test_wrong_calls() -> None:
    x, y = leaves()
    made = declare_scaled(lambda g, y, scale: g * y * scale)
    for call, message in (
        (lambda: made(x), r"takes \(x, y, scale=2\.0\), but got only 1"),
        (lambda: made(x, y, 1.0, 2.0), "so many arguments"),
        (lambda: made(x, y, axis=0), "`axis`"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    same(made(x, y=y, scale=1.0), [3.0, 10.0])
    same(made(x, y, 1.0), [3.0, 10.0])
    np.testing.assert_array_equal(made(x.value, y.value), [6.0, 20.0])  # on arrays alone it computes at once


# -- undefined, blocked, zero ----------------------------------------------------------------------


def declare_gated(**rules: Any) -> Any:
    """Declare x * y, with a rule for x and one for y to be tried."""
    return op(
        "gated", lambda x, y: x * y, shape=like, inputs="x y", vjp={"x": lambda g, y: g * y, **rules}, register=False
    )


def test_the_three_states_are_told_apart() -> None:
    assert declare_gated().vjp[1] is UNDEFINED
    assert declare_gated(y=BLOCKED).vjp[1] is BLOCKED
    assert declare_gated(y=ZERO).vjp[1] is ZERO


def test_undefined_is_an_error_only_if_the_edge_is_needed() -> None:
    x, y = leaves()
    node = declare_gated()(x, y)
    L = node.sum()
    np.testing.assert_array_equal(lg.gradient(L, x), y.value)
    message = (
        rf"op 'gated' has no derivative by its input 'y' \(<parameter 'y' #{y.serial}.*needs at <gated #{node.serial}"
    )
    for _ in range(2):  # the first failure leaves nothing behind
        with pytest.raises(lg.NotDifferentiableError, match=message):
            lg.gradient(L, y)
        with pytest.raises(lg.NotDifferentiableError, match=message):
            lg.gradient(L, [x, y], unconnected="none")
    with pytest.raises(lg.NotDifferentiableError, match=message):  # another way does not make it up
        lg.gradient((node * y).sum(), y)
    np.testing.assert_array_equal(lg.gradient(L, x), y.value)


def test_undefined_off_the_path_is_no_error() -> None:
    x, y = leaves()
    L = (declare_gated()(np.exp(y), x) + declare_gated()(y, lg.constant([1.0, 1.0]))).sum()
    np.testing.assert_array_equal(lg.gradient(L, y), np.exp(y.value) * x.value + 1)
    with pytest.raises(lg.NotDifferentiableError, match="input 'y'"):
        lg.gradient(L, x)


def test_undefined_of_an_integer_input_is_no_error() -> None:
    """Nothing flows to integers anyway."""
    x, index = lg.parameter([1.0, 2.0]), lg.constant([1, 2])
    node = declare_gated()(x, index)
    np.testing.assert_array_equal(lg.gradient(node.sum(), x), [1.0, 2.0])


def test_blocked_is_pruned_and_an_error_only_if_there_is_no_other_way() -> None:
    x, y = leaves()
    blocked = declare_gated(y=BLOCKED)
    with lg.record() as report:
        np.testing.assert_array_equal(
            lg.gradient((blocked(x, y) * y).sum(), y), x.value * y.value
        )  # the open way alone
    assert report.rules_run == 2  # sum, and the outer product by y
    L = blocked(x, np.exp(y)).sum()
    for wrt in (y, [x, y]):
        with pytest.raises(
            lg.NotDifferentiableError, match=r"op 'gated' has no derivative by its input 'y'.*every path"
        ):
            lg.gradient(L, wrt)
    assert not lg.differentiator(L).is_connected(y)
    np.testing.assert_array_equal(lg.gradient(L, x), np.exp(y.value))


def test_zero_is_a_structural_zero() -> None:
    """No path, so zeros by default; nothing is multiplied by them, and nobody is warned if something else flows."""
    x, y = leaves()
    L = declare_gated(y=ZERO)(x, np.exp(y)).sum()
    with lg.record() as report:
        dx, dy = lg.gradient(L, [x, y])
    np.testing.assert_array_equal(dx, np.exp(y.value))
    np.testing.assert_array_equal(dy, [0.0, 0.0])
    assert report.rules_run == 2  # sum, and gated by x
    assert lg.gradient(L, [x, y], unconnected="none")[1] is None
    with pytest.warns(lg.UnconnectedWarning, match="y"):
        lg.gradient(L, y)
    with pytest.raises(lg.UnconnectedError, match="y"):
        lg.gradient(L, [x, y], unconnected="raise")


def test_blocked_and_zero_differ_where_nothing_else_flows() -> None:
    x, y = leaves()
    zero, blocked = declare_gated(y=ZERO)(x, y).sum(), declare_gated(y=BLOCKED)(x, y).sum()
    assert lg.gradient(zero, y, unconnected="none") is None
    with pytest.raises(lg.NotDifferentiableError):
        lg.gradient(blocked, y, unconnected="none")


# -- the families ----------------------------------------------------------------------------------


@pytest.fixture
def unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the families, which always register, declare into a copy of the registry."""
    monkeypatch.setattr("lazygrad.ops._declare.OPS", dict(OPS))


@pytest.mark.usefixtures("unregistered")
def test_elementwise_partials_give_both_rules() -> None:
    cube = elementwise("cube", lambda x: x**3, partial={"x": lambda x: 3 * x * x})
    inverse = elementwise("inverse", lambda x: 1 / x, partial={"x": lambda out: -out * out})
    blend = elementwise(
        "blend", lambda x, y: x * x * y, inputs="x y", partial={"x": lambda y, x: 2 * x * y, "y": lambda x: x * x}
    )
    rng = np.random.default_rng(5)
    for case in (
        Case(cube, cube.function, [rng.normal(size=3)]),
        Case(inverse, inverse.function, [rng.uniform(1, 2, size=3)]),
        Case(blend, blend.function, [rng.normal(size=(2, 1)), rng.normal(size=3)]),
    ):
        for check in (check_vjp, check_jvp, check_second_order):
            check(case)


@pytest.mark.usefixtures("unregistered")
def test_linear_gives_its_jvp_and_blocks_the_other_inputs() -> None:
    roll = linear(
        "rolled",
        lambda x, by, axis: np.roll(x, int(by), axis),
        shape=like,
        transpose=lambda g, by, axis: roll(g, -by, axis=axis),
        inputs="x by",
        statics={"axis": 0},
    )
    assert roll.vjp[1] is BLOCKED
    case = Case(roll, lambda x, by, axis: np.roll(x, by, axis), [np.arange(6.0).reshape(2, 3), 1], {"axis": 1})
    for check in (check_vjp, check_jvp, check_second_order):
        check(case)


@pytest.mark.usefixtures("unregistered")
def test_bilinear_gives_its_jvp() -> None:
    outer = bilinear(
        "outer_product",
        np.multiply.outer,
        shape=lambda x, y: (x.shape + y.shape, np.result_type(x.dtype, y.dtype)),
        vjp={"x": lambda g, y: g @ y, "y": lambda g, x: x @ g},
    )
    case = Case(outer, np.multiply.outer, [np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])])
    for check in (check_vjp, check_jvp, check_second_order):
        check(case)


# -- ops as values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPS)
def test_registered_ops_are_kept_by_name(name: str) -> None:
    made = OPS[name]
    assert pickle.loads(pickle.dumps(made)) is made
    assert copy.deepcopy(made) is made
    assert repr(made) == f"<op {name}>"
    assert made.doc, f"{name} has no description"


def test_public_ops_have_a_description() -> None:
    public = [value for name, value in vars(ops).items() if callable(value) and not name.startswith("_")]
    assert len(public) > 30
    assert all(getattr(value, "doc", None) or value.__doc__ for value in public)
