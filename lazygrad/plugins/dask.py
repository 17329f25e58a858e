"""Dask: a gradient as a task graph, and gradients of data that lies on many workers.

`gradient` and `value` make Dask collections: a task for each node that the question needs and the memo does not hold,
and no other. Any scheduler of Dask computes them; what two of them share is computed once. `data_parallel` is for
losses that are sums over shards of data: each worker keeps the graph and the memo of its shards, and only what has
changed travels.

>>> import dask, numpy as np, lazygrad as lg
>>> import lazygrad.plugins.dask as lazy
>>> W1, W2 = lg.parameter(np.ones((2, 2)), name="W1"), lg.parameter([[1.0], [2.0]], name="W2")
>>> L = np.sum(np.tanh([[0.1, 0.2]] @ W1) @ W2)
>>> first, last = lazy.gradient(L, W1), lazy.gradient(L, W2)
>>> len(first.tasks), len(last.tasks)
(6, 4)
>>> dW1, dW2 = dask.compute(first, last)
>>> dW1.round(3)
array([[0.092, 0.183],
       [0.183, 0.366]])
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from dask import threaded
from dask._task_spec import DataNode, GraphNode, Task, TaskRef
from dask.base import DaskMethodsMixin, dont_optimize, replace_name_in_key
from dask.highlevelgraph import HighLevelGraph
from dask.tokenize import tokenize

from .._graph.node import Node, Operand
from .._graph.trees import map_tree
from .._graph.turns import lock
from .._graph.types import Structure
from .._graph.value import readonly_view
from .._query.checks import as_cotangent, check_node, check_target, map_nodes, resolve_names
from .._query.differentiator import Differentiator, Unconnected, differentiator
from ._dask.parallel import DataParallel, data_parallel
from ._dask.steps import Graph
from ._dask.workers import Traffic

__all__ = ["DataParallel", "Query", "Traffic", "data_parallel", "gradient", "value"]


class Query(DaskMethodsMixin):  # type: ignore[misc]
    """A question as a Dask collection: the values of some nodes, or the gradients by them.

    Made by `gradient` and `value`; it holds the values that the leaves had then. ``query.compute()``,
    ``query.persist()``, ``dask.compute(query, other)`` and ``dask.delayed(f)(query)`` are Dask's.

    Attributes
    ----------
    graph
        Key -> task; what the memo holds is a task, too, that has nothing to do.
    """

    def __init__(self, graph: HighLevelGraph, keys: list[str], structure: Any, absent: tuple[Any, ...] = ()) -> None:
        self.graph = graph
        self._keys = keys
        self._structure = structure  # of the answer; its leaves say which of the keys, then of `absent`
        self._absent = absent  # shape and dtype, or None, of what no path leads from

    @property
    def tasks(self) -> Mapping[Hashable, object]:
        """Return the tasks that compute something; tasks of two queries with the same key are the same."""
        return {key: task for key, task in self.graph.items() if isinstance(task, Task)}

    def __repr__(self) -> str:
        return f"<Query of {len(self._keys)} arrays: {len(self.tasks)} tasks>"

    def __dask_graph__(self) -> HighLevelGraph:
        return self.graph

    def __dask_keys__(self) -> list[str]:
        return self._keys

    def __dask_layers__(self) -> tuple[str, ...]:
        return tuple(self.graph.layers)

    def __dask_tokenize__(self) -> Any:
        return "lazygrad", self._keys, self._structure, self._absent

    def __dask_postcompute__(self) -> Any:
        return _assemble, (self._structure, self._absent)

    def __dask_postpersist__(self) -> Any:
        return _rebuild, (self._keys, self._structure, self._absent)

    __dask_optimize__ = staticmethod(dont_optimize)  # there is nothing to leave out
    __dask_scheduler__ = staticmethod(threaded.get)


def _make_query(graph: Graph, keys: list[str], structure: Any, absent: Sequence[Any] = ()) -> Query:
    name = f"lazygrad-{tokenize(sorted(graph.tasks))}"
    return Query(HighLevelGraph({name: graph.tasks}, {name: set()}), keys, structure, tuple(absent))


def _assemble(results: Sequence[Any], structure: Any, absent: tuple[Any, ...]) -> Any:
    """Return the arrays in the structure of what was asked for."""

    def one(k: int) -> Any:
        if k < len(results):
            return readonly_view(results[k])
        like = absent[k - len(results)]
        return None if like is None else readonly_view(np.zeros(*like))

    return map_tree(one, structure)


def _rebuild(
    graph: Mapping[Any, Any],
    keys: list[str],
    structure: Any,
    absent: tuple[Any, ...],
    *,
    rename: Mapping[str, str] | None = None,
) -> Query:
    """Return a question of keys that are computed or being computed."""
    graph = {key: v if isinstance(v, (GraphNode, TaskRef)) else DataNode(key, v) for key, v in graph.items()}
    keys = keys if rename is None else [replace_name_in_key(key, rename) for key in keys]
    name = f"lazygrad-{tokenize(keys)}"
    return Query(HighLevelGraph({name: graph}, {name: set()}), keys, structure, absent)


def value(nodes: object) -> Query:
    """Return the values of nodes as a Dask collection.

    Parameters
    ----------
    nodes
        A node, or a list, tuple or dict of nodes.

    Returns
    -------
    Query, which computes to arrays in that structure.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([1.0, 2.0])
    >>> value({"sum": x.sum(), "square": x * x}).compute()
    {'sum': array(3.), 'square': array([1., 4.])}
    """
    with lock:
        graph = Graph()
        keys: list[str] = []

        def one(i: Any) -> int:
            keys.append(graph.add(check_node(i)))
            return len(keys) - 1

        return _make_query(graph, keys, map_tree(one, nodes))


def gradient(L: Node, wrt: Structure, *, unconnected: Unconnected = "zero", cotangent: Operand | None = None) -> Query:
    """Return dL/d`wrt` as a Dask collection: the tasks of the requested gradients, and no other.

    Parameters
    ----------
    L, wrt, unconnected, cotangent
        As for `lazygrad.gradient`.

    Returns
    -------
    Query, which computes to arrays in the structure of `wrt`.

    Raises
    ------
    TypeError, NotDifferentiableError, UnconnectedError
        As `lazygrad.gradient`.

    Notes
    -----
    The tasks are those that `lazygrad.inspect.explain` lists: adjoints between `wrt` and `L`, and the forward values
    that their rules read. Values that the memo holds are data. The query keeps the values of its leaves, so that a
    later `leaf.set` does not change it; what Dask computes does not enter the memo here. The key of a task is made of
    its op and of the bytes that it starts from: wherever the same is asked at the same point, it is computed once.

    A task costs Dask some tenths of a millisecond, on a cluster a few times that, and the arrays of the leaves travel
    with the graph: it pays where few nodes have much to do. For much data, and many questions, see `data_parallel`.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([1.0, 2.0])
    >>> query = gradient((x * x).sum(), {"x": x})
    >>> query
    <Query of 1 arrays: 2 tasks>
    >>> query.compute()
    {'x': array([2., 4.])}
    """
    with lock:
        if cotangent is None:
            d = differentiator(L)
        else:
            check_target(L)
            d = Differentiator(L, cotangent=as_cotangent(L, cotangent))
        d._check_seed()
        nodes = resolve_names(wrt, L)
        missing: list[Node] = []
        found: list[Node] = []

        def note_adjoint(i: Any) -> int:
            adjoint = d._find_adjoint(i)
            (missing if adjoint is None else found).append(i if adjoint is None else adjoint)
            return len(found) - 1 if adjoint is not None else -len(missing)

        structure = map_nodes(nodes, note_adjoint)
        if not found or unconnected != "zero":  # nothing is computed for those; but it warns or raises
            d.gradient(missing, unconnected=unconnected)
        absent = [None if unconnected == "none" else (i.shape, i.dtype) for i in missing]
        graph = Graph()
        keys = [graph.add(adjoint) for adjoint in found]
        structure = map_tree(lambda k: k if k >= 0 else len(keys) - 1 - k, structure)
        return _make_query(graph, keys, structure, absent)
