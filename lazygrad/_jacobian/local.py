"""Local Jacobians J^{j->i} of single edges (Collins, Definition 3), by the ops' own vjp rules.

The form of an edge - diagonal for elementwise ops, Kronecker for matrix products, a block for each row where an
op works along an axis - is told from the op and the shapes; its entries come from the rule, called with one
cotangent for each row of a block ("coloured": all blocks at once).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._derivatives.adjoint_node import AdjointNode
from .._derivatives.edges import apply_rule, apply_vjp, find_vjp_rule
from .._derivatives.target_memo import TargetMemo
from .._errors import NotDifferentiableError
from .._graph.leaf import constant
from .._graph.node import Node, label
from .._graph.turns import as_one_question
from .._graph.types import Array
from .._graph.value import forward_rec, readonly_view
from .._query.checks import check_node
from ..ops._rule import ZERO, Rule, pass_on
from .structured import Form, Matrix, identity, product

__all__ = ["Factor", "factors", "local_jacobian"]

# A factor of a local Jacobian: its form now, its entries when they are wanted.
Factor = tuple[Form, Callable[[], Matrix]]

RESHAPES = {"identity", "reshape", "astype"}
REDUCTIONS = {"sum", "mean", "max", "min", "logsumexp"}
ALONG_AXIS = {"softmax", "log_softmax"}
ROW_LOSSES = {"cross_entropy", "cross_entropy_one_hot", "svm_loss", "pick"}


def _split(shape: tuple[int, ...], axis: Any) -> tuple[int, int, int] | None:
    """Return the sizes before, along and after the axes; None if they are not neighbours."""
    axes = sorted(range(len(shape)) if axis is None else {a % len(shape) for a in np.atleast_1d(axis)})
    if not axes or axes[-1] - axes[0] != len(axes) - 1:
        return (math.prod(shape), 1, 1) if not axes else None
    return math.prod(shape[: axes[0]]), math.prod(shape[k] for k in axes), math.prod(shape[axes[-1] + 1 :])


def _broadcast_form(small: tuple[int, ...], large: tuple[int, ...]) -> Form | None:
    """Return the form of repeating along new and unit axes; None if those are not neighbours."""
    padded = (1,) * (len(large) - len(small)) + small
    repeated = tuple([k for k, n in enumerate(large) if n != padded[k]])
    split = _split(large, repeated)
    return None if split is None else Form(split[0], split[1], 1, split[2], same_a=True, same_b=True)


def _form(c: Node, argnum: int) -> Form:
    """Return the form of the Jacobian of `c` by an input that has the shape of `c` or is no operand of broadcasting."""
    name, i = c.op.name, c.inputs[argnum]
    axis = c.static.get("axis")
    split = None
    if (name in REDUCTIONS and i.shape) or (name in ALONG_AXIS and i.shape):
        split = _split(i.shape, axis)
    elif name in ROW_LOSSES and argnum == 0:
        split = _split(i.shape, -1)
    elif name == "matmul":
        return _matmul_form(c.inputs[0].shape, c.inputs[1].shape, argnum) or Form.dense(c.size, i.size)
    if split is None:
        return Form.dense(c.size, i.size)
    a, n, b = split
    constant = name in ("sum", "mean")
    return Form(a, n if name in ALONG_AXIS else 1, n, b, same_a=constant, same_b=constant)


def _matmul_form(x: tuple[int, ...], y: tuple[int, ...], argnum: int) -> Form | None:
    if len(x) > 2 or len(y) > 2:
        return None
    rows = x[0] if len(x) == 2 else 1
    columns = y[1] if len(y) == 2 else 1
    if argnum == 0:  # vec(X Y) = (I (x) Y^T) vec X, row by row
        return Form(rows, columns, x[-1], 1, same_a=True)
    return Form(1, rows, y[0], columns, same_b=True)  # = (X (x) I) vec Y


def _read_rule(c: Node, argnum: int) -> tuple[Rule, list[Any]]:
    """Return the vjp rule of an edge and the values it reads."""
    rule, reads = find_vjp_rule(c, argnum, masked=c.size > 1)  # for unit cotangents, which take one element
    return rule, [forward_rec(n) for n in reads]


def _find_blocks_by_colour(c: Node, argnum: int, form: Form) -> Matrix:
    """Return the blocks of a form, found with one cotangent for each p."""
    i = c.inputs[argnum]
    rule, values = _read_rule(c, argnum)
    blocks = np.empty((1 if form.same_a else form.a, form.p, form.q, 1 if form.same_b else form.b), i.dtype)
    for p in range(form.p):
        g = np.zeros((form.a, form.p, form.b), c.dtype)
        g[:, p] = 1
        term = apply_vjp(rule, c, argnum, i, g.reshape(c.shape)[()], values)
        rows = np.reshape(term, (form.a, form.q, form.b))
        blocks[:, p] = rows[: blocks.shape[0], :, : blocks.shape[3]]
    return Matrix(form, blocks)


def _diagonal(c: Node, argnum: int) -> Matrix:
    """Return the derivative of an elementwise op, for every element of its output."""
    rule, values = _read_rule(c, argnum)
    d = apply_rule(rule, c, argnum, np.ones(c.shape, c.dtype)[()], values)
    return Matrix(Form.diagonal(c.size), np.broadcast_to(d, c.shape).reshape(-1, 1, 1, 1))


def _through_adjoint(c: AdjointNode, argnum: int) -> Matrix:
    """Return the dense Jacobian of an adjoint by one of its inputs: row by row through what it unfolds into."""
    root, stands = c.op.unfold(c)
    i = c.inputs[argnum]
    rows = np.zeros((c.size, i.size), i.dtype)
    for k in range(c.size):
        g = np.zeros(c.size, c.dtype)
        g[k] = 1
        found = TargetMemo.of(root, seed=constant(g.reshape(c.shape)), masked=c.size > 1).adjoint(stands[argnum])
        if found is not None:
            rows[k] = np.reshape(forward_rec(found), -1)
    return Matrix(Form.dense(c.size, i.size), rows.reshape(1, c.size, i.size, 1))


def _matmul(c: Node, argnum: int, form: Form) -> Matrix:
    """Return the Jacobian of a matrix product: the other factor is its block, without any rule."""
    other = np.asarray(forward_rec(c.inputs[1 - argnum]))
    block = np.atleast_2d(other.T) if argnum == 0 else np.atleast_2d(other)
    return Matrix(form, block.astype(c.dtype)[None, :, :, None])


def factors(c: Node, argnum: int) -> list[Factor]:
    """Return the local Jacobian of an edge as a product of structured factors, output side first."""
    i = c.inputs[argnum]
    if isinstance(c, AdjointNode):
        return [(Form.dense(c.size, i.size), lambda: _through_adjoint(c, argnum))]
    rule = c.op.rule(argnum)
    if c.op.name in RESHAPES:
        return [(Form.identity(c.size), lambda: identity(c.size, i.dtype))]
    if not c.op.pointwise:
        form = _form(c, argnum)
        if c.op.name == "matmul" and (form.same_a or form.same_b):
            return [(form, lambda: _matmul(c, argnum, form))]
        return [(form, lambda: _find_blocks_by_colour(c, argnum, form))]
    passes = rule is not None and rule.function is pass_on
    found: list[Factor] = [] if passes else [(Form.diagonal(c.size), lambda: _diagonal(c, argnum))]
    if i.shape != c.shape:
        repeat = _broadcast_form(i.shape, c.shape)
        if repeat is None:
            dense = Form.dense(c.size, i.size)
            return [(dense, lambda: _find_blocks_by_colour(c, argnum, dense))]
        found.append((repeat, lambda: Matrix(repeat, np.ones((1, repeat.p, 1, 1), i.dtype))))
    return found or [(Form.identity(c.size), lambda: identity(c.size, i.dtype))]


def local_jacobian(consumer: Node, input: Node) -> Array:
    """Return the local Jacobian of a node by one of its inputs, as a dense matrix.

    Parameters
    ----------
    consumer
        A computed node.
    input
        One of ``consumer.inputs``; if it stands there twice (``x * x``) the Jacobians are summed.

    Returns
    -------
    Read-only array of ``consumer.size`` rows and ``input.size`` columns, both in C order (Stratos E: tensors
    vectorised consistently).

    Raises
    ------
    ValueError
        If `input` is none of the inputs.
    NotDifferentiableError
        If the edge has no derivative.

    Notes
    -----
    J^{j->i} of Collins' Definition 3; tables in Stratos H.2.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x, y = lg.parameter([1.0, 2.0]), lg.parameter([3.0, 4.0])
    >>> local_jacobian(x * y, x)
    array([[3., 0.],
           [0., 4.]])
    >>> W = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
    >>> local_jacobian(W @ x, W)
    array([[1., 2., 0., 0.],
           [0., 0., 1., 2.]])
    """
    check_node(consumer), check_node(input)
    positions = [k for k, j in enumerate(consumer.inputs) if j is input]
    if not positions:
        raise ValueError(
            f"{input!r} is no input of {consumer!r}: those are {', '.join(map(label, consumer.inputs)) or 'none'}"
        )

    def compute() -> Array:
        total = np.zeros((consumer.size, input.size), consumer.dtype)
        for argnum in positions:
            if not isinstance(consumer, AdjointNode) and consumer.op.rule(argnum) is ZERO:
                continue
            if input.dtype.kind != "f":
                raise NotDifferentiableError(f"there is no derivative by {input!r}: its dtype is {input.dtype}")
            total = total + product([entries() for _, entries in factors(consumer, argnum)]).dense()
        return readonly_view(total)

    return as_one_question((consumer,), compute)
