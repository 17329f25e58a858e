"""A user's script about functions: what transforms and compiled questions return."""

from typing import Any, TypeAlias, assert_type

import numpy as np
import numpy.typing as npt

import lazygrad as lg

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Floats: TypeAlias = npt.NDArray[np.float64]


def loss(w: Floats, x: Floats) -> np.float64:
    return np.float64(np.sum((w * x) ** 2))


def residuals(w: Floats) -> Floats:
    return w * w


def of_params(p: dict[str, Floats]) -> np.float64:
    return np.float64(np.sum(p["W"]))


def untyped(w, x):  # type: ignore[no-untyped-def]
    return np.sum(w * x)


one = np.ones(2)
W = lg.parameter(one, name="W")

# gradients have the structure of the argument, and are nodes of nodes
assert_type(lg.grad(loss)(one, one), Array)
assert_type(lg.grad(untyped)(one, one), Array)
assert_type(lg.grad(lambda x: np.sum(x**2))(one), Array)
assert_type(lg.grad(lambda x: x**3)(2.0), Array)
assert_type(lg.grad(lg.grad(lambda x: x**3))(2.0), Array)
assert_type(lg.grad(np.tanh)(0.0), Array)
assert_type(lg.grad(loss)(W, one), lg.Node)
assert_type(lg.grad(loss, 1)(one, one), Array)
assert_type(lg.grad(loss, argnums=(0, 1))(one, one), tuple[Array, ...])
assert_type(lg.grad(of_params)({"W": one}), dict[str, Array])
assert_type(lg.grad(lambda p: p[0] * p[1])([1.0, 2.0]), list[Array])
assert_type(lg.grad(loss, has_aux=True)(one, one), tuple[Any, Any])
assert_type(lg.value_and_grad(loss)(one, one), tuple[Array, Array])
assert_type(lg.value_and_grad(of_params)({"W": one}), tuple[Array, dict[str, Array]])
assert_type(lg.elementwise_grad(np.sin)(one), Array)
assert_type(lg.hessian(loss)(one, one), Array)
assert_type(lg.jacobian(residuals)(one), Array)
assert_type(lg.jacrev(residuals)(one), Array)
assert_type(lg.jacfwd(residuals)(one), Array)
assert_type(lg.jacfwd(residuals)(W), lg.Node)

# products
value, pull = lg.vjp(loss, one, one)
assert_type(value, Array)
assert_type(pull(1.0), tuple[Array, ...])
assert_type(lg.jvp(loss, (one, one), (one, one)), tuple[Array, Array])
assert_type(lg.jvp(np.sin, 0.0, 2.0), tuple[Array, Array])
assert_type(lg.jvp(loss, (W, one), (one, one)), tuple[lg.Node, lg.Node])
assert_type(lg.hvp(residuals, one, one), Array)
assert_type(lg.hvp(loss, (one, one), (one, one)), tuple[Array, ...])

# compiled questions
L = (W * W).sum()
assert_type(lg.compile(L, inputs=[W])(one), Array)
assert_type(lg.compile(L, wrt=W, inputs=[W])(one), tuple[Array, Array])
assert_type(lg.compile(L, wrt=[W], inputs=[W])(one), tuple[Array, list[Array]])
assert_type(lg.compile([L, W], inputs=[W])(one), list[Array])
assert_type(lg.compile(L, inputs=[W]).statistics, lg.CompileStatistics)


# your own op
@lg.primitive(vjp=lambda g, out: g * (1 - out * out), shape="elementwise")
def squash(x: Floats) -> Floats:
    return np.tanh(x)


assert_type(squash(W), lg.Node)
assert_type(squash(one), Array)
