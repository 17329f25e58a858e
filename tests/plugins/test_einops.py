"""einops on nodes: the same answers as on arrays, and right derivatives."""

import numpy as np
import pytest

import lazygrad as lg

einops = pytest.importorskip("einops")

import lazygrad.plugins.einops  # noqa: E402 - that it is imported is what einops sees
from lazygrad.testing import check_grads  # noqa: E402

SQUARES = lambda x, axes: np.sum(x**2, axis=axes)  # noqa: E731

CALLS = {
    "rearrange": lambda x: einops.rearrange(x, "a (b c) d -> c (a b) d", c=3),
    "rearrange a list": lambda x: einops.rearrange([x, 2 * x], "k a b c -> a (k b) c"),
    "repeat": lambda x: einops.repeat(x, "a b c -> a b (c k) j", k=2, j=3),
    "min": lambda x: einops.reduce(x, "a b c -> c a", "min"),
    "max": lambda x: einops.reduce(x, "a (b e) c -> c a e", "max", e=2),
    "sum": lambda x: einops.reduce(x, "a b c -> c 1 a", "sum"),
    "mean": lambda x: einops.reduce(x, "a b c ->", "mean"),
    "prod": lambda x: einops.reduce(x, "a b c -> b", "prod"),
    "callable": lambda x: einops.reduce(x, "a b c -> c", SQUARES),
    "einsum": lambda x: einops.einsum(x, x, "a b c, a b d -> c d"),
    "pack": lambda x: einops.pack([x, x[0, 0]], "*")[0],
    "unpack": lambda x: einops.unpack(x, [(2,), (2, 1)], "a b *")[1],
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name):
    call = CALLS[name]
    x = lg.parameter(np.random.default_rng(0).normal(size=(2, 6, 4)))
    out = call(x)
    assert isinstance(out, lg.Node)
    assert np.allclose(out.value, call(x.value), rtol=1e-14)
    check_grads(call, (x.value,), order=1)


def test_nothing_is_computed_until_it_is_asked():
    x = lg.parameter(np.ones((2, 3)))
    with lg.record() as report:
        y = einops.reduce(einops.repeat(x, "a b -> a b k", k=4), "a b k -> a", "sum")
    assert report.values.requests == 0
    assert lg.gradient(y.sum(), x).tolist() == [[4.0] * 3] * 2


def test_adjoints_are_nodes_too():
    x = lg.parameter(np.arange(1.0, 7.0).reshape(2, 3))
    adjoint = lg.adjoint((einops.rearrange(x, "a b -> b a") ** 3).sum(), x)
    assert einops.reduce(adjoint, "a b -> a", "sum").value.tolist() == [3 * 14.0, 3 * 77.0]


def test_shapes_and_integers():
    x = lg.constant(np.arange(6).reshape(2, 3))
    assert einops.parse_shape(x, "a b") == {"a": 2, "b": 3}
    assert einops.reduce(x > 0, "a b -> a", "all").value.tolist() == [False, True]
    with pytest.raises(NotImplementedError, match="non-floating"):
        einops.reduce(x, "a b -> a", "mean")


def test_dtype_is_kept():
    x = lg.parameter(np.ones((2, 3), np.float32))
    y = einops.reduce(x, "a b -> b", "mean")
    assert y.dtype == np.float32
    assert lg.gradient(y.sum(), x).dtype == np.float32


def test_an_error_of_einops_is_its_own():
    with pytest.raises(einops.EinopsError, match="can't divide axis"):
        einops.rearrange(lg.parameter(np.ones((2, 3))), "a (b c) -> a b c", b=2)


def test_what_einops_makes_of_an_array_is_a_leaf_of_its_kind():
    backend = lazygrad.plugins.einops.LazygradBackend()
    x = backend.from_numpy(np.array([1.0, 2.0]))
    assert repr(x).startswith("<parameter")
    assert repr(backend.from_numpy(np.array([1, 2]))).startswith("<constant")
    assert backend.to_numpy(np.exp(x)).tolist() == np.exp([1.0, 2.0]).tolist()
    assert backend.arange(1, 3).value.tolist() == [1, 2]
