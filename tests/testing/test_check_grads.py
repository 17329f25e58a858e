"""`check_grads`: derivatives that differ from central differences are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing import check_grads

X = np.array([0.5, -1.0, 2.0])


def test_check_grads_names_leaf_and_index() -> None:
    def f(p: Any, y: Any) -> Any:
        return {"a": broken(p["w"][0]) * y, "b": np.sum(y)}

    broken = lg.primitive(
        lambda x: x**3, vjp=lambda g, x, x_shape: g * 3 * x**2 * np.where(np.arange(3) == 1, 1.01, 1), shape="x"
    )
    args = ({"w": [X]}, X + 5)
    with pytest.raises(
        AssertionError, match=r"order 1 \(rev\) by args\[0\]\['w'\]\[0\]\[1\]: analytic .*, numeric .*, error"
    ):
        check_grads(f, args, modes=["rev"])
    with pytest.raises(AssertionError, match=r"order 1 \(fwd\) by args\[0\]\['w'\]\[0\]\[1\]"):
        check_grads(f, args, modes=["fwd"])


def test_check_grads_names_the_element_whose_derivative_is_nan() -> None:
    broken = lg.primitive(np.sin, vjp=lambda g, x: g * np.where(np.arange(3) == 1, np.nan, np.cos(x)), shape="x")
    with pytest.raises(AssertionError, match=r"order 1 \(rev\) by args\[0\]\[1\]: analytic nan"):
        check_grads(broken, (X,), modes=["rev"])


def test_check_grads_sees_wrong_second_derivatives() -> None:
    wrong = lg.primitive(np.sin, vjp=lambda g, x: g * np.cos(x.value if isinstance(x, lg.Node) else x), shape="x")
    check_grads(wrong, (X,), order=1)
    for modes in (["rev"], ["fwd"]):
        with pytest.raises(AssertionError, match="order 2"):
            check_grads(wrong, (X,), order=2, modes=modes)


def test_check_grads_of_complex_numbers_and_structures() -> None:
    check_grads(lambda z: np.abs(np.exp(z)) ** 2, (np.array([0.3 + 0.2j, -0.1j]),))
    check_grads(lambda x: np.exp(1j * x), X)
    check_grads(lambda p: [p["a"] * p["b"], (p["a"],)], {"a": X, "b": 2.0})
    check_grads(lambda x: np.sum(x**2), np.linspace(0, 1, 300))


def test_check_grads_refuses_coarse_numbers_unless_told() -> None:
    single = X.astype(np.float32)
    with pytest.raises(TypeError, match=r"args\[0\] has dtype float32.*allow_float32"):
        check_grads(np.sin, (single,))
    check_grads(np.sin, (single,), order=1, atol=1e-2, rtol=1e-2, eps=1e-2, allow_float32=True)
    with pytest.raises(TypeError, match="int64"):
        check_grads(np.sin, (3,))
    with pytest.raises(TypeError, match="'forward'"):
        check_grads(np.sin, (X,), modes=["forward"])
    with pytest.raises(TypeError, match=r"args\[0\] has dtype complex64"):
        check_grads(np.sin, (X.astype(np.complex64),))


def test_check_grads_moves_complex_numbers_in_both_directions() -> None:
    z = np.array([0.3 + 0.2j, -0.1j])
    half = lg.primitive(lambda z: z * 2, vjp=lambda g: np.real(2 * g) + 0j, jvp=lambda t: t * 2, shape="z")
    check_grads(half, (z,), modes=["fwd"])
    with pytest.raises(AssertionError, match=r"order 1 \(rev\)"):
        check_grads(half, (z,), modes=["rev"])


def test_check_grads_follows_the_size_of_numbers() -> None:
    check_grads(lambda x: np.sin(x) * 1e8, (X,))  # an absolute distance of more than the tolerance
    check_grads(lambda x: np.sum(x * x), (np.array([1e9]),), order=1)  # a step that numbers of that size can show
    with pytest.raises(AssertionError, match="error"):
        check_grads(lambda x: np.sin(x) * 1e8, (X,), rtol=1e-15, atol=1e-15)
