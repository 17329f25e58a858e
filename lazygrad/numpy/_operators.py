"""How Python's operators call ops on nodes: one table of them; and what Python must not do with a node."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from .._graph.guards import inside_transform, suggest_looking
from .._graph.node import INEXACT, Node, install
from .._graph.value import read_guarded
from ..ops import arithmetic, indexing, linalg, linear, magnitudes, rounding
from ..ops._op import Op, as_node, as_nodes
from ..ops.arithmetic import NUMBERS
from ._callers import ELSEWISE, find_caller, find_replacement, find_statement, takes_lists

__all__ = ["COMPARISONS", "OPERATORS"]


_OPERANDS = (Node, np.ndarray, np.generic, *NUMBERS, list, tuple)


def _apply_binary(op: Op, x: Any, y: Any) -> Any:
    """Apply an operator to a node and a node, array or number; anything else is left to the other operand."""
    if (y.__class__ is float or y.__class__ is int) and isinstance(x, Node):
        return op.build_binary(x, as_node(y, x.dtype))
    if (x.__class__ is float or x.__class__ is int) and isinstance(y, Node):
        return op.build_binary(as_node(x, y.dtype), y)
    if (x.__class__ is tuple and not y.shape) or (y.__class__ is tuple and not x.shape):
        return NotImplemented  # a tuple times a number is a longer tuple
    if not isinstance(x, _OPERANDS) or not isinstance(y, _OPERANDS):
        return NotImplemented
    return op.build_binary(*as_nodes((x, y)))


def _power(x: Any, y: Any) -> Any:
    """Return x ** y; a number as exponent is Stratos' pow, whose derivative reads x alone."""
    if isinstance(x, Node) and isinstance(y, NUMBERS):
        return arithmetic.pow.on_nodes((x,), {"n": y})
    return _apply_binary(arithmetic.power, x, y)


def _divmod(x: Any, y: Any) -> Any:
    """Return the quotient rounded down, and the remainder."""
    quotient = _apply_binary(rounding.floor_divide, x, y)
    return quotient if quotient is NotImplemented else (quotient, _apply_binary(rounding.remainder, x, y))


OPERATORS: dict[str, Op | Callable[[Any, Any], Any]] = {
    "add": linear.add,
    "sub": linear.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "pow": _power,
    "matmul": linalg.matmul,
    "floordiv": rounding.floor_divide,
    "mod": rounding.remainder,
    "divmod": _divmod,
    "and": rounding.bitwise_and,
    "or": rounding.bitwise_or,
    "xor": rounding.bitwise_xor,
    "lshift": rounding.left_shift,
    "rshift": rounding.right_shift,
}
COMPARISONS: dict[str, Op | Callable[[Any, Any], Any]] = {
    "lt": arithmetic.less,
    "le": arithmetic.less_equal,
    "gt": arithmetic.greater,
    "ge": arithmetic.greater_equal,
    "eq": arithmetic.equal,
    "ne": arithmetic.not_equal,
}


def _install_operators() -> None:
    def forward(op: Any) -> Callable[[Node, Any], Any]:
        if isinstance(op, Op):
            pair = op.build_binary

            def fast(self: Node, other: Any) -> Any:
                return pair(self, other) if isinstance(other, Node) else _apply_binary(op, self, other)

            return fast
        return lambda self, other: op(self, other)

    def reflect(op: Any) -> Callable[[Node, Any], Any]:
        call = (lambda x, y: _apply_binary(op, x, y)) if isinstance(op, Op) else op
        return lambda self, other: call(other, self)

    install({f"__{name}__": forward(op) for name, op in (OPERATORS | COMPARISONS).items()})
    install({f"__r{name}__": reflect(op) for name, op in OPERATORS.items()})
    install({"__neg__": lambda self: linear.negative.single(self)})
    install({"__invert__": lambda self: rounding.invert.single(self)})
    install({"__abs__": lambda self: magnitudes.absolute.single(self)})
    install({"__pos__": lambda self: self, "__getitem__": indexing.index})


# -- refused, with a hint, rather than silently cut off from the graph ------------------------------


def _cut_off(what: str, node: Node, hint: str) -> TypeError:
    """Return the error for a use of a node that would lose its derivative, with what keeps it as the hint."""
    caller, (statement, replacement) = find_caller(), find_statement()
    if caller is not None:
        ours = find_replacement(caller)
        if ours is not None:
            hint = f"call `{ours}`"
        elif caller.startswith("scipy."):
            hint = ELSEWISE
        elif takes_lists(caller):
            hint = f"`lazygrad.numpy{caller[2:]}` takes lists of nodes; {hint}"
        return TypeError(
            f"{caller} does not take a node here: {what} of {node!r} would cut it off from its graph: {hint}"
        )
    if statement == "store":
        hint = hint if what.startswith("assignment") else STORES
    elif statement.startswith(("math.", "cmath.")):
        what, hint = (
            f"`{statement}`",
            ELSEWISE if replacement is None else f"call `{replacement}`, which keeps the graph",
        )
    elif statement not in JOINING:
        hint += suggest_looking(node)
    return TypeError(f"{what} of {node!r} would cut it off from its graph: {hint}")


