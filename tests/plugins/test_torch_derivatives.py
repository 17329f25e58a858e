"""PyTorch differentiates functions written with NumPy: to any order, in every mode, through its transforms."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lazygrad.plugins.torch import function  # noqa: E402
from tests.helpers.torch_functions import CASES, TRANSFORMS, WARNINGS, dense, dense_torch, randn  # noqa: E402

pytestmark = WARNINGS


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


def test_cotangents_of_all_results_count():
    f, arguments = CASES["two results"]
    x, y = arguments()
    product, total = function(f)(x, y)
    found = torch.autograd.grad((product * 3).sum() + total, [x, y])
    expected = torch.autograd.grad((x * y.exp() * 3).sum() + (x * x).sum(), [x, y])
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float32])
def test_an_empty_batch_keeps_its_dtype(dtype):
    out = torch.func.vmap(function(lambda x: 2 * x))(torch.zeros(0, 3, dtype=dtype))
    assert (out.shape, out.dtype) == ((0, 3), dtype)


def test_gradients_of_each_sample():
    _, W, b = (t.detach() for t in CASES["layer"][1]())
    xs = randn(5, 3, requires_grad=False)

    def gradients(layer):
        return torch.func.vmap(torch.func.grad(lambda W, x: layer(x, W, b).sum()), in_dims=(None, 0))(W, xs)

    torch.testing.assert_close(gradients(function(dense)), gradients(dense_torch))


def test_the_old_vmap_is_refused():
    with pytest.raises(TypeError, match=r"old vmap.*torch\.func\.vmap"):
        torch.autograd.functional.jacobian(function(np.tanh), randn(3), vectorize=True)
