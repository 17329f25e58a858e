"""PyTorch: a function written with NumPy as part of torch's graph, its gradients by demand."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import torch

from .._functions.call import name_of
from .._graph.node import Node
from .._graph.trees import flatten
from .._graph.types import Function
from ..backend import Statistics
from ._points import GraphMemo, is_number
from ._torch import Ask, Question, answer_batch, answer_cotangents, conjugate

__all__ = ["Layer", "TorchFunction", "custom_op", "function"]


class TorchFunction:
    """A function that takes tensors where `f` takes arrays, and returns tensors: made by `function`.

    Attributes
    ----------
    points
        `f`, and how many points are kept; ``points.statistics`` counts what was asked and done.
    """

    def __init__(self, f: Callable[..., Any], points: int = 2) -> None:
        self.points = GraphMemo(f, points, conjugate)

    @property
    def statistics(self) -> Statistics:
        """Return how often `f` was called, points were met again, and derivatives of each kind asked and evaluated."""
        return self.points.statistics

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # compiled code calls it as it is
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate `f`: every tensor and array becomes an array of NumPy, what is no array is passed as it is."""
        tree = flatten((args, kwargs))
        device = next((leaf.device for leaf in tree.leaves if isinstance(leaf, torch.Tensor)), None)
        if device is None:
            raise TypeError(f"{name_of(self.points.function)} got no tensor: make one with `torch.as_tensor`")
        wanted = [k for k, leaf in enumerate(tree.leaves) if isinstance(leaf, (torch.Tensor, np.ndarray, np.generic))]
        question = Question(self.points, tree, wanted)
        found = iter(Ask.apply(question, *[_as_tensor(tree.leaves[k], device) for k in wanted]))
        assert question.out is not None
        return question.out.like([next(found) if is_number(out) else out for out in question.out.leaves])

    def __reduce__(self) -> Any:
        return TorchFunction, (self.points.function, self.points.points)  # a copy begins with no point

    def __repr__(self) -> str:
        return f"<{name_of(self.points.function)} for torch: {self.statistics}>"


def _as_tensor(leaf: Any, device: torch.device) -> torch.Tensor:
    return leaf if isinstance(leaf, torch.Tensor) else torch.tensor(leaf, device=device)


def function(f: Function, *, points: int = 2) -> TorchFunction:
    """Return `f`, written with NumPy, as a function of tensors that torch differentiates to any order.

    Parameters
    ----------
    f
        Function of arrays, or nested containers of them, which returns the same.
    points
        For how many points forward values and adjoints are kept: as many as there are calls between a call and its
        backward pass. With fewer the gradients are the same, and forward values are computed again.

    Returns
    -------
    TorchFunction
        With ``.statistics``. Results have the dtype that `f` gives them and the device of the tensors.

    Raises
    ------
    TypeError
        When called: if there is no tensor, or one that NumPy cannot represent.
    ValueError
        If the tensors are on several devices.

    Notes
    -----
    Only rules on the way from what is asked run: ``requires_grad`` and ``torch.autograd.grad(L, [W])`` select. The
    graph of `f` is kept, and used again where its branches would be the same. So `f` must not draw random numbers: pass
    them as tensors; and plain numbers that change, too, as every other one costs a graph (the third is warned of).
    `backward` and `torch.func` work (vmap is a loop; `linearize` is refused); `torch.compile` runs `f` uncompiled.

    Examples
    --------
    >>> import numpy as np, torch
    >>> layer = function(lambda x, W: np.tanh(x @ W))
    >>> x, W = torch.tensor([[1.0, 2.0]]), torch.zeros(2, 1, requires_grad=True)
    >>> layer(x, W).sum().backward()
    >>> W.grad
    tensor([[1.],
            [2.]])
    >>> torch.func.jacrev(torch.func.grad(lambda W: layer(x, W).sum()))(torch.ones(2, 1)).shape
    torch.Size([2, 1, 2, 1])
    """
    return TorchFunction(f, points)


class Layer(torch.nn.Module):  # type: ignore[misc]
    """A module around ``f(parameters, *inputs)``, a function written with NumPy.

    Parameters
    ----------
    f
        Its first argument is a dict of arrays.
    parameters
        Name -> initial value: an array, a tensor or a lazygrad parameter, copied; a `torch.nn.Parameter` is shared.
    points
        As for `function`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> layer = Layer(lambda p, x: np.tanh(x @ p["W"] + p["b"]), {"W": np.zeros((3, 2)), "b": np.zeros(2)})
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3, dtype=torch.float64), layer)
    >>> [name for name, _ in net.named_parameters()]
    ['0.weight', '0.bias', '1.W', '1.b']
    >>> net(torch.ones(5, 4, dtype=torch.float64)).shape
    torch.Size([5, 2])
    """

    def __init__(self, f: Callable[..., Any], parameters: Mapping[str, Any], *, points: int = 2) -> None:
        super().__init__()
        self.call = function(f, points=points)
        self.names = tuple(parameters)
        for name, value in parameters.items():
            if not isinstance(value, torch.nn.Parameter):
                held: Any = value.value if isinstance(value, Node) else value
                value = torch.nn.Parameter(held.detach().clone() if torch.is_tensor(held) else torch.tensor(held))
            self.register_parameter(name, value)

    def forward(self, *inputs: object, **kwargs: object) -> Any:
        """Call `f` with the parameters and the inputs."""
        return self.call(self._get_values(), *inputs, **kwargs)

    def _get_values(self) -> dict[str, Any]:
        """Return the parameters, or what torch has put in their place."""
        return {name: getattr(self, name) for name in self.names}

    def extra_repr(self) -> str:
        """Return what is shown of the module: the function, and the shapes of the parameters."""
        shapes = [f"{name}: {tuple(value.shape)}" for name, value in self._get_values().items()]
        return ", ".join([name_of(self.call.points.function), *shapes])


