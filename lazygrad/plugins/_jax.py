"""A function as a primitive of JAX, which does not see into it: its shapes, its derivatives, how it is called.

The steps that are asked for are the primitive's parameter (see `_points`). In a compiled program it is a
`jax.pure_callback`; outside of one the graph is asked at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import attrs
import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.interpreters import ad, batching, mlir, partial_eval

from .._errors import ShapeError
from .._functions.call import name_of
from .._graph.node import INEXACT
from .._graph.types import Array
from ._points import GraphMemo, PointGraph, Steps, add_step

__all__ = ["Mode", "Structure", "VmapMethod", "listening"]

Mode = Literal["reverse", "both"]
VmapMethod = Literal["sequential", "broadcast_all"]
Arrays = Sequence[Any]
listening: list[list[Exception]] = []  # where the errors of compiled programs are kept


class Function(Protocol):
    """The function, and how it is to be differentiated."""

    function: Callable[..., Any]
    mode: Mode
    vmap_method: VmapMethod
    asked: GraphMemo


@attrs.define(eq=False)
class Structure:
    """A function at one structure of arguments: everything that JAX knows before there are values."""

    of: Function
    tree: Any  # of the arguments
    inputs: list[Any]  # the shapes and dtypes of their leaves
    out_tree: Any
    outputs: list[Any]
    _jax_functions: dict[Steps, Callable[..., Any]] = attrs.field(factory=dict, init=False)

    def __repr__(self) -> str:
        return name_of(self.of.function)  # what a jaxpr shows

    def find_specs(self, steps: Steps) -> tuple[list[Any], list[Any]]:
        """Return the shapes and dtypes of the inputs and outputs of a derivative."""
        if not steps:
            return self.inputs, self.outputs
        inputs, outputs = self.find_specs(steps[:-1])
        kind, outs, ins = steps[-1]
        chosen, by = [outputs[k] for k in outs], [inputs[k] for k in ins]
        return {"value": (inputs, chosen), "vjp": (inputs + chosen, by), "jvp": (inputs + by, chosen)}[kind]

    def as_jax_function(self, steps: Steps = ()) -> Callable[..., Any]:
        """Return a derivative as a function of JAX's, which can be differentiated itself."""
        if self.of.mode == "both":
            return functools.partial(ask_p.bind, structure=self, steps=steps)
        if steps not in self._jax_functions:
            self._jax_functions[steps] = self._with_vjp(steps)
        return self._jax_functions[steps]

    def _with_vjp(self, steps: Steps) -> Callable[..., Any]:
        """Return a derivative as a `jax.custom_vjp`, which tells what is perturbed, and which cotangents are zero."""

        @jax.custom_vjp  # type: ignore[untyped-decorator]
        def ask(*arrays: Any) -> Any:
            return ask_p.bind(*arrays, structure=self, steps=steps)

        def forward(*primals: Any) -> Any:
            arrays = [p.value for p in primals]
            perturbed = [() if p.perturbed else None for p in primals]  # so it is part of the structure, not a value
            return ask(*arrays), (arrays, perturbed)

        def backward(kept: Any, cotangents: Any) -> Any:
            arrays, perturbed = kept
            ins = [
                k for k, (p, i) in enumerate(zip(perturbed, arrays, strict=True)) if p is not None and _is_inexact(i)
            ]
            outs = [k for k, w in enumerate(cotangents) if not isinstance(w, SymbolicZero)]
            return tuple(self.pull(steps, outs, ins, arrays, [cotangents[k] for k in outs]))

        ask.defvjp(forward, backward, symbolic_zeros=True)
        return ask

    def pull(self, steps: Steps, outs: Sequence[int], ins: Sequence[int], arrays: Arrays, w: Arrays) -> list[Any]:
        """Return the gradients by some inputs, each in its place, and None elsewhere."""
        found: dict[int, Any] = {}
        if outs and ins:
            found.update(zip(ins, self.as_jax_function(add_step(steps, "vjp", outs, ins))(*arrays, *w), strict=True))
        return [found.get(k) for k in range(len(arrays))]

    def evaluate(self, steps: Steps, arrays: Arrays) -> list[Array]:
        """Ask the graph; in front of their shape arrays may have the axes of batches, equal ones for all."""
        inputs, outputs = self.find_specs(steps)
        given = [np.asarray(a, spec.dtype) for a, spec in zip(arrays, inputs, strict=True)]
        n = len(self.inputs)
        batch = given[0].shape[: given[0].ndim - len(inputs[0].shape)] if given else ()
        found, _ = self.of.asked.answer(
            (self.tree, *given[:n]), {}, range(1, n + 1), steps, given[n:], lambda graph: self._check(graph, batch)
        )
        return [array.astype(spec.dtype, copy=False) for array, spec in zip(found, outputs, strict=True)]

    def _check(self, graph: PointGraph, batch: tuple[int, ...]) -> None:
        """Raise if the function does not return what it did when JAX asked without values."""
        of = name_of(self.of.function)
        if graph.trace.out[1] != self.out_tree:
            raise TypeError(
                f"{of} returned {graph.trace.out[1]} here, but {self.out_tree} where JAX compiled it: the structure of "
                f"what it returns must not depend on values"
            )
        for out, spec in zip(graph.build(())[1], self.outputs, strict=True):
            if out.shape != batch + spec.shape:
                hint = ", and with vmap_method='broadcast_all' it must map over the axes in front" if batch else ""
                raise ShapeError(
                    f"{of} returned shape {out.shape} here, but JAX compiled it for {batch + spec.shape}: shapes must "
                    f"not depend on values{hint}"
                )


