"""The structure of local Jacobians: which form an edge has, what a product or sum of forms is, and what it costs."""

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._jacobian.local import factors
from lazygrad._jacobian.structured import Form, Matrix, add, form_of_product, multiply


def make_matrix(form, seed):
    shape = (1 if form.same_a else form.a, form.p, form.q, 1 if form.same_b else form.b)
    return Matrix(form, np.random.default_rng(seed).normal(size=shape))


def test_a_product_without_common_structure_takes_the_cheaper_side():
    wide = Form.dense(2, 6)
    assert form_of_product(wide, Form(3, 2, 1, 1)) == (Form.dense(2, 3), 12)  # 2 rows through 6 entries, not 12 by 3
    assert form_of_product(Form(3, 1, 2, 1), Form.dense(6, 4)) == (Form.dense(3, 4), 24)  # not 3 rows by 24
    for x, y in ((wide, Form(3, 2, 2, 1)), (Form(3, 2, 2, 1), Form.dense(6, 4))):
        a, b = make_matrix(x, 0), make_matrix(y, 1)
        np.testing.assert_allclose(multiply(a, b).dense(), a.dense() @ b.dense())


@pytest.mark.parametrize(
    ("first", "second", "blocks"),
    [((True, False), (True, False), 1), ((True, False), (False, False), 3), ((False, False), (True, False), 3)],
)
def test_blocks_that_are_the_same_are_multiplied_once(first, second, blocks):
    x, y = Form(3, 2, 2, 1, *first), Form(3, 2, 4, 1, *second)
    form, cost = form_of_product(x, y)
    assert (cost, form.same_a) == (blocks * 2 * 2 * 4, blocks == 1)
    a, b = make_matrix(x, 0), make_matrix(y, 1)
    product = multiply(a, b)
    assert (product.form, product.blocks.shape[0]) == (form, blocks)
    np.testing.assert_allclose(product.dense(), a.dense() @ b.dense())


@pytest.mark.parametrize("shared", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("side", ["same_a", "same_b"])
def test_a_sum_is_shared_only_if_both_terms_are(shared, side):
    forms = [Form(2, 2, 3, 2, **{side: one}) for one in shared]
    a, b = make_matrix(forms[0], 0), make_matrix(forms[1], 1)
    total = add(a, b)
    assert getattr(total.form, side) is all(shared)
    np.testing.assert_allclose(total.dense(), a.dense() + b.dense())


def test_a_loss_of_each_row_is_a_block_for_each_row():
    scores = lg.parameter(np.arange(12.0).reshape(4, 3))
    for loss in (lg.ops.cross_entropy(scores, [0, 1, 2, 0]), lg.ops.pick(scores, [0, 1, 2, 0])):
        ((form, entries),) = factors(loss, 0)
        assert form == Form(4, 1, 3, 1)
        assert entries().blocks.size == 12  # and not 4 * 12


def test_what_passes_a_derivative_on_costs_no_factor():
    x = lg.parameter(np.ones(3))
    ((form, _),) = factors(x + np.ones(3), 0)
    assert form.unit
    ((form, _),) = factors(x + np.ones((2, 3)), 0)  # the repetition alone
    assert (form.rows, form.columns, form.same_a, form.same_b) == (6, 3, True, True)
    assert lg.jacobian_plan((x + 1.0) + np.ones(3), x).multiplications == 0
