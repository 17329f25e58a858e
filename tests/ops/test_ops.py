"""Every op against NumPy, central differences, and the seeds' Jacobians; and the checks against wrong ops."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import ops
from lazygrad.ops._declare import MEANINGS, op
from lazygrad.ops._op import OPS, Op
from lazygrad.ops._rule import ZERO
from tests.cases.elementwise import OF_INTEGERS
from tests.cases.op_table import TABLE
from tests.helpers.op_checks import CHECKS, Case, check_dtype, check_point, close, has_rule, inner, seeded, slope

CASES_OF = [(row, dict(row.cases())) for row in TABLE]
NAMED = [named for row in TABLE for named in row.cases()]
CASES = dict(NAMED)
SMOOTH = {name: case for name, case in CASES.items() if case.order and case.wrt}


def name_of(row_and_cases: Any) -> str:
    row, _ = row_and_cases
    return f"{row.name} {row.label}".strip()


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Says in the report of a failure which of a row's cases it was: each as a test of its own would take minutes."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise


# -- the table -------------------------------------------------------------------------------------


def test_every_op_has_a_row_and_every_row_an_op() -> None:
    assert {row.op for row in TABLE if isinstance(row.op, str)} == set(OPS)
    functions = {f for row in TABLE for f in (*row.covers, row.op)}
    assert [f for f, meaning in MEANINGS.items() if not isinstance(meaning, Op) and f not in functions] == []
    assert len(CASES) == len(NAMED), "two cases of one name"


def test_every_broadcasting_op_is_tried_with_different_shapes() -> None:
    elementwise = {
        name for name, o in OPS.items() if len(o.inputs) > 1 and o.infer_from.__qualname__.startswith("elementwise.")
    }
    assert elementwise == {row.op for row in TABLE if row.broadcasts and isinstance(row.op, str)}


def test_every_op_with_a_rule_has_a_case_that_differentiates_by_each_input() -> None:
    ops = [case for case in SMOOTH.values() if isinstance(case.op, Op)]
    tried = {(case.op.name, min(k, len(case.op.inputs) - 1)) for case in ops for k in case.wrt}
    assert tried == {(name, k) for name, o in OPS.items() for k in range(len(o.inputs)) if has_rule(o.vjp, k)}


@pytest.mark.parametrize("row_and_cases", CASES_OF, ids=name_of)
def test_cases(row_and_cases: Any) -> None:
    """Value, shape and dtype; and where there is one the derivative, in all ways."""
    row, cases = row_and_cases
    for name, case in cases.items():
        for what, check in CHECKS.items():
            if what in ("value", "inference") or (case.order and case.wrt):
                with naming(f"the check {what!r} of {name!r}"):
                    check(case)
        for dtype in row.dtypes:
            with naming(f"the dtype {np.dtype(dtype)} of {name!r}"):
                check_dtype(case, dtype)


@pytest.mark.parametrize("row", [row for row in TABLE if row.points], ids=lambda row: row.name)
def test_points(row: Any) -> None:
    for point in row.points:
        with naming(repr(point)):
            check_point(row.call, point)


@pytest.mark.parametrize("name", [name for name, o in OPS.items() if set(o.vjp) == {ZERO} and name not in OF_INTEGERS])
def test_structural_zeros(name: str) -> None:
    """A derivative that is zero wherever it exists is no path, and costs no rule."""
    leaves = [lg.parameter([1.0, 2.0]) for _ in OPS[name].inputs]
    w = lg.parameter([3.0, 4.0])
    L = (OPS[name](*leaves) * w).sum()
    with lg.record() as report:
        gradients = lg.gradient(L, [w, *leaves], unconnected="none")
    assert gradients[1:] == [None] * len(leaves)
    assert report.rules_run == 2  # of w: the sum and the product
    assert not any(lg.differentiator(L).is_connected(leaf) for leaf in leaves)


# -- the checks, tried on wrong ops ----------------------------------------------------------------


def sine(**changes: Any) -> Case:
    """A case of sin, declared by hand, with some part of it wrong."""
    parts: dict[str, Any] = {
        "function": np.sin,
        "shape": lambda x: (x.shape, x.dtype),
        "vjp": {"x": lambda g, x: g * np.cos(x)},
        "jvp": {"x": lambda t, x: t * np.cos(x)},
    }
    parts.update(changes)
    return Case(op("wrong", parts.pop("function"), register=False, **parts), np.sin, [np.array([0.3, 1.0])])


def detached(x: Any) -> Any:
    return x.value if isinstance(x, lg.Node) else x


WRONG = {
    "value": {"function": np.cos},
    "inference": {"shape": lambda x: ((*x.shape, 1), x.dtype)},
    "vjp": {"vjp": {"x": lambda g, x: g * np.cos(2 * x)}},
    "jvp": {"jvp": {"x": lambda t, x: t * np.cos(2 * x)}},
    "readings": {"vjp": {"x": lambda g, x: g * np.cos(2 * x if isinstance(x, lg.Node) else x)}},
    "second order": {"vjp": {"x": lambda g, x: g * np.cos(detached(x))}},
    "float32": {"vjp": {"x": lambda g, x, x_dtype: g * np.cos(x) * (1.0 if x_dtype == np.float64 else 1.01)}},
}


def test_every_check_is_tried_on_a_wrong_op() -> None:
    assert set(WRONG) == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS)
def test_checks_pass_a_right_op_and_catch_a_wrong_one(check: str) -> None:
    CHECKS[check](sine())
    with pytest.raises(AssertionError):
        CHECKS[check](sine(**WRONG[check]))


def test_checks_catch_other_mistakes() -> None:
    with pytest.raises(AssertionError):  # a wrong inferred dtype
        check_dtype(sine(shape=lambda x: (x.shape, np.dtype(float))), np.float32)
    with pytest.raises(AssertionError):  # a float32 input that comes out as float64
        check_dtype(sine(function=lambda x: np.sin(x).astype(float)), np.float32)
    with pytest.raises(AssertionError, match="no jvp"):
        CHECKS["jvp"](sine(jvp={}))
    with pytest.raises(AssertionError):  # a jvp rule that is wrong on nodes only
        CHECKS["readings"](sine(jvp={"x": lambda t, x: t * np.cos(2 * x if isinstance(x, lg.Node) else x)}))
    kink = next(point for row in TABLE if row.op == "absolute" for point in row.points)
    with pytest.raises(AssertionError):  # another convention at a kink
        check_point(sine(function=abs, vjp={"x": lambda g, x: np.where(x >= 0, g, -g)}).op, kink)


# -- singular local derivatives behind a `where` ----------------------------------------------------

SINGULAR = {
    "sqrt": (np.sqrt, 0.0),
    "log": (np.log, 0.0),
    "log of a negative": (np.log, -1.0),
    "exp overflows": (np.exp, 1000.0),
    "1/x": (lambda x: 1 / x, 0.0),
    "x/x": (lambda x: x / x, 0.0),
    "x**-1": (lambda x: x**-1, 0.0),
    "x**0.5": (lambda x: x**0.5, 0.0),
    "x**1.5": (lambda x: x**1.5, 0.0),
    "x**3 overflows": (lambda x: x**3, 1e200),
    "x**y": (lambda x: x ** lg.constant(-0.5), 0.0),
    "y**x": (lambda x: lg.constant(0.0) ** x, -1.0),
    "x**x": (lambda x: x**x, 0.0),
    "1/sqrt(x)": (lambda x: 1 / np.sqrt(x), 0.0),
    "sqrt(sqrt(x))": (lambda x: np.sqrt(np.sqrt(x)), 0.0),
    "log(log(x))": (lambda x: np.log(np.log(x)), 1.0),
    "sqrt(1/x)": (lambda x: np.sqrt(1 / x), 0.0),
    "sqrt(x*x)": (lambda x: np.sqrt(x * x), 0.0),
    "x log(x)": (lambda x: x * np.log(x), 0.0),
    "x * 1/x": (lambda x: x * (1 / x), 0.0),
    "(1/x)**2": (lambda x: (1 / x) ** 2, 0.0),
    "square(1/x)": (lambda x: np.square(1 / x), 0.0),
    "|log(x)|": (lambda x: abs(np.log(x)), 0.0),
}


@pytest.mark.parametrize("name", SINGULAR)
@pytest.mark.parametrize("scalar", [False, True])
def test_where_lets_nothing_through_from_the_branch_not_taken(name: str, scalar: bool) -> None:
    """First, second and third derivative: exactly 0 where `where` does not look, untouched elsewhere."""
    f, bad = SINGULAR[name]
    with np.errstate(all="ignore"):
        x = lg.parameter(bad if scalar else [bad, 2.0])
        y = lg.parameter(2.0)
        derivative = np.where(np.array(False) if scalar else np.array([False, True]), f(x), 0.0)
        clean = f(y)
        for _ in range(3):
            derivative, clean = lg.adjoint(derivative.sum(), x), lg.adjoint(clean, y)
            close(derivative.value, 0.0 if scalar else [0.0, clean.item()], atol=0)


def test_infinite_slopes_do_not_reach_the_loser_of_a_comparison() -> None:
    """sqrt'(0) is infinite, but only for the element that the square root is taken of."""
    x, y = lg.parameter([0.0, 0.0]), lg.parameter([-1.0, 1.0])
    with np.errstate(divide="ignore"):
        for L in (np.sqrt(np.maximum(x, y)), np.sqrt(-np.minimum(-x, -y))):
            dx, dy = lg.gradient(L.sum(), [x, y])
            np.testing.assert_array_equal(dx, [np.inf, 0.0])
            np.testing.assert_array_equal(dy, [0.0, 0.5])
        np.testing.assert_array_equal(
            lg.gradient(np.sqrt(y[:1].max() + 1) + np.sqrt(-(-y).min() - 1), y), [np.inf, np.inf]
        )
        np.testing.assert_array_equal(lg.gradient(np.sqrt(np.max(lg.constant([0.0, -1.0]) + x)), x), [np.inf, 0.0])