@attrs.frozen
class _Callback:
    """The callback of a compiled program; equal ones are compiled once."""

    structure: Structure
    steps: Steps

    def __call__(self, *arrays: Any) -> Any:
        try:
            return self.structure.evaluate(self.steps, arrays)
        except Exception as error:
            for caught in listening:
                caught.append(error)
            raise


def _is_inexact(array: Any) -> bool:
    return np.dtype(array.dtype).kind in INEXACT


# -- the question as a primitive of JAX's ----------------------------------------------------------------------

ask_p = jax.extend.core.Primitive("lazygrad")
ask_p.multiple_results = True


@ask_p.def_impl  # type: ignore[untyped-decorator]
def _evaluate_now(*arrays: Any, structure: Structure, steps: Steps) -> list[Any]:
    there = [a.devices() for a in arrays if isinstance(a, jax.Array) and a.committed]
    device = next(iter(there[0])) if there and len(there[0]) == 1 else None
    return [jax.device_put(found, device) for found in structure.evaluate(steps, arrays)]


def _call_back(*arrays: Any, structure: Structure, steps: Steps) -> Any:
    """Call back from a compiled program."""
    outputs = _infer_shapes(*arrays, structure=structure, steps=steps)
    return jax.pure_callback(_Callback(structure, steps), outputs, *arrays, vmap_method="sequential")


@ask_p.def_abstract_eval  # type: ignore[untyped-decorator]
def _infer_shapes(*arrays: Any, structure: Structure, steps: Steps) -> list[Any]:
    inputs, outputs = structure.find_specs(steps)
    batch = arrays[0].shape[: len(arrays[0].shape) - len(inputs[0].shape)] if arrays else ()
    return [jax.core.ShapedArray(batch + spec.shape, spec.dtype) for spec in outputs]


def _drop_unused(used: Sequence[bool], *others: Any) -> tuple[list[bool], Any]:
    """Ask for nothing that nobody uses."""
    eqn = others[-1]  # from JAX 0.12 on it comes after which inputs are alive
    if not any(used):
        return [False] * len(eqn.invars), None
    steps = eqn.params["steps"]
    *before, (kind, outs, ins) = steps if steps else [("value", tuple(range(len(used))), ())]
    if kind == "vjp":
        ins = tuple([k for k, u in zip(ins, used, strict=True) if u])
    else:
        outs = tuple([k for k, u in zip(outs, used, strict=True) if u])
    left = [v for v, u in zip(eqn.outvars, used, strict=True) if u]
    params = {**eqn.params, "steps": add_step(tuple(before), kind, outs, ins)}
    return [True] * len(eqn.invars), eqn.replace(outvars=left, params=params)


def _push(primals: Any, tangents: Any, *, structure: Structure, steps: Steps) -> tuple[Any, Any]:
    """Return the values and their tangents, as JAX's forward mode asks for them."""
    values = structure.as_jax_function(steps)(*primals)
    ins = [k for k, t in enumerate(tangents) if type(t) is not ad.Zero]
    outs = [k for k, value in enumerate(values) if _is_inexact(value)]
    found = structure.as_jax_function(add_step(steps, "jvp", outs, ins))(*primals, *[tangents[k] for k in ins])
    at = dict(zip(outs, found, strict=True))
    none = [ad.Zero(jax.core.ShapedArray(value.shape, jax.dtypes.float0)) for value in values]  # integers have none
    return values, [at.get(k, zero) for k, zero in enumerate(none)]


def _transpose(cotangents: Any, *arrays: Any, structure: Structure, steps: Steps) -> list[Any]:
    """Transpose a derivative, which is linear in its seeds: the transpose is the derivative in the other mode."""
    linear = [k for k, a in enumerate(arrays) if ad.is_undefined_primal(a)]
    kind, outs, ins = steps[-1] if steps else ("", (), ())
    seeded = {"jvp": ins, "vjp": outs}.get(kind, ())
    known = len(arrays) - len(seeded)
    if linear != list(range(known, len(arrays))):
        raise TypeError(
            f"{name_of(structure.of.function)} can be transposed by tangents or cotangents alone, not by inputs "
            f"{linear}: it is not known to be linear in them; take `jax.vjp`"
        )
    given = [k for k, w in enumerate(cotangents) if type(w) is not ad.Zero]
    weights = [cotangents[k] for k in given]
    if not given:
        return [None] * len(arrays)
    if kind == "jvp":
        found = structure.pull(steps[:-1], [outs[k] for k in given], ins, arrays[:known], weights)
        return [None] * known + [found[k] for k in ins]
    turned = add_step(steps[:-1], "jvp", outs, [ins[k] for k in given])
    return [None] * known + list(structure.as_jax_function(turned)(*arrays[:known], *weights))


def _batch(arrays: Any, axes: Any, *, structure: Structure, steps: Steps) -> tuple[Any, Any]:
    """Ask for a whole batch, as `jax.vmap` wants it: element by element, or at once."""
    ask = structure.as_jax_function(steps)
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


ad.primitive_jvps[ask_p] = _push
ad.primitive_transposes[ask_p] = _transpose
batching.primitive_batchers[ask_p] = _batch
partial_eval.dce_rules[ask_p] = _drop_unused
mlir.register_lowering(ask_p, mlir.lower_fun(_call_back, multiple_results=True))
