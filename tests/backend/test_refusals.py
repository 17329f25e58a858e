"""Arguments, structures and outputs that prepared functions refuse, and with which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.backend import prepare
from tests.helpers.prepared_functions import X, Y, bits, rosenbrock, two_blocks


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
    for no_numbers in (np.array(["a", "b", "c"]), np.array([1.0, None, 2.0]), np.zeros(3, "m8[s]")):
        with pytest.raises(TypeError, match=r"the tangent of x must be numbers that float64 can hold, not dtype"):
            prepare(rosenbrock, X).jvp(tangents=no_numbers)
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
    with pytest.raises(TypeError, match=r"x is the node .*: call the function itself.*pass its `.value`"):
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
    with pytest.raises(ValueError, match="points must be"):
        prepare(rosenbrock, X, points=True)
