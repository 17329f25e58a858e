"""PyTorch as a host: its own checks of derivatives, its transforms, and what runs for them."""

import copy
import gc
import pickle
import re
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.collector import no_collector

torch = pytest.importorskip("torch")

from lazygrad.plugins.torch import Layer, custom_op, function  # noqa: E402

pytestmark = [  # what torch itself warns of when it loads parts of itself, and when it compiles
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]
TRANSFORMS = ["grad", "jacrev", "jacfwd", "hessian"]


def randn(*shape, dtype=None, seed=0, requires_grad=True):
    generator = torch.Generator().manual_seed(seed + 7 * len(shape) + sum(shape))
    return torch.randn(shape, dtype=dtype or torch.float64, generator=generator).requires_grad_(requires_grad)


def dense(x, W, b):
    return np.tanh(x @ W + b)


def dense_torch(x, W, b):
    return torch.tanh(x @ W + b)


CASES = {
    "layer": (dense, lambda: (randn(4, 3), randn(3, 2), randn(2))),
    "number": (lambda x: np.sin(x) ** 2, lambda: (randn(),)),
    "sum": (lambda x: np.sum(x**3), lambda: (randn(2, 3),)),
    "two results": (lambda x, y: (x * np.exp(y), np.sum(x * x)), lambda: (randn(3), randn(3, seed=1))),
    "linear": (lambda x: 2 * x, lambda: (randn(3),)),
    "empty": (lambda x: x * x, lambda: (randn(0, 3),)),
    "complex": (lambda z: np.exp(z) * np.conj(z) ** 2, lambda: (randn(3, dtype=torch.complex128),)),
    "complex to real": (lambda z: np.abs(z) ** 3, lambda: (randn(3, dtype=torch.complex128),)),
    "real to complex": (lambda x: np.exp(1j * x), lambda: (randn(3),)),
    "both": (lambda x, z: (x * z, np.sum(x)), lambda: (randn(2), randn(2, dtype=torch.complex128))),
}


@pytest.mark.parametrize("name", CASES)
def test_gradcheck(name):
    f, arguments = CASES[name]
    assert torch.autograd.gradcheck(function(f), arguments(), check_forward_ad=True)


@pytest.mark.parametrize("name", CASES)
def test_gradgradcheck(name):
    f, arguments = CASES[name]
    real = not any(x.is_complex() for x in arguments())
    assert torch.autograd.gradgradcheck(function(f), arguments(), check_fwd_over_rev=real, check_rev_over_rev=True)


def test_the_complex_gradient_is_that_of_torch():
    z = randn(3, dtype=torch.complex128)
    (native,) = torch.autograd.grad((torch.exp(z) * z.conj()).abs().sum(), z)
    (ours,) = torch.autograd.grad(function(lambda z: np.sum(np.abs(np.exp(z) * np.conj(z))))(z), z)
    torch.testing.assert_close(ours, native)


@pytest.mark.parametrize("outer", ["", *TRANSFORMS])
@pytest.mark.parametrize("inner", TRANSFORMS)
def test_transforms_nest(inner, outer):
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    f = function(dense)

    def transformed(layer):
        transform = getattr(torch.func, inner)
        first = transform(lambda W: layer(x, W, b).square().sum())
        if outer:
            first = getattr(torch.func, outer)(lambda W, g=first: g(W).square().sum())
        return first(W)

    torch.testing.assert_close(transformed(f), transformed(dense_torch))


def test_jvp_and_vjp():
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    f = function(dense)
    ours = torch.func.jvp(lambda W, b: f(x, W, b), (W, b), (W + 1, b + 1))
    torch.testing.assert_close(ours, torch.func.jvp(lambda W, b: dense_torch(x, W, b), (W, b), (W + 1, b + 1)))
    value, pull = torch.func.vjp(f, x, W, b)
    native, native_pull = torch.func.vjp(dense_torch, x, W, b)
    torch.testing.assert_close((value, pull(value)), (native, native_pull(native)))


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize("in_dims", [(0, None, None), (1, 0, None), (None, None, 1)])
def test_vmap_is_a_loop(size, in_dims):
    shapes = [(4, 3), (3, 2), (2,)]
    given = [
        randn(*s, requires_grad=False) if d is None else randn(*s[:d], size, *s[d:], requires_grad=False)
        for s, d in zip(shapes, in_dims, strict=True)
    ]
    ours = torch.func.vmap(function(dense), in_dims=in_dims)(*given)
    torch.testing.assert_close(ours, torch.func.vmap(dense_torch, in_dims=in_dims)(*given))


