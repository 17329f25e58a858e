"""Errors of functions below JAX, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import lazygrad as lg  # noqa: E402
from lazygrad.plugins.jax import errors, function  # noqa: E402
from tests.helpers.jax_functions import X, same  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")


def refusing(value=np.exp, vjp=lambda g: g):
    return lg.primitive(value, vjp=vjp, shape=lambda x: (x.shape, x.dtype), name="refusing")


def failing(*_):
    raise ZeroDivisionError("not at this point")


@pytest.mark.parametrize(("what", "node"), [("value", "<refusing #"), ("gradient", "<adjoint #")])
@pytest.mark.parametrize("jit", [False, True])
def test_an_error_comes_out_as_itself(mode, jit, what, node):
    op = refusing(failing) if what == "value" else refusing(vjp=failing)
    f = function(lambda x: np.sum(op(x)), mode=mode)
    ask = f if what == "value" else jax.grad(f)
    with pytest.raises(ZeroDivisionError, match="not at this point") as found, errors():
        jax.block_until_ready((jax.jit(ask) if jit else ask)(X))
    assert any(f"while computing {node}" in note for note in found.value.__notes__)
    same(function(lambda x: np.sum(x), mode=mode)(X), jnp.array(X.sum()))


def test_without_the_block_jax_quotes_it():
    f = function(refusing(failing))
    with pytest.raises(jax.errors.JaxRuntimeError, match="ZeroDivisionError: not at this point"):
        jax.block_until_ready(jax.jit(f)(X))


def test_errors_that_are_not_ours_pass():
    def other(x):
        raise KeyError("other")

    asked = jax.jit(lambda x: jax.pure_callback(other, jax.ShapeDtypeStruct((2,), x.dtype), x))
    with pytest.raises(jax.errors.JaxRuntimeError, match="other"), errors():
        jax.block_until_ready(asked(X))


def test_after_an_error_the_next_question_is_answered(mode):
    bad = [True]
    op = refusing(lambda x: failing() if bad else np.exp(x))
    f = function(lambda x: op(x).sum(), mode=mode)
    with pytest.raises(ZeroDivisionError):
        f(X)
    bad.clear()
    same(f(X), jnp.array(np.exp(X).sum()))


def test_forward_mode_of_reverse_is_refused():
    f = function(np.sin, mode="reverse")
    with pytest.raises(TypeError, match="forward-mode") as found:
        jax.jvp(f, (X,), (X,))
    assert any("mode='both'" in note for note in found.value.__notes__)


def test_a_function_cannot_be_transposed():
    f = function(lambda x: 2 * x, mode="both")
    with pytest.raises(TypeError, match=r"not known to be linear.*jax\.vjp"):
        jax.linear_transpose(f, X)(X)
    pull = jax.vjp(f, X)[1]
    same(jax.linear_transpose(pull, X)((X,)), (jnp.array(2 * X),))


def test_wrong_arguments():
    f = function(lambda p, x: p["W"] * x)
    with pytest.raises(TypeError, match=r"x of <lambda> is the node .*`\.value`"):
        f({"W": 1.0}, lg.parameter(1.0))
    with pytest.raises(TypeError) as found:
        f({"W": "tanh"}, X)
    assert found.value.__notes__ == ["p['W'] of <lambda> must be an array; close over what is none"]
    with pytest.raises(TypeError, match=r"p\['W'\] of <lambda> must be an array"):
        f({"W": np.array([None, 1.0])}, X)
    with pytest.raises(TypeError, match=r"x of <lambda> has dtype bfloat16.*\.astype\(jnp\.float32\)"):
        f({"W": 1.0}, jnp.ones(2, jnp.bfloat16))
    with pytest.raises(TypeError, match=r"x of <lambda> has dtype key"):
        f({"W": 1.0}, jax.random.key(0))
    with pytest.raises(lg.ShapeError, match=r"\(2,\).*\(3,\)"):
        jax.jit(f)({"W": X}, np.ones(3))


def test_wrong_results():
    with pytest.raises(TypeError, match=r"returned str at \['name'\]"):
        function(lambda x: {"x": x, "name": "x"})(X)
    f = function(lambda x: x[x > 0])
    assert f(X).shape == (2,)
    with pytest.raises(lg.ShapeError, match=r"shape \(1,\).*\(2,\).*depend on values"), errors():
        jax.block_until_ready(jax.jit(f)(-X * np.array([1, -1])))
    g = function(lambda x: (x, x) if x[0] > 0 else x)
    with pytest.raises(TypeError, match="structure"), errors():
        jax.block_until_ready(jax.jit(g)(-X))


def test_wrong_options():
    with pytest.raises(ValueError, match="mode"):
        function(np.sin, mode="forward")
    with pytest.raises(ValueError, match="vmap_method"):
        function(np.sin, vmap_method="expand_dims")
    with pytest.raises(ValueError, match="points"):
        function(np.sin, points=0)


def test_functions_and_arrays_of_jax_inside_are_refused():
    A = jnp.array(X)
    around = jax.jit(lambda x, y: function(lambda x: x * y)(x))
    for ask in (lambda x: jnp.sin(x), lambda x: x * A, lambda x: A @ x, lambda x: jax.nn.relu(x)):
        with pytest.raises(TypeError) as found:
            function(ask)(X)
        assert any("let it call numpy, not jax.numpy" in note for note in found.value.__notes__)
    with pytest.raises(TypeError, match="Tracer") as found:
        around(X, X)
    assert any("pass as arguments what belongs to a JAX program" in note for note in found.value.__notes__)
    same(function(lambda x: np.asarray(A) * x)(X), A * A)


def test_names_of_leaves():
    seen = SimpleNamespace()

    def f(p, *rest, scale):
        seen.names = [p["W"].name, *(r.name for r in rest), scale.name]
        return p["W"] * scale

    function(f)({"W": 1.0}, 2.0, scale=3.0)
    assert seen.names == ["p['W']", "argument 1", "scale"]
