"""Wrong use is refused, and the message says which node, op and shapes, and what to do instead."""

from __future__ import annotations

import linecache
import re
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._declare import op
from lazygrad.ops._rule import BLOCKED, UNDEFINED
from tests.helpers.random_graphs import make_watched_op


def leaves() -> tuple[lg.Node, lg.Node, lg.Node]:
    return (
        lg.parameter(np.ones((2, 3)), name="W"),
        lg.parameter([1.0, 2.0, 3.0], name="b"),
        lg.constant([0, 1], name="labels"),
    )


W, B, LABELS = leaves()
SUM = (W * B).sum()
HINTS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # -- targets, wrt and cotangents
    "several elements": (lambda: lg.gradient(W * B, W), TypeError, r"multiply.*shape \(2, 3\).*sum it.*cotangent="),
    "integer target": (lambda: lg.gradient(LABELS, W), TypeError, r"floating point.*labels.*int64"),
    "target no node": (lambda: lg.gradient(3.0, W), TypeError, "expected a node, not float"),  # type: ignore[arg-type]
    "adjoint of an array": (lambda: lg.adjoint(SUM, np.ones(3)), TypeError, "not ndarray.*parameter"),  # type: ignore
    "wrt an array": (lambda: lg.gradient(SUM, np.ones(3)), TypeError, "node.*not ndarray"),
    "wrt a list of arrays": (lambda: lg.gradient(SUM, [W, np.ones(3)]), TypeError, "not ndarray"),
    "wrt a number": (lambda: lg.gradient(SUM, 3), TypeError, "wrt must be a node, a name, or a list.*not int"),
    "wrt None": (lambda: lg.gradient(SUM, {"W": None}), TypeError, "not NoneType"),
    "wrt an integer": (lambda: lg.gradient(SUM, LABELS), lg.NotDifferentiableError, "labels.*int64.*float parameter"),
    "unknown name": (lambda: lg.gradient(SUM, "w"), KeyError, "'w'; known names, closest first: .*W.*b|b.*W"),
    "unknown name in a list": (lambda: lg.gradient(SUM, ["W", "bias"]), KeyError, "'bias'"),
    "unconnected word": (
        lambda: lg.gradient(SUM, W, unconnected="nil"),  # type: ignore[arg-type]
        ValueError,
        "'zero', 'none' or 'raise', not 'nil'",
    ),
    "cotangent shape": (
        lambda: lg.gradient(W * B, W, cotangent=[1.0, 2.0]),
        lg.ShapeError,
        r"cotangent has shape \(2,\).*multiply.*shape \(2, 3\)",
    ),
    "cotangent node of another dtype": (
        lambda: lg.gradient(SUM, W, cotangent=lg.constant(np.float32(1))),
        TypeError,
        "cotangent has dtype float32.*float64",
    ),
    "is_connected": (lambda: lg.differentiator(SUM).is_connected("W"), TypeError, "expected a node, not str"),  # type: ignore
    # -- leaves and set
    "parameter of ints": (lambda: lg.parameter([1, 2]), TypeError, r"not int64: cast it with `.astype\(float\)`"),
    "parameter of bools": (lambda: lg.parameter(True), TypeError, "not bool"),
    "parameter of objects": (lambda: lg.parameter([None]), TypeError, "not object"),
    "parameter of text": (lambda: lg.parameter("W"), TypeError, "not <U1"),
    "parameter of a mask": (lambda: lg.parameter(np.ma.ones(3)), TypeError, r"masked.*\.filled"),
    "parameter of a node": (lambda: lg.parameter(W), TypeError, r"'W'.*pass `node.value`"),
    "constant of objects": (lambda: lg.constant(np.array([None])), TypeError, "object"),
    "constant of text": (lambda: lg.constant(["a"]), TypeError, "only bool, int, float and complex"),
    "constant of dates": (lambda: lg.constant(np.array(["2020"], "M8")), TypeError, "datetime64"),
    "set a computed node": (lambda: SUM.set(1.0), TypeError, "only leaves can be set.*sum"),
    "set an adjoint": (lambda: lg.adjoint(SUM, W).set(1.0), TypeError, "only leaves can be set.*adjoint"),
    "set the seed": (lambda: lg.adjoint(SUM, SUM).set(2.0), TypeError, "seed.*cotangent="),
    "set a node": (lambda: B.set(B), TypeError, r"node.*'b'.*node.value"),
    "set ints": (lambda: B.set(np.array([1, 2, 3])), TypeError, "int64"),
    "set objects": (lambda: LABELS.set([None, 2]), TypeError, "object"),
    "complex target": (lambda: lg.gradient(SUM * 1j, W), TypeError, r"real target.*`\.real`, `\.imag` or `abs`"),
    "set a mask": (lambda: LABELS.set(np.ma.ones(2, int)), TypeError, "masked"),
    # -- shapes, on the line that builds the node
    "add": (lambda: W + np.ones((2, 2)), lg.ShapeError, r"add\(W \(2, 3\), leaf#\d+ \(2, 2\)\)"),
    "matmul": (lambda: W @ W, lg.ShapeError, r"matmul\(W \(2, 3\), W \(2, 3\)\).*3 elements.*2"),
    "matmul 0-d": (lambda: W @ lg.parameter(1.0), lg.ShapeError, r"matmul.*use `\*`"),
    "reshape": (lambda: W.reshape(4), lg.ShapeError, r"reshape\(W \(2, 3\), shape=\(4,\)\)"),
    "axis": (lambda: W.sum(axis=2), ValueError, r"sum\(W \(2, 3\), axis=2.*axis 2 is out of bounds"),
    "max axis": (lambda: W.max(axis=-3), ValueError, r"max\(W \(2, 3\), axis=-3"),
    "transpose": (lambda: W.transpose(0, 1, 2), ValueError, r"transpose\(W \(2, 3\), axes=\(0, 1, 2\)\)"),
    "concatenate": (lambda: np.concatenate([W, B]), lg.ShapeError, r"concatenate\(W \(2, 3\), b \(3,\)"),
    "broadcast_to": (lambda: np.broadcast_to(W, (3, 3)), lg.ShapeError, r"broadcast_to\(W \(2, 3\), shape=\(3, 3\)\)"),
    "index": (lambda: W[2], IndexError, r"getitem\(W \(2, 3\).*index 2 is out of bounds"),
    "too many indices": (lambda: W[0, 0, 0], IndexError, "too many indices"),
    "index by floats": (lambda: W[np.ones(2)], IndexError, "integers or booleans, not float64"),
    "index by a float node": (lambda: W[B], (IndexError, TypeError), "float64"),  # type: ignore[dict-item]
    "labels": (lambda: lg.ops.cross_entropy(W, [0, 1, 1]), lg.ShapeError, r"\(2, 3\).*\(3,\)"),
    "float labels": (lambda: lg.ops.pick(W, [0.0, 1.0]), TypeError, "labels must be integers, not float64"),
    # -- what would cut a node off from its graph
    "float": (lambda: float(SUM), TypeError, r"float\(\).*sum.*`\.item\(\)`"),
    "int": (lambda: int(SUM), TypeError, r"`\.item\(\)`"),
    "complex": (lambda: complex(SUM), TypeError, r"`\.item\(\)`"),
    "index of a list": (lambda: [1, 2][SUM], TypeError, r"index.*`\.item\(\)`"),  # type: ignore[call-overload]
    "bool": (lambda: bool(W > 0), TypeError, r"truth value.*`\.value`"),
    "if": (lambda: 1 if SUM > 0 else 2, TypeError, r"np.where"),
    "asarray": (lambda: np.asarray(W), TypeError, r"'W'.*`\.value`"),
    "array of nodes": (lambda: np.array([B, B]), TypeError, r"`np.concatenate` or `np.stack`"),
    "into a buffer": (lambda: np.zeros(3).__setitem__(slice(None), B), TypeError, r"`\.value`"),
    "assign to a part": (
        lambda: W.__setitem__(0, 1.0),  # type: ignore[operator]
        TypeError,
        r"nodes do not change.*`x = x\.at\[i\]\.set\(y\)`, or `set` a leaf",
    ),
    "in": (lambda: B in [W][0], TypeError, "`in` would compare by value"),
    "len of 0-d": (lambda: len(SUM), TypeError, "0-d and has no length"),
    "iterate 0-d": (lambda: list(SUM), TypeError, "0-d and cannot be iterated"),
    "out=": (lambda: np.add(W, 1, out=np.zeros((2, 3))), TypeError, "np.add cannot write"),
    "ufunc without a rule": (
        lambda: np.isnat(W),
        TypeError,
        r"np.isnat is not defined on nodes.*`lazygrad\.primitive`",
    ),
    "function without a rule": (
        lambda: np.packbits(W),
        TypeError,
        r"np.packbits is not defined on nodes.*`lazygrad\.primitive`",
    ),
    "ufunc method": (lambda: np.add.at(W, 0, 1), TypeError, r"np.add.at is not defined"),
    "keyword of a ufunc": (lambda: np.exp(W, where=True, dtype="f4"), TypeError, "does not take"),
    "keyword of an op": (lambda: lg.ops.softmax(W, axes=1), TypeError, r"`axes`.*takes \(x, axis=-1\)"),
    "no such operand": (lambda: W + "1", TypeError, "unsupported operand"),  # type: ignore[operator]
}


