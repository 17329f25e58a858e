"""Checks that tests of ops share: the public battery (`lazygrad.testing`), and NumPy's dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing._battery import (
    CHECKS,
    Case,
    Point,
    central_difference,
    check_inference,
    check_jvp,
    check_point,
    check_second_order,
    check_value,
    check_vjp,
    draw_direction,
    has_rule,
    inner_product,
    make_generator,
)

__all__ = [
    "CHECKS",
    "Case",
    "Point",
    "central_difference",
    "check_dtype",
    "check_jvp",
    "check_point",
    "check_second_order",
    "check_vjp",
    "close",
    "draw_direction",
    "has_rule",
    "inner_product",
    "is_numpys",
    "make_generator",
    "same",
]


def is_numpys(function: Any) -> bool:
    """Return whether a function is of NumPy's own public namespace; SciPy's have meanings, too."""
    return any(getattr(m, getattr(function, "__name__", ""), None) is function for m in (np, np.linalg, np.fft))


def close(actual: Any, expected: Any, rtol: float = 1e-7, atol: float = 1e-8) -> None:
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def same(node: Any, expected: Any) -> None:
    """Assert that a node has NumPy's value, shape and dtype."""
    assert type(node) is lg.Node
    expected = np.asarray(expected)
    assert (node.shape, node.dtype) == (expected.shape, expected.dtype)
    assert node.value.dtype == expected.dtype
    np.testing.assert_array_equal(node.value, expected)


def check_dtype(case: Case, dtype: Any) -> None:
    """Check that value, shape and dtype are NumPy's for inputs of a dtype, or that both refuse it."""
    cast = case.cast(dtype)
    with np.errstate(all="ignore"):
        try:
            cast.reference(*cast.inputs, **cast.static)
        except TypeError:
            with pytest.raises(TypeError):
                cast.build()
        else:
            check_value(cast)
            check_inference(cast)
