"""JAX: a function written with NumPy inside JAX programs, its gradients by demand.

JAX asks for derivatives of derivatives by differentiating what a backward pass does; so every derivative is a function
of JAX's own again, that asks the same graph (see `_points`). Only what JAX says is perturbed is asked for, and only
for cotangents that are not zero.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import attrs
import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.interpreters import ad, batching, mlir, partial_eval
from jax.tree_util import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

from .._call import title
from .._errors import ShapeError
from .._node import INEXACT, Node
from ._points import Point, Points, Statistics, Steps, is_number, then

__all__ = ["JaxFunction", "errors", "function"]

Spec = jax.ShapeDtypeStruct
Arrays = Sequence[Any]
Mode = Literal["reverse", "both"]
_listening: list[list[Exception]] = []


@attrs.define(eq=False)
class _Structure:
    """A function at one structure of arguments: everything that JAX knows before there are values."""

    of: JaxFunction
    tree: Any  # of the arguments
    inputs: list[Any]  # the shapes and dtypes of their leaves
    out_tree: Any
    outputs: list[Any]
    _asking: dict[Steps, Callable[..., Any]] = attrs.field(factory=dict, init=False)

    def __repr__(self) -> str:
        return title(self.of.function)  # what a jaxpr shows

    def specs(self, steps: Steps) -> tuple[list[Any], list[Any]]:
        """The shapes and dtypes of the inputs and outputs of a derivative."""
        if not steps:
            return self.inputs, self.outputs
        inputs, outputs = self.specs(steps[:-1])
        kind, outs, ins = steps[-1]
        chosen, by = [outputs[k] for k in outs], [inputs[k] for k in ins]
        return {"value": (inputs, chosen), "vjp": (inputs + chosen, by), "jvp": (inputs + by, chosen)}[kind]

    def asking(self, steps: Steps = ()) -> Callable[..., Any]:
        """A derivative as a function of JAX's, which can be differentiated itself."""
        if self.of.mode == "both":
            return functools.partial(_ask_p.bind, structure=self, steps=steps)
        if steps not in self._asking:
            self._asking[steps] = self._with_vjp(steps)
        return self._asking[steps]

    def _with_vjp(self, steps: Steps) -> Callable[..., Any]:
        @jax.custom_vjp
        def ask(*arrays: Any) -> Any:
            return _ask_p.bind(*arrays, structure=self, steps=steps)

        def forward(*primals: Any) -> Any:
            arrays = [p.value for p in primals]
            perturbed = [() if p.perturbed else None for p in primals]  # so it is part of the structure, not a value
            return ask(*arrays), (arrays, perturbed)

        def backward(kept: Any, cotangents: Any) -> Any:
            arrays, perturbed = kept
            ins = [k for k, (p, i) in enumerate(zip(perturbed, arrays, strict=True)) if p is not None and _inexact(i)]
            outs = [k for k, w in enumerate(cotangents) if not isinstance(w, SymbolicZero)]
            return tuple(self.pulled(steps, outs, ins, arrays, [cotangents[k] for k in outs]))

        ask.defvjp(forward, backward, symbolic_zeros=True)
        return ask

    def pulled(self, steps: Steps, outs: Sequence[int], ins: Sequence[int], arrays: Arrays, w: Arrays) -> list[Any]:
        """The gradients by some inputs, each in its place."""
        found: dict[int, Any] = {}
        if outs and ins:
            found.update(zip(ins, self.asking(then(steps, "vjp", outs, ins))(*arrays, *w), strict=True))
        return [found.get(k) for k in range(len(arrays))]

    def evaluate(self, steps: Steps, arrays: Arrays) -> list[np.ndarray[Any, Any]]:
        """Ask the graph; in front of their shape arrays may have the axes of batches, the same for all."""
        inputs, outputs = self.specs(steps)
        given = [np.asarray(a, spec.dtype) for a, spec in zip(arrays, inputs, strict=True)]
        n = len(self.inputs)
        batch = given[0].shape[: given[0].ndim - len(inputs[0].shape)] if given else ()
        found, _ = self.of._points.answer(
            (self.tree, *given[:n]), {}, range(1, n + 1), steps, given[n:], lambda point: self._check(point, batch)
        )
        return [array.astype(spec.dtype, copy=False) for array, spec in zip(found, outputs, strict=True)]

    def _check(self, point: Point, batch: tuple[int, ...]) -> None:
        """Whether the function returns what it did when JAX asked without values."""
        of = title(self.of.function)
        if point.trace.out[1] != self.out_tree:
            raise TypeError(
                f"{of} returned {point.trace.out[1]} here, but {self.out_tree} where JAX compiled it: the structure of "
                f"what it returns must not depend on values"
            )
        for out, spec in zip(point.graph(())[1], self.outputs, strict=True):
            if out.shape != batch + spec.shape:
                hint = ", and with vmap_method='broadcast_all' it must map over the axes in front" if batch else ""
                raise ShapeError(
                    f"{of} returned shape {out.shape} here, but JAX compiled it for {batch + spec.shape}: shapes must "
                    f"not depend on values{hint}"
                )


