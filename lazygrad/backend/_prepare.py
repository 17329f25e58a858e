"""`prepare`, which hosts begin with."""

from __future__ import annotations

from .._functions.call import name_of
from .._graph.node import Node
from .._graph.types import Function, Structure
from ._backend import Backend
from ._prepared import Prepared
from ._registry import get

__all__ = ["prepare"]


def prepare(
    f: Node | Function,
    *example: Structure,
    wrt: Structure = 0,
    backend: str | Backend = "lazy",
    points: int = 2,
    **kwargs: object,
) -> Prepared:
    """Prepare a function, or a node, to be asked for its value and derivatives again and again.

    Parameters
    ----------
    f
        Function of arrays, or of structures of them, written for the arrays of the backend: with NumPy for ours.
        Or a node, whose leaves `wrt` are to move; only for our own backends.
    example
        Positional arguments of the kind that will come: their structure, shapes and dtypes are what is prepared for.
        Where no derivative is asked by them, arrays move (``np.float64(0.0)``, too), while numbers and anything else
        are static: for another the function is called again, and for the third number in one place with a warning.
    wrt
        Of a function which arguments derivatives are asked by, a number or several, as for `lazygrad.grad`. Of a node
        leaves: a node, the name of one, or a list, tuple or dict of them; they make one argument of that structure.
    backend
        Its name, one of `available()`, or a `Backend`.
    points
        How many points are remembered. Questions at one of them cost only what was not asked there before; a point is
        known by the bytes of its arrays (so -0.0 differs from 0.0, and nan is itself), never by the arrays' identity.
    kwargs
        Keyword arguments of `f`; they do not move.

    Returns
    -------
    Prepared
        With ``value``, ``gradient``, ``value_and_gradient``, ``vjp``, ``jvp``, ``hvp`` and ``jacobian``.

    Raises
    ------
    TypeError
        If `wrt` names no argument, or a leaf in one is no float; `f` itself may raise anything at the example.

    Notes
    -----
    The lazy backend calls `f` once, and again only where it would take another way: by another static argument, or
    by another outcome of a branch on a value. Everything else a function takes from outside is taken once.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> p = prepare(lambda w, b: np.sum((w * w) @ w) + b, np.zeros((2, 2)), 0.0, wrt=(0, 1))
    >>> p.value_and_gradient(np.eye(2), 1.0, select=1)
    (array(3.), array(1.))
    >>> p.gradient(np.ones(2), 1.0)
    Traceback (most recent call last):
        ...
    lazygrad.ShapeError: argument w of <lambda> has shape (2,), but it is prepared for an array of shape \
(2, 2) and dtype float64: prepare the function with an example of that shape
    >>> W = lg.parameter([1.0, 2.0], name="W")
    >>> prepare(np.sum(W * W), wrt={"weights": W}).gradient({"weights": np.array([3.0, 4.0])})
    {'weights': array([6., 8.])}
    """
    if not isinstance(f, Node) and not callable(f):
        raise TypeError(f"prepare takes a function or a node, not {f!r}")
    if not isinstance(f, Node) and not example:
        raise TypeError(
            f"prepare needs an example of the arguments of {name_of(f)}: arrays of the shapes that will come"
        )
    return get(backend).prepare(f, *example, wrt=wrt, points=points, **kwargs)
