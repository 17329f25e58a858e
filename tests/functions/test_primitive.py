"""Users' own ops: how they are declared, what follows from one rule, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing import check_grads, check_op
from tests.helpers.op_checks import close

X = np.array([0.5, -1.0, 2.0])


@lg.primitive(vjp=lambda g, out: g * (1 - out * out), shape="elementwise")
def squash(x: Any) -> Any:
    """Return a sigmoid shape between -1 and 1."""
    return np.tanh(x)


def scale_by(x: Any, *, factor: float = 2.0) -> Any:
    return x * factor


scaled = lg.primitive(scale_by, jvp=lambda t, factor: t * factor, shape="x")


def weigh(g: Any, x: Any, w: Any, wanted: Any) -> Any:
    terms = {"x": lambda: np.outer(g, w), "w": lambda: np.transpose(x) @ g}
    return {name: terms[name]() for name in wanted}


@lg.primitive(vjp=weigh, shape=lambda x, w: x.shape[:1])
def weighted(x: Any, w: Any) -> Any:
    return x @ w


@lg.primitive(vjp={"x": lambda g, k, x_shape: lg.primitive(place, vjp=lambda h, k: h[k])(g, k=k, shape=x_shape)})
def pick(x: Any, k: int = 0) -> Any:
    return x[k]


def place(g: Any, k: int = 0, shape: Any = ()) -> Any:
    out = np.zeros(shape)
    out[k] = g
    return out


# -- the battery, in one line each -----------------------------------------------------------------


def test_one_rule_is_enough() -> None:
    """A vjp gives the jvp and a jvp the vjp, in both readings and to second order."""
    check_op(squash, X, reference=np.tanh)
    check_op(scaled, X, factor=3.0)
    check_op(weighted, np.arange(6.0).reshape(2, 3), X)
    check_grads(lambda x, w: np.tanh(weighted(x, w)), (np.arange(6.0).reshape(2, 3) / 6, X), order=2)
    check_grads(lambda x: scaled(x, factor=2.0) ** 2, (X,), order=2)


def test_without_shape_it_is_evaluated_when_it_is_built() -> None:
    x = lg.parameter(X)
    y = pick(x, k=2)
    assert (y.shape, y._value) == ((), 2.0)
    close(lg.gradient(y, x), [0, 0, 1])
    x.set(2 * X)
    assert y._value is None
    assert y.item() == 4.0
    with pytest.raises(lg.ShapeError, match="without `shape=`"):
        x.set(np.ones(5))
    close(x.value, 2 * X)


def test_with_shape_it_is_lazy() -> None:
    calls = []

    @lg.primitive(vjp=lambda g, x: 2 * g * x, shape="x")
    def square(x: Any) -> Any:
        calls.append(1)
        return x * x

    x = lg.parameter(X)
    y = square(x)
    close(lg.gradient(y.sum(), x), 2 * X)
    assert calls == []
    close(y.value, X * X)
    assert calls == [1]


def test_a_joint_rule_is_told_what_is_wanted() -> None:
    wanted_by: list[Any] = []

    def rule(g: Any, x: Any, y: Any, wanted: Any) -> Any:
        wanted_by.append(wanted)
        return (g * y if "x" in wanted else None, g * x if "y" in wanted else None)

    product = lg.primitive(lambda x, y: x * y, vjp=rule, shape="elementwise", name="product")
    x, y = lg.parameter(3.0), lg.parameter(4.0)
    L = product(x, y)
    assert lg.gradient(L, x) == 4
    assert wanted_by == [("x",)]
    assert lg.gradient(L, [x, y]) == [4, 3]
    assert wanted_by == [("x",), ("y",)]
    check_op(product, X, X + 3)


def test_blocked_and_zero_inputs() -> None:
    @lg.primitive(vjp={"x": lambda g, k: g * k, "k": None}, shape="x")
    def times(x: Any, k: Any) -> Any:
        return x * k

    @lg.primitive(vjp={"x": lambda g: g, "y": 0}, shape="x")
    def with_floor(x: Any, y: Any) -> Any:
        return x + np.floor(y)

    x, y = lg.parameter(X), lg.parameter(X)
    close(lg.gradient(times(x, lg.constant(3.0)).sum(), x), 3 * np.ones(3))
    with pytest.raises(lg.NotDifferentiableError, match="'k'"):
        lg.gradient(times(x, y).sum(), y)
    assert lg.gradient(with_floor(x, y).sum(), [x, y], unconnected="none")[1] is None


def test_without_a_rule_the_gradient_is_an_error_that_names_the_op() -> None:
    nothing = lg.primitive(lambda x: x * 1, shape="x", name="nothing")
    with pytest.raises(lg.NotDifferentiableError, match=r"'nothing'.*declare a rule"):
        lg.grad(lambda x: np.sum(nothing(x)))(X)
    with pytest.raises(lg.NotDifferentiableError, match="'nothing'"):
        lg.jvp(nothing, X, X)


def test_on_arrays_it_is_the_function_itself() -> None:
    assert type(squash(X)) is np.ndarray
    close(squash(X), np.tanh(X))
    assert squash.doc == "Return a sigmoid shape between -1 and 1."
    assert repr(squash) == "<op squash>"


def test_a_ufunc_can_be_a_primitive() -> None:
    check_op(
        lg.primitive(
            np.arctan2,
            vjp={"x": lambda g, x, y: g * y / (x * x + y * y), "y": lambda g, x, y: -g * x / (x * x + y * y)},
            shape="elementwise",
        ),
        X,
        X + 3,
    )


def test_graphs_with_primitives_of_a_module_are_pickled() -> None:
    x = lg.parameter(X)
    y = pickle.loads(pickle.dumps(squash(x)))
    assert y.op is squash
    close(y.value, np.tanh(X))


def bare(x: Any) -> Any:
    return x * x


def test_a_primitive_that_its_name_does_not_lead_to_is_not_pickled() -> None:
    wrapped = lg.primitive(bare, vjp=lambda g, x: 2 * g * x, shape="x", name="wrapped")
    for op in (wrapped, lg.primitive(lambda x: x, vjp=lambda g: g, shape="x")):
        with pytest.raises(pickle.PicklingError, match="decorate a function of a module"):
            pickle.dumps(op(lg.parameter(X)))


def test_keywords_stay_what_they_are() -> None:
    weights = np.array([1.0, 2.0, 3.0])

    @lg.primitive(vjp=lambda g, w: g * w, shape="x")
    def weigh_by(x: Any, *, w: Any) -> Any:
        return x * w / w.max() * 3

    x = lg.parameter(X)
    close(weigh_by(x, w=weights).value, X * weights)
    y = weigh_by(x, w=weights)
    weights[:] = 0
    close(lg.gradient(y.sum(), x), [1, 2, 3])
    with pytest.raises(TypeError, match="weigh_by needs the keyword `w`"):
        weigh_by(x)


def test_rules_and_values_of_the_wrong_kind_are_named() -> None:
    x = lg.parameter(X)
    with pytest.raises(TypeError, match="of_objects returned dtype object"):
        lg.primitive(lambda x: np.array([None]), name="of_objects")(x)
    joint = lg.primitive(lambda x, y: x * y, vjp=lambda g, wanted: {}, shape="x")
    with pytest.raises(lg.LazygradError, match="asked for 'x', but returned"):
        lg.gradient(joint(x, x).sum(), x)
    wide = lg.primitive(lambda x: x * 1, vjp=lambda g: np.ones((5, 7)), shape="x", name="wide")
    with pytest.raises(lg.LazygradError, match=r"the rule of 'wide' by 'x' returned shape \(5, 7\)"):
        lg.gradient(wide(x).sum(), x)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: lg.primitive(lambda x: x, vjp=lambda g, z: g), "reads 'z'"),
        (lambda: lg.primitive(lambda x: x, vjp={"y": lambda g: g}), "'y'"),
        (lambda: lg.primitive(lambda x, y: x, vjp=lambda g: g), "wanted"),
        (lambda: lg.primitive(lambda x, **k: x), "keywords"),
        (lambda: lg.primitive(lambda x=1: x), "no inputs"),
        (lambda: lg.primitive(lambda x: x, shape="y"), "'y'"),
        (lambda: squash(lg.parameter(X), factor=2), "does not take `factor`"),
    ],
)
def test_wrong_declarations_and_calls(declare: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        declare()


def test_a_value_of_another_shape_than_promised_is_an_error() -> None:
    wrong = lg.primitive(lambda x: x[:1], vjp=lambda g: g, shape="x", name="wrong")
    with pytest.raises(lg.LazygradError, match=r"wrong returned shape \(1,\).*correct its `shape=`"):
        wrong(lg.parameter(X)).value  # noqa: B018


def test_a_shape_function_without_a_dtype_promises_floats() -> None:
    half = lg.primitive(lambda x: x / 2, vjp=lambda g: g / 2, shape=lambda x: x.shape, name="half")
    for given, promised in ((np.int64([1, 2]), np.float64), (np.float32([1.0, 2.0]), np.float32)):
        node = half(lg.constant(given))
        assert node.dtype == promised
        assert node.value.tolist() == [0.5, 1.0]
