"""Questions of torch about a function written with NumPy, answered in tensors.

torch asks for derivatives of derivatives by differentiating what a backward pass does. Here that is a question about
the same graph, so one `torch.autograd.Function` answers all orders, and forward values are computed once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import torch

from .._functions.call import name_of
from .._graph.node import Node
from .._graph.trees import Tree, flatten
from .._graph.types import Array, DType, Function
from .._graph.types import both as np
from ._points import GraphMemo, Steps, add_step, kind_of

__all__ = ["Ask", "Question", "answer_batch", "answer_cotangents", "conjugate"]


def conjugate(node: Node) -> Node:
    """Convert between our complex gradients and torch's, which point the way of steepest ascent."""
    return np.conj(node) if node.dtype.kind == "c" else node


@attrs.define(eq=False)
class Question:
    """A derivative of a function, at arguments whose tensors come separately, followed by cotangents and tangents."""

    points: GraphMemo
    tree: Tree  # of (args, kwargs)
    wanted: list[int]  # which of its leaves are tensors
    steps: Steps = ()
    out: Tree | None = None  # what the function returned when it was asked last

    def derive(self, kind: str, outs: Sequence[int], ins: Sequence[int]) -> Question:
        """Return the question of one more derivative."""
        return attrs.evolve(self, steps=add_step(self.steps, kind, outs, ins))

    def answer(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Evaluate the derivative; tensors of the device "meta" have no data, and get shapes and dtypes alone."""
        device = tensors[0].device
        if any(t.device != device for t in tensors):
            raise ValueError(
                f"{self.name} got tensors of the devices {', '.join(str(t.device) for t in tensors)}: move them to one "
                f"with `.to(device)`"
            )
        if device.type == "meta":
            return self.answer_shapes(tensors)
        arrays = [_as_array(t, self.name) for t in tensors]
        try:
            args, kwargs = self._fill_arguments(arrays)
            seeds = arrays[len(self.wanted) :]
            found, out = self.points.answer(args, kwargs, self.wanted, self.steps, seeds)
        except Exception as error:
            given = ", ".join(f"{t.dtype} of shape {tuple(t.shape)}" for t in tensors)
            what = kind_of(self.steps, self.name)
            error.add_note(f"while torch asked for {what}, given {given}")
            raise
        self.out = flatten(out)
        return tuple([torch.from_numpy(array).to(device) for array in found])

    def answer_shapes(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """Return tensors of the shapes and dtypes of the answer: a graph is built, and nothing in it computed."""
        like = [np.zeros([int(n) for n in t.shape], _find_dtype(t, self.name)) for t in tensors]
        args, kwargs = self._fill_arguments(like)
        graph = self.points.example(args, kwargs, self.wanted)
        self.out = flatten(graph.trace.out)
        _, outputs = graph.build(self.steps)
        return tuple([tensors[0].new_empty(out.shape, dtype=getattr(torch, out.dtype.name)) for out in outputs])

    @property
    def name(self) -> str:
        """Return the name of the function."""
        return name_of(self.points.function)

    def _fill_arguments(self, arrays: Sequence[Any]) -> Any:
        leaves = list(self.tree.leaves)
        for k, array in zip(self.wanted, arrays, strict=False):
            leaves[k] = array
        return self.tree.like(leaves)


def _find_dtype(t: torch.Tensor, name: str) -> DType:
    try:
        dtype = np.dtype(str(t.dtype).removeprefix("torch."))
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind not in "biufc":  # other packages bring dtypes of their own
        raise TypeError(
            f"{name} is a NumPy function, and NumPy has no {t.dtype}: cast the tensor with `.to(torch.float32)`"
        )
    return dtype


def _as_array(t: torch.Tensor, name: str) -> Array:
    """Return the array that a tensor holds; the leaves of the graph copy it."""
    dtype = _find_dtype(t, name)
    if torch._C._functorch.is_legacy_batchedtensor(t):
        raise TypeError(
            f"{name} cannot be batched by torch's old vmap, which `is_grads_batched` and `vectorize` use: take "
            f"`torch.func.vmap`, `jacrev`, `jacfwd` or `hessian`"
        )
    if t.layout is not torch.strided:
        raise TypeError(f"{name} is a NumPy function, and takes no {t.layout} tensor: pass `.to_dense()`")
    return np.asarray(t.detach().cpu().resolve_conj().resolve_neg().numpy(), dtype)


class Ask(torch.autograd.Function):  # type: ignore[misc]
    """A question as a function of torch's, whose derivatives are questions as well."""

    @staticmethod
    def forward(question: Question, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        traced = torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None
        if traced or any(isinstance(t, torch._subclasses.FakeTensor) for t in tensors):  # its values would be frozen
            raise TypeError(
                f"{question.name} is a NumPy function, which torch cannot trace: for `make_fx`, `export` and "
                f"`linearize` register it with `lazygrad.plugins.torch.custom_op`"
            )
        return question.answer(tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[object, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.question, *tensors = inputs
        ctx.inexact = [out.is_floating_point() or out.is_complex() for out in output]
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[out for out, yes in zip(output, ctx.inexact, strict=True) if not yes])

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        return None, *answer_cotangents(ctx, ctx.question, ctx.needs_input_grad[1:], cotangents, Ask.apply)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        outs = [k for k, yes in enumerate(ctx.inexact) if yes]
        ins = [k for k, t in enumerate(tangents) if t is not None]
        question = ctx.question.derive("jvp", outs, ins)
        pushed = Ask.apply(question, *ctx.saved_tensors, *[tangents[k] for k in ins])
        return _spread(outs, pushed, len(ctx.inexact))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[object, ...], question: Question, *tensors: torch.Tensor) -> Any:
        return answer_batch(question, info.batch_size, in_dims[1:], tensors, lambda *one: Ask.apply(question, *one))


def _spread(where: Sequence[int], found: Sequence[Any], count: int) -> tuple[Any, ...]:
    """Return answers in their places, and None elsewhere."""
    at = dict(zip(where, found, strict=True))
    return tuple([at.get(k) for k in range(count)])


def answer_cotangents(
    ctx: Any,
    question: Question,
    needed: Sequence[bool],
    cotangents: Sequence[torch.Tensor | None],
    ask: Callable[..., Sequence[torch.Tensor]],
) -> tuple[torch.Tensor | None, ...]:
    """Return the gradients of the inputs that this backward pass is for; the rules of the others do not run."""
    nodes = [node for node, _ in ctx.next_functions]
    ins = [k for k, (need, node) in enumerate(zip(needed, nodes, strict=True)) if need and _is_asked(node)]
    outs = [k for k, w in enumerate(cotangents) if w is not None]
    if not outs:
        return (None,) * len(needed)
    found = ask(question.derive("vjp", outs, ins), *ctx.saved_tensors, *[cotangents[k] for k in outs])
    return _spread(ins, found, len(needed))


def _is_asked(node: Any) -> bool:
    """Return whether the backward pass goes on to this node: ``torch.autograd.grad(L, [W])`` leads to W alone."""
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except RuntimeError:  # so it says of a leaf that is asked for, and where another engine runs
        return True


def answer_batch(
    question: Question, size: int, dims: Sequence[Any], tensors: Sequence[Any], ask: Function
) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
    """Return the answers for each element of a batch, stacked, and along which dimensions they are."""
    if size:
        rows = [t if d is None else t.unbind(d) for t, d in zip(tensors, dims, strict=True)]
        batch = [ask(*[t if d is None else t[k] for t, d in zip(rows, dims, strict=True)]) for k in range(size)]
        stacked = tuple([torch.stack(outs) for outs in zip(*batch, strict=True)])
    else:  # there is no element to ask for
        one = [t if d is None else t.sum(d, dtype=t.dtype) for t, d in zip(tensors, dims, strict=True)]
        stacked = tuple([out.new_empty((0, *out.shape)) for out in question.answer_shapes(one)])
    return stacked, (0,) * len(stacked)
