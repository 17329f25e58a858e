"""Jacobians and Hessians of functions: one pass for each element of the output, or of the input."""

# mypy: disable-error-code="overload-overlap"
# 0 is an int, and no arguments are arrays as well as nodes: the first overload that fits is meant.

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from .._functions.call import Argnums, Call, call_on_nodes, name_of
from .._functions.checks import check_transform
from .._functions.reverse import grad
from .._graph.leaf import constant
from .._graph.node import Node
from .._graph.settings import check_flag
from .._graph.shapes import unit_array
from .._graph.trees import flatten
from .._graph.turns import as_one_question
from .._graph.types import Array, Function, Structure
from .._graph.value import zeros
from .._query.checks import Nested
from .._query.second_order import hessian_of_node, take_unit
from .of_nodes import Order, of_structures
from .passes import Passes, UnitTangents

if TYPE_CHECKING:
    from .._functions.signatures import HigherOrder, Plain, SomeGradient

__all__ = ["choose_mode", "hessian", "jacfwd", "jacobian", "jacrev"]

Rows = list[list[Any]]  # for each output, for each argument node: the Jacobian


def _iterate_units(like: Node) -> Iterator[Array]:
    """Yield the unit arrays of the space of a node."""
    for k in range(like.size):
        yield unit_array(like.shape, like.dtype, k)


def _stack(call: Call, passes: Sequence[Any], shape: tuple[int, ...], dtype: Any, axis: int) -> Any:
    """Stack the rows or columns of a Jacobian."""
    if not passes:
        return np.zeros(shape, dtype)
    if any(isinstance(p, Node) for p in passes):
        return np.reshape(np.stack(passes, axis=axis), shape)
    made = np.stack(passes, axis=axis).reshape(shape).astype(dtype, copy=False)
    made.flags.writeable = False
    return made


def _dtype(out: Node, node: Node) -> Any:
    return np.result_type(out.dtype, node.dtype)


def _reverse(call: Call, outs: list[Node], nodes: list[Node], passes: Passes) -> Rows:
    """Run one vector-Jacobian product for each element of each output; the forward values are computed once."""
    found: Rows = []
    for out in outs:
        seed, d = passes.reverse(out)
        rows: list[list[Any]] = [[] for _ in nodes]
        halves = (1, -1j) if out.dtype.kind == "c" and any(n.dtype.kind != "c" for n in nodes) else (1,)
        for unit in _iterate_units(out):
            parts = []
            for half in halves:  # by real arguments, a cotangent 1 gives the real part of a row, -i the imaginary one
                if call.lazy:
                    own = take_unit(out, constant(unit * half))
                    parts.append([call.answer(own.adjoint(node)) for node in nodes])
                else:
                    seed.set(unit * half)
                    pulled = d.gradient(nodes, unconnected="none")
                    parts.append([zeros(n) if g is None else g for n, g in zip(nodes, pulled, strict=True)])
            for k, node in enumerate(nodes):
                both = len(halves) == 2 and node.dtype.kind != "c"
                rows[k].append(parts[0][k] + 1j * parts[1][k] if both else parts[0][k])
        found.append(
            [_stack(call, row, out.shape + n.shape, _dtype(out, n), 0) for row, n in zip(rows, nodes, strict=True)]
        )
    return found


def _forward(call: Call, outs: list[Node], nodes: list[Node], passes: Passes) -> Rows:
    """Run one Jacobian-vector product for each element of each argument; it serves all outputs."""
    found: Rows = [[] for _ in outs]
    for node in nodes:
        seed, shared = passes.forward(node)
        columns: list[list[Any]] = [[] for _ in outs]
        for unit in _iterate_units(node):
            tangents = UnitTangents(node, constant(unit)) if call.lazy else shared
            if not call.lazy:
                seed.set(unit)
            for k, out in enumerate(outs):
                columns[k].append(tangents.of(out, call))
        for k, out in enumerate(outs):
            found[k].append(_stack(call, columns[k], out.shape + node.shape, _dtype(out, node), -1))
    return found


def choose_mode(call: Call, outs: list[Node], nodes: list[Node], passes: Passes) -> Rows:
    """Return the mode with fewer passes."""
    fewer_outputs = sum(out.size for out in outs) <= sum(node.size for node in nodes)
    return (_reverse if fewer_outputs else _forward)(call, outs, nodes, passes)


