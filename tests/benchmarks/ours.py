"""The library's own candidates of any question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
from harness import Answer, Candidate, Question, Run, Skipped

import lazygrad as lg

OPS = SimpleNamespace(
    tanh=np.tanh,
    sin=np.sin,
    exp=np.exp,
    sqrt=np.sqrt,
    sum=np.sum,
    relu=lg.ops.relu,
    cross_entropy=lambda scores, labels: lg.ops.cross_entropy(scores, labels).mean(),
)


def candidates(question: Question) -> list[Candidate]:
    """Return the memo walk, the graph built anew each time, and compiled schedules."""
    single = len(question.queries) == 1
    everything = len(question.changing) == len(question.arrays)
    found = [
        Candidate("set + gradient", "memo", partial(memo, question)),
        Candidate("graph rebuilt", "rebuilt", partial(rebuilt, question)),
        Candidate("compiled", "compiled", partial(compiled, question, "numpy")),
        Candidate("compiled, numba", "numba", partial(compiled, question, "numba")),
    ]
    if single and question.value and everything:
        found += [
            Candidate("lg.value_and_grad(f)", "transform", partial(transform, question)),
            Candidate("lg.compile(f)", "function", partial(function, question)),
        ]
    return [c for c in found if c.kind not in question.without]


class Graph:
    """The leaves and the loss of a question."""

    def __init__(self, question: Question, arrays: Sequence[Any]) -> None:
        asked = {k for query in question.queries for k in query}
        self.leaves = [lg.parameter(a) if k in asked else lg.constant(a) for k, a in enumerate(arrays)]
        self.loss = question.loss(OPS, *self.leaves)
        self.wrt = [[self.leaves[k] for k in query] for query in question.queries]
        self.value = question.value

    def answer(self) -> Answer:
        """Ask one question after the other."""
        found: Answer = [self.loss.value] if self.value else []
        for wrt in self.wrt:
            found += lg.gradient(self.loss, wrt)
        return found


def memo(question: Question) -> Run:
    """Return the graph stays; leaves are set, and what depends on them is asked again."""
    graph = Graph(question, question.arrays)
    changing = [(k, graph.leaves[k]) for k in question.changing]

    def run(*arrays: Any) -> Answer:
        for k, leaf in changing:
            leaf.set(arrays[k])
        return graph.answer()

    return run


def rebuilt(question: Question) -> Run:
    """Everything is built anew each time."""
    return lambda *arrays: Graph(question, arrays).answer()


def transform(question: Question) -> Run:
    """Return a function transform, which builds a graph in each call."""
    f = lg.value_and_grad(partial(question.loss, OPS), tuple(question.queries[0]))

    def run(*arrays: Any) -> Answer:
        value, gradients = f(*arrays)
        return [value, *gradients]

    return run


def need_compile() -> None:
    """Leave the candidate out as long as there is no `lg.compile`."""
    if not hasattr(lg, "compile"):
        raise Skipped("there is no lg.compile yet")


def compiled(question: Question, backend: str) -> Run:
    """Return a schedule for the question."""
    need_compile()
    if backend == "numba" and find_spec("numba") is None:
        raise Skipped("numba is not installed")
    graph = Graph(question, question.arrays)
    changing = question.changing
    inputs = [graph.leaves[k] for k in changing]
    wrt = [leaf for leaves in graph.wrt for leaf in leaves]
    if not wrt:
        step = lg.compile(graph.loss, inputs=inputs, backend=backend)
        return lambda *arrays: [step(*[arrays[k] for k in changing])]
    if not question.value:
        step = lg.compile([lg.adjoint(graph.loss, leaf) for leaf in wrt], inputs=inputs, backend=backend)
        return lambda *arrays: step(*[arrays[k] for k in changing])
    step = lg.compile(graph.loss, wrt=wrt, inputs=inputs, backend=backend)

    def run(*arrays: Any) -> Answer:
        value, gradients = step(*[arrays[k] for k in changing])
        return [value, *gradients]

    return run


def function(question: Question) -> Run:
    """Return a function, compiled."""
    need_compile()
    f = lg.compile(partial(question.loss, OPS), wrt=tuple(question.queries[0]))

    def run(*arrays: Any) -> Answer:
        value, gradients = f(*arrays)
        return [value, *gradients]

    return run


def counts(question: Question) -> str:
    """Count what the memo walk computes again after a change."""
    run = memo(question)
    run(*question.arrays)
    question.advance()
    with lg.record() as report:
        run(*question.arrays)
    return (
        f"after the change {report.values.misses} values and {report.adjoints.misses} adjoints are computed, "
        f"by {report.rules_run} rules"
    )
