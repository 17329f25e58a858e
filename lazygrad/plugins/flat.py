"""One vector over named leaves: how optimisers and fitters of other libraries ask a function.

They know one vector x of float64 and ask for values, gradients and products with the Hessian at it, in an order of
their own and with a fresh copy each time. An `Objective` answers all of that from one graph: the leaves are written
from the vector, and all that was computed at the same point - the same bytes - is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ShapeError
from .._functions.call import Argnums, resolve_argnums
from .._graph.leaf import as_leaf_array
from .._graph.node import Node, Operand
from .._graph.trees import flatten, leaves
from .._graph.types import ArrayLike, Structure
from .._query.checks import check_target
from ..backend import Statistics, prepare
from ._vector import Layout, Partial, Shared, Vector

__all__ = ["POINTS", "Objective"]

POINTS = 2  # optimisers that ask for gradients come back to one of the last two points, or to none


class Objective:
    """A float node as a function of one vector, with its derivatives.

    Parameters
    ----------
    L
        The target: a node of one element for `fun`, `jac` and kin; of any shape for `residuals` and `jacobian`.
    wrt
        The leaves that make up the vector: a node, the name of one, or a list, tuple or dict of them, nested as you
        like. They follow one another in the order of the structure, each in C order; a complex one as real and
        imaginary parts in alternation.
    points
        How many points the memo remembers.
    backend
        What computes, by its name in `lazygrad.backend`.

    Raises
    ------
    TypeError
        If the target is no float node, or `wrt` holds something else than leaves.

    Notes
    -----
    Vectors are copied on entry, must be real numbers of shape (size,), and may hold nan and inf; answers are fresh
    float64 arrays that belong to the caller. Each forward node is evaluated once for each point, for all questions
    and in any order. The leaves hold the point asked last; ``objective.x = x`` puts them where you want them.

    It can be pickled if the node can, or the function; another process starts with a memo of its own.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> from lazygrad.plugins.flat import Objective
    >>> W, b = lg.parameter([[1.0, 2.0]], name="W"), lg.parameter([0.5], name="b")
    >>> objective = Objective(np.sum(W**2) + np.sum(np.exp(b)), {"W": W, "b": b})
    >>> objective.size, objective.x
    (3, array([1. , 2. , 0.5]))
    >>> objective.fun([1.0, 0.0, 0.0]), objective.jac([1.0, 0.0, 0.0])
    (2.0, array([2., 0., 1.]))
    >>> objective.block("W").jac([3.0, 3.0])
    array([6., 6.])
    """

    def __init__(self, L: Node, wrt: Any, *, points: int = POINTS, backend: str = "lazy") -> None:
        check_target(L)
        prepared = prepare(L, wrt=wrt, points=points, backend=backend)
        shared = Shared.of(prepared, True, [node.value for node in prepared.signature.nodes])
        self._set_up(Layout(shared, list(range(len(shared.slices)))))

    @classmethod
    def of(
        cls,
        f: Callable[..., Any],
        *example: Structure,
        wrt: Argnums = 0,
        points: int = POINTS,
        backend: str = "lazy",
        **kwargs: object,
    ) -> Objective:
        """Return the objective of a function written with NumPy.

        Parameters
        ----------
        f
            Function of all of `example`, which returns a number, an array or a structure of them.
        example
            Its arguments. `x` starts from the ones that `wrt` names; the others stay as they are.
        wrt
            Which positional arguments make up the vector, as the `argnums` of `lazygrad.grad`.
        points, backend
            As for `Objective`.
        kwargs
            Keyword arguments, which stay as they are.

        Examples
        --------
        >>> import numpy as np
        >>> def loss(p, t):
        ...     return np.sum((p["a"] * t + p["b"]) ** 2)
        >>> objective = Objective.of(loss, {"a": 1.0, "b": 0.0}, np.array([1.0, 2.0]))
        >>> objective.names, objective.jac([1.0, 1.0])
        (["['a']", "['b']"], array([16., 10.]))
        """
        if isinstance(f, Node):
            raise TypeError(f"{f!r} is a node: Objective(L, wrt) takes it with its leaves")
        chosen, single = resolve_argnums(f, wrt, len(example))
        if kwargs or chosen != list(range(len(example))):
            f = Partial(f, example, chosen, kwargs)
        moving = tuple([example[k] for k in chosen])
        prepared = prepare(f, *moving, wrt=0 if single else tuple(range(len(moving))), points=points, backend=backend)
        present = prepared.signature.check_arguments(moving).leaves
        shared = Shared.of(prepared, single, [present[k] for k in prepared.signature.wanted])
        return _build(Layout(shared, list(range(len(shared.slices)))))

    def _set_up(self, layout: Layout) -> None:
        self._layout = layout
        self._prepared = layout.shared.prepared

    def __reduce__(self) -> Any:
        return _build, (self._layout,)

    def __repr__(self) -> str:
        names = ", ".join(s.name for s in self._layout.slices)
        return f"<Objective of {self.size} numbers in {len(self.names)} leaves: {names}>"

    # -- the vector --------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Return how many numbers the vector has."""
        return self._layout.size

    @property
    def names(self) -> list[str]:
        """Return where the leaves are in the structure, in the order of the vector."""
        return [s.place for s in self._layout.slices]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the leaves."""
        return [s.shape for s in self._layout.slices]

    @property
    def statistics(self) -> Statistics:
        """Return how often the memo answered: see `lazygrad.backend`. Blocks share it."""
        return self._prepared.statistics

    @property
    def x(self) -> Vector:
        """Return a copy of the present point: the start for optimisers, and where a block keeps the others.

        Set it to move there: with an objective of nodes the leaves take these values.
        """
        return self._layout.copy_present()

    @x.setter
    def x(self, x: ArrayLike) -> None:
        self._layout.move(self._layout.enter(x))

    def flat(self, tree: Structure) -> Vector:
        """Return arrays in the structure of `wrt` as one vector; a block takes a list of its leaves, or its only leaf.

        Raises
        ------
        TypeError, ShapeError
            If they have another structure or other shapes.
        """
        return self._layout.flat(tree)

    def tree(self, x: ArrayLike | None = None) -> Any:
        """Return a vector, or the present point, as arrays in the structure of `wrt`, in the leaves' dtypes."""
        return self._layout.tree(self.x if x is None else self._layout.enter(x))

    def block(self, *names: object) -> Objective:
        """Return the same target as a function of some leaves; the others stay at the present point.

        Parameters
        ----------
        names
            Which leaves: a key or a place (``"W"`` or ``"['W']"``), for a container all that is in it; the name of
            a node, or the node.

        Returns
        -------
        An objective of a shorter vector. It shares the graph, the memo and the present point: set its `x` to move.

        Raises
        ------
        KeyError
            If there is no such leaf.

        Notes
        -----
        Only the derivatives by the block are computed, and only what depends on it is evaluated again.

        Examples
        --------
        >>> import numpy as np
        >>> objective = Objective.of(lambda p: np.sum(p["a"] ** 2 * p["b"]), {"a": np.ones(2), "b": np.ones(2)})
        >>> b = objective.block("b")
        >>> b.x = [3.0, 4.0]
        >>> b.jac([1.0, 1.0]), objective.block("a").jac([1.0, 1.0])
        (array([1., 1.]), array([6., 8.]))
        """
        if not names:
            raise KeyError("a block needs the name of a leaf")
        chosen = {k for name in names for k in self._layout.find(name)}
        return _build(Layout(self._layout.shared, sorted(chosen)))

    # -- one number --------------------------------------------------------------------------------

    def fun(self, x: ArrayLike) -> float:
        """Return the value.

        Parameters
        ----------
        x
            Vector of shape (size,); this and the following methods copy it.

        Returns
        -------
        A Python float.

        Raises
        ------
        TypeError, ShapeError
            If `x` is no vector of real numbers of that shape, or the target has more than one element.
        """
        return _as_number(self._prepared.value(*self._build_arguments(x)))

    __call__ = fun

    def jac(self, x: ArrayLike) -> Vector:
        """Return the gradient, of shape (size,); errors as for `fun`."""
        return self._layout.flatten_gradient(
            self._prepared.gradient(*self._build_arguments(x), select=self._layout.select)
        )

    def fun_and_jac(self, x: ArrayLike) -> tuple[float, Vector]:
        """Return value and gradient at once, as ``jac=True`` has it."""
        value, gradient = self._prepared.value_and_gradient(*self._build_arguments(x), select=self._layout.select)
        return _as_number(value), self._layout.flatten_gradient(gradient)

    def hessp(self, x: ArrayLike, p: ArrayLike, cotangent: Operand | None = None) -> Vector:
        """Return the product of the Hessian with a vector, without the Hessian.

        Parameters
        ----------
        x, p
            Vectors of shape (size,).
        cotangent
            Of a target of more than one element: weights in the order of `residuals`, of the sum whose Hessian is
            meant.

        Returns
        -------
        Array of shape (size,).
        """
        at = self._build_arguments(x)
        return self._multiply_hessian(at, self._make_weights(at, cotangent), p)

    def hess(self, x: ArrayLike, cotangent: Operand | None = None) -> Vector:
        """Return the Hessian, of shape (size, size): a product with each unit vector, on the same forward values."""
        at = self._build_arguments(x)
        weights = self._make_weights(at, cotangent)
        H = np.empty((self.size, self.size))
        for k, unit in enumerate(np.eye(self.size)):
            H[:, k] = self._multiply_hessian(at, weights, unit)
        return H

    def hess_operator(self, x: ArrayLike, cotangent: Operand | None = None) -> Any:
        """Return the Hessian as a SciPy `LinearOperator`, for this point also after others have been asked."""
        at = self._build_arguments(x)
        weights = self._make_weights(at, cotangent)

        def times(p: Any) -> Vector:
            return self._multiply_hessian(at, weights, p)

        return _make_operator(self.size, self.size, times, times)

    def _make_weights(self, at: tuple[Any, ...], cotangent: Any) -> dict[str, Any]:
        return {} if cotangent is None else {"cotangent": _as_cotangent(self._prepared.value(*at), cotangent)}

    def _multiply_hessian(self, at: tuple[Any, ...], weights: dict[str, Any], p: Any) -> Vector:
        vectors = self._layout.build_tangents(self._layout.enter(p, "p"))
        return self._layout.flatten_gradient(
            self._prepared.hvp(*at, vectors=vectors, select=self._layout.select, **weights)
        )

    # -- many numbers ------------------------------------------------------------------------------

    def residuals(self, x: ArrayLike) -> Vector:
        """Return the values of a target of any shape, in C order, of shape (m,); outputs one after the other."""
        return _as_vector(self._prepared.value(*self._build_arguments(x)))

    def jacobian(self, x: ArrayLike) -> Any:
        """Return the Jacobian of `residuals` as a `scipy.sparse.linalg.LinearOperator`: products on one memo.

        Parameters
        ----------
        x
            Vector of shape (size,).

        Returns
        -------
        LinearOperator of shape (m, size), for this point also after others have been asked.
        """
        at = self._build_arguments(x)
        value = self._prepared.value(*at)

        def times(p: Any) -> Vector:
            tangents = self._layout.build_tangents(self._layout.enter(p, "p"))
            return _as_vector(self._prepared.jvp(*at, tangents=tangents)[1])

        return _make_operator(_as_vector(value).size, self.size, times, lambda w: self._pull(at, value, w))

    def jacobian_matrix(self, x: ArrayLike) -> Vector:
        """Return the Jacobian of `residuals` as a matrix of shape (m, size), for hosts that take nothing else."""
        at = self._build_arguments(x)
        value = self._prepared.value(*at)
        if any(s.dtype.kind == "c" for s in self._layout.slices):  # by such a leaf there is no Jacobian of numbers
            rows = [self._pull(at, value, unit) for unit in np.eye(_as_vector(value).size)]
            return np.array(rows).reshape(len(rows), self.size)
        found = leaves(self._prepared.jacobian(*at, select=self._layout.select))
        outs = leaves(value)
        width = len(found) // max(len(outs), 1)
        blocks = [self._layout.stack_rows(found[n * width : (n + 1) * width], out.size) for n, out in enumerate(outs)]
        return np.concatenate([np.empty((0, self.size)), *blocks])

    def _pull(self, at: tuple[Any, ...], value: Any, w: Any) -> Vector:
        found = self._prepared.vjp(*at, cotangent=_as_cotangent(value, w), select=self._layout.select)
        return self._layout.flatten_gradient(found)

    def _build_arguments(self, x: Any) -> tuple[Any, ...]:
        """Return the arguments at a point."""
        return self._layout.build_arguments(self._layout.enter(x))