@pytest.mark.parametrize("case", HINTS)
def test_wrong_use_is_refused_with_a_hint(case: str) -> None:
    wrong, kind, message = HINTS[case]
    with pytest.raises(kind) as caught:
        wrong()
    text = str(caught.value)
    assert re.search(message, text, re.DOTALL), text
    assert type(caught.value) in (kind if isinstance(kind, tuple) else (kind, lg.ShapeError))
    frames = [f for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == __file__]
    assert frames  # raised under the user's line
    assert W.value.tolist() == [[1.0] * 3] * 2  # and nothing has happened
    assert B.value.tolist() == [1.0, 2.0, 3.0]


def test_a_label_out_of_range_is_an_index_error_that_names_the_node() -> None:
    loss = lg.ops.cross_entropy(W, lg.constant([0, -1])).mean()
    with pytest.raises(IndexError, match=r"labels must lie in 0..2, but range over -1..0") as caught:
        lg.gradient(loss, W)
    assert "while computing" in caught.value.__notes__[0]


# -- C10: connected, structural zero, undefined -------------------------------------------------------------


def test_three_states() -> None:
    x, y = lg.parameter(2.0, name="x"), lg.parameter(3.0, name="y")
    half = op(
        "half_known",
        lambda x, y: x * y,
        shape=lambda x, y: (x.shape, x.dtype),
        vjp={"x": lambda g, y: g * y},
        inputs="x y",
        register=False,
    )
    L = half(x, y) + np.sign(y)
    assert lg.gradient(L, x) == 3.0
    with pytest.raises(lg.NotDifferentiableError, match=r"'half_known'.*input 'y'.*parameter 'y'.*declare a rule"):
        lg.gradient(L, y)
    with pytest.raises(lg.NotDifferentiableError):
        lg.gradient(L, [x, y])
    assert lg.gradient(L, x) == 3.0  # the failure left nothing behind
    d = lg.differentiator(x * 2 + np.sign(y))
    assert (d.is_connected(x), d.is_connected(y)) == (True, False)
    assert d.gradient([x, y], unconnected="none") == [2.0, None]
    assert d.contributions(y) == []
    zero = d.adjoint(y)
    assert (zero.value, zero.shape, zero.dtype) == (0.0, (), np.float64)
    assert not lg.differentiator(zero).is_connected(y)


