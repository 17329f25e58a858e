"""JAX: a function written with NumPy inside JAX programs, its gradients by demand.

JAX asks for derivatives of derivatives by differentiating what a backward pass does; so every derivative is a function
of JAX's own again, that asks the same graph. Only what JAX says is perturbed is asked for, only for cotangents that are
not zero, and in a compiled program only what is used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

from .._functions.call import name_of
from .._functions.trace import name_positional
from .._graph.guards import UNPREPARED
from .._graph.node import Node
from .._graph.types import Function
from ..backend import Statistics
from ._jax import Mode, Structure, VmapMethod, listening
from ._points import GraphMemo, is_number

__all__ = ["JaxFunction", "errors", "function"]


@attrs.define(eq=False, slots=False)
class JaxFunction:
    """A function that takes pytrees of JAX arrays and returns pytrees of them: made by `function`.

    Attributes
    ----------
    asked
        The graphs of the function at the points asked last.
    """

    function: Callable[..., Any]
    mode: Mode
    vmap_method: VmapMethod
    out: Any
    points: int
    asked: GraphMemo = attrs.field(init=False)
    _structures: dict[Any, Structure] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        functools.update_wrapper(self, self.function)
        self.asked = GraphMemo(self._call_flat, self.points)

    def __reduce__(self) -> Any:
        return JaxFunction, (self.function, self.mode, self.vmap_method, self.out, self.points)

    @property
    def statistics(self) -> Statistics:
        """Return what was asked, and what had to be computed for it."""
        return self.asked.statistics

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the function, now or as part of a JAX program."""
        paths, tree = tree_flatten_with_path((args, kwargs))
        arrays = [self._as_array(*leaf) for leaf in paths]
        structure = self._find_structure(tree, arrays)
        try:
            found = structure.as_jax_function()(*arrays)
        except TypeError as error:
            if "forward-mode" in str(error):
                error.add_note(f"{name_of(self.function)} has a forward mode if made with `mode='both'`")
            raise
        return tree_unflatten(structure.out_tree, found)

    def _as_array(self, path: Any, leaf: Any) -> Any:
        if isinstance(leaf, Node):
            raise TypeError(f"{self._name_leaf(path)} of {name_of(self.function)} is the node {leaf!r}: {UNPREPARED}")
        try:
            # `jax.custom_vjp` takes no tracer of `jax.vmap` with a NumPy array inside; an array of JAX's own it takes.
            array = jnp.copy(leaf) if isinstance(leaf, jax.core.Tracer) else jnp.asarray(leaf)
        except TypeError as error:
            error.add_note(
                f"{self._name_leaf(path)} of {name_of(self.function)} must be an array; close over what is none"
            )
            raise
        if getattr(array.dtype, "kind", None) not in set("biufc"):
            raise TypeError(
                f"{self._name_leaf(path)} of {name_of(self.function)} has dtype {array.dtype}, which NumPy has not: "
                f"cast it with `.astype(jnp.float32)`"
            )
        return array

    def _name_leaf(self, path: Any) -> str:
        """Return the name of a leaf of ``(args, kwargs)``."""
        keyword, first, *rest = path
        if keyword.idx:
            return str(first.key) + keystr(rest)
        return name_positional(self.function, first.idx + 1)[first.idx] + keystr(rest)

    def _call_flat(self, tree: Any, *arrays: Any) -> tuple[list[Any], Any]:
        """Call the function with leaves in the structure of its arguments; return leaves, and their structure."""
        args, kwargs = tree_unflatten(tree, arrays)
        for path, leaf in tree_flatten_with_path((args, kwargs))[0]:
            leaf.name = self._name_leaf(path)
        try:
            out = self.function(*args, **kwargs)
        except TypeError as error:
            if any(word in str(error) for word in ("jax", "JAX", "Tracer")):
                error.add_note(
                    f"{name_of(self.function)} is called with nodes in place of NumPy arrays: let it call numpy, not "
                    f"jax.numpy; make NumPy arrays of JAX's that it closes over, by np.asarray; and pass as arguments "
                    f"what belongs to a JAX program around it"
                )
            raise
        paths, out_tree = tree_flatten_with_path(out)
        for path, leaf in paths:
            if not is_number(leaf):
                raise TypeError(
                    f"{name_of(self.function)} returned {type(leaf).__name__}{_say_where(path)}, where JAX takes arrays"
                )
        return [leaf for _, leaf in paths], out_tree

    def _find_structure(self, tree: Any, arrays: list[Any]) -> Structure:
        wide = jax.dtypes.canonicalize_dtype(np.float64)  # results may depend on whether JAX has 64 bits
        key = tree, tuple([(a.shape, a.dtype) for a in arrays]), wide
        if key not in self._structures:
            out_tree, outputs = self._find_outputs(tree, arrays) if self.out is None else tree_flatten(self.out)[::-1]
            self._structures[key] = Structure(
                self,
                tree,
                [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays],
                out_tree,
                [_make_spec(out) for out in outputs],
            )
        return self._structures[key]

    def _find_outputs(self, tree: Any, arrays: list[Any]) -> tuple[Any, list[Any]]:
        """Return the structure of the result and its leaves as nodes; for ones, where JAX has no values yet."""
        wanted = range(1, len(arrays) + 1)
        if any(isinstance(a, jax.core.Tracer) for a in arrays):
            with np.errstate(all="ignore"):
                graph = self.asked.example((tree, *[np.ones(a.shape, a.dtype) for a in arrays]), {}, wanted)
        else:
            graph = self.asked.example((tree, *map(np.asarray, arrays)), {}, wanted)
        return graph.trace.out[1], graph.build(())[1]


