"""Copies of adjoints, and of nodes built on them: they belong to no memo, and follow their leaves all the same."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg

COPIES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda nodes: nodes,
    "deepcopy": copy.deepcopy,
    "pickle": lambda nodes: pickle.loads(pickle.dumps(nodes)),
}


@pytest.mark.parametrize("how", COPIES)
def test_an_adjoint_that_reads_no_node_of_its_shape_follows_that_shape(how: str) -> None:
    """The adjoint of a bias reads the seed alone, as do those of what a sum is taken of."""
    W, b = lg.parameter(np.ones((3, 2))), lg.parameter(np.ones(2))
    adjoint = lg.adjoint((W + b).sum(), b)
    twice, adjoint, W, b = COPIES[how]((adjoint * 2, adjoint, W, b))
    assert twice.value.tolist() == [6.0, 6.0]
    lg.update({W: np.ones((5, 4)), b: np.ones(4)})
    assert (twice.shape, adjoint.shape) == ((4,), (4,))
    assert twice.value.tolist() == [10.0] * 4
    assert adjoint.value.tolist() == [5.0] * 4
    b.set(np.zeros(4))
    assert adjoint._value is not None  # nothing that it reads has changed
    W.set(np.ones((6, 4)))
    assert adjoint.value.tolist() == [6.0] * 4
