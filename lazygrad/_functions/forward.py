"""Function transforms in forward mode: directional derivatives, and products with the Hessian."""

# mypy: disable-error-code="overload-overlap"
# 0 is an int, and no arguments are arrays as well as nodes: the first overload that fits is meant.

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, overload

from .._derivatives.tangents import Tangents, TangentValues
from .._graph.leaf import constant
from .._graph.node import Node
from .._graph.trees import align_leaves, map_tree
from .._graph.turns import as_one_question
from .._graph.types import Array, ArrayLike, Function, Structure
from .._graph.value import readonly_view, zeros
from .._graph.watch import watchers
from .._query.checks import Nested, as_cotangent
from .._query.second_order import hvp_of_node
from ..ops._op import freeze
from .call import call_on_nodes
from .checks import check_transform
from .reverse import grad

if TYPE_CHECKING:
    from .signatures import Plain

__all__ = ["hvp", "jvp"]


def _as_tuples(primals: Any, tangents: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], bool]:
    """Return primals and tangents as tuples, and whether they were a single argument that came alone."""
    if isinstance(primals, tuple) and not hasattr(primals, "_fields"):
        if not isinstance(tangents, tuple) or len(tangents) != len(primals):
            raise TypeError(f"{len(primals)} primals in a tuple need as many tangents in a tuple, not {tangents!r}")
        return primals, tangents, False
    return (primals,), (tangents,), True


@overload
def jvp(
    f: Callable[..., Node | Plain],
    primals: Plain | tuple[Plain, ...],
    tangents: Plain | tuple[Plain, ...],
    has_aux: Literal[False] = False,
) -> tuple[Array, Array]: ...


@overload
def jvp(
    f: Callable[..., Node | Plain],
    primals: Node | Plain | tuple[Node | Plain, ...],
    tangents: Node | Plain | tuple[Node | Plain, ...],
    has_aux: Literal[False] = False,
) -> tuple[Node, Node]: ...


@overload
def jvp(
    f: Callable[..., object], primals: Structure, tangents: Structure, has_aux: Literal[False] = False
) -> tuple[Any, Any]: ...


@overload
def jvp(f: Callable[..., object], primals: Structure, tangents: Structure, has_aux: bool) -> tuple[Any, Any, Any]: ...


def jvp(f: Function, primals: Structure, tangents: Structure, has_aux: bool = False) -> object:
    """Return the value of a function and its directional derivative: forward mode.

    Parameters
    ----------
    f
        Function of all primals, which returns an array or a structure of them.
    primals, tangents
        Tuples of one entry for each argument: float arrays, or structures of them; a single argument may come alone.
    has_aux
        As for `grad`.

    Returns
    -------
    ``(value, tangent)`` in the structure of the output; with `has_aux` ``(value, tangent, aux)``.

    Raises
    ------
    TypeError
        If the structures differ, or an argument is no float.
    ShapeError
        If a tangent does not have the shape of its primal.

    Notes
    -----
    Sullivan's forward mode, by demand over inputs: one memo of tangents serves all outputs, and only
    what depends on the arguments is visited.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.jvp(np.sin, 0.0, 2.0)
    (array(0.), array(2.))
    >>> lg.jvp(lambda x, y: {"product": x * y}, (3.0, 4.0), (1.0, 0.0))
    ({'product': array(12.)}, {'product': array(4.)})
    """
    check_transform("jvp", f, "`lazygrad.backend.prepare(y, wrt=...).jvp`", has_aux=has_aux)
    primals, tangents, _ = _as_tuples(primals, tangents)
    call = call_on_nodes(f, range(len(primals)), primals, {}, has_aux)
    given = align_leaves(tangents, primals, "a tangent must have the structure of the primals")
    seeds = {
        node: as_cotangent(node, t, "tangent") for node, t in zip(call.stands, given, strict=True) if node is not None
    }
    if any(isinstance(t, Node) for t in given):
        call.lazy = True
    immediate = not (call.lazy or watchers())
    tangents_of = (TangentValues if immediate else Tangents)(seeds)

    def tangent(out: Any) -> Any:
        out = call.as_target(out)
        found: Any = tangents_of.of(out)
        if found is None:
            return zeros(out) if immediate else call.answer(constant(zeros(out)))
        return readonly_view(freeze(found)) if immediate else call.answer(found)

    def answer() -> Any:
        pushed = map_tree(tangent, call.out)
        value = map_tree(lambda out: call.answer(call.as_target(out)), call.out)
        return (value, pushed, call.answers(call.aux)) if has_aux else (value, pushed)

    found = as_one_question(call.outputs(), answer)
    call.warn_if_unconnected()
    return found


@overload
def hvp(f: Callable[..., object], primals: Plain, tangents: Plain) -> Array: ...


@overload
def hvp(f: Callable[..., object], primals: Node | Plain, tangents: Node | Plain) -> Node: ...


@overload
def hvp(f: Callable[..., object], primals: tuple[Plain, ...], tangents: tuple[Plain, ...]) -> tuple[Array, ...]: ...


@overload
def hvp(f: Callable[..., object], primals: Structure, tangents: Structure) -> Any: ...


@overload
def hvp(f: Node, primals: Node | str, tangents: ArrayLike) -> Array: ...


@overload
def hvp(f: Node, primals: Nested, tangents: Structure) -> Any: ...


def hvp(f: Node | Function, primals: Structure, tangents: Structure) -> object:
    """Return the product of the Hessian of a function with a vector, without the Hessian.

    Parameters
    ----------
    f
        Function of all primals that returns one number; or a node L of one element.
    primals, tangents
        As for `jvp`; of a node, the nodes to differentiate by (one, its name, or a list, tuple or dict of them), and
        a vector for each.

    Returns
    -------
    Arrays in the structure of the primals.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([  6., 120.])
    >>> x = lg.parameter([1.0, 2.0])
    >>> lg.hvp(np.sum(x**3), x, [1.0, 10.0])
    array([  6., 120.])
    """
    if isinstance(f, Node):
        return hvp_of_node(f, primals, tangents)
    check_transform("hvp", f, "")
    primals, tangents, alone = _as_tuples(primals, tangents)
    _, product = jvp(grad(f, tuple(range(len(primals)))), primals, tangents)
    return product[0] if alone else product
