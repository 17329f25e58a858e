"""The steps of schedules: arrays that are used again, views, chains in blocks, and steps that are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import same_bits
from tests.helpers.schedule_checks import assert_near


def test_arrays_are_used_again() -> None:
    x = lg.parameter(np.ones(100))
    y = x
    for _ in range(50):
        y = np.sin(y) * 0.5
    step = lg.compile(y, inputs=x, exact=True)
    assert step.schedule.nbytes <= 2 * 800


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "shown",
    [
        lambda h: h[0],
        lambda h: h[1:, 0],
        lambda h: h.T,
        lambda h: h.T.reshape(-1),
        lambda h: h.reshape(2, 3).T.reshape(-1),
        lambda h: h[::-1].T * h.T,
        lambda h: np.broadcast_to(h[0], (3, 2)) + h,
        lambda h: h.T @ h,
        lambda h: np.concatenate([h, h[::-1]]),
        lambda h: h[[0, 2]],
        lambda h: (h.T * 2).sum(axis=0),
        lambda h: np.expand_dims(h, 0)[0, 1],
        lambda h: h.ravel()[3],
        lambda h: np.squeeze(h[:1, :1]),
    ],
)
def test_views_of_arrays_that_are_written_over(shown: Callable[[Any], Any], exact: bool) -> None:
    rng = np.random.default_rng(3)
    x = lg.parameter(rng.normal(size=(3, 2)))
    h = np.tanh(x) * 1.5
    seen = shown(h)
    later = np.sin(h * 2.0) + 1.0  # takes the memory of `h` over, unless the view is still needed
    L = (np.exp(seen).sum() * later).sum() + (seen * 3.0).sum()
    step = lg.compile([L, seen, h, lg.adjoint(L, x)], inputs=x, exact=exact)
    for _ in range(3):
        value = rng.normal(size=(3, 2))
        found = step(value)
        x.set(value)
        wanted = [L.value, seen.value, h.value, lg.gradient(L, x)]
        if exact:
            assert same_bits(found, wanted)
        assert_near(found, wanted, 1e-12)


def test_long_chains_are_blocked_and_give_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    x, c = lg.parameter(rng.normal(size=(500, 700))), lg.constant(rng.normal(size=700))
    y = np.tanh(x * 0.5 + 1.0) * x
    for _ in range(4):
        y = np.sin(y) + y * x
    y = y - c
    L = (y * y).sum()
    for exact in (True, False):
        step = lg.compile([L, y, lg.adjoint(L, x)], inputs=[x, c], exact=exact)
        assert "for i, j in" in step.schedule.source
        for _ in range(2):
            values = rng.normal(size=x.shape), rng.normal(size=700)
            found = step(*values)
            x.set(values[0])
            c.set(values[1])
            wanted = [L.value, y.value, lg.gradient(L, x)]
            if exact:
                assert same_bits(found, wanted)
            assert_near(found, wanted, 1e-12)


def test_common_subexpressions_are_one_step_unless_they_have_effects() -> None:
    ran = []

    @lg.primitive(vjp={"x": lambda g: g}, shape=lambda x: (x.shape, x.dtype))
    def counted(x: Any) -> Any:
        ran.append(1)
        return x + len(ran)

    x = lg.parameter([1.0, 2.0])
    step = lg.compile(np.sin(x) * np.sin(x), inputs=x, exact=True)
    assert step.schedule.source.count("sin(") == 1
    step = lg.compile(counted(x) - counted(x), inputs=x)
    ran.clear()
    np.testing.assert_array_equal(step([5.0, 6.0]), [-1.0, -1.0])
    assert len(ran) == 2


def test_ones_and_zeros_are_not_multiplied() -> None:
    x, c = lg.parameter([1.0, 2.0]), lg.constant([3.0, 4.0])
    source = lg.compile(lg.adjoint((x * c + c).sum(), x), inputs=[x]).schedule.source
    assert "multiply" not in source
    assert "add" not in source


def test_keyword_arguments_that_are_equal_but_not_the_same() -> None:
    """1, 1.0 and True are one key of a dict, but not one power; nor are 0.0 and -0.0 one bound."""
    n, x = lg.constant([1, 2, 3]), lg.parameter([0.5, -0.0, 0.0])
    roots = [n**3, n**3.0, n**2, n**2.0, lg.ops.at_least(x, bound=0.0), lg.ops.at_least(x, bound=-0.0)]
    found = lg.compile(roots, inputs=[n, x], exact=True)([2, 3, 4], [0.25, 0.0, -0.0])
    n.set([2, 3, 4])
    x.set([0.25, 0.0, -0.0])
    assert same_bits(found, [root.value for root in roots])


def test_numbers_of_python_and_of_numpy_that_are_equal_are_not_the_same() -> None:
    """A number of NumPy's has a precision of its own, which the result takes."""
    x = lg.parameter(np.float32([0.1, 0.5, 2.0]))
    bounds, powers = (0.3, np.float64(0.3), np.float32(0.3)), (3.0, np.float64(3.0), 3)
    roots = [*[lg.ops.at_least(x, bound=b) for b in bounds], *[x**n for n in powers]]
    assert [root.dtype for root in roots[:2]] == [np.float32, np.float64]
    assert same_bits(lg.compile(roots, inputs=x, exact=True)(x.value), [root.value for root in roots])


