"""Copies of adjoints, and of nodes built on them: they belong to no memo, and follow their leaves all the same."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._derivatives import copies

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


class Unwilling:
    """A thing that no pickle takes."""

    def __reduce__(self) -> Any:
        raise ZeroDivisionError


def test_a_pickle_that_fails_leaves_nothing_behind() -> None:
    x = lg.parameter(2.0)
    bad = x * x
    bad.static = {"thing": Unwilling()}
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pickle.dumps(bad * x)
        assert copies._saving.roots == []
    assert pickle.loads(pickle.dumps(x * x * x)).item() == 8.0
