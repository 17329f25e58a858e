"""Gradients of functions: what comes in and goes out, and what is refused."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import attrs
import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close


def square_sum(x: Any) -> Any:
    return np.sum(x * x)


X = np.array([1.0, -2.0, 3.0])


def test_gradient_of_arrays_and_numbers() -> None:
    close(lg.grad(square_sum)(X), 2 * X)
    close(lg.grad(np.tanh)(0.5), 1 - np.tanh(0.5) ** 2)
    value, gradient = lg.value_and_grad(square_sum)(X)
    assert (value, value.shape) == (14.0, ())
    close(gradient, 2 * X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0, 3)])
def test_shape_and_dtype_are_the_arguments(dtype: Any, shape: Any) -> None:
    x = np.ones(shape, dtype)
    value, gradient = lg.value_and_grad(square_sum)(x)
    assert (type(gradient), gradient.shape, gradient.dtype) == (np.ndarray, shape, dtype)
    assert (type(value), value.dtype) == (np.ndarray, dtype)
    assert not gradient.flags.writeable


def test_argnums_choose_positional_arguments() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x * y**2 * z**3

    assert lg.grad(f)(2.0, 3.0, 1.0) == 9
    assert lg.grad(f, 2)(2.0, 3.0, 1.0) == 54
    assert lg.grad(f, argnums=-1)(2.0, 3.0, 1.0) == 54
    assert lg.grad(f, (2, 0))(2.0, 3.0, 1.0) == (54, 9)
    assert lg.grad(f, [1])(2.0, 3.0, 1.0) == (12,)
    assert lg.grad(f)(2.0, 3, 1) == 9  # the others may be anything


def test_negative_argnums_count_from_the_end() -> None:
    assert lg.grad(lambda x: x**2, -1)(3.0) == 6
    assert lg.grad(lambda x, y: x**2 * y, (-1, -2))(3.0, 5.0) == (9, 30)


def test_a_truth_value_is_no_argnum() -> None:
    with pytest.raises(TypeError, match="must be an int or a sequence of ints, not True"):
        lg.grad(lambda x, y: x * y, True)(1.0, 1.0)
    for argnums in ((True,), (0, True)):
        with pytest.raises(TypeError, match="must name positional arguments"):
            lg.grad(lambda x, y: x * y, argnums)(1.0, 1.0)


@pytest.mark.parametrize("argnums", [3, -4, (0, 3), "x", 0.0, None, True, (0, 0), (0, -3)])
def test_bad_argnums(argnums: Any) -> None:
    with pytest.raises(TypeError, match=r"argnums|iterable"):
        lg.grad(lambda x, y, z: x * y * z, argnums)(1.0, 1.0, 1.0)


def test_keyword_arguments_are_passed_on() -> None:
    assert lg.grad(lambda x, *, n=1, scale=1.0: scale * x**n)(2.0, n=3, scale=10.0) == 120


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return np.sum(x**2), {"doubled": 2 * x, "text": "as it is"}

    gradient, aux = lg.grad(f, has_aux=True)(X)
    close(gradient, 2 * X)
    close(aux["doubled"], 2 * X)
    assert type(aux["doubled"]) is np.ndarray
    assert aux["text"] == "as it is"
    (value, aux), gradient = lg.value_and_grad(f, has_aux=True)(X)
    assert value == 14
    close(gradient, aux["doubled"])
    with pytest.raises(TypeError, match="pair"):
        lg.grad(square_sum, has_aux=True)(X)


class Layer(NamedTuple):
    W: Any
    b: Any


@attrs.define
class Model:
    layers: Any
    scale: Any
    activation: Any = np.tanh
    count: int = 3
    _private: Any = 0.5


@dataclass
class Data:
    x: Any
    label: str = "a"


TREES = {
    "dict": {"a": X, "b": 2.0},
    "nested": {"a": [X, (X, {"c": 1.0})], "b": ()},
    "list": [X, 1.0],
    "tuple": (X,),
    "namedtuple": Layer(X, 0.5),
    "ordered": OrderedDict(b=X, a=1.0),
    "defaultdict": defaultdict(list, a=X),
    "attrs": Model([Layer(X, 1.0)], 2.0),
    "dataclass": Data(X),
    "none": {"a": X, "b": None},
}


def numbers(tree: Any) -> list[Any]:
    """Return the float leaves, found without the library's help."""
    if isinstance(tree, (float, np.ndarray, lg.Node)):
        return [tree]
    if isinstance(tree, dict):
        return [leaf for child in tree.values() for leaf in numbers(child)]
    if isinstance(tree, (list, tuple)):
        return [leaf for child in tree for leaf in numbers(child)]
    if isinstance(tree, Model):
        return numbers([tree.layers, tree.scale, tree._private])
    return numbers([tree.x]) if isinstance(tree, Data) else []