def _build(layout: Layout) -> Objective:
    objective = Objective.__new__(Objective)
    objective._set_up(layout)
    return objective


def _as_vector(value: Any) -> Vector:
    """Return the outputs as one vector."""
    outs = [np.asarray(out) for out in leaves(value)]
    for out in outs:
        if out.dtype.kind not in "biuf":
            hint = ": take its `.real`, `.imag` or `abs`" if out.dtype.kind == "c" else ""
            raise TypeError(f"the target must be real numbers, but has dtype {out.dtype}{hint}")
    return np.concatenate([np.empty(0), *[out.reshape(-1) for out in outs]], dtype=np.float64)


def _as_number(value: Any) -> float:
    found = _as_vector(value)
    if found.size != 1:
        raise TypeError(
            f"the target has {found.size} elements where one is needed: sum them, or ask for `residuals` and `jacobian`"
        )
    return float(found[0])


def _as_cotangent(value: Any, cotangent: Any) -> Any:
    """Return a vector as a cotangent in the structure of the outputs."""
    tree = flatten(value)
    sizes = [np.size(out) for out in tree.leaves]
    array = as_leaf_array(cotangent, "vector")
    if array.size != sum(sizes):
        raise ShapeError(f"a cotangent has {array.size} elements, but the target {sum(sizes)}")
    parts = np.split(array.reshape(-1), np.cumsum(sizes[:-1]))
    return tree.like([part.reshape(np.shape(out)) for part, out in zip(parts, tree.leaves, strict=True)])


def _make_operator(m: int, n: int, times: Callable[[Any], Vector], transposed_times: Callable[[Any], Vector]) -> Any:
    """Return a SciPy operator, which may give its vectors as columns."""
    from scipy.sparse.linalg import LinearOperator  # noqa: PLC0415 - all else here needs no SciPy

    def flat(one: Callable[[Any], Vector]) -> Callable[[Any], Vector]:
        return lambda v: one(np.reshape(v, -1))

    return LinearOperator((m, n), matvec=flat(times), rmatvec=flat(transposed_times), dtype=np.float64)
