"""Questions compiled for numba's machines, compared with what the memo walk answers."""

from __future__ import annotations

import numpy as np
import pytest

import lazygrad as lg

pytest.importorskip("numba")


def form(step):
    return step.schedule._form


def agree(target, wrt, inputs, points, *, kind=None, rtol=1e-12, **options):
    """Compile, call with each point, and compare with what the memo walk answers there; the compiled question."""
    step = lg.compile(target, wrt=wrt, inputs=inputs, backend="numba", **options)
    for point in points:
        value, gradients = step(*point)
        lg.update(dict(zip(inputs, point, strict=True)))
        close(value, target.value, rtol)
        for got, expected in zip(gradients, lg.gradient(target, wrt), strict=True):
            close(got, expected, rtol)
            assert not got.flags.writeable
        assert kind is None or isinstance(form(step), kind)
    return step


def close(got, expected, rtol):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale)


def points_of(recipe, parameters, count=3):
    rng = np.random.default_rng(0)
    base = [np.asarray(recipe[k].value) for k in parameters]
    return [base, *[[b + 1e-4 * rng.normal(size=b.shape) for b in base] for _ in range(count - 1)]]