# -- the seeds' Jacobians, entry by entry ----------------------------------------------------------


def jacobian(y: lg.Node, x: lg.Node) -> Any:
    """d y_i / d x_j, one row for each unit cotangent."""
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
    rng = seeded()
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


# -- scores far from zero, and -inf for what is impossible ------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_large_scores_do_not_overflow(dtype: Any) -> None:
    x = lg.parameter(np.array([1e4, -1e4, 0.0], dtype))
    assert ops.logsumexp(x).item() == 1e4
    np.testing.assert_array_equal(ops.softmax(x).value, [1, 0, 0])
    np.testing.assert_array_equal(ops.log_softmax(x).value, [0, -2e4, -1e4])
    np.testing.assert_array_equal(ops.sigmoid(x).value, [1, 0, 0.5])
    np.testing.assert_array_equal(lg.gradient(ops.logsumexp(x), x), [1, 0, 0])
    np.testing.assert_array_equal(lg.gradient(ops.log_softmax(x), x, cotangent=[0, 1, 0]), [-1, 1, 0])
    for label, loss in enumerate([0, 2e4, 1e4]):
        for labels in (label, np.eye(3, dtype=dtype)[label]):
            L = ops.cross_entropy(x, labels)
            assert L.dtype == dtype
            assert L.item() == loss
            np.testing.assert_array_equal(lg.gradient(L, x), np.eye(3)[0] - np.eye(3)[label])


