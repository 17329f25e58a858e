"""opt_einsum on nodes needs no plug-in: its contractions are NumPy's, and the order it finds is theirs, too."""

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing import check_grads

opt_einsum = pytest.importorskip("opt_einsum")

EQUATIONS = {
    "ab,bc->ca": [(2, 3), (3, 4)],
    "ab,bc,cd->ad": [(2, 3), (3, 4), (4, 2)],
    "abc,bcd,dea": [(2, 3, 2), (3, 2, 4), (4, 2, 2)],
    "ab,ab,c->c": [(2, 3), (2, 3), (2,)],
    "aab,b->a": [(2, 2, 3), (3,)],
    "a,b->ab": [(2,), (3,)],
    "ij,jk,kl,li->": [(2, 3), (3, 4), (4, 3), (3, 2)],
}


def drawn(shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_contract(equation, backend):
    arrays = drawn(EQUATIONS[equation])
    out = opt_einsum.contract(equation, *map(lg.parameter, arrays), backend=backend)
    assert isinstance(out, lg.Node)
    assert np.allclose(out.value, np.einsum(equation, *arrays))
    check_grads(lambda *xs: opt_einsum.contract(equation, *xs, backend=backend), tuple(arrays), order=1)


@pytest.mark.parametrize("node", range(3))
def test_one_operand_is_a_node(node):
    arrays = drawn([(2, 3), (3, 4), (4, 2)])
    mixed = [lg.parameter(a) if k == node else a for k, a in enumerate(arrays)]
    out = opt_einsum.contract("ab,bc,ca->", *mixed)
    assert np.allclose(out.value, np.einsum("ab,bc,ca->", *arrays))
    assert lg.gradient(out, mixed[node]).shape == arrays[node].shape


def test_a_contraction_is_built_in_the_order_that_was_found():
    """A matrix times a vector is cheaper than a matrix times a matrix, and the gradient does no more than that."""
    arrays = drawn([(50, 50), (50, 50), (50,)])
    A, B, x = map(lg.parameter, arrays)
    out = opt_einsum.contract("ab,bc,c->a", A, B, x)
    with lg.record() as report:
        lg.gradient(out.sum(), x)
    assert max(node.size for node in report.values.computed + report.adjoints.computed) == 50


def test_expression_with_constants():
    a, b, c = drawn([(2, 3), (3, 4), (4, 2)])
    expression = opt_einsum.contract_expression("ab,bc,cd->ad", (2, 3), b, (4, 2), constants=[1])
    gradient = lg.grad(lambda a: np.sum(expression(a, c) ** 2))(a)
    assert np.allclose(gradient, 2 * (a @ b @ c) @ (b @ c).T)


def test_sharing():
    a, b, c = map(lg.parameter, drawn([(2, 3), (3, 4), (4, 2)]))
    with opt_einsum.shared_intermediates():
        first = opt_einsum.contract("ab,bc,cd->ad", a, b, c)
        second = opt_einsum.contract("ab,bc,cd->da", a, b, c)
    assert np.array_equal(first.value.T, second.value)
