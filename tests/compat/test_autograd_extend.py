"""`lazygrad.compat.autograd`: users' primitives, flat vectors, vector spaces, checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as onp
import pytest

import lazygrad as lg
import lazygrad.compat.autograd as ag
import lazygrad.compat.autograd.numpy as np
from lazygrad.compat.autograd import builtins, tracer
from lazygrad.compat.autograd.extend import (
    Box,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
    vspace,
)
from lazygrad.compat.autograd.misc import flatten
from lazygrad.compat.autograd.misc.fixed_points import fixed_point
from lazygrad.compat.autograd.misc.flatten import flatten_func
from lazygrad.compat.autograd.misc.optimizers import adam, rmsprop, sgd
from lazygrad.compat.autograd.numpy.numpy_boxes import ArrayBox
from lazygrad.compat.autograd.numpy.numpy_vjps import unbroadcast_f
from lazygrad.compat.autograd.test_util import check_equivalent, check_grads, combo_check
from tests.helpers.op_checks import close


@pytest.fixture
def rs() -> onp.random.RandomState:
    return onp.random.RandomState(0)


# -- users' primitives -----------------------------------------------------------------------------


def make_logsumexp(rules: str) -> Callable[..., Any]:
    @primitive
    def logsumexp(x: Any) -> Any:
        assert type(x) is onp.ndarray
        top = onp.max(x)
        return top + onp.log(onp.sum(onp.exp(x - top)))

    if "v" in rules:
        defvjp(logsumexp, lambda ans, x: lambda g: np.full(x.shape, g) * np.exp(x - np.full(x.shape, ans)))
    if "j" in rules:
        defjvp(logsumexp, lambda t, ans, x: np.sum(t * np.exp(x - ans)))
    return logsumexp


@pytest.mark.parametrize("rules", ["v", "j", "vj"])
def test_a_primitive_by_either_rule(rules: str) -> None:
    logsumexp = make_logsumexp(rules)
    x = np.array([0.5, 1.5, -1.0])
    assert logsumexp(x) == pytest.approx(onp.log(onp.sum(onp.exp(x))))
    check_grads(logsumexp, order=3)(x)
    check_grads(lambda x: logsumexp(x * 2) ** 2)(x)


def test_a_primitive_of_several_arguments_and_keywords() -> None:
    calls: list[tuple[int, ...]] = []

    @primitive
    def scaled(x: Any, label: str, y: Any, power: int = 1) -> Any:
        assert label == "x"
        return x * y**power

    defvjp(
        scaled,
        unbroadcasting := lambda ans, x, label, y, power=1: unbroadcast_f(x, lambda g: g * y**power),
        None,
        lambda ans, x, label, y, power=1: unbroadcast_f(y, lambda g: g * x * power * y ** (power - 1)),
    )
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, 5.0])
    check_grads(scaled, (0, 2))(x, "x", y, power=3)
    check_grads(scaled, 2)(x, "x", y)
    defvjp(scaled, unbroadcasting, argnums=[0])
    check_grads(scaled, 0, modes=["rev"])(x, "x", y)
    with pytest.raises(NotImplementedError, match="VJP of scaled wrt argnum 2 not defined"):
        ag.grad(lambda y: np.sum(scaled(x, "x", y)))(y)

    def by_argnums(argnums: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        calls.append(argnums)
        x, _, y = args
        return lambda g: [g * (y if k == 0 else x) for k in argnums]

    defvjp_argnums(scaled, by_argnums)
    check_grads(scaled, (0, 2), order=1)(x, "x", y)
    assert set(calls) == {(0,), (2,)}
    defvjp_argnum(scaled, lambda k, ans, args, kwargs: lambda g: g * args[2 - k])
    check_grads(scaled, (0, 2))(x, "x", y)


@pytest.mark.parametrize(
    "declare",
    [
        def_linear,
        lambda f: defjvp(f, "same", "same"),
        lambda f: defjvp(f, lambda t, ans, x, y: np.dot(t, y), "same"),
        lambda f: defjvp_argnum(f, lambda k, t, ans, args, kwargs: np.dot(*(t if j == k else args[j] for j in (0, 1)))),
        lambda f: defjvp_argnums(
            f, lambda ks, ts, ans, args, kwargs: np.dot(*(ts[0] if j in ks else args[j] for j in (0, 1)))
        ),
    ],
)
def test_jacobian_vector_products(declare: Callable[[Any], None]) -> None:
    @primitive
    def dot(x: Any, y: Any) -> Any:
        return onp.dot(x, y)

    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, 5.0])
    declare(dot)
    check_grads(dot, (0, 1), modes=["fwd"])(x, y)


def test_a_linear_primitive_has_no_other_vjp_than_declared() -> None:
    dot = primitive(onp.dot)
    def_linear(dot)
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([2.0, 5.0])
    with pytest.raises(NotImplementedError, match="VJP of dot wrt argnum 1"):
        ag.make_vjp(dot, 1)(x, y)[0](y)
    defvjp(dot, lambda ans, x, y: lambda g: np.outer(g, y), lambda ans, x, y: lambda g: np.dot(x.T, g))
    check_grads(dot, (0, 1))(x, y)
    defjvp(dot, None, "same")
    assert not ag.make_jvp(dot)(x, y)(x)[1].any()


def test_primitives_without_rules_or_with_wrong_ones() -> None:
    double = primitive(lambda x: 2.0 * x)
    assert double(3) == 6.0
    with pytest.raises(NotImplementedError, match="VJP of"):
        ag.grad(double)(1.0)
    with pytest.raises(NotImplementedError, match="JVP of"):
        ag.deriv(double)(1.0)
    with pytest.raises(TypeError, match="no primitive of yours"):
        defvjp(np.sin, lambda ans, x: lambda g: g)
    with pytest.raises(TypeError, match="must be functions or None"):
        defvjp(double, 3.0)
    with pytest.raises(TypeError, match="returned str"):
        ag.grad(primitive(lambda x: "text"))(1.0)


def test_primitives_of_containers() -> None:
    @primitive
    def both(params: Any, data: Any) -> Any:
        a, b = params["a"], params["b"][0]
        return {"product": a * b * data, "sum": (onp.sum(a) + b, 1)}

    def pull(ans: Any, params: Any, data: Any) -> Any:
        a, b = params["a"], params["b"][0]
        return lambda g: {
            "b": [np.sum(g["product"] * a * data) + g["sum"][0]],
            "a": g["product"] * b * data + g["sum"][0],
        }

    defvjp(both, pull, None)

    def loss(params: Any, data: Any) -> Any:
        found = both(params, data)
        assert np.result_type(found["sum"][1]).kind == "i"
        return np.sum(np.sin(found["product"])) * found["sum"][0]

    check_grads(loss, modes=["rev"], order=2)({"a": np.array([1.0, 2.0]), "b": [3.0]}, np.array([0.5, -1.0]))

    @primitive
    def total(parts: Any, config: Any) -> Any:
        assert config is settings
        return parts[0] * 2 + parts[1]["x"][0]

    settings = {"unchanged": ["text", None]}
    defjvp(total, lambda t, ans, parts, config: t[0] * 2 + t[1]["x"][0])
    check_grads(total)([np.array([1.0, 2.0]), {"x": (np.array([3.0, 4.0]),)}], settings)


def test_a_rule_may_branch_on_values() -> None:
    @primitive
    def magnitude(x: Any) -> Any:
        return abs(x)

    defvjp(magnitude, lambda ans, x: lambda g: g if x > 0 else -g)
    assert ag.grad(magnitude)(-2.0) == -1.0
    check_grads(magnitude)(-2.0)


def test_a_primitive_follows_its_inputs_outside_transforms() -> None:
    logsumexp = make_logsumexp("v")
    x = lg.parameter([0.0, 1.0])
    y = logsumexp(x)
    first = lg.gradient(y, x)
    x.set([1.0, 0.0])
    close(lg.gradient(y, x), first[::-1])


def test_a_primitive_gets_arrays_that_it_may_write_to() -> None:
    @primitive
    def sorted_in_place(x: Any) -> Any:
        x.sort()
        return x

    defvjp(sorted_in_place, lambda ans, x: lambda g: g[np.argsort(np.argsort(x))])
    close(ag.grad(lambda x: np.dot(sorted_in_place(x), np.array([1.0, 10.0])))(np.array([2.0, 1.0])), [10.0, 1.0])


def test_fixed_point() -> None:
    def newton(a: Any) -> Any:
        return lambda x: (x + a / x) / 2

    def root(a: Any) -> Any:
        return fixed_point(newton, a, 1.0, lambda x, y: np.abs(x - y), 1e-12)

    close(ag.grad(root)(2.0), 0.5 / onp.sqrt(2))
    close(ag.grad(ag.grad(root))(2.0), -0.25 * 2**-1.5, rtol=1e-5)


# -- containers, types, flat vectors ---------------------------------------------------------------


def test_types_of_traced_values() -> None:
    def f(p: Any) -> Any:
        assert builtins.isinstance(p, dict)
        assert builtins.isinstance(p["a"], onp.ndarray)
        assert builtins.isinstance(p["b"], float)
        assert not builtins.isinstance(p["b"], (int, onp.ndarray))
        assert builtins.type(p["a"]) is onp.ndarray
        assert ag.type(p["b"]) is onp.float64
        assert isinstance(p["a"], ArrayBox)
        assert isinstance(p["a"], Box)
        assert tracer.isbox(p["b"])
        made = ag.dict({"x": ag.list([p["b"], ag.tuple((p["a"],))])})
        return np.sum(made["x"][1][0]) * made["x"][0]

    assert not tracer.isbox(1.0)
    close(ag.grad(f)({"a": np.ones(2), "b": 3.0})["a"], [3.0, 3.0])


def test_values_of_traced_values() -> None:
    seen: list[Any] = []

    @notrace_primitive
    def note(x: Any) -> None:
        seen.append(x)

    def f(x: Any) -> Any:
        note(x * 2)
        return x * tracer.getval(x)

    assert ag.grad(f)(3.0) == 3.0
    assert seen == [6.0]
    assert type(seen[0]) is onp.float64


def test_flatten_both_ways(rs: onp.random.RandomState) -> None:
    value = {"b": [rs.randn(2, 3), 2.5, ()], "a": (rs.randn(4), {"x": onp.float32(1.5)}), "c": onp.arange(2)}
    vector, unflatten = flatten(value)
    assert vector.shape == (14,)
    close(vector[:5], [*value["a"][0], 1.5])  # by sorted keys
    back = unflatten(vector)
    assert list(back) == ["b", "a", "c"]
    assert back["b"][1:] == [2.5, ()]
    assert back["a"][1]["x"].dtype == onp.float32
    close(back["b"][0], value["b"][0])
    assert flatten(())[0].size == 0
    complexly, back_again = flatten([1 + 2j, 3.0])
    assert back_again(complexly) == [1 + 2j, 3.0]


def test_flatten_is_differentiable() -> None:
    example = {"W": np.ones((2, 2)), "b": [0.5, 1.5]}
    vector, unflatten = flatten(example)
    check_grads(lambda v: flatten(unflatten(v**2))[0])(vector)
    assert ag.grad(lambda x, y: np.sum(flatten([x, y])[0] * np.array([1.0, 2.0])), 1)(1.0, 1.0) == 2.0
    flat, back, start = flatten_func(lambda p, s: {"W": p["W"] * s, "b": p["b"]}, example)
    close(flat(start, 2.0), [2, 2, 2, 2, 0.5, 1.5])
    assert back(start)["b"] == [0.5, 1.5]


@pytest.mark.parametrize("optimize", [sgd, rmsprop, adam])
def test_optimisers(optimize: Callable[..., Any]) -> None:
    target = {"a": np.array([1.0, -2.0]), "b": (0.5,)}

    def loss(p: Any, i: int) -> Any:
        return np.sum((p["a"] - target["a"]) ** 2) + (p["b"][0] - 0.5) ** 2

    start = {"a": np.zeros(2), "b": (0.0,)}
    seen: list[Any] = []
    found = optimize(ag.grad(loss), start, lambda p, i, g: seen.append((i, p, g)), num_iters=300, step_size=0.05)
    close(found["a"], target["a"], rtol=0.05)
    assert [i for i, _, _ in seen] == list(range(300))
    assert seen[0][1] == {"a": pytest.approx([0, 0]), "b": (0.0,)}
    close(seen[0][2]["a"], [-2.0, 4.0])
    close(optimize(ag.grad(loss), start, num_iters=300, step_size=0.05)["a"], found["a"])


# -- vector spaces and checks ----------------------------------------------------------------------


def test_vector_spaces() -> None:
    space = vspace({"a": np.ones((2, 3)), "b": [1.0, 2j]})
    assert space.size == 9
    assert space == vspace({"b": [0.0, 0j], "a": np.zeros((2, 3))})
    assert space != vspace({"a": np.ones((2, 3)), "b": [1.0, 2.0]})
    basis = list(space.standard_basis())
    assert len(basis) == 9
    x = space.randn()
    for unit in basis:
        assert space.inner_prod(unit, unit) == 1
        assert space.inner_prod(unit, x) == space.inner_prod(x, unit)
    rebuilt = space.zeros()
    for unit in basis:
        rebuilt = space.add(rebuilt, space.scalar_mul(unit, space.inner_prod(unit, x)))
    check_equivalent(rebuilt, x)
    assert space.covector(x)["b"][1] == onp.conj(x["b"][1])
    plain = vspace(np.zeros((2, 1), complex))
    assert (plain.shape, plain.ndim, plain.dtype, plain.iscomplex, plain.size) == ((2, 1), 2, complex, True, 4)
    close(plain.ones(), [[1 + 1j], [1 + 1j]])
    assert "shape=(2, 1)" in repr(plain)
    with pytest.raises(TypeError, match="no vector space"):
        vspace([1.0, "text"])


def test_check_grads_finds_what_is_wrong() -> None:
    @primitive
    def wrong(x: Any) -> Any:
        return 2.0 * x

    defvjp(wrong, lambda ans, x: lambda g: g * 2.001)
    with pytest.raises(AssertionError, match=r"\(VJP\) check of wrong failed"):
        check_grads(wrong, modes=["rev"])(1.0)
    with pytest.raises(AssertionError, match="mismatch"):
        check_grads(wrong, modes=["fwd"])(1.0)
    defvjp(wrong, lambda ans, x: lambda g: other(g) * 2)
    other = primitive(lambda x: x)
    defvjp(other, lambda ans, x: lambda g: g * 1.001)
    check_grads(wrong, modes=["rev"], order=1)(1.0)
    with pytest.raises(AssertionError, match=r"check of vjp_wrong failed"):
        check_grads(wrong, modes=["rev"], order=2)(1.0)
    with pytest.raises(ValueError, match="modes"):
        check_grads(np.sin, modes=["backward"])(1.0)
    with pytest.raises(AssertionError, match="Space mismatch"):
        check_equivalent(np.ones(2), np.ones(3))


def test_combinations() -> None:
    seen: list[tuple[int, Any]] = []

    def f(x: Any, axis: Any = None) -> Any:
        seen.append((x.ndim, axis))
        return np.sum(np.sin(x), axis=axis)

    combo_check(f, (0,), modes=["rev"], order=1)([np.ones(2), np.ones((2, 2))], axis=[None, 0])
    assert set(seen) == {(1, None), (1, 0), (2, None), (2, 0)}