def test_minus_infinity_means_impossible() -> None:
    """A score of -inf has probability 0, and no derivative of any order becomes nan."""
    x = lg.parameter([0.0, -np.inf, 0.0])
    assert ops.logsumexp(x).item() == np.log(2)
    np.testing.assert_array_equal(ops.softmax(x).value, [0.5, 0, 0.5])
    np.testing.assert_array_equal(ops.log_softmax(x).value, [-np.log(2), -np.inf, -np.log(2)])
    targets = {
        "logsumexp": (ops.logsumexp(x), [0.5, 0, 0.5]),
        "softmax": (ops.softmax(x)[0], [0.25, 0, -0.25]),
        "log_softmax": (ops.log_softmax(x)[0], [0.5, 0, -0.5]),
        "cross_entropy": (ops.cross_entropy(x, 0), [-0.5, 0, 0.5]),
        "one hot": (ops.cross_entropy(x, [1.0, 0.0, 0.0]), [-0.5, 0, 0.5]),
    }
    for L, expected in targets.values():
        np.testing.assert_array_equal(lg.gradient(L, x), expected)
        assert np.isfinite(lg.gradient((lg.adjoint(L, x) * [1.0, 2.0, 3.0]).sum(), x)).all()
    assert ops.cross_entropy(x, 1).item() == np.inf


def test_logsumexp_of_nothing() -> None:
    for x in (lg.parameter([-np.inf, -np.inf]), lg.parameter(np.zeros(0))):
        with np.errstate(divide="ignore"):
            assert ops.logsumexp(x).item() == -np.inf
            np.testing.assert_array_equal(lg.gradient(ops.logsumexp(x), x), np.zeros(x.shape))


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [float, int, bool])
def test_integer_and_one_hot_labels_agree(shape: tuple[int, ...], dtype: Any) -> None:
    rng = seeded()
    x = lg.parameter(rng.normal(size=shape))
    labels = rng.integers(0, 4, shape[:-1])
    w = rng.normal(size=shape[:-1])
    hard, soft = ops.cross_entropy(x, labels), ops.cross_entropy(x, np.eye(4, dtype=dtype)[labels])
    close(soft.value, hard.value, rtol=1e-13)
    close(lg.gradient(soft, x, cotangent=w), lg.gradient(hard, x, cotangent=w), rtol=1e-12)