def test_gradients_of_each_sample():
    _, W, b = (t.detach() for t in CASES["layer"][1]())
    xs = randn(5, 3, requires_grad=False)

    def gradients(layer):
        return torch.func.vmap(torch.func.grad(lambda W, x: layer(x, W, b).sum()), in_dims=(None, 0))(W, xs)

    torch.testing.assert_close(gradients(function(dense)), gradients(dense_torch))


def test_the_old_vmap_is_refused():
    with pytest.raises(TypeError, match=r"old vmap.*torch\.func\.vmap"):
        torch.autograd.functional.jacobian(function(np.tanh), randn(3), vectorize=True)


# -- what runs ---------------------------------------------------------------------------------------


def forwards(report):
    """The ops whose values were computed."""
    return [i.op.name for i in report.values.computed if i.op.name != "conjugate"]


def test_only_the_rules_of_what_needs_a_gradient_run():
    x, W, b = CASES["layer"][1]()
    f = function(dense)
    rules = {}
    for name, wanted in {"b": [b], "W": [W], "W and b": [W, b], "all": [x, W, b]}.items():
        x.detach_()
        W.detach_()
        b.detach_()
        for t in wanted:
            t.requires_grad_()
        loss = f(x, W, b).sum()
        f.points.clear()
        with lg.record() as report:
            loss.backward()
        rules[name] = report.rules_run
    assert rules == {"b": 2, "W": 3, "W and b": 4, "all": 5}  # tanh and +, then one for each that is asked


def test_inputs_asked_for_are_a_selection():
    x, W, b = CASES["layer"][1]()
    c = 2 * b
    f = function(dense)
    for wanted, rules in [([c], 2), ([W], 2), ([b], 0), ([x, b], 1), ([x, W, b], 0)]:
        loss = f(x, W, c).sum()
        with lg.record() as report:
            torch.autograd.grad(loss, wanted, retain_graph=True)
        assert report.rules_run == rules  # those of tanh and + once; then what is new
    loss = f(x, 2 * W.detach(), c).sum()
    with lg.record() as report:
        loss.backward(inputs=[b])
    assert report.rules_run == 2
    assert x.grad is None


def test_torch_func_selects_as_well():
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    f = function(dense)
    for argnums, rules in [(2, 2), (1, 3), ((0, 1, 2), 5)]:
        f.points.clear()
        with lg.record() as report:
            torch.func.grad(lambda *a: f(*a).sum(), argnums)(x, W, b)
        assert report.rules_run == rules


def test_forward_values_that_no_rule_reads_are_not_computed():
    def f(W, a, x):
        return np.sum(W * a) + np.sum(np.sinh(np.exp(x)))

    W, a, x = randn(3), randn(3, seed=1, requires_grad=False), randn(3, seed=2, requires_grad=False)
    ours = function(f)
    loss = ours(W, a, x)
    ours.points.clear()  # as if other points had been asked in between
    with lg.record() as report:
        loss.backward()
    assert forwards(report) == []
    assert torch.equal(W.grad, a)


def test_a_result_that_nobody_uses_costs_nothing():
    f = function(lambda x: {"near": np.sum(x * x), "far": np.sum(np.exp(np.sin(x)))})
    x = randn(3)
    out = f(x)
    with lg.record() as report:
        out["near"].backward()
    assert report.rules_run == 3  # sum, and both inputs of the product
    torch.testing.assert_close(x.grad, 2 * x.detach())