@attrs.frozen
class _Callback:
    """What a compiled program calls; equal ones are compiled once."""

    structure: _Structure
    steps: Steps

    def __call__(self, *arrays: Any) -> Any:
        try:
            return self.structure.evaluate(self.steps, arrays)
        except Exception as error:
            for caught in _listening:
                caught.append(error)
            raise


@contextmanager
def errors() -> Iterator[None]:
    """Let errors of a function come out of compiled programs as they are, with their notes.

    JAX itself makes a `JaxRuntimeError` of whatever happens below `jax.jit`, which only quotes it. As JAX computes in
    the background, wait for results inside the block: ``jax.block_until_ready``.

    Examples
    --------
    >>> import jax, numpy as np
    >>> def inverse(x):
    ...     return np.linalg.inv(x)
    >>> with errors():  # doctest: +SKIP
    ...     jax.block_until_ready(jax.jit(function(inverse))(np.zeros((2, 2))))
    Traceback (most recent call last):
        ...
    LinAlgError: Singular matrix
    while computing <inv ...> from <constant ...>
    """
    caught: list[Exception] = []
    _listening.append(caught)
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if caught:
            raise caught[0] from error
        raise
    finally:
        _listening[:] = [other for other in _listening if other is not caught]


def _traced(arrays: Arrays) -> bool:
    return any(isinstance(a, jax.core.Tracer) for a in arrays)


def _inexact(array: Any) -> bool:
    return np.dtype(array.dtype).kind in INEXACT


# -- the question as a primitive of JAX's ----------------------------------------------------------------------

_ask_p = jax.extend.core.Primitive("lazygrad")
_ask_p.multiple_results = True


@_ask_p.def_impl
def _at_once(*arrays: Any, structure: _Structure, steps: Steps) -> list[Any]:
    there = [a.devices() for a in arrays if isinstance(a, jax.Array) and a.committed]
    device = next(iter(there[0])) if there and len(there[0]) == 1 else None
    return [jax.device_put(found, device) for found in structure.evaluate(steps, arrays)]


def _when_called(*arrays: Any, structure: _Structure, steps: Steps) -> Any:
    """In a compiled program."""
    outputs = _shapes(*arrays, structure=structure, steps=steps)
    return jax.pure_callback(_Callback(structure, steps), outputs, *arrays, vmap_method="sequential")


@_ask_p.def_abstract_eval
def _shapes(*arrays: Any, structure: _Structure, steps: Steps) -> list[Any]:
    inputs, outputs = structure.specs(steps)
    batch = arrays[0].shape[: len(arrays[0].shape) - len(inputs[0].shape)] if arrays else ()
    return [jax.core.ShapedArray(batch + spec.shape, spec.dtype) for spec in outputs]


def _used(used: Sequence[bool], eqn: Any) -> tuple[list[bool], Any]:
    """What nobody uses is not asked for."""
    if not any(used):
        return [False] * len(eqn.invars), None
    steps = eqn.params["steps"]
    *before, (kind, outs, ins) = steps if steps else [("value", tuple(range(len(used))), ())]
    if kind == "vjp":
        ins = tuple([k for k, u in zip(ins, used, strict=True) if u])
    else:
        outs = tuple([k for k, u in zip(outs, used, strict=True) if u])
    left = [v for v, u in zip(eqn.outvars, used, strict=True) if u]
    params = {**eqn.params, "steps": then(tuple(before), kind, outs, ins)}
    return [True] * len(eqn.invars), eqn.replace(outvars=left, params=params)


def _pushed(primals: Any, tangents: Any, *, structure: _Structure, steps: Steps) -> tuple[Any, Any]:
    values = structure.asking(steps)(*primals)
    ins = [k for k, t in enumerate(tangents) if type(t) is not ad.Zero]
    outs = [k for k, value in enumerate(values) if _inexact(value)]
    found = structure.asking(then(steps, "jvp", outs, ins))(*primals, *[tangents[k] for k in ins])
    placed = dict(zip(outs, found, strict=True))
    none = [ad.Zero(jax.core.ShapedArray(value.shape, jax.dtypes.float0)) for value in values]  # integers have none
    return values, [placed.get(k, zero) for k, zero in enumerate(none)]


