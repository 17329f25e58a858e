"""Function transforms in reverse mode: structures, nesting, control flow, and what they refuse."""

from __future__ import annotations

import threading
import tracemalloc
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import attrs
import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.guards import inside_transform
from tests.helpers.collector import no_collector
from tests.helpers.op_checks import close, make_generator


def square_sum(x: Any) -> Any:
    return np.sum(x * x)


X = np.array([1.0, -2.0, 3.0])

# -- what comes in and goes out --------------------------------------------------------------------


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
    """The float leaves, found without the library's help."""
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
    """Quietly, as JAX has it: a function may well be constant somewhere."""
    close(lg.grad(lambda x: 3.0)(X), 0 * X)
    close(lg.grad(lambda x, y: square_sum(y))(X, X), 0 * X)
    assert lg.grad(lg.grad(lambda x: 3.0 * x))(1.0) == 0
    assert lg.grad(np.floor)(1.5) == 0


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


def test_nodes_in_nodes_out() -> None:
    x = lg.parameter(X)
    gradient = lg.grad(square_sum)(x)
    assert isinstance(gradient, lg.Node)
    assert gradient._value is None, "lazy, as nodes are"
    x.set(X + 1)
    close(gradient.value, 2 * (X + 1))
    close(lg.gradient(gradient[0], x), [2, 0, 0])


# -- control flow ----------------------------------------------------------------------------------


def test_branches_and_loops_may_depend_on_values() -> None:
    def newton(a: Any) -> Any:
        y = a
        while abs(y * y - a) > 1e-12:
            y = 0.5 * (y + a / y)
        return y

    close(lg.grad(newton)(2.0), 0.5 / np.sqrt(2.0))

    def branch(x: Any) -> Any:
        return x**2 if x > 0 else -x

    assert lg.grad(branch)(3.0) == 6
    assert lg.grad(branch)(-3.0) == -1
    assert lg.jvp(branch, 3.0, 1.0)[1] == 6
    assert lg.grad(lg.grad(branch))(3.0) == 2


def test_integers_are_evaluated_on_demand_as_truth_values_are() -> None:
    """They have no derivative that could be lost by it; floats stay refused."""
    prices = np.array([10.0, 20.0, 30.0])

    def f(x: Any) -> Any:
        best = int(np.argmax(x))
        return np.sum(prices[np.argsort(x)] * x) + x[best] * len(range(np.argmax(x))) + np.sum(prices[x > 0] * 2.0)

    close(lg.grad(f)(X), [20.0, 10.0, 32.0])
    assert lg.grad(f)(X).dtype == float
    for convert in (int, float, np.asarray, range):
        with pytest.raises(TypeError, match=r"\.item\(\)|\.value"):
            lg.grad(lambda x, convert=convert: convert(x[0]))(X)
        with pytest.raises(TypeError, match=r"\.item\(\)|\.value"):
            convert(lg.constant(3))


def test_a_branch_outside_a_transform_is_refused() -> None:
    with pytest.raises(TypeError, match="truth value"):
        bool(lg.parameter(1.0) > 0)


def test_an_exception_leaves_no_transform_behind() -> None:
    def broken(x: Any) -> Any:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        lg.grad(broken)(1.0)
    assert not inside_transform()
    with pytest.raises(TypeError, match="truth value"):
        bool(lg.parameter(1.0) > 0)


# -- nesting ---------------------------------------------------------------------------------------


def test_nested_gradients() -> None:
    f = lg.grad(lg.grad(lg.grad(np.sin)))
    close(f(0.3), -np.cos(0.3))
    close(lg.grad(lambda x: lg.grad(lambda y: lg.grad(np.sin)(y))(x))(0.3), -np.cos(0.3))
    close(lg.grad(lambda x: np.sum(lg.grad(square_sum)(x) ** 2))(X), 8 * X)


def test_perturbations_are_not_confused() -> None:
    """The classic: the inner derivative is by the inner argument alone."""
    assert lg.grad(lambda x: x * lg.grad(lambda y: x + y)(2.0))(1.0) == 1
    assert lg.grad(lambda x: x * lg.grad(lambda y: x * y)(x))(3.0) == 6  # d(x * x)
    assert lg.grad(lambda x: x * lg.grad(lambda y: y * x)(1.0))(3.0) == 6
    assert lg.grad(lambda x: lg.grad(lambda y: lg.grad(lambda z: x * y * z)(x))(x))(3.0) == 1
    assert lg.jvp(lambda x: x * lg.jvp(lambda y: x + y, 1.0, 1.0)[1], 1.0, 1.0)[1] == 1
    assert lg.jvp(lambda x: x * lg.jvp(lambda y: x * y, x, 1.0)[1], 3.0, 1.0)[1] == 6
    assert lg.grad(lambda x: x * lg.jvp(lambda y: x + y, 1.0, 1.0)[1])(1.0) == 1
    assert lg.jvp(lambda x: x * lg.grad(lambda y: x + y)(1.0), 1.0, 1.0)[1] == 1