def test_one_memo_for_all_orders_at_a_point():
    f = function(lambda x: np.sum(np.exp(np.sin(x))))
    x = randn(4)
    with lg.record() as first:
        y = f(x)
    assert forwards(first) == ["sin", "exp", "sum"]
    with lg.record() as later:
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x)
        again = f(x)
    assert not {i.serial for i in first.values.computed} & {i.serial for i in later.values.computed}
    torch.testing.assert_close(again, y)
    native = torch.func.hessian(lambda x: torch.exp(torch.sin(x)).sum())(x.detach())
    torch.testing.assert_close(h, native.sum(0))
    with lg.record() as repeat:
        torch.autograd.grad(f(x), x)
    assert (repeat.values.misses, repeat.rules_run) == (0, 0)


def test_a_jacobian_evaluates_the_function_once():
    x = randn(5, requires_grad=False)
    f = function(lambda x: np.tanh(x) * x[::-1])
    with lg.record() as report:
        jacobian = torch.func.jacrev(f)(x)
    assert forwards(report).count("tanh") == 1
    assert (f.statistics.schedules, f.statistics.misses) == (1, 1)
    assert f.statistics.evaluations == {"value": 1, "vjp": 5}
    torch.testing.assert_close(jacobian, torch.func.jacrev(lambda x: torch.tanh(x) * x.flip(0))(x))


@pytest.mark.parametrize(("points", "again"), [(1, 3), (2, 3), (3, 0)])
def test_points_are_how_many_calls_wait_for_their_gradient(points, again):
    f = function(lambda x, W: np.exp(x @ W), points=points)
    W = randn(2, 2)
    xs = [randn(1, 2, seed=k, requires_grad=False) for k in range(3)]
    loss = sum(f(x, W).sum() for x in xs)
    with lg.record() as report:
        loss.backward()
    assert forwards(report).count("exp") <= again
    assert (forwards(report).count("exp") == 0) == (again == 0)
    (native,) = torch.autograd.grad(sum(torch.exp(x @ W).sum() for x in xs), W)
    torch.testing.assert_close(W.grad, native)


def test_a_changed_parameter_costs_what_it_reaches():
    def net(x, W1, W2):
        return np.sum(np.tanh(x @ W1) @ W2)

    f = function(net, points=1)
    x, W1, W2 = randn(4, 3, requires_grad=False), randn(3, 5, requires_grad=False), randn(5, 2)
    f(x, W1, W2).backward()
    for _ in range(3):
        with torch.no_grad():
            W2 -= 0.1 * W2.grad
        with lg.record() as report:
            f(x, W1, W2).backward()
        assert forwards(report) == ["matmul", "sum"]  # and not what the frozen layer gives
        assert report.rules_run == 0  # dL/dW2 reads the first layer alone


def test_branches_are_taken_anew():
    f = function(lambda x: 2 * x if x.sum() > 0 else x**3)
    for value, slope in [(1.0, 2.0), (-2.0, 12.0), (3.0, 2.0), (-1.0, 3.0), (0.5, 2.0)]:
        x = torch.tensor([value], requires_grad=True)
        f(x).backward()
        assert x.grad.tolist() == [slope]


def test_structures_are_traced_once_each():
    f = function(lambda p, x, scale=1.0: {"out": np.sum(p["W"] * x) * scale, "note": "as it is"})
    W = randn(3)
    for shape in [(3,), (2, 3), (3,), (2, 3)]:
        for _ in range(3):
            out = f({"W": W}, np.ones(shape), scale=2.0)
            assert out["note"] == "as it is"
            (g,) = torch.autograd.grad(out["out"], W)
            assert g.tolist() == [2.0 * np.prod(shape) / 3] * 3
    assert f.statistics.schedules == 2


# -- dtypes and devices ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128])
def test_dtypes_come_back_as_given(dtype):
    x = randn(3, dtype=dtype)
    out = function(lambda x: x * x)(x)
    out.sum().abs().backward()
    assert out.dtype is dtype
    assert x.grad.dtype is dtype


def test_the_device_comes_back_as_given():
    f = function(dense)
    x, W, b = (t.detach().to("meta").requires_grad_() for t in CASES["layer"][1]())
    with lg.record() as report:
        out = f(x, W, b)
        out.sum().backward()
    assert (out.device.type, out.shape, W.grad.device.type, W.grad.shape) == ("meta", (4, 2), "meta", (3, 2))
    assert (report.values.misses, report.rules_run) == (0, 0)