def _transposed(cotangents: Any, *arrays: Any, structure: _Structure, steps: Steps) -> list[Any]:
    """A derivative is linear in what it is seeded with; its transpose is the derivative in the other mode."""
    linear = [k for k, a in enumerate(arrays) if ad.is_undefined_primal(a)]
    kind, outs, ins = steps[-1] if steps else ("", (), ())
    seeded = {"jvp": ins, "vjp": outs}.get(kind, ())
    known = len(arrays) - len(seeded)
    if linear != list(range(known, len(arrays))):
        raise TypeError(
            f"{title(structure.of.function)} can be transposed by tangents or cotangents alone, not by inputs "
            f"{linear}: it is not known to be linear in them; take `jax.vjp`"
        )
    given = [k for k, w in enumerate(cotangents) if type(w) is not ad.Zero]
    weights = [cotangents[k] for k in given]
    if not given:
        return [None] * len(arrays)
    if kind == "jvp":
        pulled = structure.pulled(steps[:-1], [outs[k] for k in given], ins, arrays[:known], weights)
        return [None] * known + [pulled[k] for k in ins]
    turned = then(steps[:-1], "jvp", outs, [ins[k] for k in given])
    return [None] * known + list(structure.asking(turned)(*arrays[:known], *weights))


def _batched(arrays: Any, axes: Any, *, structure: _Structure, steps: Steps) -> tuple[Any, Any]:
    ask = structure.asking(steps)
    fronted = [a if axis is None else jnp.moveaxis(a, axis, 0) for a, axis in zip(arrays, axes, strict=True)]
    moving = [k for k, axis in enumerate(axes) if axis is not None]
    if structure.of.vmap_method == "broadcast_all":
        size = fronted[moving[0]].shape[0]
        whole = [a if k in moving else jnp.broadcast_to(a, (size, *a.shape)) for k, a in enumerate(fronted)]
        found = ask(*whole)
    else:

        def one(rows: Any) -> Any:
            at = dict(zip(moving, rows, strict=True))
            return ask(*[at.get(k, a) for k, a in enumerate(fronted)])

        found = jax.lax.map(one, [fronted[k] for k in moving])
    return found, [0] * len(found)


ad.primitive_jvps[_ask_p] = _pushed
ad.primitive_transposes[_ask_p] = _transposed
batching.primitive_batchers[_ask_p] = _batched
partial_eval.dce_rules[_ask_p] = _used
mlir.register_lowering(_ask_p, mlir.lower_fun(_when_called, multiple_results=True))


# -- what users call ----------------------------------------------------------------------------------------