def test_an_undefined_edge_that_is_not_needed_is_no_error() -> None:
    x, y = lg.parameter(2.0), lg.parameter(3.0)
    unknown = op("unknown", np.exp, shape=lambda x: (x.shape, x.dtype), vjp={"x": UNDEFINED}, register=False)
    h = unknown(y)
    L = h * x
    assert lg.gradient(L, x) == np.exp(3.0)
    assert lg.gradient(L, h) == 2.0
    with pytest.raises(lg.NotDifferentiableError, match="unknown"):
        lg.gradient(L, y)


def test_a_node_behind_blocked_edges_only() -> None:
    x, y = lg.parameter([1.0, 2.0], name="x"), lg.parameter([1.0, 3.0], name="y")
    blocked = op(
        "blocked",
        lambda x, k: x * k,
        shape=lambda x, k: (x.shape, x.dtype),
        vjp={"x": lambda g, k: g * k, "k": BLOCKED},
        inputs="x k",
        register=False,
    )
    L = blocked(x, np.sin(y)).sum()
    with pytest.raises(lg.NotDifferentiableError, match=r"'blocked'.*'k'.*sin"):
        lg.gradient(L, y)
    assert lg.gradient(L, x).tolist() == np.sin([1.0, 3.0]).tolist()
    assert not lg.differentiator(L).is_connected(y)
    labels = lg.constant([0.0, 1.0])
    with pytest.raises(lg.NotDifferentiableError, match=r"where.*condition"):
        lg.gradient(np.where(labels, x, y).sum(), labels)


