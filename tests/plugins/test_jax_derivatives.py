"""JAX differentiates functions written with NumPy: in every mode, order and transform that it knows."""

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.test_util import check_grads  # noqa: E402

from lazygrad.plugins.jax import function  # noqa: E402
from tests.helpers.jax_functions import XS, P, X, loss_of, network, reference, same  # noqa: E402

pytestmark = pytest.mark.usefixtures("wide")

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


def test_every_mode_is_there_without_being_asked_for():
    f = function(lambda x: np.sum(np.sin(x) * x**2))
    theirs = lambda x: jnp.sum(jnp.sin(x) * x**2)  # noqa: E731
    same(jax.hessian(f)(X), jax.hessian(theirs)(X))
    same(jax.jacfwd(f)(X), jax.grad(theirs)(X))
    same(jax.jit(lambda x: jax.jvp(f, (x,), (x,)))(X), jax.jvp(theirs, (X,), (X,)))
    same(jax.jit(jax.jacfwd(jax.jacrev(f)))(X), jax.hessian(theirs)(X))
    same(jax.vmap(jax.hessian(f))(XS), jax.vmap(jax.hessian(theirs))(XS))
    assert f.mode == "both"


def test_check_grads(mode):
    loss = jax.jit(loss_of(function(network, mode=mode)))
    check_grads(loss, (P, X), order=2, modes=("rev",) if mode == "reverse" else ("fwd", "rev"))
