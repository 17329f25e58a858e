"""A user's script about nodes: what leaves, operators, methods and questions return."""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, assert_type

import attrs
import numpy as np
import numpy.typing as npt

import lazygrad as lg

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Pair(NamedTuple):
    W: lg.Node
    b: lg.Node


@dataclass
class Layer:
    W: lg.Node
    b: lg.Node


@attrs.define
class Block:
    W: lg.Node
    b: lg.Node


W = lg.parameter([[1.0, 2.0]], name="W")
b = lg.parameter(np.ones(1), name="b")
data = lg.constant([3, 4])
x: npt.NDArray[np.float64] = np.ones((4, 2))

# values and operators
assert_type(W, lg.Node)
assert_type(W.value, Array)
assert_type(W.shape, tuple[int, ...])
assert_type(-W * 2 + 1.0, lg.Node)
assert_type(2 / (W**2 - [1.0, 2.0]), lg.Node)
assert_type(W @ x.T, lg.Node)
assert_type(x @ W.T, lg.Node)
assert_type(x + W, lg.Node)
assert_type(np.float32(2) * W, lg.Node)
assert_type(W > 0, lg.Node)
assert_type(b == W, lg.Node)
assert_type(abs(W), lg.Node)
assert_type(divmod(W, 2), tuple[lg.Node, lg.Node])
assert_type(W[0, 1:], lg.Node)
assert_type(W[W > 0], lg.Node)
assert_type(len(W), int)
assert_type(list(W), list[lg.Node])

# methods and attributes
assert_type(W.T, lg.Node)
assert_type(W.real, lg.Node)
assert_type(W.sum(), lg.Node)
assert_type(W.mean(axis=0, keepdims=True), lg.Node)
assert_type(W.reshape(2, 1), lg.Node)
assert_type(W.reshape((2, -1)), lg.Node)
assert_type(W.transpose().ravel().astype(np.float32), lg.Node)
assert_type(W.argmax(axis=1), lg.Node)
assert_type(W.dot(x.T), lg.Node)
assert_type(W.at[0].set(b), lg.Node)
assert_type(W.name, str | None)
W.set([[3.0, 4.0]])
W.value = [[3.0, 4.0]]
lg.update({W: [[1.0, 2.0]], b: 2.0})

# questions
L = (W @ [3.0, 4.0] + b).sum()
assert_type(lg.gradient(L, W), Array)
assert_type(lg.gradient(L, "W"), Array)
assert_type(lg.gradient(L, [W, b]), list[Array])
assert_type(lg.gradient(L, (W, b)), tuple[Array, ...])
assert_type(lg.gradient(L, {"W": W, "b": b}), dict[str, Array])
assert_type(lg.gradient(L, Pair(W, b)), Pair)
assert_type(lg.gradient(L, Layer(W, b)), Layer)
assert_type(lg.gradient(L, Block(W, b)), Block)
assert_type(lg.gradient(L, data, unconnected="none"), Array | None)
assert_type(lg.gradient(W, W, cotangent=[[1.0, 0.0]]), Array)
assert_type(lg.gradient(L, [W], report=True), tuple[list[Array], lg.Report])
assert_type(lg.adjoint(L, W), lg.Node)
assert_type(lg.differentiator(L), lg.Differentiator)
assert_type(lg.differentiator(L).gradient([W]), list[Array])
assert_type(lg.differentiator(L).adjoint(W), lg.Node)
assert_type(lg.differentiator(L).cache_info(), lg.CacheInfo)
assert_type(lg.jacobian(W, b), Array)
assert_type(lg.local_jacobian(L, W), Array)
with lg.record() as report:
    pass
assert_type(report, lg.Report)
assert_type(report.rules_run, int)

# ops
assert_type(lg.ops.tanh(W), lg.Node)
assert_type(lg.ops.tanh(x), Array)
assert_type(lg.ops.multiply(2.0, W), lg.Node)
assert_type(lg.ops.where(x > 0, W, 0.0), lg.Node)
assert_type(lg.ops.cross_entropy(W, data), lg.Node)
assert_type(lg.ops.cross_entropy(x, [0, 1, 1, 0]), Array)
assert_type(lg.ops.max_pool2d(W, 2), lg.Node)
