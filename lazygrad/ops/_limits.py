"""Second derivatives where a first one has the form 0/0: what their limits are, or nan with a warning.

The gradient of F(n(x)) for a norm n is F'(n) x / n. At n = 0 its derivative is F''(0) if F'(0) = 0, and there is none
otherwise. F'' is no number that the rule of the norm could know from the adjoint F' alone, but the adjoint is a node:
its tangent along n, another node, has F'' as its value. The same holds for divided differences
(F_i - F_j) / (w_i - w_j) of functions of a spectrum, where values repeat.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._errors import NotDifferentiableError
from .._graph.frames import find_user_frame
from .._graph.node import Node, NodeOrArray, living_consumers
from .._graph.types import Array
from .._graph.types import both as np
from ._declare import op
from ._rule import BLOCKED, ZERO

__all__ = [
    "find_made",
    "find_original",
    "find_read",
    "find_slope",
    "over_gaps",
    "set_tangent_builder",
    "undefined_value",
    "undefined_where",
    "warn",
]

# -- nan, and one warning --------------------------------------------------------------------------


def warn(message: str) -> None:
    """Warn on the line of the user's code."""
    warnings.warn(message, RuntimeWarning, stacklevel=find_user_frame()[1])


def undefined_value(x: Array, mask: Array, message: str) -> Array:
    """Return x, and nan where the mask holds, with a warning then."""
    if not np.any(mask):
        return x
    warn(message)
    return np.where(mask, np.asarray(np.nan, x.dtype), x)


def _nan_where(mask: Any, x: Any) -> Any:
    """Return the derivative of what is nan where the mask holds: nan as well, and 1 elsewhere."""
    return np.where(mask, np.asarray(np.nan, x.dtype), np.ones((), x.dtype))


undefined_where = op(
    "undefined_where",
    undefined_value,
    shape=lambda x, mask, message: (x.shape, x.dtype),
    vjp={"x": lambda g, mask, times: times(g, _nan_where(mask, g)), "mask": BLOCKED},
    jvp={"x": lambda t, mask, times: times(t, _nan_where(mask, t)), "mask": BLOCKED},
    inputs="x mask",
    statics={"message": ""},
    doc="Return x, and nan where the mask (of the same shape) holds; then there is a warning, too.",
)


def over_gaps(
    coupling: NodeOrArray, values: NodeOrArray, scale: Any, message: str, slack: float = 4.0, used: Array | None = None
) -> NodeOrArray:
    """Return coupling / (w_j - w_i) for two values each, and nan where the gap is 0 up to rounding.

    There it is 0 if the coupling is 0, up to rounding of `scale`, the size of what it was computed from; or where
    it is known which of the two are `used`, if neither is.
    """
    n, eps = values.shape[-1], float(np.finfo(values.dtype).eps)
    gap = values[..., None, :] - values[..., :, None]
    close = np.abs(gap) <= slack * eps * np.sum(np.abs(values), axis=-1)[..., None, None]
    if used is None:
        strength = np.abs(coupling) + np.swapaxes(np.abs(coupling), -1, -2)
        meant = strength > 64 * n * eps * scale[..., None, None]
    else:
        meant = used[..., None, :] | used[..., :, None]
    undefined = close & meant & ~np.eye(n, dtype=bool)
    return undefined_where(np.where(close, 0, coupling / np.where(close, 1, gap)), undefined, message=message)


# -- the slope of an adjoint along what it is the adjoint of ----------------------------------------

_build_tangent: list[Callable[[Node, Node, NodeOrArray], Node | None]] = []
MAX_SEARCH = 1_000  # nodes that are searched for another way in which an adjoint depends on x


def set_tangent_builder(build: Callable[[Node, Node, NodeOrArray], Node | None]) -> None:
    """Take the function that builds the tangent of a node along another one, which a later room knows."""
    _build_tangent[:] = [build]


