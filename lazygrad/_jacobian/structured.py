"""Local Jacobians that stay what they are: identity, diagonal, Kronecker, block-diagonal, dense.

All are one form. With the input indexed as (a, q, b) and the output as (a, p, b)::

    y[a, p, b] = sum over q of M[a, p, q, b] x[a, q, b]

a diagonal has p = q = b = 1; a dense matrix a = b = 1; I (x) M (Sullivan: z = W x is (I_C (x) x^T) vec W) shares
one block among all a, and M (x) I among all b. Products and sums of such forms are again such forms, or dense; a
plan can therefore count multiplications from shapes alone, before anything is computed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import attrs
import numpy as np

from .._graph.types import Array, DType

__all__ = ["Form", "Matrix", "add", "form_of_product", "form_of_sum", "identity", "multiply", "product"]


@attrs.frozen
class Form:
    """The shape and structure of a matrix of p*a*b rows and q*a*b columns."""

    a: int
    p: int
    q: int
    b: int
    same_a: bool = False  # one block for all a: I (x) M
    same_b: bool = False  # one block for all b: M (x) I
    unit: bool = False  # the identity

    @property
    def rows(self) -> int:
        """Return the number of outputs."""
        return self.a * self.p * self.b

    @property
    def columns(self) -> int:
        """Return the number of inputs."""
        return self.a * self.q * self.b

    @property
    def is_diagonal(self) -> bool:
        """Return whether it only scales."""
        return self.p == self.q == 1

    @property
    def entries(self) -> int:
        """Return the number of entries that may differ from zero."""
        return self.a * self.p * self.q * self.b

    @classmethod
    def diagonal(cls, n: int) -> Form:
        """Return the form of a diagonal matrix."""
        return cls(n, 1, 1, 1)

    @classmethod
    def identity(cls, n: int) -> Form:
        """Return the form of the identity."""
        return cls(n, 1, 1, 1, unit=True)

    @classmethod
    def dense(cls, rows: int, columns: int) -> Form:
        """Return the form of a matrix without structure."""
        return cls(1, rows, columns, 1)


@attrs.frozen(eq=False)
class Matrix:
    """A form and its blocks, an array of shape (a or 1, p, q, b or 1)."""

    form: Form
    blocks: Array

    def full(self) -> Array:
        """Return the blocks for every a and b."""
        f = self.form
        return np.broadcast_to(self.blocks, (f.a, f.p, f.q, f.b))

    def dense(self) -> Array:
        """Return the whole matrix, rows by columns."""
        f = self.form
        out = np.zeros((f.a, f.p, f.b, f.a, f.q, f.b), self.blocks.dtype)
        a, b = np.arange(f.a)[:, None], np.arange(f.b)[None, :]
        # (indices apart by slices: the indexed axes come first)
        out[a, :, b, a, :, b] = self.full().transpose(0, 3, 1, 2)
        return out.reshape(f.rows, f.columns)


def identity(n: int, dtype: DType) -> Matrix:
    """Return the identity matrix."""
    return Matrix(Form.identity(n), np.ones((1, 1, 1, 1), dtype))


def form_of_product(x: Form, y: Form) -> tuple[Form, int]:
    """Return the form of the matrix product x y, and how many multiplications it takes."""
    if x.columns != y.rows:
        raise ValueError(f"a product of {x.rows} x {x.columns} and {y.rows} x {y.columns}")
    if x.unit:
        return y, 0
    if y.unit:
        return x, 0
    if x.is_diagonal:
        return Form(y.a, y.p, y.q, y.b), y.entries
    if y.is_diagonal:
        return Form(x.a, x.p, x.q, x.b), x.entries
    if (x.a, x.b) == (y.a, y.b):
        same_a, same_b = x.same_a and y.same_a, x.same_b and y.same_b
        blocks = (1 if same_a else x.a) * (1 if same_b else x.b)
        return Form(x.a, x.p, y.q, x.b, same_a, same_b), blocks * x.p * x.q * y.q
    # No common structure: each column of y through x, or each row of x through y.
    return Form.dense(x.rows, y.columns), min(x.entries * y.columns, x.rows * y.entries)


def multiply(x: Matrix, y: Matrix) -> Matrix:
    """Return the matrix product x y, in the form that `form_of_product` says."""
    form, _ = form_of_product(x.form, y.form)
    if x.form.unit:
        return y
    if y.form.unit:
        return x
    if x.form.is_diagonal:
        scale = x.full().reshape(y.form.a, y.form.p, 1, y.form.b)
        return Matrix(form, scale * y.full())
    if y.form.is_diagonal:
        scale = y.full().reshape(x.form.a, 1, x.form.q, x.form.b)
        return Matrix(form, x.full() * scale)
    if (x.form.a, x.form.b) == (y.form.a, y.form.b):
        blocks = np.matmul(x.blocks.transpose(0, 3, 1, 2), y.blocks.transpose(0, 3, 1, 2))
        return Matrix(form, blocks.transpose(0, 2, 3, 1))
    if x.form.entries * y.form.columns <= x.form.rows * y.form.entries:
        f = x.form
        columns = y.dense().reshape(f.a, f.q, f.b, -1)
        dense = np.einsum("apqb,aqbn->apbn", x.full(), columns)
    else:
        f = y.form
        rows = x.dense().reshape(-1, f.a, f.p, f.b)
        dense = np.einsum("napb,apqb->naqb", rows, y.full())
    return Matrix(form, dense.reshape(1, form.rows, form.columns, 1))


def product(factors: Sequence[Matrix]) -> Matrix:
    """Multiply several, from the left."""
    return functools.reduce(multiply, factors)


def form_of_sum(x: Form, y: Form) -> Form:
    """Return the form of x + y; additions are not counted."""
    if (x.a, x.p, x.q, x.b) == (y.a, y.p, y.q, y.b):
        return Form(x.a, x.p, x.q, x.b, x.same_a and y.same_a, x.same_b and y.same_b)
    return Form.dense(x.rows, x.columns)


def add(x: Matrix, y: Matrix) -> Matrix:
    """Return the sum x + y, in the form that `form_of_sum` says."""
    form = form_of_sum(x.form, y.form)
    if (x.form.a, x.form.p, x.form.q, x.form.b) == (y.form.a, y.form.p, y.form.q, y.form.b):
        return Matrix(form, x.blocks + y.blocks)
    return Matrix(form, (x.dense() + y.dense()).reshape(1, form.rows, form.columns, 1))
