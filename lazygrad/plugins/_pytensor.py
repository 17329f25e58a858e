"""A function written with NumPy as an op of PyTensor's graphs.

PyTensor asks for a gradient by asking an op for another graph. Here that is an op of this kind again, one for each
input and for any order of derivative (see `_points`): value and derivatives at one point have one memo in common.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import attrs
import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, grad_not_implemented
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.tensor.exceptions import ShapeError as UnknownShape

from .._errors import ShapeError
from .._functions.call import name_of
from .._functions.trace import name_arguments
from .._graph.node import INEXACT
from .._graph.trees import align_leaves, as_key, flatten, leaves, structure_key
from .._graph.types import Array
from ._points import GraphMemo, PointGraph, Steps, add_step, kind_of

__all__ = ["Arguments", "LazyOp", "Prototype"]


@attrs.frozen
class Arguments:
    """The structure of some arguments: what is no array, and where arrays come."""

    args: tuple[Any, ...] = attrs.field(eq=False)  # with None for arrays
    wanted: tuple[int, ...]  # which of their leaves are arrays
    _key: Hashable = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        key = structure_key(self.args), tuple([as_key(leaf) for leaf in leaves(self.args)])
        object.__setattr__(self, "_key", key)

    def __reduce__(self) -> Any:
        return Arguments, (self.args, self.wanted)

    def fill(self, arrays: Sequence[object]) -> tuple[object, ...]:
        """Return the arguments, with arrays in their places."""
        tree = flatten(self.args)
        found = dict(zip(self.wanted, arrays, strict=True))
        args: tuple[Any, ...] = tree.like([found.get(k, leaf) for k, leaf in enumerate(tree.leaves)])
        return args


class Prototype:
    """A function, the points it was asked at last, and an example of its arguments."""

    def __init__(self, f: Callable[..., Any], *example: Any, points: int = 2) -> None:
        self.example = example
        self.points = GraphMemo(f, points)

    @property
    def name(self) -> str:
        """Return the name of the function."""
        return name_of(self.points.function)

    def name_leaves(self, args: tuple[object, ...], wanted: Sequence[int]) -> list[str]:
        """Return the names of some leaves of the arguments."""
        names = name_arguments(self.points.function, args, {})
        return [names[k] for k in wanted]

    def find_example(self, arguments: Arguments, inputs: Sequence[Variable]) -> PointGraph:
        """Return some graph for arguments like these, from which shapes and dtypes of the results are read."""
        examples: list[Any] = [None] * len(inputs)
        if self.example:
            what = f"the arguments of {self.name} must have the structure of its example"
            given = align_leaves(self.example, arguments.args, what)
            examples = [np.asarray(given[k]) for k in arguments.wanted]
        known = are_shapes_known(inputs)
        arrays = [
            self._make_stand_in(name, x, example, known)
            for name, x, example in zip(
                self.name_leaves(arguments.args, arguments.wanted), inputs, examples, strict=True
            )
        ]
        try:
            return self.points.example(arguments.fill(arrays), {}, arguments.wanted)
        except Exception as error:
            if not self.example:
                error.add_note(
                    f"when the graph of {self.name} was built with zeros: if it must not be called with zeros, give an "
                    f"example of its arguments, `function(f, *example)`"
                )
            raise

    def _make_stand_in(self, name: str, x: Variable, example: Any, known: bool) -> Array:
        """Return an array for an input that has no value yet."""
        shape = x.type.shape
        if example is None and not known:
            raise ShapeError(
                f"what {self.name} returns depends on shapes, and that of {name}, {x.type}, is not known before it "
                f"runs: give an example of its arguments, `function(f, *example)`"
            )
        if example is not None:
            fits = example.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, example.shape, strict=True))
            if fits:
                return example.astype(x.type.dtype)
            if example.ndim != len(shape) or not known:
                raise ShapeError(
                    f"{name} of {self.name} is {x.type}, but has shape {example.shape} in the example of its arguments"
                )
        return np.zeros(shape, x.type.dtype)


def are_shapes_known(inputs: Sequence[Variable]) -> bool:
    """Return whether all shapes are known before the program runs."""
    return all(n is not None for x in inputs for n in x.type.shape)


class LazyOp(Op):  # type: ignore[misc]
    """A function, or a derivative of it, as an op of PyTensor.

    Its inputs are the arrays among the function's arguments, followed by the cotangents and tangents of its steps.
    """

    __props__ = ("of", "arguments", "steps")

    def __init__(self, of: Prototype, arguments: Arguments, steps: Steps = ()) -> None:
        self.of = of
        self.arguments = arguments
        self.steps = steps

    def __str__(self) -> str:
        return kind_of(self.steps, self.of.name)

    def derive(self, kind: str, outs: Sequence[int], ins: Sequence[int]) -> LazyOp:
        """Return the op of one more derivative."""
        return LazyOp(self.of, self.arguments, add_step(self.steps, kind, outs, ins))

    def make_node(self, *inputs: object) -> Apply:
        """Apply the op to variables."""
        variables = [pt.as_tensor_variable(x) for x in inputs]
        return Apply(self, variables, [kind() for kind in self._find_types(self.steps, variables)])

    def _find_types(self, steps: Steps, inputs: Sequence[Variable]) -> list[Any]:
        if not steps:
            given = inputs[: len(self.arguments.wanted)]
            _, outputs = self.of.find_example(self.arguments, given).build(())
            if not outputs:
                raise TypeError(f"{self} returns no array, so there is nothing for PyTensor to compute")
            fixed = are_shapes_known(given)
            return [pt.TensorType(y.dtype.name, shape=y.shape if fixed else (None,) * y.ndim) for y in outputs]
        kind, outs, ins = steps[-1]
        if kind == "vjp":
            return [inputs[k].type for k in ins]
        types = self._find_types(steps[:-1], inputs)
        return [types[k] for k in outs]

    def perform(self, node: Apply, inputs: Sequence[object], output_storage: list[list[Any]]) -> None:
        """Ask the graph, and hand out fresh arrays."""
        count = len(self.arguments.wanted)
        args = self.arguments.fill([np.asarray(x) for x in inputs[:count]])
        found, _ = self.of.points.answer(args, {}, self.arguments.wanted, self.steps, inputs[count:])
        for cell, array, y in zip(output_storage, found, node.outputs, strict=True):
            self._check(array, y.type)
            cell[0] = array

    def _check(self, array: Array, kind: Any) -> None:
        """Raise if an array is not what PyTensor was promised, and relies on."""
        as_promised = array.dtype == kind.numpy_dtype and array.ndim == kind.ndim
        if not as_promised or any(n not in (None, m) for n, m in zip(kind.shape, array.shape, strict=True)):
            raise ShapeError(
                f"{self} gave {array.dtype} of shape {array.shape} here, but {kind} when the graph was made: shapes "
                f"and dtypes must not depend on values"
            )

    def infer_shape(self, *given: Any) -> list[object]:
        """Return the shapes of the results, if they are known: gradients have those of their inputs."""
        node, input_shapes = given[-2:]  # until PyTensor 3.2 its graph came first
        if self.steps and self.steps[-1][0] == "vjp":
            return [input_shapes[k] for k in self.steps[-1][2]]
        shapes = [y.type.shape for y in node.outputs]
        if any(None in shape for shape in shapes):
            raise UnknownShape(f"the shapes of {self} are known once it has run")
        return shapes

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Return which outputs depend on which inputs: all that are no integers."""
        return [[_is_differentiable(x) and _is_differentiable(y) for y in node.outputs] for x in node.inputs]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Variable]:
        """Return the gradients, by an op for each input: those that nobody uses drop out of the program."""
        outs = [
            k
            for k, (y, w) in enumerate(zip(outputs, cotangents, strict=True))
            if _is_differentiable(y) and not isinstance(w.type, DisconnectedType)
        ]
        given = [*inputs, *[cotangents[k] for k in outs]]
        complex_outputs = any(_is_complex(outputs[k]) for k in outs)

        def by(k: int, x: Variable) -> Variable:
            if not outs or not _is_differentiable(x):
                return DisconnectedType()()
            if complex_outputs or _is_complex(x):
                hint = "PyTensor has no convention for gradients of complex numbers: pass real and imaginary parts"
                return grad_not_implemented(self, k, x, hint)
            return self.derive("vjp", outs, (k,))(*given)

        return [by(k, x) for k, x in enumerate(inputs)]

    L_op = pullback  # what PyTensor 2 calls it

    def pushforward(self, inputs: Any, outputs: Any, tangents: Any) -> list[Variable]:
        """Return the derivatives of all outputs in one direction."""
        ins = [k for k, t in enumerate(tangents) if not isinstance(t.type, DisconnectedType)]
        outs = [k for k, y in enumerate(outputs) if _is_differentiable(y)]
        found: list[Variable] = [DisconnectedType()() for _ in outputs]
        if ins and outs:
            given = [*inputs, *[tangents[k] for k in ins]]
            for k, t in zip(outs, self.derive("jvp", outs, ins)(*given, return_list=True), strict=True):
                found[k] = t
        return found

    def R_op(self, inputs: Any, eval_points: Any) -> list[Variable | None]:
        """Return the derivatives in one direction, as PyTensor 2 asks for them."""
        tangents = [DisconnectedType()() if t is None else t for t in eval_points]
        found = self.pushforward(inputs, self(*inputs, return_list=True), tangents)
        return [None if isinstance(t.type, DisconnectedType) else t for t in found]


def _is_differentiable(x: Variable) -> bool:
    return x.type.numpy_dtype.kind in INEXACT


def _is_complex(x: Variable) -> bool:
    return x.type.numpy_dtype.kind == "c"


try:
    from pytensor.link.numba.dispatch.basic import generate_fallback_impl, numba_funcify
except ImportError:  # without numba PyTensor does not use it
    pass
else:

    @numba_funcify.register(LazyOp)  # type: ignore[untyped-decorator]
    def _call_back(op: LazyOp, node: Any = None, **kwargs: Any) -> Any:
        """Let numba call `perform`, without a warning that it cannot compile it, as that is what this op is for."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Numba will use object mode", UserWarning)
            return generate_fallback_impl(op, node, **kwargs)
