"""Where nan and inf are born: found at one node, and watched for while nodes are computed.

A value or a contribution is a birth if it is not finite although everything it was computed from is; the values that
follow from it are none. A leaf that holds nan is a birth of its own where a computation lets it through (an inf may be
meant: masks are made of it).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal

import attrs
import numpy as np

from .._derivatives.adjoint_node import AdjointNode, unbroadcast_to, unmirrored
from .._errors import NonFiniteError, NonFiniteWarning
from .._graph.frames import find_user_frame
from .._graph.node import INEXACT, Node, label
from .._graph.types import Array, DType
from .._graph.watch import Block, Watcher
from .trace import name_adjoint

__all__ = ["NonFinite", "Operand", "describe_leaf", "errstate", "find_birth", "is_finite"]

Mode = Literal["raise", "warn", "ignore"]


def is_finite(value: Array) -> bool:
    """Return whether an array or number holds neither nan nor inf."""
    return value.dtype.kind not in INEXACT or bool(np.isfinite(value).all())


@attrs.frozen(eq=False)
class Operand:
    """Summary of an array that a computation took or gave; prints as a line.

    Attributes
    ----------
    name
        What reports call the array.
    shape, dtype
        The shape and dtype of the array.
    min, max
        The extremes of its finite elements (of the magnitudes, if complex); None if there are none.
    nans, infs
        How many elements are nan, and how many inf.
    where
        The index of the first nan or inf; None if all elements are finite.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    min: float | None
    max: float | None
    nans: int
    infs: int
    where: tuple[int, ...] | None

    @classmethod
    def of(cls, name: str, value: Array) -> Operand:
        """Return the summary of an array or number."""
        array = np.asarray(value)
        good = np.isfinite(array)
        numbers = np.abs(array[good]) if array.dtype.kind == "c" else array[good]
        low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (None, None)
        nans = int(np.isnan(array).sum())
        infs = int(array.size - good.sum()) - nans
        at = np.unravel_index(int(np.argmin(good)), array.shape) if nans + infs else None
        where = None if at is None else tuple([int(k) for k in at])
        return cls(name, array.shape, array.dtype, low, high, nans, infs, where)

    @property
    def finite(self) -> bool:
        """Return whether every element is finite."""
        return not self.nans + self.infs

    @property
    def what(self) -> str:
        """Return which of nan and inf occur, in words."""
        return " and ".join([word for word, count in (("nan", self.nans), ("inf", self.infs)) if count]) or "finite"

    def __str__(self) -> str:
        span = "" if self.min is None else f"{self.min:.4g} to {self.max:.4g}"
        if self.finite:
            text = f"finite, {span}" if span else "empty"
        else:
            counts = ((self.nans, "nan"), (self.infs, "inf"))
            text = ", ".join([f"{count} {word}" for count, word in counts if count])
            text += f", first at {self.where}" if self.where else ""
            text += f", others {span}" if span else ""
        return f"{self.name}: shape {self.shape}, {self.dtype}, {text}"


@attrs.frozen(eq=False, repr=False)
class NonFinite:
    """A place where finite numbers gave nan or inf; prints as text.

    Attributes
    ----------
    kind
        ``"value"`` (of a forward node), ``"contribution"`` (the term that a node's rule adds to an adjoint),
        ``"sum"`` (of contributions that are finite each) or ``"leaf"`` (it held nan or inf from the start).
    node
        The node whose value, rule or adjoint is not finite; for a contribution the consumer.
    input, argnum
        For a contribution the input of `node` that it goes to; else None.
    target
        What the adjoint's target is called; None for a value or leaf.
    inputs
        Summaries of the arrays it was computed from.
    output
        The summary of the result.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([1.0, 0.0], name="x")
    >>> found = lg.inspect.find_nonfinite(1 / x)
    >>> found.node.op.name
    'divide'
    """

    __module__ = "lazygrad.inspect"

    kind: Literal["value", "contribution", "sum", "leaf"]
    node: Node
    input: Node | None
    argnum: int | None
    target: str | None
    inputs: tuple[Operand, ...]
    output: Operand

    @property
    def op(self) -> str:
        """Return the name of the node's op."""
        return "leaf" if self.node.op is None else str(self.node.op.name)

    @property
    def name(self) -> str:
        """Return what reports call the node."""
        return label(self.node)

    @property
    def source(self) -> str | None:
        """Return the user's file and line that built the node; None unless `lazygrad.trace_sources` was on."""
        return self.node.source

    def __repr__(self) -> str:
        return f"<NonFinite: {str(self).splitlines()[0]}>"

    def __str__(self) -> str:
        named = self.name if self.node.op is None or self.node.name is None else f"{self.name} (op {self.op})"
        what, goes_to = self.output.what, self.node if self.input is None else self.input
        adjoint = f"d{self.target}/d{label(goes_to)}"
        head = {
            "value": f"the value of {named} is {what}, and its inputs are finite",
            "contribution": f"the contribution of {named} to {adjoint} is {what}, and what its rule reads is finite",
            "sum": f"the sum of the contributions to {adjoint} is {what}, and each of them is finite",
            "leaf": f"the leaf {named} holds {what}",
        }[self.kind]
        built = f"\n  built at {self.source}" if self.source else ""
        return head + built + "".join([f"\n  from {one}" for one in self.inputs]) + f"\n  gives {self.output}"