def find_original(node: Node) -> Node:
    """Return the node that an unfolded adjoint reads through a stand-in."""
    while node.op is not None and node.op.name == "identity":
        node = node.inputs[0]
    return node


def _list_passing(op: Any) -> list[bool] | None:
    """Return which inputs of an op its result depends on differentiably: a comparison has none; None for all."""
    rules = getattr(op, "vjp", None)
    return None if rules is None or op.fully_open else [rule not in (BLOCKED, ZERO) for rule in rules]


def _reach(start: Node, stop: Node | None) -> tuple[dict[int, Node], bool] | None:
    """Return by serial what a node depends on differentiably, not beyond `stop`, and whether that was met.

    None stands for too many.
    """
    found, todo, met = {start.serial: start}, [start], False
    passing: dict[int, list[bool] | None] = {}
    while todo:
        i = todo.pop()
        inputs, key = i.inputs, id(i.op)
        if key not in passing:
            passing[key] = _list_passing(i.op)
        flags = passing[key]
        if flags is not None:
            inputs = tuple([j for k, j in enumerate(inputs) if flags[k if k < len(flags) else -1]])
        for j in inputs:
            if j is stop:
                met = True
            elif j.serial not in found:
                found[j.serial] = j
                if j.inputs:
                    todo.append(j)
        if len(found) > MAX_SEARCH:
            return None
    return found, met


def _is_parameter(node: Node) -> bool:
    return node.op is None and node.static.get("leaf") not in ("constant", "seed")


def _parameters(node: Node) -> set[int]:
    """Return the serials of the leaves that a node is computed from, constants left out."""
    found, todo, leaves = {node.serial}, [node], set()
    while todo:
        i = todo.pop()
        if _is_parameter(i):
            leaves.add(i.serial)
        for j in i.inputs:
            if j.serial not in found:
                found.add(j.serial)
                todo.append(j)
    return leaves


def find_made(x: Node, name: str) -> list[Node]:
    """Return the nodes that an op has made of `x`, or of what `x` stands for."""
    found = []
    while True:
        found += [c for c in living_consumers(x) if c.op.name == name]
        if x.op is None or x.op.name != "identity":
            return found
        x = x.inputs[0]


def find_read(g: Node, made: list[Node]) -> Node | None:
    """Return the one node among those made of the same `x` that `g` depends on; None if it is not one."""
    if len(made) > 1:
        reached = _reach(find_original(g), None)
        made = [c for c in made if reached and c.serial in reached[0]]
    return made[0] if len(made) == 1 else None


def find_slope(g: NodeOrArray, out: NodeOrArray, x: NodeOrArray, direction: NodeOrArray) -> NodeOrArray | None:
    """Return the derivative of the adjoint `g` as the op's value moves in a direction while all else stays.

    It is nan if `g` depends on the parameters below `x` in other ways as well: then this is not all that a second
    derivative needs. None stands for arrays, whose history nobody knows.
    """
    if not isinstance(g, Node) or not isinstance(out, Node) or not isinstance(x, Node):
        return None
    adjoint, value, below = find_original(g), find_original(out), find_original(x)
    if any(i.op is None and i.static.get("leaf") == "stand-in" for i in (adjoint, value, below)):
        return None
    if adjoint.op is None:
        return np.zeros(out.shape, out.dtype)
    reached = _reach(adjoint, value)
    if reached is None:
        return np.full(out.shape, np.nan, out.dtype)
    others = {serial for serial, i in reached[0].items() if _is_parameter(i)}
    if others and others & _parameters(below):
        return np.full(out.shape, np.nan, out.dtype)
    if not reached[1]:
        return np.zeros(out.shape, out.dtype)
    try:
        found = _build_tangent[0](adjoint, value, direction)
    except NotDifferentiableError:  # an op on the way has no jvp rule: what is not known is nan where it is needed
        return np.full(out.shape, np.nan, out.dtype)
    return np.zeros(out.shape, out.dtype) if found is None else found