def test_single_precision_stays_single() -> None:
    x = lg.parameter(np.float32([0.5, 2.0]))
    roots = [x * 0.1, x * lg.constant(np.float64(0.1)), x**2 * 3, np.where(x > 1, 1.0, x), x.max() * 0.3, x.mean()]
    step = lg.compile(roots, inputs=x, exact=True)
    assert same_bits(step(x.value), [root.value for root in roots])
    assert [r.dtype for r in lg.compile(roots, inputs=x)(x.value)] == [root.dtype for root in roots]


def test_signed_zeros() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    roots = [-x, x * -1.0, x * 1.0, x + 0.0, x - 0.0, 0.0 - x, x / -1.0, -(x * x), abs(x), x * -0.0]
    found = lg.compile(roots, inputs=x, exact=True)([0.0, -0.0, 1.0])
    x.set([0.0, -0.0, 1.0])
    assert same_bits(found, [root.value for root in roots])
    s = lg.parameter(1.0)
    singles = [-s, s * -1.0, s + 0.0, 0.0 - s, -(s * s), s * -0.0, lg.adjoint(-(s * s), s)]
    step = lg.compile(singles, inputs=s)
    for v in (0.0, -0.0):
        found = step(v)
        s.set(v)
        assert same_bits(found, [root.value for root in singles])


def count_loops(step: Any) -> int:
    """Count the loops over blocks that a schedule has."""
    return step.schedule.source.count("for i, j in")


def test_what_reads_the_sum_of_a_chain_waits_for_all_of_its_blocks() -> None:
    x = lg.parameter(np.random.default_rng(0).normal(size=(400, 1000)))
    y = np.sin(np.cos(x * 0.3) + x) * x
    s = y.sum()
    z = np.tanh(np.sin(y - s) * y) + s
    t = z.sum()
    step = lg.compile([s, z, t, lg.adjoint(t, x)], inputs=x)
    assert count_loops(step) >= 2
    for scale in (1.0, 0.5):
        value = scale * np.random.default_rng(1).normal(size=x.shape)
        found = step(value)
        x.set(value)
        assert_near(found, [s.value, z.value, t.value, lg.gradient(t, x)], 1e-10)


def test_a_chain_that_does_not_read_the_sum_of_another_shares_its_loop() -> None:
    x = lg.parameter(np.random.default_rng(0).normal(size=400_000))
    y = np.sin(np.cos(x * 0.3) + x) * x
    z = np.tanh(np.sin(x - 2.0) * x) + 1.0
    step = lg.compile([y.sum(), z.sum()], inputs=x)
    assert count_loops(step) == 1
    assert_near(step(x.value), [y.sum().value, z.sum().value], 1e-12)


