"""Function transforms in reverse mode: a function of arrays becomes the function of its gradient."""

# mypy: disable-error-code="overload-overlap"
# 0 is an int, and no arguments are arrays as well as nodes: the first overload that fits is meant.

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import attrs
import numpy as np

from .._derivatives.one_pass import gradients_in_one_pass
from .._graph.leaf import parameter
from .._graph.log import logger
from .._graph.node import Node
from .._graph.trees import align_leaves, flatten
from .._graph.turns import as_one_question
from .._graph.types import Array, Function, Structure
from .._graph.value import readonly_view, zeros
from .._graph.watch import watchers
from .._query.checks import as_cotangent
from .._query.differentiator import Differentiator, differentiator
from .._query.second_order import pair_with_cotangents
from .call import Argnums, Call, call_on_nodes, check_number, name_of
from .checks import check_transform
from .nested import find_base, find_nth_derivative, is_real_number, mark_derivative

if TYPE_CHECKING:
    from .signatures import (
        Gradient,
        Gradients,
        Plain,
        Pullback,
        SomeGradient,
        SomeValueAndGradient,
        ValueAndGradient,
        ValueAndGradients,
    )

__all__ = [
    "elementwise_grad",
    "grad",
    "value_and_grad",
    "vjp",
]


def _ask_memo(call: Call, d: Differentiator) -> Any:
    """Return the gradients of a target by all arguments from its memo, as the caller gets them."""
    if call.lazy:
        return call.like_arguments([call.answer(d.adjoint(node)) for node in call.nodes])
    found = d.gradient(call.nodes, unconnected="none")
    return call.like_arguments([zeros(i) if g is None else g for i, g in zip(call.nodes, found, strict=True)])


def _compute_gradients(call: Call, L: Node, seeded: bool = False) -> Any:
    """Return the gradients of a target that is asked once, as the caller gets them.

    With `seeded` its adjoint is given as ones, for any shape and dtype.
    """
    if call.nodes and not (call.lazy or watchers()):  # whose events are those of the recursion
        seed = np.ones(L.shape, L.dtype)[()]
        found = as_one_question((L,), gradients_in_one_pass, L, call.nodes, seed)
        if found is not None:
            if missing := [i for i in call.nodes if i.serial not in found]:
                # An error, if an edge that leads to them has no rule.
                _make_differentiator(L, seeded).gradient(missing, unconnected="none")
            return call.like_arguments(
                [readonly_view(found[i.serial]) if i.serial in found else zeros(i) for i in call.nodes]
            )
        logger.debug("%s: its graph holds adjoints, so its gradient takes the recursion", name_of(call.function))
    return _ask_memo(call, _make_differentiator(L, seeded))


def _make_differentiator(L: Node, seeded: bool) -> Differentiator:
    return Differentiator(L, cotangent=np.ones(L.shape, L.dtype)) if seeded else differentiator(L)


