"""Questions about random graphs, and blocks of several of them with changed leaves in between."""

from __future__ import annotations

from typing import Any

import numpy as np

import lazygrad as lg
from tests.helpers.random_graphs import RandomDag, build, random_dag

__all__ = ["draw_question", "run_session"]


def draw_question(dag: RandomDag, rng: np.random.Generator) -> tuple[int, list[int]]:
    """Draw a loss and some nodes, twice the same now and then, or the loss itself."""
    target = int(rng.choice(dag.losses))
    floats = [k for k, v in enumerate(dag.values) if v.dtype.kind == "f"]
    return target, [int(k) for k in rng.choice([*dag.parameters, *dag.parameters, *floats, target], size=3)]


def run_session(seed: int) -> tuple[lg.Report, list[lg.Node], list[Any]]:
    """Run a block with several queries and sets; return its report, the nodes, and what each gradient asked."""
    dag = random_dag(4000 + seed, arrays=bool(seed % 2))
    rng = np.random.default_rng(seed)
    nodes = build(dag.recipe)
    asked = []
    with np.errstate(all="ignore"), lg.record() as report:
        for _ in range(5):
            target, wrt = draw_question(dag, rng)
            lg.gradient(nodes[target], [nodes[k] for k in wrt], unconnected="none")
            asked.append((nodes[target], tuple([nodes[k] for k in wrt])))
            if rng.random() < 0.6:
                leaf = nodes[int(rng.choice(dag.parameters))]
                leaf.set(np.asarray(leaf.value) + 0.25)
    return report, nodes, asked