def test_integers_and_views():
    x = randn(2, 4)
    pick = function(lambda x, i: (x[i], np.argmax(x)))
    picked, best = pick(x.T, torch.tensor([0, 2, 2]))
    assert not best.requires_grad
    assert best == x.T.argmax()
    picked.sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0, 2.0, 0.0]] * 2
    conjugated = function(np.real)(randn(2, dtype=torch.complex128).conj())
    assert torch.equal(conjugated, randn(2, dtype=torch.complex128).real)


# -- what can go wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.ones(2, 3), torch.ones(2, 3)), lg.ShapeError, r"matmul\(x \(2, 3\), y \(2, 3\)\)"),
        ((torch.ones(2), np.array([object()])), TypeError, "object"),
        ((1.0, np.ones(2)), TypeError, "got no tensor: make one"),
        ((torch.ones(2), torch.ones(2, device="meta")), ValueError, "several devices|devices cpu, meta"),
        ((torch.ones(2, dtype=torch.bfloat16), torch.ones(2)), TypeError, r"no torch.bfloat16: cast"),
        ((torch.ones(2).to_sparse(), torch.ones(2)), TypeError, r"\.to_dense\(\)"),
        ((torch.ones(2), None), TypeError, "while torch asked for <lambda>"),
    ],
)
def test_refusals(arguments, error, message):
    f = function(lambda x, y: x @ y)
    with pytest.raises(error, match=message):
        f(*arguments)
    assert f(torch.ones(2), torch.ones(2)) == 2


def test_points_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        function(dense, points=0)


def test_tracing_is_refused_rather_than_frozen():
    f = function(np.sin)
    x = randn(3, requires_grad=False)
    for mode in ("real", "fake"):
        with pytest.raises(TypeError, match=r"cannot trace.*custom_op"):
            torch.fx.experimental.proxy_tensor.make_fx(f, tracing_mode=mode)(x)


class Own(Exception):
    pass


def test_an_exception_comes_out_as_itself():
    thrown = None

    def fail(x):
        nonlocal thrown
        thrown = Own("mine")
        raise thrown

    forward = lg.primitive(lambda x: fail(x) if 42 in x else x, vjp=lambda g, x: g, name="forward", shape="elementwise")
    backward = lg.primitive(lambda x: 2 * x, vjp=lambda g, x: fail(g), name="backward", shape="elementwise")
    for f, asked, computing in [
        (lambda x: fail(x), "f", ""),
        (lambda x: np.exp(forward(x)), "f", "while computing <forward #"),
        (lambda x: backward(np.exp(x)), "vjp of f", "while computing <adjoint #"),
    ]:
        f.__name__ = "f"
        x = torch.tensor([1.0, 42.0], requires_grad=True)
        ours = function(f)
        with pytest.raises(Own) as caught:
            ours(x).sum().backward()
        assert caught.value is thrown
        notes = "\n".join(thrown.__notes__)
        assert f"while torch asked for {asked}, given torch.float32 of shape (2,)" in notes
        assert computing in notes


def test_nan_passes_through_and_is_met_again():
    f = function(lambda x: x * x)
    x = torch.tensor([np.nan, 2.0], requires_grad=True)
    f(x).sum().backward()
    assert x.grad[1] == 4
    assert x.grad[0].isnan()
    assert f.statistics.misses == 1


def test_zeros_of_both_signs_are_two_points():
    f = function(lambda x: np.copysign(1.0, x))
    assert f(torch.tensor(0.0)) == 1
    assert f(torch.tensor(-0.0)) == -1


def test_what_comes_back_can_be_overwritten():
    f = function(np.exp)
    x = randn(3, requires_grad=False)
    expected = f(x).clone()
    f(x).zero_()
    torch.testing.assert_close(f(x), expected)
    x.requires_grad_()
    (g,) = torch.autograd.grad(f(x).sum(), x)
    g.zero_()
    torch.testing.assert_close(torch.autograd.grad(f(x).sum(), x)[0], expected)


