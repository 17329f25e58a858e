"""The ops of classifiers: activations, softmax and losses on scores (logits)."""

# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

from typing import Any, overload

from .._errors import ShapeError
from .._graph.leaf import refuse_masked
from .._graph.node import Node, NodeOrArray, Operand
from .._graph.types import Array, ArrayLike, Function
from .._graph.types import both as np
from ._calls import record_calls
from ._declare import elementwise, op
from ._op import Op, Signature, as_nodes
from ._rule import BLOCKED
from .arithmetic import chosen, guarded_multiply
from .exponentials import as_floating, exponentials, log_total, refuse_complex

__all__ = ["checked_labels", "cross_entropy", "log_softmax", "pick", "relu", "softmax", "svm_loss"]


def _infer_like(x: Node, **static: Any) -> Signature:
    np.empty(x.shape, bool).any(axis=static.get("axis"))  # NumPy's own error for an axis out of range
    return x.shape, x.dtype if refuse_complex(x).dtype.kind == "f" else np.dtype(float)


def _relu_rule(g: Any, out: Any) -> Any:
    return chosen(g, out > 0)


relu = elementwise(
    "relu",
    lambda x: np.maximum(x, 0),
    vjp={"x": _relu_rule},
    jvp={"x": _relu_rule},
    selects=True,
    doc="Return max(x, 0); the derivative at 0 is 0.\n\n"
    ">>> relu(np.array([-1.0, 2.0])), lg.grad(relu)(0.0)\n(array([0., 2.]), array(0.))",
    composite=True,
)


def _softmax(x: Any, axis: Any) -> Any:
    x = as_floating(x)
    e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    return e / np.add.reduce(e, axis=axis, keepdims=True)


def _softmax_rule(g: Any, out: Any, axis: Any, times: Function) -> Any:
    h = times(g, out)
    return h - times(np.sum(h, axis=axis, keepdims=True), out)


softmax = op(
    "softmax",
    _softmax,
    shape=_infer_like,
    vjp={"x": _softmax_rule},
    jvp={"x": _softmax_rule},  # the Jacobian diag(p) - p p^T is symmetric
    statics={"axis": -1},
    composite=True,
    doc="Return exp(x) / sum(exp(x)) along an axis (Stratos H and I.2: sm; J = diag(p) - p p^T).\n\n"
    ">>> softmax(np.array([0.0, 1.0, 2.0])).round(4)\narray([0.09  , 0.2447, 0.6652])",
)


def _log_softmax(x: Any, axis: Any) -> Any:
    log, peak = log_total(x, axis)
    return (x - peak) - log


log_softmax = op(
    "log_softmax",
    _log_softmax,
    shape=_infer_like,
    vjp={"x": lambda g, out, axis, times: g - times(np.sum(g, axis=axis, keepdims=True), np.exp(out))},
    jvp={"x": lambda t, out, axis, times: t - np.sum(times(t, np.exp(out)), axis=axis, keepdims=True)},
    statics={"axis": -1},
    composite=True,
    doc="Return log(softmax(x)) without overflow (Collins 1.2.5: LOG-SOFTMAX; J = [[k = k']] - softmax_k').\n\n"
    ">>> log_softmax(np.array([0.0, 1.0, 2.0])).round(4)\narray([-2.4076, -1.4076, -0.4076])",
)

# -- labels: the last axis holds the scores of the classes, a label picks one (a blocked input) -----


def _check_labels(labels: Any, classes: int) -> Any:
    unsigned = labels if labels.dtype.kind == "u" else labels.view(f"u{labels.itemsize}")  # negative is large
    if labels.size and np.maximum.reduce(unsigned, None) >= classes:
        raise IndexError(f"labels must lie in 0..{classes - 1}, but range over {labels.min()}..{labels.max()}")
    return labels


checked_labels = op(
    "checked_labels",
    _check_labels,
    shape=lambda labels, classes: (labels.shape, labels.dtype),
    vjp={"labels": BLOCKED},
    jvp={"labels": BLOCKED},
    inputs="labels",
    statics={"classes": 1},
    doc="Return the labels after a look at their range: -1 must not mean the last class.\n\n"
    ">>> checked_labels(np.array([0, 2]), classes=3)\narray([0, 2])",
)


