"""Calls that are refused when the node is built, with an error that names what is wrong."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import numpy as np
import pytest

import lazygrad as lg
from lazygrad import ops
from lazygrad.ops._op import OPS
from tests.cases.op_table import TABLE
from tests.helpers.op_rows import Row


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


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: np.repeat(x, [1, 2]), "2 repeats do not fit the length 3"),
        (lambda x: np.repeat(x, [1, 2, -1]), "may not be negative"),
        (lambda x: np.repeat(x, -1), "may not be negative"),
        (lambda x: np.tile(x, (2, -1)), "may not be negative"),
        (lambda x: np.resize(x, (2, -3)), "may not be negative"),
        (lambda x: np.roll(x, (1, 2)), "several shifts need several axes"),
        (lambda x: np.flip(x, 1), "out of bounds"),
        (lambda x: np.squeeze(x, 0), "only axes of length 1"),
        (lambda x: np.expand_dims(x, (0, 0)), "repeated axis"),
        (lambda x: np.squeeze(x[0], 1), "out of bounds"),
        (lambda x: ops.cross_entropy(x.reshape(1, 3), np.array([[0, 2, 1]])), "must be one-hot; class numbers have"),
        (lambda x: ops.cross_entropy(x.reshape(1, 3), np.array([[0, 0, 0]])), "must be one-hot; class numbers have"),
    ],
)
def test_lengths_and_axes_that_do_not_fit(call: Callable[..., object], words: str) -> None:
    with pytest.raises(lg.ShapeError, match=words):
        call(lg.parameter([1.0, 2.0, 3.0]))


# -- a node in the place of what must be known -------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, o in OPS.items() if o.statics])
def test_no_op_takes_a_node_as_a_static(name: str) -> None:
    """Neither by name nor in its place, by itself or in a tuple, and whether or not an input is a node."""
    op, node = OPS[name], lg.constant(0)
    for inputs in ([lg.parameter([1.0, 2.0])] * len(op.inputs), [np.array([1.0, 2.0])] * len(op.inputs)):
        for static in op.statics:
            for value in (node, (0, node), [node]):
                with pytest.raises(
                    TypeError, match=rf"^{name}: {static}= must be known when a node is built.*constant"
                ):
                    op(*inputs, **{static: value})
    if op.inputs[-1][0] != "*":
        with pytest.raises(TypeError, match=f"{next(iter(op.statics))}= must be known"):
            op(*inputs, node)


def axis_arguments(row: Row) -> list[str]:
    """Return the names of the arguments of a row that are axes: in its statics, or in the call itself."""
    names = {name for static in row.statics for name in static}
    if isinstance(row.op, str):
        names |= set(OPS[row.op].statics)
    elif not isinstance(row.op, np.ufunc):  # those have `axis` and `axes` for all, which most refuse
        names |= set(inspect.signature(row.op).parameters)
    return sorted(name for name in names if name.startswith(("axis", "axes")) or name in ("source", "destination"))


AXES = [(row, name) for row in TABLE for name in axis_arguments(row)]


def test_the_table_has_functions_with_axes() -> None:
    assert len({row.name for row, _ in AXES}) > 100


@pytest.mark.parametrize(("row", "name"), AXES, ids=[f"{row.name} {row.label} {name}".strip() for row, name in AXES])
def test_no_function_takes_a_node_as_axis(row: Row, name: str) -> None:
    """The error names the argument, and comes when the node is built: no answer may be wrong."""
    _, case = next(row.cases())
    leaves = [lg.parameter(x) if np.asarray(x).dtype.kind == "f" else lg.constant(x) for x in case.inputs]
    for node in (lg.constant(0), lg.parameter(0.0), lg.constant(0) + 0):
        message = rf"\b{name}= must be known when a node is built.*{re.escape(repr(node))}"
        with pytest.raises(TypeError, match=message):
            row.call(*leaves, **{**case.static, name: node})


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x, node: np.sum(x, node), "axis"),
        (lambda x, node: np.argmax(x, node), "axis"),
        (lambda x, node: np.take(x, [0], node), "axis"),
        (lambda x, node: np.transpose(x, node), "axes"),
        (lambda x, node: np.swapaxes(x, 0, node), "axis2"),
        (lambda x, node: np.moveaxis(x, 0, node), "destination"),
        (lambda x, node: np.cross(x[:, :2], x[:, :2], 0, node), "axisb"),
        (lambda x, node: np.concatenate([x, x], node), "axis"),
        (lambda x, node: np.add.reduce(x, node), "axis"),
        (lambda x, node: np.multiply.accumulate(x, node), "axis"),
        (lambda x, node: np.hypot.reduce(x, node), "axis"),
        (lambda x, node: x.sum(node), "axis"),
        (lambda x, node: x.swapaxes(node, 1), "axis1"),
    ],
)
def test_nor_in_the_place_of_the_axis(call: Callable[..., object], name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}= must be known when a node is built"):
        call(lg.parameter(np.ones((2, 3))), lg.constant(0))