def _jacobian_by(
    mode: Callable[..., Rows], f: Callable[..., Any], argnums: Argnums, has_aux: bool, holomorphic: bool
) -> Any:
    @functools.wraps(f)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        call = call_on_nodes(f, argnums, args, kwargs, has_aux)
        if not holomorphic and any(i.dtype.kind == "c" for i in call.nodes):
            raise TypeError(
                f"the Jacobian of {name_of(f)} by complex arguments is one number for each element only if it is "
                f"holomorphic: pass `holomorphic=True`, or take it by real and imaginary parts"
            )
        tree = flatten(call.out)
        outs = [call.float_target(out) for out in tree.leaves]
        call.warn_if_unconnected()

        def answer() -> Any:
            made = tree.like(map(call.like_arguments, mode(call, outs, call.nodes, Passes())))
            return (made, call.answers(call.aux)) if has_aux else made

        return as_one_question(call.outputs(), answer)

    return jacobian


@overload
def jacobian(f: Node, argnums: Node | str, *, order: Order = "auto") -> Array: ...


@overload
def jacobian(f: Node | Nested, argnums: Node | Nested, *, order: Order = "auto") -> Any: ...


@overload
def jacobian(
    f: Callable[..., Node | Plain], argnums: Literal[0] = 0, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> HigherOrder: ...


@overload
def jacobian(
    f: Callable[..., Node | Plain], argnums: int, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> SomeGradient: ...


@overload
def jacobian(
    f: Callable[..., object], argnums: Argnums = ..., has_aux: bool = ..., holomorphic: bool = ...
) -> Function: ...


def jacobian(
    f: Structure,
    argnums: Structure = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    order: Order = "auto",
) -> object:
    """Return dY/dX for nodes, or the Jacobian of a function.

    Parameters
    ----------
    f
        A node Y, or a list, tuple or dict of nodes; or a function as for `jacrev`.
    argnums
        The node X, its name, or a list, tuple or dict of them; for a function what to differentiate by, as for `grad`.
    has_aux, holomorphic
        As for `jacrev`; of functions only.
    order
        Of nodes only: ``"reverse"`` from the output side, ``"forward"`` from the input side, ``"auto"`` the one of
        the two that takes fewer multiplications, ``"optimal"`` the best bracketing if the path is a chain (of
        up to 200 local Jacobians; else as ``"auto"``).

    Returns
    -------
    For nodes a read-only array of shape ``Y.shape + X.shape``, zeros where no path leads from X to Y; for structures
    of nodes such arrays in the structure of Y, each in that of X. For a function
    the function of its Jacobian, as `jacrev` and `jacfwd` have it: in the mode that takes fewer passes.

    Raises
    ------
    NotDifferentiableError
        If an edge on the way has no rule.

    See Also
    --------
    jacobian_plan : the cost for nodes, without the work.

    Notes
    -----
    Collins 1.4.2 (global Jacobians), Tomassoli 14, Sullivan's flop counts; tensors are vectorised in C
    order (Stratos E). All orders agree up to rounding.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> lg.jacobian(lambda x: A @ (x * x))(np.array([1.0, 2.0]))
    array([[ 2.,  8.],
           [ 6., 16.],
           [10., 24.]])
    >>> x = lg.parameter([1.0, 2.0])
    >>> lg.jacobian(A @ (x * x), x)
    array([[ 2.,  8.],
           [ 6., 16.],
           [10., 24.]])
    """
    if isinstance(f, (Node, list, tuple, dict)) or isinstance(argnums, Node):
        if check_flag(has_aux, "has_aux") or check_flag(holomorphic, "holomorphic"):
            raise TypeError("has_aux= and holomorphic= are for the Jacobian of a function, not of nodes")
        return of_structures(f, argnums, order=order)
    if order != "auto":
        raise TypeError("order= is for the Jacobian of nodes; of functions choose `jacrev` or `jacfwd`")
    check_transform("jacobian", f, "", argnums, has_aux=has_aux, holomorphic=holomorphic)
    function: Any = f
    chosen: Any = argnums
    return _jacobian_by(choose_mode, function, chosen, has_aux, holomorphic)


@overload
def jacrev(
    f: Callable[..., Node | Plain], argnums: Literal[0] = 0, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> HigherOrder: ...


@overload
def jacrev(
    f: Callable[..., Node | Plain], argnums: int, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> SomeGradient: ...


@overload
def jacrev(
    f: Callable[..., object], argnums: Argnums = ..., has_aux: bool = ..., holomorphic: bool = ...
) -> Function: ...


def jacrev(f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Function:
    """Return the Jacobian of a function in reverse mode: one pass for each element of the output.

    Parameters
    ----------
    f, argnums, has_aux
        As for `grad`, but `f` may return arrays of any shape, or a structure of them.
    holomorphic
        Whether `f` is a holomorphic function of complex arguments; by others there is no complex Jacobian.

    Returns
    -------
    Function that returns arrays of shape ``out.shape + x.shape``: in the structure of the output, each in that of the
    argument. Outputs may be complex for real arguments, too.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.jacrev(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_transform("jacrev", f, "`lazygrad.jacobian(Y, X)`", argnums, has_aux=has_aux, holomorphic=holomorphic)
    return _jacobian_by(_reverse, f, argnums, has_aux, holomorphic)


@overload
def jacfwd(
    f: Callable[..., Node | Plain], argnums: Literal[0] = 0, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> HigherOrder: ...


@overload
def jacfwd(
    f: Callable[..., Node | Plain], argnums: int, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> SomeGradient: ...


@overload
def jacfwd(
    f: Callable[..., object], argnums: Argnums = ..., has_aux: bool = ..., holomorphic: bool = ...
) -> Function: ...


def jacfwd(f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Function:
    """Return the Jacobian of a function in forward mode: one pass for each element of the arguments.

    Parameters
    ----------
    f, argnums, has_aux, holomorphic
        As for `jacrev`.

    Returns
    -------
    As `jacrev`.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.jacfwd(lambda x: x[0] * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [2., 1.]])
    """
    check_transform("jacfwd", f, "`lazygrad.jacobian(Y, X)`", argnums, has_aux=has_aux, holomorphic=holomorphic)
    return _jacobian_by(_forward, f, argnums, has_aux, holomorphic)


@overload
def hessian(
    f: Callable[..., object], argnums: Literal[0] = 0, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> HigherOrder: ...


@overload
def hessian(
    f: Callable[..., object], argnums: int, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> SomeGradient: ...


@overload
def hessian(
    f: Callable[..., object], argnums: Argnums = ..., has_aux: bool = ..., holomorphic: bool = ...
) -> Function: ...


@overload
def hessian(f: Node, argnums: Node | str) -> Array: ...


@overload
def hessian(f: Node, argnums: Nested) -> Any: ...


def hessian(f: Node | Function, argnums: Structure = 0, has_aux: bool = False, holomorphic: bool = False) -> object:
    """Return the Hessian of a node of one number by nodes, or that of a function: forward mode over reverse mode.

    Parameters
    ----------
    f
        A node L of one element, or a function as for `grad`.
    argnums
        The nodes to differentiate `L` by (one, its name, or a list, tuple or dict of them); for a function what to
        differentiate by, as for `grad`.
    has_aux, holomorphic
        As for `grad`; of functions only.

    Returns
    -------
    For a node arrays of shape ``x.shape + y.shape``: in the structure of the nodes, each in that structure again. For
    a function the function that returns such arrays, in the structure of the argument.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    >>> x = lg.parameter([1.0, 2.0])
    >>> lg.hessian(x[0] ** 2 * x[1], x)
    array([[4., 2.],
           [2., 0.]])
    """
    if isinstance(f, Node):
        if check_flag(has_aux, "has_aux") or check_flag(holomorphic, "holomorphic"):
            raise TypeError("has_aux= and holomorphic= are for the Hessian of a function, not of a node")
        return hessian_of_node(f, argnums)
    check_transform("hessian", f, "", argnums, has_aux=has_aux, holomorphic=holomorphic)
    chosen: Any = argnums
    return jacfwd(grad(f, chosen, has_aux, holomorphic), chosen, has_aux, holomorphic)