def _as_labels(labels: Any) -> Any:
    """Return labels of a dtype of their own: a plain number must not take the dtype of the scores."""
    if isinstance(labels, Node):
        return labels
    refuse_masked(labels, "labels")
    return np.asarray(labels)


def _infer_labelled(x: Node, labels: Node) -> Signature:
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {labels.dtype}: one number for each row of scores")
    if not x.shape or labels.shape != x.shape[:-1]:
        raise ValueError(f"scores of shape {x.shape} need labels of shape {x.shape[:-1]}, one for each row")
    return x.shape[:-1], x.dtype if refuse_complex(x).dtype.kind == "f" else np.dtype(float)


def _pick(x: Any, labels: Any) -> Any:
    known = checked_labels(labels, classes=x.shape[-1])
    if len(x.shape) == 2:
        return x[np.arange(x.shape[0]), known]
    return np.take_along_axis(x, known[..., None], axis=-1)[..., 0]


def _is_label(labels: Any, classes: int) -> Any:
    """Return whether a class is the row's; labels are checked, as a rule can run where the loss never does."""
    return checked_labels(labels, classes=classes)[..., None] == np.arange(classes)


def _one_hot(labels: Any, x: Any) -> Any:
    return np.where(_is_label(labels, x.shape[-1]), x.dtype.type(1), x.dtype.type(0))


_pick_op: Op = op(
    "pick",
    _pick,
    shape=lambda x, labels: (_infer_labelled(x, labels)[0], x.dtype),
    vjp={
        "x": lambda g, labels, x_shape: np.where(_is_label(labels, x_shape[-1]), g[..., None], 0),
        "labels": BLOCKED,
    },
    jvp={"x": lambda t, labels: pick(t, labels), "labels": BLOCKED},
    inputs="x labels",
    selects="vjp",
    doc="Return x[..., label], one score for each row (Stratos H: pick; J^T g = g e_l).",
)


@overload
def pick(scores: ArrayLike, labels: ArrayLike) -> Array: ...


@overload
def pick(scores: Operand, labels: Operand) -> Node: ...


@record_calls
def pick(scores: Operand, labels: Operand) -> NodeOrArray:
    """Return the score of the label for each row: ``scores[..., label]`` (Stratos, appendix H: pick).

    Examples
    --------
    >>> pick(np.array([[0.5, 0.1], [0.2, 0.7]]), [0, 1])
    array([0.5, 0.7])
    """
    return _pick_op(scores, _as_labels(labels))


def _pnls(x: Any, labels: Any) -> Any:
    log, peak = log_total(x, -1)
    return log[..., 0] - (_pick(x, labels) - peak[..., 0])


def _surplus(x: Any, labels: Any) -> Any:
    """Return softmax(x) - e_l, the derivative of the loss by the scores."""
    e, _ = exponentials(x, -1)
    return e / np.add.reduce(e, axis=-1, keepdims=True) - _is_label(labels, x.shape[-1])


_hard = op(
    "cross_entropy",
    _pnls,
    shape=_infer_labelled,
    vjp={"x": lambda g, x, labels, times: times(g[..., None], _surplus(x, labels)), "labels": BLOCKED},
    jvp={"x": lambda t, x, labels, times: np.sum(times(t, _surplus(x, labels)), axis=-1), "labels": BLOCKED},
    inputs="x labels",
    composite=True,
    doc="Return -log softmax(x)[label] (Stratos H: pnls; Collins 1.2.5: -q_y).",
)


def _infer_same_rows(x: Node, y: Node) -> Signature:
    if not x.shape or x.shape != y.shape:
        raise ValueError(f"scores of shape {x.shape} need one-hot labels of the same shape, not {y.shape}")
    refuse_complex(x), refuse_complex(y)
    dtype = np.result_type(x.dtype, y.dtype)
    return x.shape[:-1], dtype if dtype.kind == "f" else np.dtype(float)


def _excess(x: Any, y: Any) -> Any:
    return softmax(x, axis=-1) * np.sum(y, axis=-1, keepdims=True) - y