def _make_spec(like: Any) -> Any:
    return jax.ShapeDtypeStruct(like.shape, jax.dtypes.canonicalize_dtype(like.dtype))


def _say_where(path: Any) -> str:
    return f" at {keystr(path)}" if path else ""


@contextmanager
def errors() -> Iterator[None]:
    """Let errors of a function come out of compiled programs as they are, with their notes.

    JAX itself makes a `JaxRuntimeError` of all that happens below `jax.jit`, which only quotes it. As JAX computes in
    the background, wait for results inside the block: ``jax.block_until_ready``.

    Examples
    --------
    >>> import jax, numpy as np
    >>> inverse = jax.jit(function(np.linalg.inv))
    >>> with errors():
    ...     jax.block_until_ready(inverse(np.zeros((2, 2))))
    Traceback (most recent call last):
        ...
    numpy.linalg.LinAlgError: Singular matrix
    while computing <inv ...> from <constant ...>
    """
    caught: list[Exception] = []
    listening.append(caught)
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        quoted = [own for own in caught if type(own).__name__ in str(error)]
        if quoted:
            raise quoted[-1] from error
        raise
    finally:
        listening[:] = [other for other in listening if other is not caught]


def function(
    f: Function,
    *,
    mode: Mode = "both",
    vmap_method: VmapMethod = "sequential",
    out: object = None,
    points: int = 2,
) -> JaxFunction:
    """Return a function of JAX arrays that is `f`, and differentiates in JAX.

    Parameters
    ----------
    f
        Function written with NumPy: of arrays, or pytrees of them; returns an array, or a pytree of them. Shapes,
        dtypes and the structure of its result must not depend on values; branches and loops may.
    mode
        ``"both"`` for all that JAX does, to any order: `jax.grad`, `jax.vjp`, and in forward mode `jax.jvp`,
        `jax.jacfwd`, `jax.hessian`; by rules as JAX's own primitives have them. ``"reverse"`` for `jax.grad` and
        `jax.vjp` alone, by a `jax.custom_vjp`.
    vmap_method
        What `jax.vmap` does: ``"sequential"`` calls `f` for one element of a batch after the other;
        ``"broadcast_all"`` calls it once, on arrays that all have the axis of the batch in front, if `f` maps over it.
    out
        A pytree of arrays or `jax.ShapeDtypeStruct` like the result; by default found by calling `f` on nodes: of the
        values at hand, or below `jax.jit` and `jax.vmap` of ones.
    points
        How many points are kept. Below `jax.vmap` each element of a batch is one.

    Returns
    -------
    Function of the same arguments, which must be arrays or numbers: close over everything else. Its ``statistics``
    tell how often `f` was called, and what was asked.

    Raises
    ------
    TypeError
        If an argument or a result is no array, or has a dtype that NumPy does not have.
    ShapeError
        If the shape of a result depends on values.

    See Also
    --------
    errors : how errors of `f` come out of compiled programs.

    Notes
    -----
    Only the gradients of what JAX marks as perturbed are asked for, as with JAX's own primitives, or in the mode
    ``"reverse"`` by the `symbolic_zeros` of `jax.custom_vjp`. In a compiled program what nobody uses is not asked for
    either, neither values nor gradients.

    Examples
    --------
    >>> import jax, numpy as np
    >>> loss = function(lambda p, x: np.sum((p["W"] @ x) ** 2))
    >>> p, x = {"W": np.array([[1.0, 2.0]], np.float32)}, np.array([0.5, 1.0], np.float32)
    >>> jax.jit(jax.grad(loss))(p, x)
    {'W': Array([[2.5, 5. ]], dtype=float32)}
    >>> jax.grad(loss, argnums=1)(p, x)
    Array([ 5., 10.], dtype=float32)
    >>> jax.hessian(function(lambda x: np.sum(x**3)))(x)
    Array([[3., 0.],
           [0., 6.]], dtype=float32)
    """
    if mode not in ("reverse", "both"):
        raise ValueError(f"mode must be 'reverse' or 'both', not {mode!r}")
    if vmap_method not in ("sequential", "broadcast_all"):
        raise ValueError(f"vmap_method must be 'sequential' or 'broadcast_all', not {vmap_method!r}")
    return JaxFunction(f, mode, vmap_method, out, points)
