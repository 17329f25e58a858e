"""Hessians, their products with vectors, and Jacobians of nodes, by nodes in any structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close

A, B = np.array([1.0, 2.0, 3.0]), np.array(2.0)


def loss(a: Any, b: Any) -> Any:
    return np.sum(np.sin(a) * a**2) * b + b**3


@pytest.fixture
def x() -> lg.Node:
    return lg.parameter(A, name="x")


@pytest.fixture
def y() -> lg.Node:
    return lg.parameter(B, name="y")


def test_the_hessian_of_a_node_is_that_of_the_function(x: lg.Node, y: lg.Node) -> None:
    L = loss(x, y)
    expected = lg.hessian(loss, argnums=(0, 1))(A, B)
    found = lg.hessian(L, (x, y))
    for row, other in zip(found, expected, strict=True):
        for block, right in zip(row, other, strict=True):
            close(block, right, rtol=1e-12)
            assert not block.flags.writeable
    close(lg.hessian(L, x), expected[0][0], rtol=1e-12)
    close(lg.hessian(L, "x"), expected[0][0], rtol=1e-12)
    nested = lg.hessian(L, {"a": x, "b": [y]})
    assert list(nested) == ["a", "b"]
    close(nested["a"]["b"][0], expected[0][1], rtol=1e-12)
    close(nested["b"][0]["a"], expected[1][0], rtol=1e-12)


def test_a_hessian_uses_the_adjoints_that_the_target_keeps(x: lg.Node, y: lg.Node) -> None:
    L = loss(x, y)
    dx = lg.adjoint(L, x)
    lg.gradient(L, x)
    with lg.record() as report:
        lg.hessian(L, x)
    assert lg.adjoint(L, x) is dx
    assert dx.serial not in {i.serial for i in report.adjoints.computed}
    x.set(A + 1)
    close(lg.hessian(L, x), lg.hessian(loss)(A + 1, B), rtol=1e-12)


def test_inner_nodes_and_what_leads_nowhere(x: lg.Node, y: lg.Node) -> None:
    h = x * x
    L = np.sum(h**3)  # type: ignore[call-overload]
    close(lg.hessian(L, h), np.diag(6 * A**2))
    assert lg.hessian(L, [x, y])[1][0].tolist() == [0.0, 0.0, 0.0]
    assert lg.hessian(x.sum(), x).tolist() == np.zeros((3, 3)).tolist()
    assert lg.hvp(L, y, 1.0).tolist() == 0.0


def test_empty_and_single_precision() -> None:
    e = lg.parameter(np.zeros((0, 2)))
    assert lg.hessian(e.sum(), e).shape == (0, 2, 0, 2)
    single = lg.parameter(A.astype(np.float32))
    assert lg.hessian(np.sum(single**3), single).dtype == np.float32  # type: ignore[call-overload]


def test_products_with_the_hessian(x: lg.Node, y: lg.Node) -> None:
    L = loss(x, y)
    v, w = np.array([1.0, 0.0, -1.0]), np.array(0.5)
    expected = lg.hvp(loss, (A, B), (v, w))
    for found, right in zip(lg.hvp(L, [x, y], [v, w]), expected, strict=True):
        close(found, right, rtol=1e-12)
    close(lg.hvp(L, x, v.tolist()), lg.hessian(L, x) @ v, rtol=1e-12)
    assert set(lg.hvp(L, {"x": x, "y": y}, {"y": w, "x": v})) == {"x", "y"}


def test_vectors_that_do_not_fit(x: lg.Node, y: lg.Node) -> None:
    L = loss(x, y)
    with pytest.raises(lg.ShapeError, match=r"the vector has shape \(2,\)"):
        lg.hvp(L, x, [1.0, 2.0])
    with pytest.raises(TypeError, match="must have the structure of the nodes"):
        lg.hvp(L, [x, y], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="a target of one element"):
        lg.hessian(x * x, x)
    z = lg.parameter(A + 1j)
    with pytest.raises(lg.NotDifferentiableError, match="no Hessian by the complex node"):
        lg.hessian(np.sum(np.abs(z) ** 2), z)
    with pytest.raises(TypeError, match="Hessian of a function, not of a node"):
        lg.hessian(L, x, has_aux=True)  # type: ignore[call-overload]


def test_jacobians_by_structures(x: lg.Node, y: lg.Node) -> None:
    by_x, by_y = lg.jacobian(x * y, [x, y])
    close(by_x, np.diag([2.0] * 3))
    close(by_y, A)
    [row, other] = lg.jacobian([x * y, {"square": y * y}], (x, "y"))
    close(row[0], by_x)
    close(other["square"][0], np.zeros(3))
    close(other["square"][1], 4.0)
    with pytest.raises(KeyError, match="no node is named 'v'"):
        lg.jacobian(x * y, "v")
