"""Products, calculus and polynomials, beyond their rows: refusals, and work not done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.op_checks import close


def leaf(*shape: int) -> lg.Node:
    return lg.parameter(np.arange(np.prod(shape, dtype=int)).reshape(shape) + 1.0)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk", [(2, 3), (2, 3)]),
        ("ii", [(2, 3)]),
        ("ii", [(1, 3)]),
        ("i", [(2, 3)]),
        ("ijk", [(2, 3)]),
        ("i,j", [(2,)]),
        ("ij->ii", [(2, 2)]),
        ("ij->k", [(2, 2)]),
        ("...i->i", [(2, 3)]),
        ("i$", [(2, 3)]),
        ("i.j", [(2, 3)]),
        ("...i...", [(2, 3)]),
        ("i->i->i", [(2,)]),
    ],
)
def test_subscripts_that_do_not_fit(subscripts: str, shapes: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy's, to be sure that there is one
        np.einsum(subscripts, *[np.ones(s) for s in shapes])
    with pytest.raises(lg.ShapeError, match="einsum"):
        np.einsum(subscripts, *[leaf(*s) for s in shapes])


REFUSED = {
    "tensordot of other lengths": lambda: np.tensordot(leaf(2, 3), leaf(2, 3), 1),
    "tensordot of too many axes": lambda: np.tensordot(leaf(2), leaf(2), 2),
    "inner": lambda: np.inner(leaf(2, 3), leaf(2)),
    "vdot": lambda: np.vdot(leaf(2), leaf(3)),
    "vecdot": lambda: np.vecdot(leaf(2, 1), leaf(2, 3)),
    "outer of a matrix": lambda: np.linalg.outer(leaf(2, 2), leaf(2)),
    "cross": lambda: np.cross(leaf(4), leaf(4)),
    "cross in the plane": lambda: np.linalg.cross(leaf(2), leaf(2)),
    "convolve of nothing": lambda: np.convolve(leaf(2), leaf(0)),
    "convolve of matrices": lambda: np.convolve(leaf(2, 2), leaf(2)),
    "convolve in no mode": lambda: np.convolve(leaf(2), leaf(2), "most"),
    "correlate of a number": lambda: np.correlate(leaf(2), leaf()),
    "diff of a number": lambda: np.diff(leaf()),
    "diff of negative order": lambda: np.diff(leaf(2), -1),
    "gradient of too little": lambda: np.gradient(leaf(2), edge_order=2),
    "gradient of order 3": lambda: np.gradient(leaf(5), edge_order=3),
    "gradient at other places": lambda: np.gradient(leaf(5), leaf(4)),
    "interp of unequal vectors": lambda: np.interp(leaf(2), leaf(3), leaf(2)),
    "interp of nothing": lambda: np.interp(leaf(2), leaf(0), leaf(0)),
    "poly of a rectangle": lambda: np.poly(leaf(2, 3)),
    "polyder of negative order": lambda: np.polyder(leaf(2), -1),
    "polyint of negative order": lambda: np.polyint(leaf(2), -1),
    "polyint with too few constants": lambda: np.polyint(leaf(2), 3, [1.0, 2.0]),
    "polyfit of unequal vectors": lambda: np.polyfit(leaf(3), leaf(2), 1),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_when_the_node_is_built(what: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        REFUSED[what]()


def test_functions_named_in_errors() -> None:
    x = leaf(3)
    for call in (
        lambda: np.einsum("i", x, dtype=float),
        lambda: np.gradient(x, 1.0, 2.0),
        lambda: np.polyfit(x, x, 1, full=True),
        lambda: np.ediff1d(lg.constant([1, 2]), to_end=0.5),
    ):
        with pytest.raises(TypeError, match=r"einsum|gradient|polyfit|ediff1d"):
            call()


def test_a_plain_number_is_an_array_where_numpy_makes_it_one() -> None:
    x = lg.parameter(np.ones(3, np.float32))
    for product in (np.dot, np.outer, np.inner, np.kron, lambda a, b: np.einsum("i,", a, b)):
        assert product(x, 2.0).dtype == product(np.ones(3, np.float32), 2.0).dtype == float


def test_a_gradient_of_einsum_reads_the_other_operand_alone() -> None:
    x, y = leaf(2, 3), leaf(3, 2)
    left, right = x * 2, y * 3
    L = np.einsum("ij,jk->", left, right)
    with lg.record() as report:
        close(lg.gradient(L, x), np.broadcast_to(6 * y.value.sum(1), (2, 3)))
    computed = {node.serial for node in report.values.computed}
    assert right.serial in computed
    assert left.serial not in computed


def test_several_operands_are_joined_pair_by_pair() -> None:
    """A chain of matrices ending in a vector costs no product of two matrices."""
    x, y, z = leaf(4, 4), leaf(4, 4), leaf(4)
    node = np.einsum("ij,jk,k->i", x, y, z)
    assert node.inputs[0] is x
    assert node.inputs[1].inputs == (y, z)


def test_a_length_of_one_that_changes_is_followed_rather_than_summed() -> None:
    x, y = leaf(1, 3), leaf(2, 3)
    node = np.einsum("ij,ij->ij", x, y)
    assert node.value.shape == (2, 3)
    gradient = lg.adjoint(node.sum(), x)
    x.set(np.ones((2, 3)))
    np.testing.assert_array_equal(node.value, y.value)
    np.testing.assert_array_equal(gradient.value, y.value)
    with pytest.raises(lg.ShapeError):
        x.set(np.ones((3, 3)))


def test_phases_keep_their_derivative_across_a_jump() -> None:
    p = lg.parameter([0.0, 3.0, 6.5, 0.5])
    np.testing.assert_array_equal(lg.gradient(np.unwrap(p), p, cotangent=[1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0])


def test_the_roots_of_a_polynomial_with_a_root_at_zero() -> None:
    p = lg.parameter([1.0, -3.0, 2.0, 0.0])  # roots 2, 1, 0
    r = np.roots(p)
    close(np.sort(r.value.real), [0, 1, 2])
    for k in range(3):
        (root,) = (r[k].value,)
        slope = np.polyval([3, -6, 2], root)
        close(lg.gradient(np.real(r[k]), p), (-(root ** np.array([3, 2, 1, 0])) / slope).real)
    zero = lg.parameter([0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="leading zeros"):
        np.roots(zero).value  # noqa: B018


def test_interpolation_meets_its_points_exactly() -> None:
    xp, fp = np.array([0.0, 0.1, 0.3]), np.array([0.1, np.inf, 0.3])
    assert np.interp(lg.constant(xp), xp, fp).value.tolist() == fp.tolist()
    assert np.isnan(np.interp(lg.constant([np.nan]), xp, fp).value).all()


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_a_product_of_some_is_as_exact_as_that_of_all(order: Any) -> None:
    """Two float32 operands are multiplied in float64 if the third one is."""
    third = np.float32(1 / 3)
    arrays = [np.full(3, third), np.full(3, third), np.full(3, 1 / 3)]
    operands = [arrays[k] for k in order]
    leaves = [lg.parameter(a) for a in operands]
    node = np.einsum("i,i,i->i", *leaves)
    np.testing.assert_array_equal(node.value, np.einsum("i,i,i->i", *[a.astype(float) for a in operands]))
    assert node.dtype == np.float64
    assert [g.dtype for g in lg.gradient(node.sum(), leaves)] == [a.dtype for a in operands]