@attrs.define(eq=False, slots=False)
class JaxFunction:
    """What `function` returns: takes pytrees of JAX arrays, gives pytrees of them."""

    function: Callable[..., Any]
    mode: Mode
    vmap_method: str
    out: Any
    points: int
    _points: Points = attrs.field(init=False)
    _structures: dict[Any, _Structure] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        functools.update_wrapper(self, self.function)
        self._points = Points(self._flat, self.points)

    def __reduce__(self) -> Any:
        return JaxFunction, (self.function, self.mode, self.vmap_method, self.out, self.points)

    @property
    def statistics(self) -> Statistics:
        """What it was asked, and what it had to do."""
        return self._points.statistics

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the function, now or as part of a JAX program."""
        paths, tree = tree_flatten_with_path((args, kwargs))
        arrays = [self._array(*leaf) for leaf in paths]
        structure = self._structure(tree, arrays)
        try:
            found = structure.asking()(*arrays)
        except TypeError as error:
            if "forward-mode" in str(error):
                error.add_note(f"{title(self.function)} has a forward mode if made with `mode='both'`")
            raise
        return tree_unflatten(structure.out_tree, found)

    def _array(self, path: Any, leaf: Any) -> Any:
        if isinstance(leaf, Node):
            raise TypeError(f"{self._name(path)} of {title(self.function)} is the node {leaf!r}: pass its `.value`")
        try:
            # `jax.custom_vjp` takes no tracer of `jax.vmap` with a NumPy array inside; an array of JAX's own it takes.
            array = jnp.copy(leaf) if isinstance(leaf, jax.core.Tracer) else jnp.asarray(leaf)
        except TypeError as error:
            error.add_note(f"{self._name(path)} of {title(self.function)} must be an array; close over what is none")
            raise
        if getattr(array.dtype, "kind", None) not in set("biufc"):
            raise TypeError(
                f"{self._name(path)} of {title(self.function)} has dtype {array.dtype}, which NumPy has not: cast it "
                f"with `.astype(jnp.float32)`"
            )
        return array

    def _name(self, path: Any) -> str:
        """What a leaf of ``(args, kwargs)`` is called."""
        keyword, first, *rest = path
        if keyword.idx:
            return str(first.key) + keystr(rest)
        return _positional(self.function, first.idx) + keystr(rest)

    def _flat(self, tree: Any, *arrays: Any) -> tuple[list[Any], Any]:
        """The function of the leaves; returns leaves, and their structure."""
        args, kwargs = tree_unflatten(tree, arrays)
        for path, leaf in tree_flatten_with_path((args, kwargs))[0]:
            leaf.name = self._name(path)
        paths, out_tree = tree_flatten_with_path(self.function(*args, **kwargs))
        for path, leaf in paths:
            if not is_number(leaf):
                raise TypeError(
                    f"{title(self.function)} returned {type(leaf).__name__}{_at(path)}, where JAX takes arrays"
                )
        return [leaf for _, leaf in paths], out_tree

    def _structure(self, tree: Any, arrays: list[Any]) -> _Structure:
        wide = jax.dtypes.canonicalize_dtype(np.float64)  # results may depend on whether JAX has 64 bits
        key = tree, tuple([(a.shape, a.dtype) for a in arrays]), wide
        if key not in self._structures:
            out_tree, outputs = self._outputs(tree, arrays) if self.out is None else tree_flatten(self.out)[::-1]
            self._structures[key] = _Structure(
                self, tree, [Spec(a.shape, a.dtype) for a in arrays], out_tree, [_spec(out) for out in outputs]
            )
        return self._structures[key]

    def _outputs(self, tree: Any, arrays: list[Any]) -> tuple[Any, list[Any]]:
        """The structure of the result, and its leaves as nodes; of a call with ones, where JAX has no values yet."""
        wanted = range(1, len(arrays) + 1)
        if _traced(arrays):
            with np.errstate(all="ignore"):
                point = self._points.example((tree, *[np.ones(a.shape, a.dtype) for a in arrays]), {}, wanted)
        else:
            point = self._points.example((tree, *map(np.asarray, arrays)), {}, wanted)
        return point.trace.out[1], point.graph(())[1]


def _positional(f: Callable[..., Any], k: int) -> str:
    """The name of the k-th positional parameter."""
    try:
        names = [
            p.name
            for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):  # what is written in C need not tell
        names = []
    return names[k] if k < len(names) else f"argument {k}"


def _spec(like: Any) -> Any:
    return Spec(like.shape, jax.dtypes.canonicalize_dtype(like.dtype))


def _at(path: Any) -> str:
    return f" at {keystr(path)}" if path else ""


def function(
    f: Callable[..., Any],
    *,
    mode: Mode = "reverse",
    vmap_method: Literal["sequential", "broadcast_all"] = "sequential",
    out: Any = None,
    points: int = 2,
) -> JaxFunction:
    """Return a function of JAX arrays that is `f`, and differentiates in JAX.

    Parameters
    ----------
    f
        Function written with NumPy: of arrays, or pytrees of them; returns an array, or a pytree of them. Shapes,
        dtypes and the structure of its result must not depend on values; branches and loops may.
    mode
        ``"reverse"`` for `jax.grad` and `jax.vjp` to any order (a `jax.custom_vjp`); ``"both"`` for forward mode, too:
        `jax.jvp`, `jax.jacfwd`, `jax.hessian` (a primitive of JAX, whose interface may change between its releases).
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
    Only the gradients of what JAX marks as perturbed are asked for: `symbolic_zeros` of `jax.custom_vjp`. In a
    compiled program, values and gradients are asked for one by one, and those that nobody uses are not.

    Examples
    --------
    >>> import jax, numpy as np
    >>> loss = function(lambda p, x: np.sum(np.tanh(p["W"] @ x) ** 2))
    >>> p, x = {"W": np.array([[1.0, 2.0]], np.float32)}, np.array([0.5, -0.25], np.float32)
    >>> jax.jit(jax.grad(loss))(p, x)
    {'W': Array([[0., 0.]], dtype=float32)}
    >>> jax.grad(loss, argnums=1)(p, x + 1)
    Array([...], dtype=float32)
    """
    if mode not in ("reverse", "both"):
        raise ValueError(f"mode must be 'reverse' or 'both', not {mode!r}")
    if vmap_method not in ("sequential", "broadcast_all"):
        raise ValueError(f"vmap_method must be 'sequential' or 'broadcast_all', not {vmap_method!r}")
    return JaxFunction(f, mode, vmap_method, out, points)