@pytest.mark.parametrize("name", TREES)
def test_gradients_come_in_the_structure_of_the_argument(name: str) -> None:
    tree = TREES[name]

    def f(t: Any) -> Any:
        assert type(t) is type(tree)
        return sum((k + 1) * np.sum(leaf**2) for k, leaf in enumerate(numbers(t)))

    gradient = lg.grad(f)(tree)
    assert type(gradient) is type(tree)
    if isinstance(tree, Model):
        assert (gradient.activation, gradient.count) == (np.tanh, 3)
    if isinstance(tree, dict):
        assert list(gradient) == list(tree)
    for k, (g, x) in enumerate(zip(numbers(gradient), numbers(tree), strict=True)):
        close(g, 2 * (k + 1) * x)


@pytest.mark.parametrize(
    ("argument", "place"),
    [
        (3, "argument 0:"),
        (np.arange(3), "argument 0:"),
        ({"a": [1.0, 2]}, r"argument 0\['a'\]\[1\]:"),
        (Layer(1.0, np.arange(2)), r"argument 0\.b:"),
        (lg.constant([1, 2]), "argument 0:"),
    ],
)
def test_integers_are_refused_and_the_place_is_named(argument: Any, place: str) -> None:
    with pytest.raises(TypeError, match=rf"square_sum cannot be differentiated by {place}.*int64"):
        lg.grad(square_sum)(argument)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x, r"returned shape \(3,\)"),
        (lambda x: 3, "returned int"),
        (lambda x: None, "returned NoneType"),
        (lambda x: (x.sum(), x), "returned tuple"),
        (lambda x: x.sum() > 0, "bool"),
        (lambda x: x.sum() * 1j, r"returned complex128.*holomorphic"),
        (lambda x: x.sum().astype(int), "returned dtype int64"),
    ],
)
def test_what_a_gradient_cannot_be_taken_of(f: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        lg.grad(f)(X)


def test_what_does_not_depend_on_the_argument_has_gradient_zero() -> None:
    """With a warning, as the value may have left the graph on the way; quietly where it depends, but is constant."""
    with pytest.warns(lg.UnconnectedWarning, match="<lambda> returned depends on none"):
        close(lg.grad(lambda x: 3.0)(X), 0 * X)
    with pytest.warns(lg.UnconnectedWarning):
        close(lg.grad(lambda x, y: square_sum(y))(X, X), 0 * X)
    assert lg.grad(lg.grad(lambda x: 3.0 * x))(1.0) == 0
    assert lg.grad(np.floor)(1.5) == 0


CONSTANT: dict[str, Callable[[], Any]] = {
    "grad": lambda: lg.grad(lambda x: 3.0)(X),
    "grad of a value": lambda: lg.grad(lambda x: np.sum(lg.parameter(X) ** 2))(X),
    "value_and_grad": lambda: lg.value_and_grad(lambda x: 3.0)(X),
    "elementwise_grad": lambda: lg.elementwise_grad(lambda x: X)(X),
    "jacobian": lambda: lg.jacobian(lambda x: X)(X),
    "jacfwd": lambda: lg.jacfwd(lambda x: X)(X),
    "jacrev": lambda: lg.jacrev(lambda x: X)(X),
    "hessian": lambda: lg.hessian(lambda x: 3.0)(X),
    "hvp": lambda: lg.hvp(lambda x: 3.0, X, X),
    "vjp": lambda: lg.vjp(lambda x: 3.0, X)[1](1.0),
    "jvp": lambda: lg.jvp(lambda x: 3.0, X, X),
    "grad of grad": lambda: lg.grad(lg.grad(lambda x: 3.0))(1.0),
    "both arguments": lambda: lg.grad(lambda x, y: 3.0, (0, 1))(X, X),
    "aux alone": lambda: lg.grad(lambda x: (3.0, x), has_aux=True)(X),
    "an inner transform at a number": lambda: lg.grad(lambda x: lg.grad(lambda y: y * y)(2.0))(1.0),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_a_transform_of_what_does_not_depend_on_the_arguments_warns_once(name: str) -> None:
    with pytest.warns(lg.UnconnectedWarning) as caught:
        CONSTANT[name]()
    assert len(caught) == 1
    assert caught[0].filename == __file__


DEPENDENT: dict[str, Callable[[], Any]] = {
    "one of two arguments": lambda: lg.grad(lambda x, y: square_sum(x), (0, 1))(X, X),
    "one part of a structure": lambda: lg.grad(lambda p: square_sum(p["a"]))({"a": X, "b": X}),
    "one of several outputs": lambda: lg.jacobian(lambda x: [x, X])(X),
    "hessian of a linear function": lambda: lg.hessian(lambda x: x.sum())(X),
    "hvp of a linear function": lambda: lg.hvp(lambda x: x.sum(), X, X),
    "jacobian of a gradient": lambda: lg.jacobian(lg.grad(lambda x: x.sum()))(X),
    "third derivative of a square": lambda: lg.grad(lg.grad(lg.grad(lambda x: x * x)))(1.0),
    "an inner derivative": lambda: lg.grad(lambda x: lg.grad(lambda y: 2 * y)(x))(1.0),
    "an inner function of the outer argument": lambda: lg.grad(lambda x: lg.grad(lambda y: x)(x) + x)(1.0),
    "an inner jvp": lambda: lg.grad(lambda x: lg.jvp(lambda y: 2 * y, x, 1.0)[1])(1.0),
    "a flat function": lambda: lg.grad(lambda x: np.sum(np.sign(x)))(X),
    "not differentiated at all": lambda: lg.grad(lambda p: 3.0)(()),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_a_derivative_that_is_rightly_zero_does_not_warn(name: str) -> None:
    DEPENDENT[name]()  # (a warning would be an error)


def test_the_functions_name_and_text_are_kept() -> None:
    for transform in (lg.grad, lg.value_and_grad, lg.elementwise_grad, lg.jacobian, lg.hessian):
        assert transform(square_sum).__name__ == "square_sum"


def test_a_closure_may_hold_nodes() -> None:
    """Then answers are nodes, too, lest they be cut off from these; constants do not count."""
    w, c = lg.parameter(X), lg.constant(X)
    gradient = lg.grad(lambda x: np.sum(w * x**2))(X)
    assert isinstance(gradient, lg.Node)
    close(gradient.value, 2 * X * X)
    close(lg.gradient(gradient.sum() + w[0], w), 2 * X + [1, 0, 0])
    assert type(lg.grad(lambda x: np.sum(c * x**2))(X)) is np.ndarray
    assert isinstance(lg.jvp(lambda x: w * x, X, X)[1], lg.Node)
    assert isinstance(lg.jacobian(lambda x: w * x)(X), lg.Node)


def test_an_inner_transform_in_another_thread_keeps_its_graph() -> None:
    def f(p: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return p + pool.submit(lambda: lg.grad(lambda q: q**3 * p)(2.0)).result()

    assert lg.grad(f)(1.0) == 13


def test_an_argument_that_is_not_used_costs_the_others_nothing() -> None:
    """The one pass answers for the others; nothing is computed again."""
    calls = []
    noted = lg.primitive(np.sin, vjp=lambda g, x: calls.append(1) or g * np.cos(x), shape="x")
    by_x, by_y = lg.grad(lambda x, y: np.sum(noted(x)), (0, 1))(X, X)
    close(by_x, np.cos(X))
    close(by_y, 0 * X)
    assert calls == [1]
    blocked = lg.primitive(lambda x, labels: x, vjp={"x": lambda g: g, "labels": None}, shape="x")
    with pytest.raises(lg.NotDifferentiableError, match="labels"):
        lg.grad(lambda x, y: np.sum(blocked(x, y)), (0, 1))(X, X)


def test_a_constant_in_a_node_out() -> None:
    found = lg.grad(np.sin)(lg.constant(0.5))
    assert isinstance(found, lg.Node)
    close(found.value, np.cos(0.5))


def test_nodes_in_nodes_out() -> None:
    x = lg.parameter(X)
    gradient = lg.grad(square_sum)(x)
    assert isinstance(gradient, lg.Node)
    assert gradient._value is None, "lazy, as nodes are"
    x.set(X + 1)
    close(gradient.value, 2 * (X + 1))
    close(lg.gradient(gradient[0], x), [2, 0, 0])