@pytest.mark.parametrize("shape", [(), (50,)])
def test_numbers_are_multiplied_beforehand_only_where_that_gives_the_same_bits(shape: tuple[int, ...]) -> None:
    """Without `exact` three things may differ in the last bits; a product of two factors is none of them."""
    value = np.random.default_rng(0).normal(size=shape)
    x = lg.parameter(value)
    assert (value * 0.1 * 0.3 != value * (0.1 * 0.3)).any()
    for y, products in ((x * 0.1 * 0.3, 2), (0.3 * (0.1 * x), 2), (x * 0.5 * 0.3, 1), (x * 0.3 * -4.0, 1)):
        step = lg.compile(y, inputs=x, backend="numpy")
        assert same_bits([step(value)], [y.value])
        assert sum(step.schedule.source.count(sign) for sign in (" * ", "multiply(")) == products
        g = lg.compile(lg.adjoint((y * y).sum(), x), inputs=x, backend="numpy")
        assert same_bits([g(value)], [lg.gradient((y * y).sum(), x)])


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize(
    ("at", "first", "second"),
    [(1e-250, 2.0**600, 1e200), (2.0**1000, 2.0**-600, 2.0**-600), (1.0, 2.0**-600, 2.0**-500)],
)
def test_a_product_of_numbers_that_is_out_of_range_is_not_formed(
    at: float, first: float, second: float, shape: tuple[int, ...]
) -> None:
    x = lg.parameter(np.full(shape, at))
    y = x * first * second
    found = lg.compile(y, inputs=x, backend="numpy")(x.value)
    assert same_bits([found], [y.value])
    assert (found == at * first * second).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_product_that_is_out_of_range_in_between_stays_two(shape: tuple[int, ...], dtype: Any) -> None:
    """Merged, two scalings would give a finite number where the walk has inf or 0; merging differs in no other way."""
    limits = np.finfo(dtype)
    ways = [(limits.max / 4, 2.0**-20), (2.0**20, limits.max / 2**22), (limits.tiny * 4, 2.0**30)]
    ways += [(2.0**-60, float(limits.max) / 2**10), (2.0**30, 3e-5), (3e-5, 2.0**30)]
    points = [limits.max / 2**8, limits.tiny * 2**7, 1.0, 3.0]
    for first, second in ways:
        for at in points:
            x = lg.parameter(np.full(shape, at, dtype))
            y = x * float(first) * float(second)
            with np.errstate(all="ignore"):
                assert same_bits([lg.compile(y, inputs=x, backend="numpy")(x.value)], [y.value]), (first, second, at)


def test_numbers_of_mixed_dtypes_keep_numpys_promotion() -> None:
    """Where single numbers are Python's: a float has no precision of its own, and True + True is 2."""
    x, s, n = lg.parameter(0.3), lg.parameter(np.float32(0.7)), lg.constant(3)
    flag, other = x > 0.1, np.sin(x) < 2.0
    roots = [
        *(np.sin(x) * s, np.sin(x) + np.cos(s), np.maximum(np.sin(x), s), np.where(flag, np.sin(x), s)),
        *(flag + other, flag * other, np.maximum(flag, other), flag + np.sin(x), np.where(flag, flag, np.sin(x))),
        *(np.where(other, flag, x), -np.sin(x) * n, np.sin(x) / n, np.where(x < 0, n, np.sin(x)), flag * s),
        *(np.logical_not(flag) * np.exp(x), np.minimum(other, x), flag == other),
    ]
    for chosen in (roots, [*roots[4:10], *roots[14:]]):
        step = lg.compile(chosen, inputs=[x], backend="numpy")
        for value in (0.3, -0.4):
            found = step(value)
            x.set(value)
            wanted = [root.value for root in chosen]
            assert [a.dtype for a in found] == [b.dtype for b in wanted]
            assert_near(found, wanted, 1e-6)
    assert step.statistics.failures == 0


@pytest.mark.parametrize("columns", [3, 5000])
@pytest.mark.parametrize("exact", [False, True])
def test_the_bits_of_a_repeated_array_are_not_written_over(exact: bool, columns: int) -> None:
    """A choice is made on the bytes of its argument, in place where nobody reads them later, but not if repeated."""
    x = lg.parameter(np.ones((2, columns)))
    y = np.where(x > 1.0, 0.25, np.where(x < 0.0, 1.0, np.sin(x))).T
    L = np.sum(y.sum(axis=0, keepdims=True) ** 2)
    step = lg.compile([L, lg.adjoint(L, x)], inputs=x, exact=exact)
    rng = np.random.default_rng(0)
    for _ in range(5):
        x.set(rng.normal(size=x.shape))
        wanted = [L.value, lg.gradient(L, x)]
        found = step(x.value)
        assert_near(found, wanted, 1e-12)
        assert not exact or same_bits(found, wanted)
    assert step.statistics.failures == 0


@pytest.mark.parametrize("rows", [7, 1200])
@pytest.mark.parametrize(
    "target",
    [
        lambda y, t: np.sum(y * y),
        lambda y, t: np.mean(np.flip(y) * t),
        lambda y, t: np.sum(np.sum(y, axis=0) ** 2),
        lambda y, t: np.sum(np.sum(y, axis=1, keepdims=True) * y),
    ],
)
def test_sums_of_arrays_that_rules_repeat(target: Callable[[Any, Any], Any], rows: int) -> None:
    """Small ones are copies, in C order, large ones views; sums follow the order of what they are added to."""
    rng = np.random.default_rng(0)

    def build(value: Any) -> tuple[list[lg.Node], lg.Node]:
        leaves = [lg.parameter(value), lg.parameter(0.7)]
        return leaves, target(np.sin(leaves[0].T) * leaves[1], leaves[1])

    value = rng.normal(size=(rows, 5))
    leaves, L = build(value)
    step = lg.compile(L, wrt=leaves, inputs=leaves[0], exact=True)
    for _ in range(8):
        value = rng.normal(size=(rows, 5))
        leaves[0].set(value)
        fresh, of_walk = build(value)
        wanted = lg.gradient(of_walk, fresh)
        assert same_bits(lg.gradient(L, leaves), wanted)
        assert same_bits(step(value)[1], wanted)


