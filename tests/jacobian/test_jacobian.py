"""Jacobians: local ones against the seeds' tables, global ones against differences, and the cost of each order."""

import itertools

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import ops
from lazygrad._jacobian.structured import Form, form_of_product
from lazygrad.ops._bracketing import best_bracketing

ORDERS = ("auto", "reverse", "forward", "optimal")


def parameter(*shape, seed=0):
    return lg.parameter(np.random.default_rng(seed).normal(size=shape))


def differences(Y, X, eps=1e-6):
    """Central differences, element by element."""
    x = X.value.copy()
    J = np.empty(Y.shape + X.shape)
    for k in np.ndindex(X.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[k] += sign * eps
            X.set(moved)
            ends.append(Y.value.copy())
        J[(..., *k)] = (ends[0] - ends[1]) / (2 * eps)
    X.set(x)
    return J


# -- Stratos H.2, entry by entry --------------------------------------------------------------------


def test_add_is_the_identity():
    x, y = parameter(3), parameter(3, seed=1)
    for z in (x, y):
        np.testing.assert_array_equal(lg.local_jacobian(x + y, z), np.eye(3))


def test_cmult_is_diagonal_in_the_other_factor():
    x, y = parameter(3), parameter(3, seed=1)
    np.testing.assert_array_equal(lg.local_jacobian(x * y, x), np.diag(y.value))
    np.testing.assert_array_equal(lg.local_jacobian(x * y, y), np.diag(x.value))


def test_concat_is_identity_beside_zeros():
    x, y = parameter(2), parameter(3, seed=1)
    z = ops.concatenate(x, y)
    np.testing.assert_array_equal(lg.local_jacobian(z, x), np.vstack([np.eye(2), np.zeros((3, 2))]))
    np.testing.assert_array_equal(lg.local_jacobian(z, y), np.vstack([np.zeros((2, 3)), np.eye(3)]))


def test_mult_entries():
    U, V = parameter(2, 3), parameter(3, 4, seed=1)
    by_U = lg.local_jacobian(U @ V, U).reshape(2, 4, 2, 3)
    by_V = lg.local_jacobian(U @ V, V).reshape(2, 4, 3, 4)
    for i, j, k, m in itertools.product(range(2), range(4), range(2), range(3)):
        assert by_U[i, j, k, m] == (V.value[m, j] if i == k else 0)
    for i, j, k, m in itertools.product(range(2), range(4), range(3), range(4)):
        assert by_V[i, j, k, m] == (U.value[i, k] if j == m else 0)


def test_pick_is_a_unit_vector():
    x = parameter(4)
    np.testing.assert_array_equal(lg.local_jacobian(ops.pick(x, np.array(2)), x), [np.eye(4)[2]])


def test_pnls_is_softmax_less_a_unit_vector():
    x = parameter(4)
    expected = ops.softmax(x).value - np.eye(4)[1]
    np.testing.assert_allclose(lg.local_jacobian(ops.cross_entropy(x, np.array(1)), x), [expected], rtol=1e-14)


def test_pow():
    x = parameter(3)
    np.testing.assert_allclose(lg.local_jacobian(x**3, x), np.diag(3 * x.value**2), rtol=1e-14)


def test_tanh_and_logit():
    x = parameter(3)
    t, s = np.tanh(x.value), 1 / (1 + np.exp(-x.value))
    np.testing.assert_allclose(lg.local_jacobian(np.tanh(x), x), np.diag(1 - t**2), rtol=1e-13)
    np.testing.assert_allclose(lg.local_jacobian(ops.sigmoid(x), x), np.diag(s * (1 - s)), rtol=1e-13)


# -- Sullivan's and Collins' tables -----------------------------------------------------------------


def test_softmax_matrix():
    s = parameter(4)
    p = ops.softmax(s).value
    np.testing.assert_allclose(lg.local_jacobian(ops.softmax(s), s), np.diag(p) - np.outer(p, p), atol=1e-15)


def test_log_softmax_entries():
    x = parameter(4)
    expected = np.eye(4) - ops.softmax(x).value[None, :]
    np.testing.assert_allclose(lg.local_jacobian(ops.log_softmax(x), x), expected, atol=1e-15)


def test_linear_layer_is_a_kronecker_product():
    W, x = parameter(3, 2), parameter(2, seed=1)
    np.testing.assert_array_equal(lg.local_jacobian(W @ x, W), np.kron(np.eye(3), x.value[None, :]))
    np.testing.assert_array_equal(lg.local_jacobian(W @ x, x), W.value)


def test_bias_log_loss_and_penalty():
    z, b = parameter(3), parameter(3, seed=1)
    np.testing.assert_array_equal(lg.local_jacobian(z + b, b), np.eye(3))
    p = lg.parameter([0.2, 0.3, 0.5])
    y = np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(lg.jacobian(-(y @ np.log(p)), p), -y / p.value)
    W = parameter(3, 2)
    np.testing.assert_allclose(lg.jacobian((W**2).sum(), W), 2 * W.value)
    loss, r = lg.parameter(1.5), lg.parameter(2.0)
    J = loss + 0.1 * r
    assert lg.jacobian(J, r) == 0.1
    assert lg.jacobian(J, loss) == 1


def test_the_same_input_twice_sums():
    x = parameter(3)
    np.testing.assert_array_equal(lg.local_jacobian(x * x, x), np.diag(2 * x.value))


def test_no_input_and_no_derivative():
    x, y = parameter(3), parameter(3)
    with pytest.raises(ValueError, match="is no input of"):
        lg.local_jacobian(np.tanh(x), y)
    np.testing.assert_array_equal(lg.local_jacobian(x > 0, x), np.zeros((3, 3)))
    loss = ops.cross_entropy(x, np.array(1))
    with pytest.raises(lg.NotDifferentiableError, match="int64"):
        lg.local_jacobian(loss, loss.inputs[1])


# -- global Jacobians -------------------------------------------------------------------------------


def build():
    X, W, b = parameter(3, 4), parameter(4, 5, seed=1), parameter(5, seed=2)
    h = np.tanh(X @ W + b)
    return (X, W, b), {
        "tanh": h,
        "softmax": ops.softmax(h),
        "log_softmax": ops.log_softmax(h, axis=0),
        "sum": h.sum(axis=0),
        "mean": h.mean(axis=1),
        "max": h.max(axis=1),
        "logsumexp": ops.logsumexp(h),
        "cross_entropy": ops.cross_entropy(h, [0, 1, 2]),
        "transpose": (h * h).T,
        "getitem": h[1:, ::2],
        "concatenate": np.concatenate([h, X @ W]),
        "broadcast both ways": np.exp(h) * h.sum(axis=1, keepdims=True),
        "outer": h.sum(axis=0)[:, None] * h.sum(axis=1)[None, :],
        "reshape": h.reshape(5, 3) @ np.ones(3),
        "products": (h.T @ h) @ np.ones((5, 2)),
        "where": np.where(h.value > 0, h, 2 * h),
        "sum over split axes": h.reshape(3, 1, 5).sum(axis=(0, 2)),
    }


@pytest.mark.parametrize("name", build()[1])
def test_all_orders_agree_with_differences(name):
    leaves, targets = build()
    Y = targets[name]
    for X in leaves:
        expected = differences(Y, X)
        for order in ORDERS:
            np.testing.assert_allclose(lg.jacobian(Y, X, order=order), expected, rtol=1e-5, atol=1e-7, err_msg=order)


def test_scalar_jacobian_is_the_gradient_and_rows_are_gradients():
    (_, W, b), targets = build()
    L = targets["cross_entropy"].sum()
    np.testing.assert_allclose(lg.jacobian(L, W), lg.gradient(L, W), rtol=1e-12, atol=1e-15)
    Y = targets["mean"]
    for k in range(3):  # Collins' P^n = I(d^n), row by row
        row = lg.gradient(Y, b, cotangent=np.eye(3)[k])
        np.testing.assert_allclose(lg.jacobian(Y, b)[k], row, rtol=1e-12, atol=1e-15)


def test_hessian_is_the_jacobian_of_an_adjoint():
    b = parameter(4)
    L = ops.logsumexp(b) + (b**3).sum()
    G = lg.adjoint(L, b)
    np.testing.assert_allclose(lg.jacobian(G, b), differences(G, b), rtol=1e-6, atol=1e-8)


def test_edge_cases():
    x, y = parameter(3), parameter(2)
    np.testing.assert_array_equal(lg.jacobian(x, x), np.eye(3))
    np.testing.assert_array_equal(lg.jacobian(np.tanh(x), y), np.zeros((3, 2)))
    assert lg.jacobian(np.exp(lg.parameter(0.0)) * 2, lg.parameter(1.0)).shape == ()
    single = lg.parameter(np.ones(3, np.float32))
    assert lg.jacobian(np.tanh(single), single).dtype == np.float32
    empty = lg.parameter(np.ones((0, 2)))
    assert lg.jacobian(empty * 2, empty).shape == (0, 2, 0, 2)
    with pytest.raises(TypeError, match="takes nodes"):
        lg.jacobian(np.ones(3), x)
    with pytest.raises(ValueError, match="order must be"):
        lg.jacobian(x * x, x, order="sideways")
    with pytest.raises(TypeError, match="int64"):
        lg.jacobian(x * x, lg.constant([1]))
    with pytest.raises(ValueError, match="read-only"):
        lg.jacobian(x * x, x)[0] = 0


def test_nothing_is_computed_by_a_plan():
    (X, _, _), targets = build()
    with lg.record() as report:
        lg.jacobian_plan(targets["products"], X, "optimal")
    assert report.values.requests == report.adjoints.requests == 0


# -- costs ------------------------------------------------------------------------------------------


def test_sullivans_flop_counts():
    m, d = 7, 50
    x = parameter(d)
    z = parameter(m, d, seed=1) @ x
    for seed in (2, 3):
        z = parameter(m, m, seed=seed) @ z
    s = parameter(1, m, seed=4) @ z
    plan = lg.jacobian_plan(s, x)
    assert (plan.reverse, plan.forward) == (2 * m * m + m * d, 2 * m * m * d + m * d)
    assert plan.order == "reverse"
    # The other way round (Tomassoli 14): one input, many outputs.
    t = parameter(1, seed=5)
    z = parameter(m, 1, seed=1) @ t
    z = parameter(m, m, seed=2) @ z
    y = parameter(d, m, seed=3) @ z
    plan = lg.jacobian_plan(y, t)
    assert (plan.forward, plan.reverse) == (m * m + d * m, d * m * m + d * m)
    assert plan.order == "forward"


def exhaustive(forms):
    """Return the least cost over all bracketings, by trying all."""
    if len(forms) == 1:
        return {forms[0]: 0}
    best = {}
    for k in range(1, len(forms)):
        for (x, cx), (y, cy) in itertools.product(exhaustive(forms[:k]).items(), exhaustive(forms[k:]).items()):
            form, cost = form_of_product(x, y)
            best[form] = min(best.get(form, np.inf), cx + cy + cost)
    return best


def random_chain(rng, length):
    """Forms that can be multiplied: dense, diagonal, Kronecker on either side, and the identity."""
    size = int(rng.choice([1, 2, 4, 6, 12]))
    forms = []
    for _ in range(length):
        kind = rng.integers(5)
        if kind == 0:
            forms.append(Form.diagonal(size))
        elif kind == 1:
            forms.append(Form.identity(size))
        elif kind == 2:
            columns = int(rng.choice([1, 3, 4, 12]))
            forms.append(Form.dense(size, columns))
        else:
            p = int(rng.choice([n for n in (1, 2, 3, 4, 6, 12) if size % n == 0]))
            q = int(rng.choice([1, 2, 3]))
            rest = size // p
            forms.append(Form(rest, p, q, 1, same_a=True) if kind == 3 else Form(1, p, q, rest, same_b=True))
        size = forms[-1].columns
    return forms


@pytest.mark.parametrize("seed", range(150))
def test_optimal_equals_exhaustive_search(seed):
    rng = np.random.default_rng(seed)
    forms = random_chain(rng, int(rng.integers(1, 9)))
    cost, tree = best_bracketing(forms, form_of_product)
    assert cost == min(exhaustive(forms).values())

    def replay(t):  # the bracketing costs what was promised
        if isinstance(t, int):
            return forms[t], 0
        (x, cx), (y, cy) = replay(t[0]), replay(t[1])
        form, here = form_of_product(x, y)
        return form, cx + cy + here

    assert replay(tree)[1] == cost


@pytest.mark.parametrize("seed", range(60))
def test_never_more_than_the_better_plain_order(seed):
    """On random graphs of vectors: chains where nothing is shared, DAGs where it is."""
    rng = np.random.default_rng(seed)
    x = parameter(int(rng.integers(1, 6)), seed=seed)
    nodes = [x]
    for _ in range(int(rng.integers(2, 9))):
        i = nodes[-1] if rng.random() < 0.7 else nodes[rng.integers(len(nodes))]
        kind = rng.integers(4)
        if kind == 0:
            nodes.append(np.tanh(i))
        elif kind == 1:
            nodes.append(rng.normal(size=(int(rng.integers(1, 6)), i.size)) @ i)
        elif kind == 2:
            nodes.append(i * nodes[-1] if i.shape == nodes[-1].shape else i * 2.0)
        else:
            nodes.append(ops.softmax(i))
    Y = nodes[-1]
    plans = {order: lg.jacobian_plan(Y, x, order) for order in ORDERS}
    least = min(plans["reverse"].multiplications, plans["forward"].multiplications)
    assert plans["auto"].multiplications == least
    assert plans["optimal"].multiplications <= least
    expected = lg.jacobian(Y, x, order="reverse")
    for order in ("forward", "optimal"):
        np.testing.assert_allclose(lg.jacobian(Y, x, order=order), expected, rtol=1e-10, atol=1e-12)


def test_a_long_chain_falls_back_and_a_short_one_gains():
    x = parameter(8)
    thin = parameter(8, 1, seed=1) @ (parameter(1, 8, seed=2) @ (parameter(8, 8, seed=3) @ x))
    y = parameter(8, 8, seed=4) @ thin
    plan = lg.jacobian_plan(y, x, "optimal")
    assert plan.order == "optimal"
    assert plan.multiplications < min(plan.reverse, plan.forward)
    z = x
    for _ in range(1000):
        z = np.sin(z)
    assert lg.jacobian_plan(z, x, "optimal").multiplications == 999 * 8
    np.testing.assert_allclose(np.diagonal(lg.jacobian(z, x, order="optimal")), lg.gradient(z.sum(), x), rtol=1e-12)
