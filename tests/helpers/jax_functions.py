"""A network written with NumPy and with JAX, and a product that counts which of its rules run."""

from collections import Counter

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import lazygrad as lg  # noqa: E402


def counted():
    """Return a product that counts which of its parts run."""
    ran = Counter()

    def count(what, answer):
        ran[what] += 1
        return answer

    product = lg.primitive(
        lambda x, y: count("value", x * y),
        vjp={"x": lambda g, y: count("dx", g * y), "y": lambda g, x: count("dy", g * x)},
        jvp={"x": lambda t, y: count("tx", t * y), "y": lambda t, x: count("ty", t * x)},
        shape=lambda x, y: (np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, y.dtype)),
        name="counted_product",
    )
    return product, ran


def network(p, x):
    return {"sum": np.sum(np.tanh(p["W"] @ x + p["b"]) ** 2), "last": [p["b"] * x[0], x]}


RNG = np.random.default_rng(6)
P = {"W": RNG.normal(size=(3, 2)), "b": RNG.normal(size=3)}
X = RNG.normal(size=2)
XS = RNG.normal(size=(4, 2))


def reference(p, x):
    return {"sum": jnp.sum(jnp.tanh(p["W"] @ x + p["b"]) ** 2), "last": [p["b"] * x[0], x]}


def loss_of(f):
    def loss(p, x):
        out = f(p, x)
        return out["sum"] * out["last"][0].sum() + (out["last"][1] ** 2).sum()

    return loss


def same(a, b, rtol=1e-9):
    assert jax.tree_util.tree_structure(a) == jax.tree_util.tree_structure(b)
    for one, other in zip(jax.tree_util.tree_leaves(a), jax.tree_util.tree_leaves(b), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
