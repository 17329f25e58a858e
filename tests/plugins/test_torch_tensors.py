"""Tensors in and out: dtypes, devices, refusals, exceptions, threads, and what is left behind."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.collector import no_collector

torch = pytest.importorskip("torch")

from lazygrad.plugins.torch import function  # noqa: E402
from tests.helpers.torch_functions import CASES, WARNINGS, dense, randn  # noqa: E402

pytestmark = WARNINGS

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

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
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