# -- one node ---------------------------------------------------------------------------------------


def find_birth(i: Node) -> NonFinite | None:
    """Return the record of nan or inf born in a computed node; None if its value is finite or follows from others."""
    if is_finite(i._value):
        return None
    if isinstance(i, AdjointNode):
        return _find_birth_in_adjoint(i)
    if all(is_finite(j._value) for j in i.inputs):
        inputs = tuple([Operand.of(_name_operand(j), j._value) for j in i.inputs])
        return NonFinite("value", unmirrored(i), None, None, None, inputs, Operand.of(label(unmirrored(i)), i._value))
    return _find_nan_leaf(i.inputs)


def describe_leaf(leaf: Node) -> NonFinite:
    """Return the record of a leaf that holds nan or inf."""
    return NonFinite("leaf", leaf, None, None, None, (), Operand.of(label(leaf), leaf._value))


def _find_nan_leaf(inputs: Sequence[Node]) -> NonFinite | None:
    for j in inputs:
        if j.op is None and j.dtype.kind in INEXACT and np.isnan(j._value).any():
            return describe_leaf(j)
    return None


def _name_operand(j: Node) -> str:
    """Return what reports call a value that a computation reads."""
    if isinstance(j, AdjointNode):
        return name_adjoint(j)
    return label(unmirrored(j))


def _find_birth_in_adjoint(a: AdjointNode) -> NonFinite | None:
    """Run the rules of one adjoint again to find the contribution, or the sum, in which nan or inf is born."""
    values = [j._value for j in a.inputs]
    terms = a.contributions(values)
    target = a.op.name_target()
    parts: list[Operand] = []
    for rule, consumer, argnum, start, stop in a.each_edge():
        term = unbroadcast_to(next(terms)[2], a.shape, a.dtype, rule)
        c = unmirrored(consumer)
        parts.append(Operand.of(f"the contribution of {label(c)}", term))
        if not parts[-1].finite and all(is_finite(v) for v in values[start:stop]):
            adjoint = Operand.of(f"d{target}/d{label(c)}", values[start])
            reads = [Operand.of(_name_operand(j), j._value) for j in a.inputs[start + 1 : stop]]
            output = attrs.evolve(parts[-1], name=f"its contribution to {name_adjoint(a)}")
            return NonFinite("contribution", c, a.of, argnum, target, (adjoint, *reads), output)
    if all(part.finite for part in parts):
        output = Operand.of(name_adjoint(a), a._value)
        return NonFinite("sum", a.of, None, None, target, tuple(parts), output)
    return _find_nan_leaf(a.inputs)


# -- as nodes are computed ------------------------------------------------------------------------------


class _Guard(Watcher):
    """A watcher that checks every node as soon as it is computed."""

    silences_numpy = True  # as the guard reports the same with its place

    def __init__(self, raises: bool) -> None:
        self._raises = raises

    def computation_ends(self, node: Node) -> None:
        if node.op.mirrors is not None:  # a mirror shows what its original gave
            return
        found = find_birth(node)
        if found is None:
            return
        if self._raises:
            node._value = None  # else the next question would not see it born again
            raise NonFiniteError(found)
        warnings.warn(NonFiniteWarning(str(found)), stacklevel=find_user_frame()[1])


def errstate(nonfinite: Mode = "raise") -> AbstractContextManager[None]:
    """Check what is computed for nan and inf, in this thread and while the block runs.

    Parameters
    ----------
    nonfinite
        ``"raise"`` (a `NonFiniteError`), ``"warn"`` (a `NonFiniteWarning`) or ``"ignore"``, where a value or a
        contribution to an adjoint is not finite though all that it was computed from is. A leaf that
        holds nan counts where a computation lets it through. NumPy does not warn of the same a second time.

    Returns
    -------
    Context manager. Blocks may nest; the innermost counts.

    Raises
    ------
    ValueError
        If `nonfinite` is none of these.

    See Also
    --------
    lazygrad.inspect.find_nonfinite : looks also at what is in the memo already.

    Notes
    -----
    What has been computed before is not looked at. A node that raised is not kept in the memo. Engines without a memo
    (`lazygrad.engines`) are not watched.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([1.0, 0.0], name="x")
    >>> with lg.errstate(nonfinite="raise"):
    ...     np.log(x).sum().value
    Traceback (most recent call last):
        ...
    lazygrad.NonFiniteError: the value of log#... is inf, and its inputs are finite
      from x: shape (2,), float64, finite, 0 to 1
      gives log#...: shape (2,), float64, 1 inf, first at (1,), others 0 to 0
    """
    if nonfinite not in ("raise", "warn", "ignore"):
        raise ValueError(f"nonfinite must be 'raise', 'warn' or 'ignore', not {nonfinite!r}")

    def change(around: tuple[Watcher, ...]) -> tuple[Watcher, ...]:
        others = tuple([watcher for watcher in around if not isinstance(watcher, _Guard)])
        # First, so that what it discards was never reported as computed.
        return others if nonfinite == "ignore" else (guard, *others)

    guard = _Guard(nonfinite == "raise")
    return Block(change, None)