def test_unconnected_answers() -> None:
    x, z = lg.parameter([1.0, 1.0], name="x"), lg.parameter(1.0, name="z")
    y = lg.parameter(np.ones((3, 1), np.float32), name="y")
    L = (x * x).sum()
    zero = lg.gradient(L, {"x": x, "rest": (y, [z])})
    assert (zero["rest"][0].shape, zero["rest"][0].dtype) == ((3, 1), np.float32)
    assert not zero["rest"][0].any()
    assert zero["rest"][1][0] == 0.0
    assert lg.gradient(L, (x, y), unconnected="none")[1] is None
    assert lg.gradient(L, y, unconnected="none") is None
    with lg.record() as report, pytest.raises(lg.UnconnectedError, match="from y, z to"):
        lg.gradient(L, [x, y, z], unconnected="raise")
    assert report.rules_run == 0
    assert lg.gradient(L, [x], unconnected="raise")[0].tolist() == [2.0, 2.0]


def test_one_warning_if_all_are_unconnected_on_the_users_line() -> None:
    x, y, z = lg.parameter(1.0, name="x"), lg.parameter(1.0, name="y"), lg.parameter(1.0, name="z")
    L = np.exp(x)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lg.gradient(L, [y, z])
        lg.differentiator(L).gradient(y)
        lg.gradient(L, [x, y])
        lg.gradient(L, [], unconnected="zero")
        lg.gradient(L, y, unconnected="none")
    assert [w.category for w in caught] == [lg.UnconnectedWarning] * 2
    assert "y, z" in str(caught[0].message)
    assert [w.filename for w in caught] == [__file__] * 2
    assert ["gradient(" in linecache.getline(__file__, w.lineno) for w in caught] == [True, True]


# -- ops of one's own -----------------------------------------------------------------------------------------


def test_a_rule_that_reads_something_unknown_fails_at_its_declaration() -> None:
    with pytest.raises(TypeError, match=r"'bad' reads 'z', which is none of out, x, x_shape, x_dtype"):
        op("bad", np.exp, shape=lambda x: (x.shape, x.dtype), vjp={"x": lambda g, z: g}, register=False)
    with pytest.raises(TypeError, match="rule for 'q'"):
        op("bad", np.exp, shape=lambda x: (x.shape, x.dtype), vjp={"q": lambda g: g}, register=False)
    with pytest.raises(ValueError, match="'exp' is declared twice"):
        op("exp", np.exp, shape=lambda x: (x.shape, x.dtype), vjp={"x": lambda g: g})


def test_a_rule_of_the_wrong_shape_is_named() -> None:
    x = lg.parameter([1.0, 2.0, 3.0])
    L = make_watched_op("askew", rule=lambda g: np.ones(2))(x).sum()
    with pytest.raises(lg.LazygradError, match=r"returned shape \(2,\) for an input of shape \(3,\)"):
        lg.gradient(L, x)
