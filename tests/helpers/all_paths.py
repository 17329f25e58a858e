"""All paths between two nodes, one after the other, and the search for the best of them by itself."""

import math

import numpy as np

from lazygrad import paths
from lazygrad._derivatives.edges import find_edges_between
from lazygrad.ops._rule import OUT
from lazygrad.paths._search import Search, operator_norm


def walk_paths(L, W, seed=1.0):
    """Return every path as (nodes, argnums, contribution), down from L by the rules themselves."""
    found = []
    masked = {e.consumer.serial: e.masked for edges in find_edges_between(W, L).values() for e in edges}

    def down(i, nodes, argnums, g):
        if i is W:
            found.append((tuple(n.serial for n in (W, *nodes)), argnums, g))
            return
        for k, j in enumerate(i.inputs):
            if i.dtype.kind == j.dtype.kind == "f" and i.op.passes_derivative(i, k) and paths.count(j, W):
                rule = i.op.rule(k).reading(masked[i.serial])
                reads = [(i if r == OUT else i.inputs[r]).value[()] for r in rule.reads]
                if rule.rest is not None:
                    reads += [n.value for n in i.inputs[rule.rest :]]
                term = np.asarray(rule.function(g, *reads, **rule.meta(i, k)))
                while term.ndim > j.ndim:
                    term = term.sum(0)
                for axis in [a for a, n in enumerate(j.shape) if n == 1 != term.shape[a]]:
                    term = term.sum(axis, keepdims=True)
                down(j, (i, *nodes), (k, *argnums), np.broadcast_to(term, j.shape)[()])

    down(L, (), (), np.float64(seed))
    return found


def search_paths(L, W, k, bounded, budget=math.inf):
    """Search by bounds or through all paths; return the search, its norms, and a bound on what is left."""
    search = Search(W, L, k, np.float64(1), find_edges_between(W, L))
    down = search.downwards()
    if bounded:
        search.enter_likely(down)
    left = search.branch_and_bound(down, operator_norm if bounded else None, budget)
    return search, sorted((norm for norm, *_ in search.best), reverse=True), left
