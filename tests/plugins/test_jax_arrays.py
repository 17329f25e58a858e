"""Arrays of JAX in and out: dtypes, shapes, structures, devices."""

import pickle

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from lazygrad.plugins.jax import function  # noqa: E402
from tests.helpers.jax_functions import X, same  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")


@pytest.mark.parametrize("jit", [False, True])
def test_without_64_bits_results_have_32(narrow, mode, jit):
    f = function(lambda x, y: np.sum(np.arange(2.0) * x) + y, mode=mode)  # NumPy makes float64 of it
    ask = jax.value_and_grad(f, (0, 1))
    value, gradients = (jax.jit(ask) if jit else ask)(X.astype(np.float32), 1.0)
    assert [a.dtype for a in (value, *gradients)] == [np.float32] * 3
    same(gradients, (jnp.arange(2.0), jnp.float32(1.0)))


def test_the_same_function_with_and_without_64_bits(mode):
    f = function(lambda x: x * np.ones(1), mode=mode)
    x = np.ones(1, np.float32)
    assert f(x).dtype == np.float64
    jax.config.update("jax_enable_x64", False)
    assert f(x).dtype == np.float32


@pytest.mark.parametrize("jit", [False, True])
def test_results_of_the_same_arguments_have_32_bits_without_64(wide, jit):
    f = function(lambda k: k * np.pi)
    k = np.int32(2)
    call = jax.jit(lambda k: f(k)) if jit else f
    assert call(k).dtype == np.float64
    wide.update("jax_enable_x64", False)
    call = jax.jit(lambda k: f(k)) if jit else f
    assert call(k).dtype == np.float32
    np.testing.assert_allclose(call(k), 2 * np.pi, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_gradients_have_the_dtype_of_the_leaf(mode, dtype):
    f = function(lambda x: np.sum(np.abs(x * x)), mode=mode)
    x = (X * (1 + 2j) if np.dtype(dtype).kind == "c" else X).astype(dtype)
    same(jax.grad(f)(x), jax.grad(lambda x: jnp.sum(jnp.abs(x * x)))(x), rtol=1e-2 if dtype == np.float16 else 1e-5)


def test_complex_results_of_real_arguments(mode):
    f = function(lambda x: np.exp(1j * x) * x, mode=mode)
    theirs = jax.vjp(lambda x: jnp.exp(1j * x) * x, X)
    ours = jax.vjp(f, X)
    same((ours[0], ours[1](jnp.array([1 + 2j, 3 - 1j]))), (theirs[0], theirs[1](jnp.array([1 + 2j, 3 - 1j]))))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_scalars_and_empty_arrays(mode, shape):
    f = function(lambda x: np.exp(x) * 2, mode=mode)
    x = np.ones(shape)
    for jit in (jax.jit, lambda f: f):
        same(jit(jax.grad(lambda x: f(x).sum()))(x), jnp.exp(x) * 2)
        same(jit(jax.vmap(f))(np.ones((3, *shape))), jnp.exp(np.ones((3, *shape))) * 2)
    same(jax.vmap(f)(np.ones((0, *shape))), jnp.ones((0, *shape)))


def test_structures_of_arguments_and_results(mode):
    @jax.tree_util.register_pytree_node_class
    class Own:
        def __init__(self, *parts):
            self.parts = parts

        def tree_flatten(self):
            return self.parts, None

        @classmethod
        def tree_unflatten(cls, _, parts):
            return cls(*parts)

    f = function(lambda own, *, scale, none=None: Own(own.parts[0] * scale["s"], 3.0), mode=mode)
    made = f(Own(X, X), scale={"s": 2.0})
    assert isinstance(made, Own)
    same(made.parts, (jnp.array(X * 2), jnp.array(3.0)))
    gradient = jax.grad(lambda own, s: f(own, scale={"s": s}).parts[0].sum(), (0, 1))(Own(X, X), 2.0)
    same((gradient[0].parts, gradient[1]), ((jnp.full(2, 2.0), jnp.zeros(2)), jnp.array(X.sum())))


def test_no_arguments():
    f = function(lambda: np.arange(3.0))
    same(f(), jnp.arange(3.0))
    same(jax.jit(f)(), jnp.arange(3.0))


def test_the_result_told_beforehand():
    calls = []

    def f(x):
        calls.append(x.shape)
        return {"y": x[int(np.argmax(x)) :] if len(calls) > 1 else np.zeros(2)}

    given = function(lambda x: {"y": x * x.shape[0]}, out={"y": jax.ShapeDtypeStruct((2,), np.float64)})
    jaxpr = jax.make_jaxpr(given)(X)
    assert given.statistics.schedules == 0
    assert "lazygrad" in str(jaxpr)
    same(jax.jit(given)(X), {"y": jnp.array(X * 2)})


def test_arguments_and_answers_belong_to_the_caller(mode):
    x = X.copy()
    f = function(lambda x: x, mode=mode)
    before = f(x)
    x[:] = 7
    same(before, jnp.array(X))
    same(f(x), jnp.full(2, 7.0))
    same(before, jnp.array(X))


def test_results_are_where_the_arguments_are():
    device = jax.devices()[0]
    f = function(np.sin)
    for made in (f(jax.device_put(X, device)), jax.grad(lambda x: f(x).sum())(jax.device_put(X, device))):
        assert made.devices() == {device}
        assert made.committed
    assert not f(X).committed


def test_a_function_is_pickled_and_keeps_its_name():
    f = pickle.loads(pickle.dumps(function(np.tanh, mode="both", points=3)))
    same(f(X), jnp.array(np.tanh(X)))
    assert (f.__name__, f.mode) == ("tanh", "both")
    assert str(jax.make_jaxpr(f)(X)).count("structure=tanh") == 1