@overload
def value_and_grad(
    f: Callable[..., object], argnums: Literal[0] = 0, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> ValueAndGradient: ...


@overload
def value_and_grad(
    f: Callable[..., object], argnums: int, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> SomeValueAndGradient: ...


@overload
def value_and_grad(
    f: Callable[..., object], argnums: Sequence[int], has_aux: Literal[False] = False, holomorphic: bool = ...
) -> ValueAndGradients: ...


@overload
def value_and_grad(
    f: Callable[..., object], argnums: Argnums = ..., has_aux: bool = ..., holomorphic: bool = ...
) -> Callable[..., tuple[Any, Any]]: ...


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Function:
    """Return a function that evaluates both `f` and its gradient.

    Parameters
    ----------
    f, argnums, has_aux, holomorphic
        As for `grad`.

    Returns
    -------
    Function of the arguments of `f` that returns ``(value, gradient)``; with `has_aux` ``((value, aux), gradient)``.

    Raises
    ------
    TypeError
        As `grad`.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (array(5.), array([2., 4.]))
    """
    of_nodes = "`L.value` and `lazygrad.gradient(L, wrt)`"
    check_transform("value_and_grad", f, of_nodes, argnums, has_aux=has_aux, holomorphic=holomorphic)

    @functools.wraps(f)
    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        call = call_on_nodes(f, argnums, args, kwargs, has_aux)
        L = call.target()
        check_number(call, L, holomorphic)
        call.warn_if_unconnected()

        def answer() -> Any:
            value = call.answer(L)
            gradients = _compute_gradients(call, L, holomorphic)
            return ((value, call.answers(call.aux)) if has_aux else value), gradients

        return as_one_question(call.outputs(), answer)

    return with_gradient


@overload
def grad(
    f: Callable[..., object], argnums: Literal[0] = 0, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> Gradient: ...


@overload
def grad(
    f: Callable[..., object], argnums: int, has_aux: Literal[False] = False, holomorphic: bool = ...
) -> SomeGradient: ...


@overload
def grad(
    f: Callable[..., object], argnums: Sequence[int], has_aux: Literal[False] = False, holomorphic: bool = ...
) -> Gradients: ...


@overload
def grad(
    f: Callable[..., object], argnums: Argnums = ..., has_aux: bool = ..., holomorphic: bool = ...
) -> Callable[..., tuple[Any, Any]]: ...


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False) -> Function:
    """Return the gradient of a function that returns one number.

    Parameters
    ----------
    f
        Function written with NumPy (called with nodes in place of arrays), of any arguments; branches and loops
        may depend on values.
    argnums
        Which positional arguments to differentiate by: a number, or several. An argument may be a float array or
        number, or a nested dict, list, tuple, namedtuple, attrs class or dataclass of them.
    has_aux
        Whether `f` returns a pair ``(result, aux)``, the second of which is passed through.
    holomorphic
        Whether `f` is a holomorphic function of complex numbers, whose complex derivative is meant.

    Returns
    -------
    Function of the same arguments. It returns read-only arrays in the structure of the argument (a tuple if `argnums`
    is one), zeros where `f` does not depend on it; with `has_aux` ``(gradient, aux)``. It returns nodes, which can be
    differentiated again, if it is called with nodes, or if `f` closes over some that are no constants.

    Raises
    ------
    TypeError
        If `f` does not return one real float, an argument is no float, or `argnums` names none.
    NotDifferentiableError
        If an edge that is needed has no rule.

    Warns
    -----
    UnconnectedWarning
        If what `f` returns is not built on any leaf of the arguments that `argnums` names, as where a value left the
        graph on the way: then every derivative is zero. So do all transforms, of outermost calls alone: what a
        transform inside of `f` gives may be constant, such as the gradient of a linear function. One of several
        arguments may be left out, and a function that is flat, such as `numpy.floor`, depends on its argument.

    Notes
    -----
    The lazy recursion over consumers (Tomassoli, section 13) on a graph that lives for one call. For complex
    arguments the gradient is dL/dx - i dL/dy (the convention of JAX and HIPS autograd; PyTorch's is its conjugate),
    so that dL = Re(sum of gradient * dz).

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.grad(np.tanh)(0.0)
    array(1.)
    >>> loss = lambda p, x: np.sum((p["W"] @ x + p["b"]) ** 2)
    >>> lg.grad(loss)({"W": np.array([[1.0, 2.0]]), "b": np.array([3.0])}, np.array([1.0, 1.0]))
    {'W': array([[12., 12.]]), 'b': array([12.])}
    >>> lg.grad(lg.grad(lambda x: x**3))(2.0)
    array(12.)
    """
    of_nodes = "`lazygrad.gradient(L, wrt)`"
    check_transform("grad", f, of_nodes, argnums, has_aux=has_aux, holomorphic=holomorphic)
    pure = isinstance(argnums, int) and not has_aux and not holomorphic
    base, order = find_base(f, argnums) if pure else (f, 0)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        if order and is_real_number(args, argnums):
            call = call_on_nodes(base, argnums, args, kwargs)
            found = find_nth_derivative(call, order + 1)
            call.warn_if_unconnected()
            return found
        call = call_on_nodes(f, argnums, args, kwargs, has_aux)
        L = call.target()
        check_number(call, L, holomorphic)
        call.warn_if_unconnected()
        if has_aux:
            return as_one_question(
                call.outputs(), lambda: (_compute_gradients(call, L, holomorphic), call.answers(call.aux))
            )
        return _compute_gradients(call, L, holomorphic)

    return mark_derivative(gradient, (argnums, base, order + 1) if pure else None)


@overload
def elementwise_grad(
    f: Callable[..., object], argnums: Literal[0] = 0, has_aux: Literal[False] = False
) -> Gradient: ...


@overload
def elementwise_grad(f: Callable[..., object], argnums: int, has_aux: Literal[False] = False) -> SomeGradient: ...


@overload
def elementwise_grad(
    f: Callable[..., object], argnums: Sequence[int], has_aux: Literal[False] = False
) -> Gradients: ...


@overload
def elementwise_grad(
    f: Callable[..., object], argnums: Argnums = ..., has_aux: bool = ...
) -> Callable[..., tuple[Any, Any]]: ...


def elementwise_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return the derivative of a function that acts element by element: the gradient of the sum of its outputs.

    Parameters
    ----------
    f, argnums, has_aux
        As for `grad`, but `f` may return an array of any shape.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> lg.elementwise_grad(np.sin)(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    check_transform("elementwise_grad", f, "`lazygrad.gradient(y.sum(), wrt)`", argnums, has_aux=has_aux)

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = call_on_nodes(f, argnums, args, kwargs, has_aux)
        L = call.target()
        if L.dtype.kind == "c" and any(i.dtype.kind != "c" for i in call.nodes):
            raise TypeError(
                f"elementwise_grad needs real outputs of real arguments, but {name_of(f)} returned {L.dtype}: take "
                f"their `.real`, `.imag` or `abs`"
            )
        call.warn_if_unconnected()
        if has_aux:
            return as_one_question(call.outputs(), lambda: (_compute_gradients(call, L, True), call.answers(call.aux)))
        return _compute_gradients(call, L, seeded=True)

    return derivative


@overload
def vjp(f: Callable[..., Node | Plain], *primals: Plain, has_aux: Literal[False] = False) -> tuple[Array, Pullback]: ...


@overload
def vjp(
    f: Callable[..., Node | Plain], *primals: Node | Plain, has_aux: Literal[False] = False
) -> tuple[Node, Callable[..., tuple[Node, ...]]]: ...


@overload
def vjp(
    f: Callable[..., object], *primals: Structure, has_aux: Literal[False] = False
) -> tuple[Any, Callable[..., tuple[Any, ...]]]: ...


@overload
def vjp(
    f: Callable[..., object], *primals: Structure, has_aux: bool
) -> tuple[Any, Callable[..., tuple[Any, ...]], Any]: ...


def vjp(f: Function, *primals: Structure, has_aux: bool = False) -> object:
    """Return the value of a function, and a function that maps a cotangent of it to those of the arguments.

    Parameters
    ----------
    f
        Function of all `primals`, which returns an array or a structure of them.
    primals
        The arguments, each a float array or a structure of them.
    has_aux
        As for `grad`.

    Returns
    -------
    ``(value, vjp_fn)``; with `has_aux` ``(value, vjp_fn, aux)``. ``vjp_fn(cotangent)`` takes the structure of
    the value and returns a tuple, one entry for each argument. It can be called again and again: forward values
    are not computed again.

    Raises
    ------
    TypeError
        If an argument or output is no float.
    ShapeError
        If a cotangent does not have the shape of its output.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> value, pull = lg.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> value, pull(1.0), pull(10.0)
    (array(12.), (array(4.), array(3.)), (array(40.), array(30.)))
    """
    check_transform("vjp", f, "`lazygrad.gradient(y, wrt, cotangent=...)`", has_aux=has_aux)
    call = call_on_nodes(f, range(len(primals)), primals, {}, has_aux)
    tree = flatten(call.out)
    outs = [call.float_target(out) for out in tree.leaves]
    seeds = [parameter(np.zeros(out.shape, out.dtype)) for out in outs]
    together = pair_with_cotangents(outs, seeds)
    call.warn_if_unconnected()

    def pull(cotangent: Any) -> Any:
        given = align_leaves(cotangent, call.out, "a cotangent must have the structure of the value")
        cotangents = [as_cotangent(out, w) for out, w in zip(outs, given, strict=True)]
        lazy = call.lazy or any(isinstance(w, Node) for w in given)
        if lazy:  # nodes may be kept, so each cotangent has its own
            return _ask_memo(attrs.evolve(call, lazy=lazy), pair_with_cotangents(outs, cotangents))
        values = [w.value for w in cotangents]

        def answer() -> Any:
            for seed, value in zip(seeds, values, strict=True):
                seed.set(value)
            return _ask_memo(call, together)

        return as_one_question(outs, answer)

    def evaluate() -> tuple[Any, Any]:
        return tree.like(map(call.answer, outs)), call.answers(call.aux) if has_aux else None

    value, aux = as_one_question(call.outputs(), evaluate)
    return (value, pull, aux) if has_aux else (value, pull)