_soft = op(
    "cross_entropy_one_hot",
    lambda x, y: np.add.reduce(guarded_multiply(y, -_log_softmax(x, -1)), axis=-1),
    shape=_infer_same_rows,
    vjp={
        "x": lambda g, x, y, times: times(g[..., None], _excess(x, y)),
        "y": lambda g, x, times: times(-g[..., None], log_softmax(x, axis=-1)),
    },
    jvp={
        "x": lambda t, x, y, times: np.sum(times(t, _excess(x, y)), axis=-1),
        "y": lambda t, x, times: -np.sum(times(t, log_softmax(x, axis=-1)), axis=-1),
    },
    inputs="x y",
    composite=True,
    doc="Return -y^T log softmax(x) for labels that are distributions (Sullivan, lecture 3).",
)


@overload
def cross_entropy(scores: ArrayLike, labels: ArrayLike) -> Array: ...


@overload
def cross_entropy(scores: Operand, labels: Operand) -> Node: ...


@record_calls
def cross_entropy(scores: Operand, labels: Operand) -> NodeOrArray:
    """Return -log p(label) for each row of scores, p = softmax(scores); never overflows.

    Parameters
    ----------
    scores
        Float array or node, shape (..., K): unnormalised log-probabilities (logits).
    labels
        Integers of shape (...), or one-hot (or any) distributions of the scores' shape.

    Returns
    -------
    Node of shape (...): one loss for each row. Take `.mean()` for a batch.

    Raises
    ------
    ShapeError
        If the labels fit neither form. An integer label outside 0..K-1 is an IndexError when the loss is evaluated.

    Notes
    -----
    Integer labels are Collins 1.2.5 (o = -q_y) and Stratos' `pnls` (App. H); one-hot labels are Sullivan's
    -y^T log(p). Integer labels have no derivative (Collins 1.4.4): they are a blocked input.

    Examples
    --------
    >>> import lazygrad as lg
    >>> s = lg.parameter([[2.0, 0.0], [0.0, 0.0]])
    >>> cross_entropy(s, [0, 1]).value.round(4)
    array([0.1269, 0.6931])
    >>> cross_entropy(s, [[1.0, 0.0], [0.0, 1.0]]).value.round(4)
    array([0.1269, 0.6931])
    """
    x, y = as_nodes((scores, _as_labels(labels)))
    if y.dtype.kind in "iu" and y.shape == x.shape and y.op is None and not np.all(np.sum(y._value, axis=-1) == 1):
        raise ShapeError(
            f"integer labels of the scores' shape {x.shape} must be one-hot; class numbers have shape {x.shape[:-1]}"
        )
    return (_hard if y.dtype.kind in "iu" and y.shape != x.shape else _soft).on_nodes((x, y), {})


def _svm(x: Any, labels: Any) -> Any:
    x = as_floating(x)
    margins = np.maximum(0, x - _pick(x, labels)[..., None] + 1)
    return np.add.reduce(margins, axis=-1) - 1  # the label's own margin is exactly 1


def _slope_of_margins(x: Any, labels: Any) -> Any:
    """Return 1 for every class over the margin, and for the label minus their number."""
    own = _one_hot(labels, x)
    over = np.where(x - pick(x, labels)[..., None] + 1 > 0, 1 - own, 0 * own)
    return over - own * np.sum(over, axis=-1, keepdims=True)


_svm_loss = op(
    "svm_loss",
    _svm,
    shape=_infer_labelled,
    vjp={"x": lambda g, x, labels, times: times(g[..., None], _slope_of_margins(x, labels)), "labels": BLOCKED},
    jvp={
        "x": lambda t, x, labels: np.sum(guarded_multiply(_slope_of_margins(x, labels), t), axis=-1),
        "labels": BLOCKED,
    },
    inputs="x labels",
    selects="vjp",
    doc="Return the SVM loss of each row: the sum over j != y of max(0, x_j - x_y + 1) (Sullivan, lecture 3).",
)


@overload
def svm_loss(scores: ArrayLike, labels: ArrayLike) -> Array: ...


@overload
def svm_loss(scores: Operand, labels: Operand) -> Node: ...


@record_calls
def svm_loss(scores: Operand, labels: Operand) -> NodeOrArray:
    """Return the multi-class SVM loss of each row: the sum over j != y of max(0, s_j - s_y + 1) (Sullivan, lecture 3).

    Examples
    --------
    >>> svm_loss(np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0]]), [0, 1])
    array([2.9, 0. ])
    """
    return _svm_loss(scores, _as_labels(labels))