def _refuse(what: str, hint: str) -> Callable[..., NoReturn]:
    def refuse(self: Node, *args: Any, **kwargs: Any) -> NoReturn:
        raise _cut_off(what, self, hint)

    return refuse


JOINS = "to join nodes use `np.concatenate` or `np.stack`, or `lazygrad.numpy.array`"
STORES = (
    "an array cannot hold a node; collect the parts in a list and join them by `np.stack`, `np.concatenate` or "
    "`lazygrad.numpy.array`, or begin with a node, `x = lazygrad.constant(array)`, and write `x = x.at[i].set(node)`"
)
INDEXES = "to index an array by it make the array a node, `lazygrad.constant(array)[node]`"
KEEPS = "NumPy's functions take the node itself and keep the graph (`np.sin` for `math.sin`)"
JOINING = ("array", "numpy.array", "numpy.stack")
REFUSED = {
    "__float__": ("float()", f"{KEEPS}; {JOINS}"),
    "__complex__": ("complex()", f"`.astype(complex)` keeps the graph, and {KEEPS}"),
    "__setitem__": (
        "assignment to a part",
        "nodes do not change; build a new one, as by `x = x.at[i].set(y)`, or `set` a leaf",
    ),
    "__round__": ("round()", "`np.round` keeps the graph"),
    "__trunc__": ("math.trunc()", "`np.trunc` keeps the graph"),
    "__floor__": ("math.floor()", "`np.floor` keeps the graph"),
    "__ceil__": ("math.ceil()", "`np.ceil` keeps the graph"),
}
IN_PLACE = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}


def _in_place(sign: str) -> Callable[[Node, Any], Any]:
    def refuse(self: Node, other: Any) -> Any:
        if not self.shape:  # NumPy's scalars do not change either: `total += x` is `total = total + x`
            return NotImplemented
        raise TypeError(f"{self!r} cannot be changed by `{sign}=`, as nodes do not change: write `x = x {sign} y`")

    return refuse


def _may_be_whole_number(self: Node) -> bool:
    """Return whether the value may be read here without losing a derivative: an integer, inside a transform."""
    return inside_transform() and self.dtype.kind in "biu"


def _int(self: Node) -> int:
    if _may_be_whole_number(self):
        return read_guarded(self, int)
    raise _cut_off("int()", self, "`np.trunc` or `.astype(int)` keep the graph")


def _index(self: Node) -> int:
    if _may_be_whole_number(self):
        return read_guarded(self, operator.index)
    raise _cut_off("use as an index", self, f"{INDEXES}; a slice or a shape takes plain numbers")


def _array(self: Node, dtype: Any = None, copy: bool | None = None) -> Any:
    if _may_be_whole_number(self):
        return np.array(read_guarded(self), dtype=dtype, copy=copy)
    hint = JOINS if self.dtype.kind in INEXACT else INDEXES
    raise _cut_off("a NumPy array", self, f"NumPy's functions take the node itself and keep the graph; {hint}")


def _bool(self: Node) -> bool:
    if inside_transform():
        return read_guarded(self, bool)
    raise _cut_off("the truth value", self, "use `np.where` to choose by it")


def _format(self: Node, spec: str) -> str:
    if spec:
        look = suggest_looking(self) or ": `str` shows the node"
        raise TypeError(f"{self!r} is no number, to be formatted by {spec!r}{look}")
    return str(self)


def _len(self: Node) -> int:
    if not self.shape:
        raise TypeError(f"{self!r} is 0-d and has no length")
    return self.shape[0]


def _iter(self: Node) -> Iterator[Node]:
    if not self.shape:
        raise TypeError(f"{self!r} is 0-d and cannot be iterated over")
    return (self[k] for k in range(self.shape[0]))


def _contains(self: Node, item: Any) -> NoReturn:
    hint = "use `any(n is node for n in ...)`, or `np.any(x == y)` for the values"
    raise TypeError(f"`in` would compare by value, in {self!r}: {hint}")


_install_operators()
install({name: _refuse(*reason) for name, reason in REFUSED.items()})
install({f"__i{name}__": _in_place(sign) for name, sign in IN_PLACE.items()})
install(
    {
        "__array__": _array,
        "__bool__": _bool,
        "__int__": _int,
        "__index__": _index,
        "__format__": _format,
    }
)
install({"__len__": _len, "__iter__": _iter, "__contains__": _contains})
