"""Products of matrices and vectors of all ranks, and those that do not fit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import central_difference, close, inner_product, make_generator

LEFT = [(), (3,), (2, 3), (2, 2, 3), (2, 1, 2, 3)]
RIGHT = [(), (3,), (3, 2), (2, 3, 1), (1, 2, 3, 2)]


@pytest.mark.parametrize("product", [np.dot, np.matmul])
@pytest.mark.parametrize(("left", "right"), list(itertools.product(LEFT, RIGHT)))
def test_products_of_all_ranks(product: Any, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = make_generator()
    arrays = [rng.normal(size=left), rng.normal(size=right)]
    leaves = [lg.parameter(a) for a in arrays]
    if product is np.matmul and not (left and right):
        with pytest.raises(lg.ShapeError, match="0-d"):
            product(*leaves)
        return
    node = product(*leaves)
    assert (node.shape, node.dtype) == (product(*arrays).shape, float)
    close(node.value, product(*arrays), rtol=1e-13)
    w = rng.normal(size=node.shape)
    for k, gradient in enumerate(lg.gradient(node, leaves, cotangent=w)):
        d = rng.normal(size=arrays[k].shape)
        assert gradient.shape == arrays[k].shape
        close(inner_product(gradient, d), inner_product(w, central_difference(product, arrays, k, d)))


@pytest.mark.parametrize("product", [np.dot, np.matmul])
@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (2,)), ((2, 3), (2,)), ((2,), (3, 2)), ((2, 3), (2, 3)), ((2, 3), (2, 2, 3)), ((4, 2, 3), (3, 2, 3))],
)
def test_products_that_do_not_fit(product: Any, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy's, to be sure that there is one
        product(np.ones(left), np.ones(right))
    with pytest.raises(lg.ShapeError, match=r"matmul\("):
        product(lg.parameter(np.ones(left)), np.ones(right))


def test_batches_that_do_not_broadcast() -> None:
    with pytest.raises(lg.ShapeError, match=r"matmul\(.*\(2, 1, 3\).*\(4, 3, 1\)"):
        lg.parameter(np.ones((2, 1, 3))) @ np.ones((4, 3, 1))