def custom_op(name: str, f: Function, *, outputs: int = 1, points: int = 2) -> Any:
    """Register `f`, written with NumPy, as an operator of torch, which `torch.compile` and `export` keep as one.

    Parameters
    ----------
    name
        As torch wants it: ``"namespace::name"``. Its derivatives are registered as ``"namespace::name_derivative"``.
    f
        Function of arrays, one for each parameter that has no default, which returns one or a tuple of them.
    outputs
        How many it returns.
    points
        As for `function`.

    Returns
    -------
    The operator, a function of tensors, as `torch.library.custom_op` has it.

    Raises
    ------
    TypeError
        If `f` takes ``*args`` or ``**kwargs``, so that nobody knows how many tensors it takes.

    Notes
    -----
    Shapes are found by building the graph, without computing anything. Differentiable to any order by `backward`
    and `torch.autograd.grad`; torch gives operators no forward mode, and `torch.func` differentiates `function` alone.

    Examples
    --------
    >>> import numpy as np, torch
    >>> swish = custom_op("lazygrad_example::swish", lambda x: x / (1 + np.exp(-x)))
    >>> x = torch.zeros(2, requires_grad=True)
    >>> swish(x).sum().backward()
    >>> x.grad
    tensor([0.5000, 0.5000])
    """
    parameters = list(inspect.signature(f).parameters.values())
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise TypeError(
            f"the op {name} needs a fixed number of tensors, but {name_of(f)} takes any: name its parameters"
        )
    names = [p.name for p in parameters if p.default is p.empty]
    base = Question(GraphMemo(f, points, conjugate), flatten((tuple(names), {})), list(range(len(names))))

    def result(found: Sequence[Any]) -> Any:
        if len(found) != outputs:
            raise ValueError(
                f"{name_of(f)} returned {len(found)} arrays, but the op {name} was declared with {outputs=}"
            )
        return found[0] if outputs == 1 else tuple(found)

    tensors = ", ".join(f"Tensor {n}" for n in names)
    results = "Tensor" if outputs == 1 else f"({', '.join(['Tensor'] * outputs)})"
    op = torch.library.custom_op(
        name, lambda *given: result(base.answer(given)), mutates_args=(), schema=f"({tensors}) -> {results}"
    )
    op.register_fake(lambda *given: result(base.answer_shapes(given)))

    def read(steps: str) -> Question:  # an op can be given text, but no tuples
        return attrs.evolve(
            base, steps=tuple([(kind, tuple(outs), tuple(ins)) for kind, outs, ins in json.loads(steps)])
        )

    derivative = torch.library.custom_op(
        f"{name}_derivative",
        lambda steps, given: list(read(steps).answer(given)),
        mutates_args=(),
        schema="(str steps, Tensor[] given) -> Tensor[]",
    )
    derivative.register_fake(lambda steps, given: list(read(steps).answer_shapes(given)))

    def ask(question: Question, *given: torch.Tensor) -> Any:
        return derivative(json.dumps(question.steps), list(given))

    def keep(ctx: Any, given: Iterable[torch.Tensor]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*given)

    def keep_steps(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.steps, given = inputs
        keep(ctx, given)

    def backward(ctx: Any, *cotangents: Any) -> Any:
        return answer_cotangents(ctx, base, ctx.needs_input_grad, cotangents, ask)

    def backward_again(ctx: Any, cotangents: Any) -> Any:
        return None, list(answer_cotangents(ctx, read(ctx.steps), ctx.needs_input_grad[1], cotangents, ask))

    def batched(info: Any, dims: Any, *given: Any) -> Any:
        stacked, where = answer_batch(
            base, info.batch_size, dims, given, lambda *one: op(*one) if outputs > 1 else (op(*one),)
        )
        return result(stacked), result(where)

    op.register_vmap(batched)
    op.register_autograd(backward, setup_context=lambda ctx, inputs, output: keep(ctx, inputs))
    derivative.register_autograd(backward_again, setup_context=keep_steps)
    return op