@pytest.mark.parametrize("loss", [ops.pick, ops.cross_entropy, ops.svm_loss])
def test_wrong_labels(loss: Any) -> None:
    x = lg.parameter(np.zeros((2, 4)))
    for labels in ([0, 4], [-1, 0]):
        L = loss(x, np.array(labels))
        with pytest.raises(IndexError, match=r"labels must lie in 0\.\.3"):
            L.value  # noqa: B018
    with pytest.raises(lg.ShapeError, match=r"labels of"):
        loss(x, np.array([0, 1, 2]))
    with pytest.raises((TypeError, lg.ShapeError), match="labels"):
        loss(x, np.array([0.0, 1.0]))


def test_integer_labels_are_blocked() -> None:
    labels = lg.constant([0, 1], name="labels")
    L = ops.cross_entropy(lg.parameter(np.zeros((2, 3))), labels).sum()
    with pytest.raises(lg.NotDifferentiableError, match="labels"):
        lg.gradient(L, labels)


# -- products of all ranks -------------------------------------------------------------------------

LEFT = [(), (3,), (2, 3), (2, 2, 3), (2, 1, 2, 3)]
RIGHT = [(), (3,), (3, 2), (2, 3, 1), (1, 2, 3, 2)]


@pytest.mark.parametrize("product", [np.dot, np.matmul])
@pytest.mark.parametrize(("left", "right"), list(itertools.product(LEFT, RIGHT)))
def test_products_of_all_ranks(product: Any, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = seeded()
    arrays = [rng.normal(size=left), rng.normal(size=right)]
    leaves = [lg.parameter(a) for a in arrays]
    if product is np.matmul and not (left and right):
        with pytest.raises(lg.ShapeError, match="0-d"):
            product(*leaves)
        return
    node = product(*leaves)
    assert (node.shape, node.dtype) == (product(*arrays).shape, float)
    close(node.value, product(*arrays), rtol=1e-13)
    w = rng.normal(size=node.shape)
    for k, gradient in enumerate(lg.gradient(node, leaves, cotangent=w)):
        d = rng.normal(size=arrays[k].shape)
        assert gradient.shape == arrays[k].shape
        close(inner(gradient, d), inner(w, slope(product, arrays, k, d)))


@pytest.mark.parametrize("product", [np.dot, np.matmul])
@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (2,)), ((2, 3), (2,)), ((2,), (3, 2)), ((2, 3), (2, 3)), ((2, 3), (2, 2, 3)), ((4, 2, 3), (3, 2, 3))],
)
def test_products_that_do_not_fit(product: Any, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy's, to be sure that there is one
        product(np.ones(left), np.ones(right))
    with pytest.raises(lg.ShapeError, match=r"matmul\("):
        product(lg.parameter(np.ones(left)), np.ones(right))


def test_batches_that_do_not_broadcast() -> None:
    with pytest.raises(lg.ShapeError, match=r"matmul\(.*\(2, 1, 3\).*\(4, 3, 1\)"):
        lg.parameter(np.ones((2, 1, 3))) @ np.ones((4, 3, 1))


def test_refused_when_the_node_is_built() -> None:
    x = lg.parameter(np.zeros((2, 0)))
    for empty in (lambda: x.max(axis=1), lambda: x.min(), lambda: x[:0].max(axis=0)):
        with pytest.raises(lg.ShapeError, match="zero-size array"):
            empty()
    assert x.max(axis=0).value.shape == (0,)
    for outside in (
        lambda: x.sum(axis=2),
        lambda: x.mean(axis=-3),
        lambda: ops.softmax(x, axis=2),
        lambda: x.transpose(0, 2),
    ):
        with pytest.raises((lg.ShapeError, IndexError), match=r"axis|axes"):
            outside()
    with pytest.raises(lg.ShapeError, match="negative integer powers"):
        lg.constant([1, 2]) ** -1
    with pytest.raises(lg.ShapeError, match=r"add\(.*\(2,\).*\(3,\)\)"):
        lg.parameter([1.0, 2.0]) + np.ones(3)