def test_what_an_inner_gradient_does_not_owe_to_the_outer_argument_is_an_array() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append(lg.grad(np.sin)(0.5))
        seen.append(lg.grad(lambda y: x * y)(0.5))
        return x * seen[0]

    close(lg.grad(f)(1.0), np.cos(0.5))
    assert [isinstance(s, lg.Node) for s in seen] == [False, True]


def test_inner_gradient_by_a_closure_of_the_outer_argument() -> None:
    def f(x: Any) -> Any:
        step = x - 0.1 * lg.grad(lambda w: np.sum((w * x) ** 2))(np.ones(3))  # plain argument, node in the closure
        return np.sum(step)

    close(lg.grad(f)(X), 1 - 0.4 * X)


@pytest.mark.parametrize("f", [np.sin, np.tanh, lambda x: 1 / (1 + x), lambda x: np.exp(x) * x**3, np.sqrt])
def test_high_orders_against_a_circle_in_the_complex_plane(f: Callable[[Any], Any]) -> None:
    """Cauchy: f^(n)(a) = n! / r^n times the mean of f(a + r w) w^-n over the roots of unity w."""
    a, r, points = 0.7, 0.3, 64
    w = np.exp(2j * np.pi * np.arange(points) / points)
    factorial, derivative = 1.0, f
    for n in range(1, 9):
        factorial *= n
        derivative = lg.grad(derivative)
        close(derivative(a), (factorial / r**n * np.mean(f(a + r * w) * w**-n)).real, rtol=1e-6)


@pytest.mark.parametrize(
    "op", [np.sin, np.tanh, lambda x: 1 / (1 + x), lambda x: x * x * 0.5, lambda x: np.exp(0.1 * x), np.sqrt]
)
def test_high_orders_take_polynomially_many_nodes(op: Callable[[Any], Any]) -> None:
    """The n-th derivative of a chain: a polynomial of third degree in n, where doubling would be 2 ** n."""

    def chain(x: Any) -> Any:
        for _ in range(10):
            x = op(x) * 0.9
        return x

    def nodes(n: int) -> int:
        f: Callable[[Any], Any] = chain
        for _ in range(n):
            f = lg.grad(f)
        before = lg.constant(0).serial
        f(0.7)
        return lg.constant(0).serial - before

    few, many = nodes(4), nodes(8)
    assert many < 12 * few  # (8 / 4) ** 3 and a little; doubling each time would be 16, and it was 4 ** 4
    differences = np.diff([nodes(n) for n in range(2, 9)], n=4)
    assert np.abs(differences).max() < few


# -- elementwise_grad and vjp ----------------------------------------------------------------------


def test_elementwise_grad() -> None:
    close(lg.elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)
    close(lg.elementwise_grad(lg.elementwise_grad(np.tanh))(X), -2 * np.tanh(X) * (1 - np.tanh(X) ** 2))
    gradient, aux = lg.elementwise_grad(lambda x: (x**2, x), has_aux=True)(X)
    close(gradient, 2 * aux)
    with pytest.raises(TypeError, match="elementwise_grad needs real outputs"):
        lg.elementwise_grad(lambda x: x * 1j)(X)
    with pytest.raises(TypeError, match="argmax returned dtype int64"):
        lg.vjp(np.argmax, X)


def test_a_gradient_of_a_complex_gradient_is_refused_as_any_other() -> None:
    def f(z: Any) -> Any:
        return np.abs(z) ** 2

    for nested in (lg.grad(lg.grad(f)), lg.grad(lambda z: lg.grad(f)(z))):
        with pytest.raises(TypeError, match="real number"):
            nested(1 + 2j)
    close(lg.grad(lg.grad(lambda z: z**3, holomorphic=True), holomorphic=True)(1 + 2j), 6 * (1 + 2j))


def test_vjp_of_several_outputs_in_a_structure() -> None:
    value, pull = lg.vjp(lambda x, y: {"p": x * y, "s": (np.sum(x), 3.0)}, X, X + 1)
    close(value["p"], X * (X + 1))
    assert value["s"][1] == 3
    by_x, by_y = pull({"p": X, "s": (10.0, 1.0)})
    close(by_x, X * (X + 1) + 10)
    close(by_y, X * X)
    with pytest.raises(TypeError, match="structure"):
        pull(X)
    with pytest.raises(lg.ShapeError):
        pull({"p": np.ones(2), "s": (1.0, 1.0)})
    value, pull, aux = lg.vjp(lambda x: (x * 2, x), X, has_aux=True)
    close(pull(X)[0], value)
    close(aux, X)


