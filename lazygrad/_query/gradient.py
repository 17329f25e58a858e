"""The questions users ask of nodes: a gradient, or an adjoint that can be differentiated again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from .. import _report
from .._graph.node import Node, Operand
from .._graph.settings import check_flag
from .._graph.types import Array, Function, Structure
from .checks import K, Nested, R, W
from .differentiator import Differentiator, Unconnected, differentiator
from .engine import LAZY

__all__ = ["adjoint", "gradient"]


@overload
def gradient(
    L: Node,
    wrt: Node | str,
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> Array: ...


@overload
def gradient(
    L: Node,
    wrt: list[W],
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> list[Array]: ...


@overload
def gradient(
    L: Node,
    wrt: R,
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> R: ...


@overload
def gradient(
    L: Node,
    wrt: tuple[W, ...],
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> tuple[Array, ...]: ...


@overload
def gradient(
    L: Node,
    wrt: Mapping[K, W],
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> dict[K, Array]: ...


@overload
def gradient(
    L: Node,
    wrt: Node | str,
    *,
    unconnected: Unconnected,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> Array | None: ...


@overload
def gradient(
    L: Node,
    wrt: list[W],
    *,
    unconnected: Unconnected,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> list[Array | None]: ...


@overload
def gradient(
    L: Node,
    wrt: tuple[W, ...],
    *,
    unconnected: Unconnected,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> tuple[Array | None, ...]: ...


@overload
def gradient(
    L: Node,
    wrt: Mapping[K, W],
    *,
    unconnected: Unconnected,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> dict[K, Array | None]: ...


@overload  # nested containers
def gradient(
    L: Node,
    wrt: Nested,
    *,
    unconnected: Unconnected = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[False] = ...,
) -> Any: ...


@overload
def gradient(
    L: Node,
    wrt: Node | str,
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[True],
) -> tuple[Array, _report.Report]: ...


@overload
def gradient(
    L: Node,
    wrt: list[W],
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[True],
) -> tuple[list[Array], _report.Report]: ...


@overload
def gradient(
    L: Node,
    wrt: R,
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[True],
) -> tuple[R, _report.Report]: ...


@overload
def gradient(
    L: Node,
    wrt: tuple[W, ...],
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[True],
) -> tuple[tuple[Array, ...], _report.Report]: ...


@overload
def gradient(
    L: Node,
    wrt: Mapping[K, W],
    *,
    unconnected: Literal["zero", "raise"] = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[True],
) -> tuple[dict[K, Array], _report.Report]: ...


@overload
def gradient(
    L: Node,
    wrt: Structure,
    *,
    unconnected: Unconnected = ...,
    cotangent: Operand | None = ...,
    engine: str = ...,
    report: Literal[True],
) -> tuple[Any, _report.Report]: ...


def gradient(
    L: Node,
    wrt: Structure,
    *,
    unconnected: Unconnected = "zero",
    cotangent: Operand | None = None,
    engine: str = LAZY,
    report: bool = False,
) -> object:
    """Return dL/d`wrt`, computing only what no earlier question has.

    Parameters
    ----------
    L
        A real float node of one element; or of any shape and complex, too, with a `cotangent`.
    wrt
        A node (any float node, not only a leaf), the name of one below `L`, or a list, tuple or dict of them.
    unconnected
        The answer for a node that does not lead to `L`: ``"zero"`` (zeros of its shape and dtype),
        ``"none"`` (None) or ``"raise"`` (an `UnconnectedError` naming all of them).
    cotangent
        Array or node of the shape of `L`: the answer is then the vector-Jacobian product.
        To keep its memo between calls, hold a `Differentiator`.
    engine
        The algorithm, by its name in `lazygrad.engines`; only ``"lazy"`` has a memo.
    report
        Whether to return ``(gradients, report)``, the report of this question alone: see `lazygrad.record`.

    Returns
    -------
    Read-only arrays of the shape and dtype of each node, in the structure of `wrt`.

    Raises
    ------
    TypeError
        If `L` has several elements or is complex and there is no cotangent, or is no float.
    NotDifferentiableError
        If an edge that is needed has no rule, or a requested node is an integer.
    ValueError
        If no engine has that name: the known ones are listed, closest first.

    Notes
    -----
    Tomassoli, section 13. Adjoints are built only for nodes between `wrt` and `L`; a rule runs once for each
    edge between them; a forward value is computed only if a rule reads it. A query never consumes the graph.

    Examples
    --------
    >>> import lazygrad as lg
    >>> W = lg.parameter([[1.0, 2.0]], name="W")
    >>> b = lg.parameter([0.5], name="b")
    >>> L = (W @ [3.0, 4.0] + b).sum()
    >>> lg.gradient(L, W)
    array([[3., 4.]])
    >>> lg.gradient(L, {"W": W, "b": b})
    {'W': array([[3., 4.]]), 'b': array([1.])}
    >>> lg.gradient(L, "b")
    array([1.])
    """
    d = differentiator(L) if cotangent is None else Differentiator(L, cotangent=cotangent)
    ask: Function = d.gradient  # whose overloads tell apart what comes here as any structure
    if report is not False and check_flag(report, "gradient: report"):
        with _report.record() as opened:
            return ask(wrt, unconnected=unconnected, engine=engine), opened
    return ask(wrt, unconnected=unconnected, engine=engine)


def adjoint(L: Node, node: Node) -> Node:
    """Return dL/d`node` as a lazy node: nothing is computed, and it can be differentiated again.

    Parameters
    ----------
    L
        A float node of one element.
    node
        Any float node; zeros come back if it does not lead to `L`.

    Returns
    -------
    Node of the shape and dtype of `node`.

    Raises
    ------
    TypeError
        If `L` has several elements (use a `Differentiator` with a cotangent), or is no float.
    NotDifferentiableError
        If the derivative is undefined.

    Notes
    -----
    z^i of Stratos' equation (2), P^i of Collins 1.4.2. It is the node of L's memo, so that it shares
    all that other queries computed.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0)
    >>> dx = lg.adjoint(x ** 3, x)
    >>> dx
    <adjoint #..., shape (), float64, not computed>
    >>> dx.value, lg.gradient(dx, x)
    (array(12.), array(12.))
    """
    return differentiator(L).adjoint(node)