def test_many_contributions_to_parts_of_an_array_are_added_in_place() -> None:
    """As the memo adds them: three or more are one step, two are a sum of two arrays."""
    x = lg.parameter([1.0, 2.0, 3.0, 4.0])
    for count in (2, 3, 4):
        L = x[0] ** 2
        for k in range(1, count):
            L = L + x[k] ** 2
        step = lg.compile(lg.adjoint(L, x), inputs=x, exact=True)
        assert ("contributions(" in step.schedule.source) == (count > 2)
        assert same_bits([step(x.value)], [lg.gradient(L, x)])


def test_equal_numbers_are_one_literal() -> None:
    x = lg.parameter([1.0, 2.0])
    both = np.sin(x * 0.7) + np.cos(x * 0.7) + np.tan(x * 0.8)
    source = lg.compile(both, inputs=x, exact=True).schedule.source
    assert source.count("multiply(") == 2


@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (1, 2, 1), (2, 1, 2)])
def test_signed_zeros_of_small_products_of_matrices(m: int, k: int, n: int) -> None:
    A, B = lg.parameter(np.ones((m, k))), lg.parameter(np.ones((k, n)))
    roots = [A @ B, np.tanh(A) @ B, (A @ B) * 2.0]
    step = lg.compile(roots, inputs=[A, B], exact=True)
    for a, b in ((-0.0, 1.0), (0.0, -1.0), (-0.0, -0.0), (1.0, -0.0)):
        A.set(np.full((m, k), a))
        B.set(np.full((k, n), b))
        assert same_bits(step(A.value, B.value), [root.value for root in roots])


def test_what_stands_twice_in_an_expression_of_numbers_is_computed_once() -> None:
    x = lg.parameter(0.3)
    y = np.maximum(np.sin(x) * x + 1.0, 0.5) + np.square(np.cos(x) + x * 2.0)
    step = lg.compile(y, inputs=x, backend="numpy")
    assert step.schedule.source.count("sin(") == 1
    assert step.schedule.source.count("cos(") == 1
    for value in (0.3, -0.7, np.nan):
        x.set(value)
        assert_near([step(value)], [y.value], 1e-15)


@pytest.mark.parametrize("seed", range(10))
def test_expressions_of_numbers_within_each_other(seed: int) -> None:
    """Maxima, minima and squares of expressions, which take a name of their own, within one line."""
    rng = np.random.default_rng(seed)
    x, y = lg.parameter(0.3), lg.parameter(-0.4)

    def draw(depth: int) -> Any:
        if depth == 0:
            return (x, y)[rng.integers(2)] * rng.normal() + rng.normal()
        a, b = draw(depth - 1), draw(depth - 1)
        return (np.maximum(a, b), np.minimum(a, b), np.square(a) - b, a * b, a - b)[rng.integers(5)]

    L = draw(5)
    alone = lg.compile(L, inputs=[x, y], backend="numpy")
    assert_near([alone(x.value, y.value)], [L.value], 1e-12)
    step = lg.compile(L, [x, y], [x, y], backend="numpy")
    for values in ((0.3, -0.4), (-0.1, 0.2)):
        lg.update({x: values[0], y: values[1]})
        found = step(*values)
        assert_near([found[0], *found[1]], [L.value, *lg.gradient(L, [x, y])], 1e-12)


def test_stacked_products_of_matrices_lie_as_numpy_lays_them() -> None:
    """Sums over them are added up in the order of memory, which follows that of the arguments."""
    rng = np.random.default_rng(0)
    A, B = lg.parameter(rng.normal(size=(7, 9, 3, 4))), lg.parameter(rng.normal(size=(4, 2)))
    products = np.tanh(A.transpose(1, 0, 2, 3)) @ B
    roots = [products.sum(), np.exp(products).sum(axis=(0, 1)), lg.adjoint((products**2).sum(), A)]
    step = lg.compile(roots, inputs=[A, B], exact=True)
    for scale in (1.0, 0.3):
        A.set(scale * A.value)
        assert same_bits(step(A.value, B.value), [root.value for root in roots])
