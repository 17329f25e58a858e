"""A user's script that takes NumPy's names from `lazygrad.numpy`: of nodes nodes, of arrays arrays."""

from typing import Any, TypeAlias, assert_type

import numpy

import lazygrad as lg
import lazygrad.numpy as np

Array: TypeAlias = numpy.ndarray[Any, numpy.dtype[Any]]

x = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
a = numpy.ones((2, 2))

assert_type(np.tanh(x), lg.Node)
assert_type(np.tanh(a), Array)
assert_type(np.add(x, 1.0), lg.Node)
assert_type(np.add(a, x), lg.Node)
assert_type(np.add(a, a), Array)
assert_type(np.multiply.outer(x, a), lg.Node)
assert_type(np.sum(x, axis=0), lg.Node)
assert_type(np.sum(a), Array)
assert_type(np.mean(np.exp(x) ** 2, keepdims=True), lg.Node)
assert_type(np.where(x > 0, x, 0.0), lg.Node)
assert_type(np.maximum(x, 0), lg.Node)
assert_type(np.concatenate([x, a]), lg.Node)
assert_type(np.stack([x, x]), lg.Node)
assert_type(np.stack([a, a]), Array)
assert_type(np.array([x, 2 * x]), lg.Node)
assert_type(np.array([1.0, 2.0]), Array)
assert_type(np.split(x, 2), list[lg.Node])
assert_type(np.einsum("ij,jk->ik", x, a), lg.Node)
assert_type(np.linalg.norm(x), lg.Node)
assert_type(np.linalg.inv(a), Array)
assert_type(np.linalg.eigh(x).eigenvalues, lg.Node)
assert_type(np.fft.fft(x), lg.Node)
assert_type(np.mean([x, x]), lg.Node)
assert_type(np.mean([a, a]), Array)
assert_type(np.sum([x[0, 0], 1.0]), lg.Node)
assert_type(np.exp([x, x]), lg.Node)
assert_type(np.maximum([x, a], 1.0), lg.Node)
assert_type(np.linalg.norm([x, x]), lg.Node)
assert_type(np.r_[x[0], 0:3, 1.0], lg.Node)
assert_type(np.c_[a, a], Array)
assert_type(np.ndim(x), int)
assert_type(np.zeros(3).ndim, int)  # the rest is NumPy's
np.tanh("x")  # E: mypy[call-overload] pyright[reportCallIssue]
np.nonsense(x)  # E: mypy[attr-defined] pyright[reportAttributeAccessIssue]
