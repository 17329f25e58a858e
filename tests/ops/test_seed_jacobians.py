"""The Jacobians that the seeds write down, entry by entry, and their products with a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

import lazygrad as lg
from lazygrad import ops
from tests.helpers.op_checks import close, make_generator


def jacobian(y: lg.Node, x: lg.Node) -> Any:
    """Return d y_i / d x_j, one row for each unit cotangent."""
    units = np.eye(y.size).reshape(y.size, *y.shape)
    return np.stack([lg.gradient(y, x, cotangent=e) for e in units]).reshape(*y.shape, *x.shape)


def vectors() -> tuple[lg.Node, lg.Node]:
    return lg.parameter([0.5, -1.5, 2.0]), lg.parameter([3.0, 0.25, -0.75])


def test_jacobians_of_stratos_of_several_arguments() -> None:
    """Stratos, H.2."""
    x, y = vectors()
    close(jacobian(x + y, x), np.eye(3))
    close(jacobian(x + y, y), np.eye(3))
    close(jacobian(x * y, x), np.diag(y.value))
    close(jacobian(x * y, y), np.diag(x.value))
    z = lg.parameter([1.0, 2.0])
    close(jacobian(ops.concatenate(x, z), x), np.vstack([np.eye(3), np.zeros((2, 3))]))
    close(jacobian(ops.concatenate(x, z), z), np.vstack([np.zeros((3, 2)), np.eye(2)]))
    close(jacobian(x**4, x), np.diag(4 * x.value**3))
    softmax = np.exp(x.value) / np.exp(x.value).sum()
    for label in range(3):
        close(jacobian(ops.pick(x, label), x), np.eye(3)[label])
        close(jacobian(ops.cross_entropy(x, label), x), softmax - np.eye(3)[label])


def test_jacobian_of_stratos_mult() -> None:
    """Stratos, H.2: d[UV]_ij / dU_kl = V_lj if i = k, and / dV_kl = U_ik if j = l; else 0."""
    rng = make_generator()
    U, V = lg.parameter(rng.normal(size=(2, 3))), lg.parameter(rng.normal(size=(3, 4)))
    by_u, by_v = jacobian(U @ V, U), jacobian(U @ V, V)
    for i, j in np.ndindex(2, 4):
        for k, m in np.ndindex(2, 3):
            assert by_u[i, j, k, m] == (V.value[m, j] if i == k else 0)
        for k, m in np.ndindex(3, 4):
            assert by_v[i, j, k, m] == (U.value[i, k] if j == m else 0)


def test_jacobians_of_stratos_of_one_argument_and_of_collins_log_softmax() -> None:
    """Stratos, H.2; Collins' slides: [[k = k']] - exp(l_k') / sum exp(l_k'')."""
    x, _ = vectors()
    v = x.value
    logit, sm = 1 / (1 + np.exp(-v)), np.exp(v) / np.exp(v).sum()
    close(jacobian(np.tanh(x), x), np.diag(1 - np.tanh(v) ** 2))
    close(jacobian(ops.sigmoid(x), x), np.diag(logit * (1 - logit)))
    close(jacobian(ops.softmax(x), x), np.diag(sm * (1 - sm)) - (np.outer(sm, sm) - np.diag(sm * sm)))
    close(jacobian(ops.log_softmax(x), x), np.eye(3) - sm[None, :])


def test_products_of_stratos_with_a_gradient() -> None:
    """Stratos, I.2: J g in closed form."""
    (x, y), g = vectors(), np.array([0.3, -2.0, 1.1])
    sm = np.exp(x.value) / np.exp(x.value).sum()
    close(lg.gradient(x * y, x, cotangent=g), y.value * g)
    close(lg.gradient(x**3, x, cotangent=g), 3 * x.value**2 * g)
    close(lg.gradient(ops.softmax(x), x, cotangent=g), sm * g - (sm * g).sum() * sm)
    close(lg.gradient(ops.cross_entropy(x, 1), x, cotangent=0.7), 0.7 * (sm - [0, 1, 0]))
    close(lg.gradient(ops.concatenate(y, x), x, cotangent=np.concatenate([y.value, g])), g)