def test_what_came_in_can_be_overwritten():
    f = function(lambda x, y: np.sum(x * y * y))
    x, y = randn(3), np.array([1.0, 2.0, 3.0])
    loss = f(x, y)
    y[:] = 0
    loss.backward()
    assert x.grad.tolist() == [1.0, 4.0, 9.0]
    x = randn(3)
    loss = f(x, x)
    with torch.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_threads_share_a_function():
    f = function(lambda x: np.sum(np.exp(x) * x))
    wrong = []

    def work(seed):
        for k in range(20):
            x = randn(3, seed=100 * seed + k)
            (g,) = torch.autograd.grad(f(x), x)
            if not torch.allclose(g, (x.detach().exp() * (1 + x.detach()))):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_left_behind():
    def rounds(f, count):
        for k in range(count):
            x = randn(3, seed=k)
            (g,) = torch.autograd.grad(f(x), x, create_graph=True)
            torch.autograd.grad(g.sum(), x)
            del x, g

    f = function(lambda x: np.sum(np.exp(x) * x))
    rounds(f, 3)
    gc.collect()
    before = len(gc.get_objects())
    rounds(f, 50)
    assert len(gc.get_objects()) - before < 50
    kept = [weakref.ref(i) for graph in f.points._graphs for _, out in graph._derivatives.values() for i in out]
    assert len(kept) == 6
    with no_collector():
        del f
        assert [node() for node in kept] == [None] * 6


# -- operators ---------------------------------------------------------------------------------------

dense_op = custom_op("lazygrad_test::dense", dense)
pair_op = custom_op("lazygrad_test::pair", lambda x, y, n=2: (x * np.exp(y), np.sum(x**n)), outputs=2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["dense", "pair"])
def test_opcheck(name, dtype):
    op, case = {"dense": (dense_op, "layer"), "pair": (pair_op, "two results")}[name]
    arguments = tuple(t.detach().to(dtype).requires_grad_() for t in CASES[case][1]())
    results = torch.library.opcheck(op, arguments)
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 4


def test_operators_differentiate_to_second_order():
    for op, case in [(dense_op, "layer"), (pair_op, "two results")]:
        assert torch.autograd.gradcheck(op, CASES[case][1]())
        assert torch.autograd.gradgradcheck(op, CASES[case][1]())


def test_operators_select_as_well():
    op = custom_op("lazygrad_test::selected", dense)
    x, W, b = CASES["layer"][1]()
    for wanted, rules in [([b], 2), ([W], 2), ([x], 1), ([W, b], 0)]:
        loss = op(x, W, b).sum()
        with lg.record() as report:
            torch.autograd.grad(loss, wanted)
        assert report.rules_run == rules  # those of tanh and + once; then what is new


def test_operators_in_vmap_and_compiled_code():
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    batched = torch.func.vmap(dense_op, in_dims=(0, None, None))(x, W, b)
    torch.testing.assert_close(batched, dense_torch(x, W, b))
    product, total = torch.func.vmap(pair_op)(x, x)
    torch.testing.assert_close((product, total), (x * x.exp(), x.square().sum(1)))
    W.requires_grad_()
    compiled = torch.compile(lambda W: dense_op(x, W, b).sum(), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(torch.autograd.grad(compiled(W), W), torch.autograd.grad(dense_torch(x, W, b).sum(), W))


def test_functions_in_compiled_code():
    f = function(np.tanh)
    x = randn(3)
    compiled = torch.compile(lambda x: (f(3 * x) * 2).sum(), backend="eager")
    expected = torch.autograd.grad((torch.tanh(3 * x) * 2).sum(), x)
    torch.testing.assert_close(torch.autograd.grad(compiled(x), x), expected)


def test_operators_that_cannot_be():
    with pytest.raises(TypeError, match="fixed number of tensors"):
        custom_op("lazygrad_test::any", lambda *x: x[0])
    wrong = custom_op("lazygrad_test::wrong", lambda x: (x, x))
    with pytest.raises(ValueError, match=r"returned 2 arrays, but .* outputs=1"):
        wrong(torch.ones(2))


# -- modules and optimisers --------------------------------------------------------------------------


def named(p, x):
    return np.tanh(x @ p["W"] + p["b"])


def test_a_layer_is_a_module():
    W = torch.nn.Parameter(randn(3, 2).detach())
    layer = Layer(named, {"W": W, "b": lg.parameter(np.ones(2, np.float32))})
    assert layer.W is W
    assert [(name, p.dtype) for name, p in layer.named_parameters()] == [("W", torch.float64), ("b", torch.float32)]
    assert repr(layer) == "Layer(named, W: (3, 2), b: (2,))"
    x = randn(4, 3, requires_grad=False)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin(x), layer(x))
        with torch.no_grad():
            twin.W += 1
        assert not torch.equal(twin(x), layer(x))
        twin.load_state_dict(layer.state_dict())
        torch.testing.assert_close(twin(x), layer(x))
    assert layer.double()(x).dtype is torch.float64


