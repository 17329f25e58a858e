"""What goes in and out of autograd's operators and primitives: dtypes, structures, warnings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as onp
import pytest

import lazygrad.compat.autograd as ag
import lazygrad.compat.autograd.numpy as np
from lazygrad.compat.autograd.core import VSpace, vspace
from lazygrad.compat.autograd.extend import defjvp, defvjp, primitive
from lazygrad.compat.autograd.misc import flatten
from lazygrad.compat.autograd.misc.fixed_points import fixed_point
from lazygrad.compat.autograd.test_util import check_grads, scalar_close
from lazygrad.compat.autograd.tracer import getval


@pytest.mark.parametrize("dtype", [bool, onp.int8, onp.uint16])
def test_arrays_of_whole_numbers_are_floats(dtype: Any) -> None:
    x = onp.array([True, False]).astype(dtype)
    found = ag.grad(lambda x: np.sum(x * x * 3.0))(x)
    assert found.dtype == float
    assert found.tolist() == [6.0, 0.0]


def test_results_are_the_callers_own() -> None:
    x = onp.array([1.0, 2.0])
    value, slope = ag.value_and_grad(lambda x: np.sum(x * x))(x)
    assert isinstance(value, onp.float64)
    slope += 1
    vjp, out = ag.make_vjp(lambda x: x * 1.0)(x)
    out += 1
    assert vjp(onp.ones(2)).tolist() == [1.0, 1.0]
    assert x.tolist() == [1.0, 2.0]


def test_the_first_of_two_arguments_does_not_look_independent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ag.grad(lambda x, y: x, (0, 1))(2.0, 3.0) == (1.0, 0.0)


def test_real_parts_of_mixed_results_stay_real() -> None:
    @primitive
    def both(x: Any) -> Any:
        return x * 2, x * 1j

    defvjp(both, lambda ans, x: lambda g: 2 * g[0] + np.real(g[1] * 1j))
    real, imaginary = ag.make_vjp(both)(onp.array([1.0, 2.0]))[1]
    assert (real.dtype, imaginary.dtype) == (float, complex)
    found = ag.grad(lambda x: np.sum(both(x)[0] * x) + np.sum(np.imag(both(x)[1])))(onp.array([1.0, 2.0]))
    assert found.dtype == float
    assert found.tolist() == [5.0, 9.0]


def test_a_list_of_one_result_is_a_list() -> None:
    @primitive
    def listed(x: Any) -> Any:
        return [x * 2]

    defvjp(listed, lambda ans, x: lambda g: 2 * g[0])
    assert ag.grad(lambda x: listed(x)[0] ** 2)(3.0) == 24.0
    vjp, value = ag.make_vjp(listed)(3.0)
    assert value == [6.0]
    assert vjp([1.0]) == 2.0


def test_spaces_differ_by_dtype_and_count_real_coordinates() -> None:
    double, single, wide = vspace(onp.ones(2)), vspace(onp.ones(2, onp.float32)), vspace(onp.ones(2, complex))
    assert double == VSpace(onp.zeros(2))
    assert double != single
    assert double != wide
    assert [space.size for space in (double, single, wide)] == [2, 2, 4]
    assert [unit.tolist() for unit in wide.standard_basis()] == [[1, 0], [1j, 0], [0, 1], [0, 1j]]
    assert wide.inner_prod(onp.array([1j, 2.0]), onp.array([1j, 3.0])) == 7
    both = vspace({"a": onp.zeros((1, 2)), "b": 0.0})
    units = [(unit["a"].tolist(), float(unit["b"])) for unit in both.standard_basis()]
    assert units == [([[1.0, 0.0]], 0.0), ([[0.0, 1.0]], 0.0), ([[0.0, 0.0]], 1.0)]


def test_flat_vectors_are_in_the_order_of_sorted_keys_and_dicts_keep_theirs() -> None:
    vector, unflatten = flatten({"b": 1.0, "a": [2.0, onp.array([3.0, 4.0])]})
    assert vector.tolist() == [2.0, 3.0, 4.0, 1.0]
    found = unflatten(vector * 10)
    assert list(found) == ["b", "a"]
    assert (found["b"], found["a"][0], found["a"][1].tolist()) == (10.0, 20.0, [30.0, 40.0])
    _, unflatten = flatten({"z": onp.array([1j]), "x": onp.array([2.0])})
    found = unflatten(onp.array([5.0 + 1j, 7j]))
    assert (found["x"].dtype, found["z"].dtype) == (float, complex)
    assert (found["x"].tolist(), found["z"].tolist()) == ([5.0], [7j])


def test_numbers_agree_absolutely_or_relative_to_their_size() -> None:
    assert scalar_close(1e9, 1e9 + 1)
    assert scalar_close(0.0, 1e-7)
    assert not scalar_close(1.0, 1.0 + 1e-5)
    assert not scalar_close(1e9, 1.001e9)


@pytest.mark.parametrize(("tol", "end"), [(0.25, 0.25), (0.2, 0.125), (0.0, 0.0)])
def test_a_fixed_point_is_iterated_until_the_distance_is_small(tol: float, end: float) -> None:
    assert fixed_point(lambda a: lambda x: x * a, 0.5, 1.0, lambda x, y: abs(x - y), tol) == end


def test_an_argument_is_a_number_and_may_count_from_the_end() -> None:
    with pytest.raises(TypeError, match="argnum must be a number"):
        ag.make_vjp(lambda x, y: x * y, True)(1.0, 2.0)
    found = ag.grad(lambda x, y: np.sum(x * y * y), -1)(2.0, onp.array([1, 2]))
    assert found.tolist() == [4.0, 8.0]


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_check_grads_sees_wrong_second_derivatives(mode: str) -> None:
    @primitive
    def sine(x: Any) -> Any:
        return onp.sin(x)

    defvjp(sine, lambda ans, x: lambda g: g * onp.cos(getval(x)))
    defjvp(sine, lambda t, ans, x: t * onp.cos(getval(x)))
    check_grads(sine, modes=[mode], order=1)(0.5)
    with pytest.raises(AssertionError):
        check_grads(sine, modes=[mode], order=2)(0.5)


def test_elementwise_derivatives_are_of_real_outputs_even_by_complex_arguments() -> None:
    with pytest.raises(TypeError, match="elementwise_grad needs real outputs: take"):
        ag.elementwise_grad(lambda z: z * z)(onp.array([1j, 2.0]))


def test_where_returns_an_array_if_one_was_given() -> None:
    x = onp.array([1.0, 2.0])
    for given in (([True, False], x, 0.0), ([True, False], 0.0, [x[0], x[1]]), (x > 1, 1.0, 0.0)):
        found = np.where(*given)
        assert isinstance(found, onp.ndarray)
        assert found.tolist() == onp.where(*given).tolist()
    assert np.where([True, False], 1.0, 0.0) == [1.0, 0.0]


@pytest.mark.parametrize("triangle", ["l", "u", "L", "U"])
def test_eigenvalues_depend_on_the_triangle_that_is_read(triangle: str) -> None:
    a = onp.array([[1.0, 0.5], [0.25, 3.0]])
    for f in (lambda a: np.linalg.eigvalsh(a, triangle)[0], lambda a: np.linalg.eigh(a, triangle)[0][0]):
        found = ag.grad(f)(a)
        assert (found[0, 1] == 0, found[1, 0] == 0) == (triangle in "lL", triangle in "uU")
        assert found[0, 0] + found[1, 1] == pytest.approx(1.0)


@pytest.mark.parametrize("options", [{"offset": 1}, {"axis1": 0, "axis2": 1}, {"axis1": -1, "axis2": 0}])
def test_a_diagonal_is_made_of_the_last_axes_alone(options: dict[str, int]) -> None:
    assert np.make_diagonal(onp.array([1.0, 2.0]), axis1=-2, axis2=-1).tolist() == [[1.0, 0.0], [0.0, 2.0]]
    with pytest.raises(NotImplementedError, match="main diagonal"):
        np.make_diagonal(onp.array([1.0, 2.0]), **options)
