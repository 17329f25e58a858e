"""JAX asks lazygrad: only for what is perturbed, in every mode and order that it knows."""

import pickle
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from jax.test_util import check_grads  # noqa: E402

import lazygrad as lg  # noqa: E402
from lazygrad.plugins.jax import errors, function  # noqa: E402

MODES = ("reverse", "both")


@pytest.fixture(autouse=True)
def wide():
    """64 bits, as JAX has only if asked; and programs compiled fast, as each runs once."""
    options = {"jax_enable_x64": True, "jax_disable_most_optimizations": True}
    before = {name: jax.config.values[name] for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def narrow(wide):
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


def counted():
    """A product that counts which of its parts run."""
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


# -- against JAX itself ----------------------------------------------------------------------------------------

REVERSE = {
    "value": lambda loss: loss,
    "grad": lambda loss: jax.grad(loss, (0, 1)),
    "one": lambda loss: jax.grad(loss, 1),
    "vjp": lambda loss: lambda p, x: jax.vjp(loss, p, x)[1](2.0),
    "twice": lambda loss: jax.jacrev(jax.grad(loss), 1),
    "vmap": lambda loss: lambda p, x: jax.vmap(jax.grad(loss, (0, 1)), (None, 0))(p, XS),
    "through vmap": lambda loss: jax.grad(lambda p, x: jax.vmap(loss, (None, 0))(p, XS * x).sum(), (0, 1)),
    "vmap of vmap": lambda loss: lambda p, x: jax.vmap(
        lambda s: jax.vmap(lambda row: loss(p, row * s))(XS)
    )(jnp.arange(3.0)),
    "scan": lambda loss: jax.grad(lambda p, x: jax.lax.scan(lambda c, row: (c * loss(p, row * c), c), 1.0, XS)[0]),
    "remat": lambda loss: jax.grad(jax.checkpoint(loss), (0, 1)),
    "cond": lambda loss: jax.grad(lambda p, x: jax.lax.cond(x[0] > 0, loss, lambda p, x: 2.0 * loss(p, x), p, x)),
}  # fmt: skip
BOTH = {
    "jvp": lambda loss: lambda p, x: jax.jvp(loss, (p, x), (P, x)),
    "one jvp": lambda loss: lambda p, x: jax.jvp(lambda x: loss(p, x), (x,), (x,)),
    "linearize": lambda loss: lambda p, x: jax.linearize(loss, p, x)[1](p, x),
    "jacfwd": lambda loss: jax.jacfwd(loss, 1),
    "hessian": lambda loss: jax.hessian(loss, (0, 1)),
    "rev over fwd": lambda loss: jax.jacrev(jax.jacfwd(loss, 1)),
    "fwd over fwd": lambda loss: jax.jacfwd(jax.jacfwd(loss, 1)),
    "vmap of jvp": lambda loss: jax.vmap(lambda p, x: jax.jvp(loss, (P, x), (P, x))[1], (None, 0)),
    "hvp": lambda loss: lambda p, x: jax.jvp(jax.grad(loss), (p, x), (p, x))[1],
}


def both_ways(made, mode, jit, rtol=1e-9):
    x = XS if made is BOTH["vmap of jvp"] else X
    ours, theirs = made(loss_of(function(network, mode=mode))), made(loss_of(reference))
    same((jax.jit(ours) if jit else ours)(P, x), jax.jit(theirs)(P, x), rtol)


def ways(programs, uncompiled):
    """Each compiled; some also as they are, where JAX compiles every single step."""
    return [(what, jit) for what in programs for jit in (False, True) if jit or what in uncompiled]


@pytest.mark.parametrize(("what", "jit"), ways(REVERSE, ["value", "grad", "one", "vjp", "twice", "vmap"]))
def test_reverse(what, mode, jit):
    both_ways(REVERSE[what], mode, jit)


@pytest.mark.parametrize(("what", "jit"), ways(BOTH, ["jvp", "one jvp", "hvp"]))
def test_forward(what, jit):
    both_ways(BOTH[what], "both", jit)


def test_check_grads(mode):
    loss = jax.jit(loss_of(function(network, mode=mode)))
    check_grads(loss, (P, X), order=2, modes=("rev",) if mode == "reverse" else ("fwd", "rev"))


# -- only what is asked for ------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("argnums", "rules"), [(0, {"dx"}), (1, {"dy"}), ((0, 1), {"dx", "dy"})])
def test_only_the_rules_of_perturbed_inputs_run(mode, jit, argnums, rules):
    product, ran = counted()
    gradient = jax.grad(lambda x, y: function(product, mode=mode)(x, y).sum(), argnums)
    (jax.jit(gradient) if jit else gradient)(X, X + 1)
    assert {what for what in ran if what != "value"} == rules


@pytest.mark.parametrize("argnum", [0, 1])
def test_only_the_rules_of_inputs_with_a_tangent_run(argnum):
    product, ran = counted()
    f = function(product, mode="both")
    jax.jvp(lambda one: f(one, X) if argnum == 0 else f(X, one), (X,), (X,))
    assert {what for what in ran if what != "value"} == {("tx", "ty")[argnum]}


def test_integers_are_never_asked(mode):
    f = function(lambda x, labels: x[labels] ** 2, mode=mode)
    gradient = jax.grad(lambda x: f(x, np.array([1, 1])).sum())
    same(gradient(jnp.array([1.0, 2.0])), jnp.array([0.0, 8.0]))
    with pytest.raises(TypeError, match="inexact"):
        jax.grad(lambda labels: f(X, labels).sum())(np.array([1, 1]))


def test_only_cotangents_that_are_not_zero_are_pulled_back(mode):
    left, ran_left = counted()
    right, ran_right = counted()
    f = function(lambda x: (left(x, 2.0), right(x, 3.0)), mode=mode)
    same(jax.grad(lambda x: f(x)[1].sum())(X), jnp.full(2, 3.0))
    assert (ran_left["dx"], ran_right["dx"]) == (0, 1)


def test_a_compiled_program_asks_for_nothing_that_it_does_not_use(mode):
    product, ran = counted()
    f = function(lambda p: (product(p["x"], p["y"]).sum(), product(p["y"], 2.0)), mode=mode)
    p = {"x": jnp.array(X), "y": jnp.array(X + 1)}
    same(jax.jit(lambda p: jax.grad(lambda p: f(p)[0])(p)["x"])(p), p["y"])
    assert ran == {"dx": 1}  # neither the values, nor the gradient by y
    same(jax.jit(lambda p: f(p)[1])(p), 2 * p["y"])
    assert ran == {"dx": 1, "value": 1}  # of the two values one
    if mode == "both":
        jax.jit(lambda p: jax.jvp(f, (p,), (p,))[1][1])(p)
        assert ran == {"dx": 1, "value": 1, "tx": 1}


# -- the memo --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True])
def test_a_point_is_evaluated_once_whatever_is_asked_there(mode, jit):
    product, ran = counted()
    f = function(lambda x, y: product(np.exp(x), y).sum(), mode=mode)
    asked = [f, jax.grad(f), jax.value_and_grad(f, (0, 1)), f, jax.grad(jax.grad(lambda x, y: f(x * X, y)), 1)]
    for ask in asked[:4]:
        (jax.jit(ask) if jit else ask)(X, X + 1)
    assert ran == {"value": 1, "dx": 1, "dy": 1}
    assert (f.statistics.schedules, f.statistics.misses) == (1, 1)
    f(X + 1, X)
    assert ran["value"] == 2
    f(X, X + 1)  # the last two points are kept
    assert ran["value"] == 2


def test_points_are_told_apart_by_their_bytes():
    f = function(lambda x: np.copysign(1.0, x) + x)
    for x in (0.0, -0.0, np.nan, np.nan, 0.0):
        f(x)
    assert (f.statistics.misses, f.statistics.hits) == (4, 1)  # 0.0 was forgotten by then
    assert (float(f(0.0)), float(f(-0.0))) == (1.0, -1.0)
    assert np.isnan(jax.grad(f)(np.nan) * np.nan)


@pytest.mark.parametrize(("points", "again"), [(2, 4), (4, 0)])
def test_the_elements_of_a_batch_are_points(points, again):
    product, ran = counted()
    f = function(lambda x: product(np.exp(x), x).sum(), points=points)
    _, pull = jax.vjp(jax.vmap(f), XS)
    assert ran["value"] == 4
    pull(jnp.ones(4))
    evaluated = ran["value"]
    jax.block_until_ready(jax.vmap(f)(XS))
    assert ran["value"] == evaluated + again


@pytest.mark.parametrize("jit", [False, True])
def test_a_batch_at_once(mode, jit):
    product, ran = counted()
    f = function(lambda x, y: product(np.exp(x), y), mode=mode, vmap_method="broadcast_all")
    batched = jax.vmap(jax.grad(lambda x, y: f(x, y).sum(), (0, 1)), (0, None))
    dx, dy = (jax.jit(batched) if jit else batched)(XS, X)
    same((dx, dy), (jnp.exp(XS) * X, jnp.exp(XS)))
    assert (ran["dx"], ran["dy"]) == (1, 1)
    twice = jax.vmap(jax.vmap(f, (0, None)), (None, 0))(XS, XS)
    same(twice, jnp.exp(XS)[None] * XS[:, None])
    assert ran["value"] <= 2


def test_a_function_that_does_not_map_over_a_batch_is_told_so():
    f = function(lambda x: x.sum(), vmap_method="broadcast_all")
    with errors(), pytest.raises(lg.ShapeError, match=r"returned shape \(\).*'broadcast_all'"), errors():
        jax.block_until_ready(jax.vmap(f)(XS))


def test_another_way_through_the_function_is_another_schedule(mode):
    f = function(lambda x: x.sum() ** 2 if x[0] > 0 else -x.sum(), mode=mode)
    gradient = jax.jit(jax.grad(f))
    for _ in range(2):
        for x, expected in (([1.0, 2.0], [6.0, 6.0]), ([-1.0, 2.0], [-1.0, -1.0]), ([3.0, 1.0], [8.0, 8.0])):
            np.testing.assert_array_equal(gradient(jnp.array(x)), expected)


def test_a_loop_may_depend_on_an_integer(mode):
    f = function(lambda x, n: x ** int(n), mode=mode)
    gradient = jax.jit(jax.grad(f))
    assert [float(gradient(2.0, n)) for n in (1, 2, 3, 2)] == [1.0, 4.0, 12.0, 4.0]


# -- dtypes, shapes, structures --------------------------------------------------------------------------------


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


# -- errors ----------------------------------------------------------------------------------------------------


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
    f = function(np.sin)
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
