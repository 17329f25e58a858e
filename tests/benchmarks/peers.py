"""Other libraries, each in a few lines: how to ask them a question. The program itself is the question's.

A loader imports its library, and returns what makes a `Run` of a question. Peers are given their own kind of arrays:
converting what changes is no part of the time, and what does not change is converted once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from harness import Answer, Candidate, Fed, Question, Run

Make = Callable[[Question], Run]


def namespace(module: Any, **others: Any) -> SimpleNamespace:
    """Return what programs are written with, from a module that has it under NumPy's names; and what it has not."""
    return SimpleNamespace(**{name: getattr(module, name) for name in ("tanh", "sin", "exp", "sqrt", "sum")}, **others)


def candidates(question: Question) -> list[Candidate]:
    """Return the peers of a question that are installed."""
    found = []
    for name in question.peers:
        try:
            make = PEERS[name]()
        except ImportError:
            print(f"{name} is not installed")
            continue
        found.append(Candidate(name, name, partial(make, question), forgiven=True))
    return found


def hard_cross_entropy(xp: Any, log_softmax: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the mean of -log softmax(z)[y], of a library with NumPy's indexing."""
    return lambda z, y: -xp.mean(log_softmax(z)[xp.arange(z.shape[0]), y])


def kept(question: Question, convert: Callable[[Any], Any]) -> Callable[[tuple[Any, ...]], list[Any]]:
    """Return what converts the arrays of a call: only those that change, the others once for all."""
    changing = set(question.changing)
    once = {k: convert(a) for k, a in enumerate(question.arrays) if k not in changing}
    return lambda arrays: [convert(a) if k in changing else once[k] for k, a in enumerate(arrays)]


def torch_eager() -> Make:
    """Eager torch; several questions of one graph by `retain_graph`."""
    import torch

    torch.set_num_threads(1)
    ops = namespace(
        torch,
        relu=torch.relu,
        cross_entropy=torch.nn.functional.cross_entropy,
    )

    def make(question: Question) -> Run:
        convert = kept(question, lambda a: torch.as_tensor(np.asarray(a)))  # a float alone would be float32
        asked = sorted({k for query in question.queries for k in query})

        def run(*given: Any) -> Answer:
            leaves = list(given)
            for k in asked:
                leaves[k] = given[k].detach().requires_grad_()
            loss = question.loss(ops, *leaves)
            found = [loss.item()] if question.value else []
            for query in question.queries:
                wrt = [leaves[k] for k in query]
                gradients = torch.autograd.grad(
                    loss, wrt, retain_graph=len(question.queries) > 1, allow_unused=True, materialize_grads=True
                )
                found += [g.numpy() for g in gradients]
            return found

        return Fed(convert, run)

    return make


def torch_compiled() -> Make:
    """torch.compile of a value alone (it needs a C++ compiler)."""
    import torch

    torch.set_num_threads(1)

    def make(question: Question) -> Run:
        ops = namespace(torch)
        f = torch.compile(partial(question.loss, ops))
        return Fed(kept(question, torch.as_tensor), lambda *given: [f(*given).item()])

    return make


def jax_jit() -> Make:
    """JAX, one jitted function for each question."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    ops = namespace(
        jnp,
        relu=jax.nn.relu,
        cross_entropy=hard_cross_entropy(jnp, jax.nn.log_softmax),
    )

    def make(question: Question) -> Run:
        convert = kept(question, jnp.asarray)
        f = partial(question.loss, ops)
        which = jax.value_and_grad if question.value else jax.grad
        questions = [jax.jit(which(f, tuple(query))) for query in question.queries]
        value_alone = jax.jit(f)

        def run(*given: Any) -> Answer:
            if not questions:
                return [np.asarray(value_alone(*given))]
            found = [ask(*given) for ask in questions]
            if question.value:
                found = [(value, *gradients) for value, gradients in found]
            return [np.asarray(a) for answers in found for a in answers]

        return Fed(lambda arrays: jax.block_until_ready(convert(arrays)), run)

    return make


def autograd() -> Make:
    """HIPS autograd."""
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    ops = namespace(
        anp,
        relu=lambda x: anp.maximum(x, 0),
        cross_entropy=hard_cross_entropy(anp, lambda z: z - logsumexp(z, axis=1, keepdims=True)),
    )

    def make(question: Question) -> Run:
        f = partial(question.loss, ops)
        if question.value:
            ask = autograd.value_and_grad(f, tuple(question.queries[0]))

            def run(*arrays: Any) -> Answer:
                value, gradients = ask(*arrays)
                return [value, *gradients]

            return run
        questions = [autograd.grad(f, tuple(query)) for query in question.queries]
        return lambda *arrays: [g for ask in questions for g in ask(*arrays)]

    return make


def pytensor() -> Make:
    """PyTensor, one function for each question."""
    import pytensor
    import pytensor.tensor as pt

    ops = namespace(
        pt,
        relu=lambda x: pt.maximum(x, 0),
        cross_entropy=hard_cross_entropy(pt, lambda z: pt.special.log_softmax(z, axis=1)),
    )

    def make(question: Question) -> Run:
        changing = question.changing
        arrays = [np.asarray(a) for a in question.arrays]
        given = [
            pt.tensor(dtype=a.dtype, shape=a.shape) if k in changing else pytensor.shared(a)
            for k, a in enumerate(arrays)
        ]
        loss = question.loss(ops, *given)
        questions = [pytensor.grad(loss, [given[k] for k in query]) for query in question.queries]
        if question.value:
            questions = [[loss, *gradients] for gradients in questions]
        asks = [pytensor.function([given[k] for k in changing], outputs) for outputs in questions]

        def run(*arrays: Any) -> Answer:
            new = [arrays[k] for k in changing]
            return [a for ask in asks for a in ask(*new)]

        return run

    return make


def casadi() -> Make:
    """CasADi's SX, scalars alone."""
    import casadi

    ops = SimpleNamespace(tanh=casadi.tanh, sin=casadi.sin)

    def make(question: Question) -> Run:
        leaves = [casadi.SX.sym("x") for _ in question.arrays]
        x = casadi.vertcat(*leaves)
        loss = question.loss(ops, *leaves)
        f = casadi.Function("f", [x], [loss, casadi.gradient(loss, x)])

        def run(*arrays: Any) -> Answer:
            value, gradient = f(arrays)
            return [float(value), *gradient.full()[:, 0]]

        return run

    return make


def micrograd() -> Make:
    """micrograd, with the two functions it lacks written in its own way."""
    from micrograd.engine import Value

    def elementwise(f: Callable[[float], float], slope: Callable[[float, float], float]) -> Callable[[Any], Any]:
        def apply(x: Any) -> Any:
            out = Value(f(x.data), (x,), f.__name__)

            def backward() -> None:
                x.grad += slope(x.data, out.data) * out.grad

            out._backward = backward
            return out

        return apply

    ops = SimpleNamespace(
        tanh=elementwise(math.tanh, lambda x, y: 1 - y * y), sin=elementwise(math.sin, lambda x, y: math.cos(x))
    )

    def make(question: Question) -> Run:
        def run(*arrays: Any) -> Answer:
            leaves = [Value(a) for a in arrays]
            loss = question.loss(ops, *leaves)
            loss.backward()
            return [loss.data, *[leaf.grad for leaf in leaves]]

        return run

    return make


def mygrad() -> Make:
    """MyGrad."""
    import mygrad as mg

    ops = SimpleNamespace(tanh=mg.tanh, sin=mg.sin, sum=mg.sum)

    def make(question: Question) -> Run:
        def run(*arrays: Any) -> Answer:
            leaves = [mg.tensor(a) for a in arrays]
            loss = question.loss(ops, *leaves)
            loss.backward()
            return [loss.item(), *[leaf.grad for leaf in leaves]]

        return run

    return make


def tinygrad() -> Make:
    """tinygrad, eager."""
    from tinygrad import Tensor

    ops = SimpleNamespace(tanh=Tensor.tanh, sin=Tensor.sin, sum=Tensor.sum)

    def make(question: Question) -> Run:
        convert = kept(question, Tensor)

        def run(*given: Any) -> Answer:
            loss = question.loss(ops, *given)
            (query,) = question.queries
            return [g.numpy() for g in loss.gradient(*[given[k] for k in query])]

        return Fed(lambda arrays: [a.realize() for a in convert(arrays)], run)

    return make


def numexpr() -> Make:
    """numexpr, of a value alone."""
    import numexpr as ne
    from numexpr.expressions import VariableNode, functions

    ne.set_num_threads(1)
    ops = SimpleNamespace(**{name: functions[name] for name in ("tanh", "sin", "exp", "sqrt", "sum")})

    def make(question: Question) -> Run:
        (array,) = question.arrays
        single = array.dtype == np.float32
        x = VariableNode("x", "float" if single else "double")
        f = ne.NumExpr(question.loss(ops, x), [("x", float if single else np.float64)])
        return lambda *arrays: [f(*arrays)]

    return make


PEERS: dict[str, Callable[[], Make]] = {
    "torch": torch_eager,
    "torch.compile": torch_compiled,
    "JAX": jax_jit,
    "autograd": autograd,
    "PyTensor": pytensor,
    "CasADi": casadi,
    "micrograd": micrograd,
    "mygrad": mygrad,
    "tinygrad": tinygrad,
    "numexpr": numexpr,
}
PACKAGES = ("torch", "jax", "autograd", "pytensor", "casadi", "micrograd", "mygrad", "tinygrad", "numexpr")
