"""Calls of functions on nodes, from which all function transforms start.

Each call builds a graph of its own. New nodes stand for the leaves of the arguments, so the derivatives of an
inner function by its arguments are kept apart from all others (no perturbation confusion).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import attrs
import numpy as np

from .._errors import UnconnectedWarning
from .._graph.frames import find_user_frame
from .._graph.guards import call_in_transform, inside_transform
from .._graph.leaf import constant, parameter
from .._graph.log import logger
from .._graph.node import INEXACT, NO_STATIC, Node
from .._graph.trees import Tree, flatten, leaves, list_places, map_tree
from .._graph.types import Function, Statics
from .._graph.value import forward_rec, readonly_view
from ..ops.linear import identity

__all__ = ["Argnums", "Call", "call_on_nodes", "check_number", "name_of", "resolve_argnums", "settle_connection"]

Argnums = int | Sequence[int]

# How many inner transforms were of functions that depend on an argument of theirs, in this thread: what an outer
# function makes of their derivatives may rightly be constant, as the gradient of a linear function is.
_connected: ContextVar[int] = ContextVar("lazygrad_connected", default=0)


def settle_connection() -> None:
    """Keep the transform around from warning: whether its function depends on its arguments is known already."""
    _connected.set(_connected.get() + 1)


def name_of(f: Function) -> str:
    """Return what error messages call a function."""
    return getattr(f, "__name__", type(f).__name__)


@attrs.define(eq=False)
class Call:
    """The graph and outputs of one call of a function on nodes."""

    function: Callable[..., Any]
    stands: list[Node | None]  # in place of the leaves of the arguments; None for a leaf that is no number
    tree: Tree  # the arguments that `argnums` names, in its structure
    out: Any
    aux: Any
    lazy: bool  # whether answers are nodes, because an argument was one, or the function closes over one
    unconnected: bool = False  # whether the outputs of an outermost transform depend on none of the arguments
    nodes: list[Node] = attrs.field(init=False)  # the stand-ins, to differentiate by

    def __attrs_post_init__(self) -> None:
        self.nodes = [node for node in self.stands if node is not None]

    def warn_if_unconnected(self) -> None:
        """Warn if the outputs depend on none of the arguments, so that every derivative is zero."""
        if self.unconnected:
            message = (
                f"what {name_of(self.function)} returned depends on none of the arguments that it is differentiated "
                f"by: every derivative is zero"
            )
            logger.warning(message)
            warnings.warn(UnconnectedWarning(message), stacklevel=find_user_frame()[1])

    @property
    def has_gaps(self) -> bool:
        """Return whether some leaves are no numbers."""
        return len(self.nodes) < len(self.stands)

    def target(self) -> Node:
        """Return the only output as a float node."""
        return self.as_target(self.out)

    def as_target(self, out: object) -> Node:
        """Return one output as a float node."""
        if isinstance(out, Node):
            return out
        plain = (float, complex, np.ndarray, np.generic)
        if not isinstance(out, plain) or np.asarray(out).dtype.kind not in INEXACT:
            raise TypeError(
                f"{name_of(self.function)} returned {type(out).__name__}, where a float array or number is to be "
                f"differentiated (`has_aux=True` if it returns something else beside it)"
            )
        return constant(out)

    def float_target(self, out: object) -> Node:
        """Return one output as a node that has a cotangent: an integer has none."""
        node = self.as_target(out)
        if node._dtype.kind not in INEXACT:
            raise TypeError(f"{name_of(self.function)} returned dtype {node._dtype}, which has no derivative")
        return node

    def outputs(self) -> list[Node]:
        """Return the nodes that the function returned."""
        return [i for i in leaves((self.out, self.aux)) if isinstance(i, Node)]

    def answer(self, found: object) -> Any:
        """Return a node as the caller gets it: as it is if answers are nodes, else its value, read-only."""
        return readonly_view(forward_rec(found)) if isinstance(found, Node) and not self.lazy else found

    def answers(self, found: object) -> Any:
        """Return a structure with each leaf as the caller gets it."""
        return map_tree(self.answer, found)

    def like_arguments(self, made: Iterable[object]) -> Any:
        """Return what was made for each node, in the structure of the arguments."""
        if self.has_gaps:
            following = iter(made)
            made = [
                leaf if n is None else next(following) for n, leaf in zip(self.stands, self.tree.leaves, strict=True)
            ]
        return self.tree.like(made)


def check_number(call: Call, L: Node, holomorphic: bool) -> None:
    """Raise TypeError unless the target is one real float."""
    if L.size != 1:
        raise TypeError(
            f"grad needs one number, but {name_of(call.function)} returned shape {L._shape}: sum it, or use "
            f"`elementwise_grad`, `jacobian` or `vjp`"
        )
    if L._dtype.kind not in INEXACT:
        raise TypeError(f"grad needs a float, but {name_of(call.function)} returned dtype {L._dtype}")
    if L._dtype.kind == "c" and not holomorphic:
        raise TypeError(
            f"grad needs a real number, but {name_of(call.function)} returned {L._dtype}: take its `.real`, `.imag` or "
            f"`abs`; for the complex derivative of a holomorphic function pass `holomorphic=True`"
        )


def call_on_nodes(
    f: Function, argnums: Argnums, args: tuple[object, ...], kwargs: Statics, has_aux: bool = False
) -> Call:
    """Call `f` with new nodes in place of the leaves of the arguments that `argnums` names.

    Raises
    ------
    TypeError
        If `argnums` names no positional argument, or a leaf is no float.
    """
    chosen, single = resolve_argnums(f, argnums, len(args))
    tree = flatten(args[chosen[0]] if single else tuple([args[k] for k in chosen]))
    stands: list[Node | None] = []
    lazy = False
    for leaf in tree.leaves:
        if isinstance(leaf, Node):
            lazy = True
        try:
            stands.append(_make_stand_in(leaf))
        except TypeError as error:
            where = [f"{k}{place}" for k in chosen for place in list_places(args[k])][len(stands)]
            raise TypeError(f"{name_of(f)} cannot be differentiated by argument {where}: {error}") from None
    filled = list(args)
    given = tree.like([leaf if n is None else n for n, leaf in zip(stands, tree.leaves, strict=True)])
    for k, argument in zip(chosen, (given,) if single else given, strict=True):
        filled[k] = argument
    before = next((node._serial for node in stands if node is not None), 0)
    connected_before = _connected.get()
    out = call_in_transform(f, *filled, **kwargs)
    aux = None
    if has_aux:
        if not isinstance(out, tuple) or len(out) != 2:
            found = type(out).__name__
            raise TypeError(f"with has_aux=True {name_of(f)} must return a pair (result, aux), not {found}")
        out, aux = out
    call = Call(f, stands, tree, out, aux, lazy or _reaches_outside((out, aux), before))
    if inside_transform():
        if lazy and _depends_on_any(out, call.nodes):
            settle_connection()
    elif call.nodes and _connected.get() == connected_before:
        call.unconnected = not _depends_on_any(out, call.nodes)
    return call


def resolve_argnums(f: Function, argnums: Argnums, count: int) -> tuple[list[int], bool]:
    """Return which of `count` positional arguments are meant, and whether that is a single one, not a sequence."""
    single = isinstance(argnums, (int, np.integer)) and not isinstance(argnums, bool)
    if not single and not isinstance(argnums, Iterable):
        raise TypeError(f"argnums must be an int or a sequence of ints, not {argnums!r}")
    chosen: list[int] = []
    for k in (argnums,) if single else argnums:  # type: ignore[union-attr]
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not -count <= k < count:
            raise TypeError(
                f"argnums={argnums!r} must name positional arguments of {name_of(f)}, which was called with {count}"
            )
        chosen.append(int(k) % count)
    if len(set(chosen)) < len(chosen):
        raise TypeError(f"argnums={argnums!r} names an argument of {name_of(f)} twice")
    return chosen, single


def _reaches_outside(out: Any, before: int) -> bool:
    """Return whether results depend on a node that was there before the call, and is no constant.

    Then they stay nodes, connected with it: it may be an argument of a transform around this one (in
    any thread), or a user's own parameter.
    """
    todo = [leaf for leaf in leaves(out) if isinstance(leaf, Node)]
    seen = set()
    while todo:
        i = todo.pop()
        if i._serial < before:
            if i._dtype.kind in INEXACT and (i._op is not None or i._static["leaf"] == "parameter"):
                return True
        elif i._serial not in seen:
            seen.add(i._serial)
            todo.extend(i._inputs)
    return False


def _depends_on_any(out: Any, nodes: list[Node]) -> bool:
    """Return whether a result is built on one of the nodes, which are the oldest of their call."""
    todo = [leaf for leaf in leaves(out) if isinstance(leaf, Node)]
    wanted, first = {i._serial for i in nodes}, nodes[0].serial if nodes else 0
    seen = set()
    while todo:
        i = todo.pop()
        if i._serial in wanted:
            return True
        if i._serial > first and i._serial not in seen:
            seen.add(i._serial)
            todo.extend(i._inputs)
    return False


def _make_stand_in(leaf: Any) -> Node | None:
    """Return a new node for a leaf of an argument; None if the leaf is no number at all."""
    if isinstance(leaf, Node):
        if leaf._dtype.kind in INEXACT:
            return identity.on_nodes((leaf,), NO_STATIC)
        raise TypeError(f"it has dtype {leaf._dtype}; cast it to float")
    if leaf is None or isinstance(leaf, (str, bytes)) or callable(leaf):
        return None
    return parameter(leaf)