def test_a_layer_takes_what_torch_puts_in_place_of_its_parameters():
    layer = Layer(named, {"W": np.ones((3, 2)), "b": np.ones(2)})
    x, W, b = (t.detach() for t in CASES["layer"][1]())
    torch.testing.assert_close(torch.func.functional_call(layer, {"W": W, "b": b}, x), dense_torch(x, W, b))

    class Doubled(torch.nn.Module):
        def forward(self, W):
            return 2 * W

    torch.nn.utils.parametrize.register_parametrization(layer, "W", Doubled())
    torch.testing.assert_close(layer(x).detach(), dense_torch(x, 2 * torch.ones_like(W), torch.ones_like(b)))
    layer(x).sum().backward()
    assert layer.parametrizations.W.original.grad.shape == (3, 2)


def test_training_agrees_with_torch():
    x, y = randn(8, 3, requires_grad=False), randn(8, 2, seed=1, requires_grad=False)
    native = torch.nn.Linear(3, 2, dtype=torch.float64)
    layer = Layer(named, {"W": native.weight.detach().T, "b": native.bias})
    layer.b = torch.nn.Parameter(native.bias.detach().clone())
    for net in (native, layer):
        optimiser = torch.optim.Adam(net.parameters(), lr=0.1)
        for _ in range(10):
            optimiser.zero_grad()
            out = torch.tanh(net(x)) if net is native else net(x)
            (out - y).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(layer.W.detach(), native.weight.detach().T)
    torch.testing.assert_close(layer.b.detach(), native.bias.detach())


def test_a_frozen_parameter_is_not_asked():
    layer = Layer(named, {"W": np.ones((3, 2)), "b": np.ones(2)})
    layer.W.requires_grad_(False)
    loss = layer(randn(4, 3, requires_grad=False)).sum()
    with lg.record() as report:
        loss.backward()
    assert report.rules_run == 2
    assert layer.W.grad is None


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_lbfgs_finds_what_scipy_finds():
    optimize = pytest.importorskip("scipy.optimize")
    start = np.linspace(-1, 1, 10)
    x = torch.tensor(start, requires_grad=True)
    f = function(rosenbrock)
    optimiser = torch.optim.LBFGS(
        [x], max_iter=200, tolerance_grad=1e-10, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    asked = []

    def closure():
        optimiser.zero_grad()
        loss = f(x)
        loss.backward()
        asked.append(x.detach().numpy().tobytes())
        return loss

    with lg.record() as report:
        optimiser.step(closure)
    found = optimize.minimize(
        lg.value_and_grad(rosenbrock), start, jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-10}
    )
    np.testing.assert_allclose(x.detach().numpy(), found.x, rtol=1e-7)
    np.testing.assert_allclose(found.x, np.ones(10), rtol=1e-7)
    sums = [i for i in report.values.computed if i.op.name == "sum"]
    assert len(sums) == f.statistics.misses == len(set(asked))  # each point once, though value and gradient are asked
    assert f.statistics.schedules == 2


def test_the_example():
    example = Path(__file__).parents[2] / "examples" / "torch_module.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    steps = re.findall(r"^(.*): loss (.*); each step computes (\d+) values, (\d+) rules$", done.stdout, re.M)
    (_, first, *everything), (_, last, *heights) = steps
    assert float(last) < float(first) < 0.01
    assert (everything, heights) == (["9", "11"], ["4", "3"])
    assert "schedules=2, hits=200, misses=200" in done.stdout