def test_vjp_computes_forward_values_once() -> None:
    _, pull = lg.vjp(lambda x: np.tanh(np.exp(x) * 0.1), X)
    pull(X)
    with lg.record() as report:
        close(pull(X + 1)[0] * X, pull(X)[0] * (X + 1))
    assert report.values.misses == 0
    assert report.rules_run == 2 * 3  # two new cotangents, through three ops


def test_vjp_within_a_transform() -> None:
    def f(x: Any) -> Any:
        _, pull = lg.vjp(lambda y: y**3, x)
        (g,) = pull(x)
        return np.sum(g)

    close(lg.grad(f)(X), 9 * X**2)
    _, pull = lg.vjp(lambda y: y**3, X)
    w = lg.parameter(X)
    (g,) = pull(w)
    assert isinstance(g, lg.Node)
    close(lg.gradient(g.sum(), w), 3 * X**2)


# -- work, threads ---------------------------------------------------------------------------------


def test_only_what_is_asked_for_is_computed() -> None:
    """C1 through a transform: the rule of `b` never runs, nor is what no rule reads computed."""
    with lg.record() as report:
        lg.grad(lambda a, b: np.sum(a * b) + np.sum(np.exp(b)))(X, X)
    assert report.rules_run == 3  # the sum of two, the sum, the product by `a`
    assert [n.op.name for n in report.values.computed] == []


def test_threads_do_not_see_each_others_transforms() -> None:
    inside, leave = threading.Event(), threading.Event()

    def f(x: Any) -> Any:
        inside.set()
        leave.wait(10)
        return x * x

    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(lg.grad(f)(3.0)))
    thread.start()
    inside.wait(10)
    with pytest.raises(TypeError, match="truth value"):
        bool(lg.parameter(1.0) > 0)
    assert lg.grad(lambda x: x**3)(1.0) == 3
    leave.set()
    thread.join()
    assert found == [6]


def test_the_graph_of_a_call_is_gone_after_it() -> None:
    """C6 through a transform: no collector needed."""
    x = make_generator().normal(size=3)
    with no_collector():
        lg.grad(lambda x: np.sum(np.tanh(x) ** 2))(x)
        lg.grad(lambda x: np.sum(lg.grad(lambda y: np.sum(np.tanh(y) * x))(x)))(x)
        lg.grad(lg.grad(lambda x: np.tanh(x) ** 2))(1.0)
        lg.jvp(np.tanh, x, x)
        lg.hessian(lambda x: np.sum(np.tanh(x) ** 2))(x)


def tangle(x: Any, seed: int) -> Any:
    """A random program of shared, broadcast, indexed and repeated values."""
    rng = np.random.default_rng(seed)
    values = [x, np.sin(x) * x, x[::-1] - 0.5]
    for _ in range(12):
        a, b = (values[k] for k in rng.integers(0, len(values), 2))
        kind = rng.integers(0, 7)
        if kind < 3:
            values.append([a + b, a * b, np.maximum(a, b)][kind])
        elif kind == 3:
            values.append(np.tanh(a) / (1.5 + b * b))
        elif kind == 4:
            values.append(a[[0, 2, 2]] + np.sum(b))
        elif kind == 5:
            values.append(np.floor(a) * b + np.outer(a, b)[1])
        else:
            values.append(np.where(a > 0, b, a[:1]))
    return np.sum(values[-1] * values[-2] + values[-3])


@pytest.mark.parametrize("seed", range(40))
def test_one_pass_gives_what_the_recursion_gives_bit_for_bit(seed: int) -> None:
    """While a report is open the memo's recursion answers, else one pass over the call's graph."""
    f = lg.value_and_grad(lambda x, y: tangle(x, seed) * np.sum(y) + x[0], argnums=(0, 1))
    quick = f(X, X + 1)
    with lg.record() as report:
        thorough = f(X, X + 1)
    assert report.rules_run
    assert quick[0].tobytes() == thorough[0].tobytes()
    assert [g.tobytes() for g in quick[1]] == [g.tobytes() for g in thorough[1]]


def test_adjoints_are_let_go_as_soon_as_they_are_read() -> None:
    """The peak of a long chain of large arrays holds its values, and but a few adjoints beside them."""
    x, steps = np.ones(20_000), 50

    def chain(x: Any) -> Any:
        for _ in range(steps):
            x = np.sin(x)
        return np.sum(x)

    tracemalloc.start()
    try:
        lg.grad(chain)(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (steps + 10) * x.nbytes
