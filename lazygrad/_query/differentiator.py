"""The memo of a target as users see it: gradients, adjoints, contributions, and what it holds."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Literal, overload

from .. import _derivatives, _report
from .._derivatives.adjoint_node import AdjointNode, follow, unbroadcast_to, unmirrored
from .._derivatives.defined import find_defined_leaves, find_first_blocked, list_names
from .._derivatives.target_memo import TargetMemo, target_memo
from .._errors import NotDifferentiableError, UnconnectedError, UnconnectedWarning
from .._graph.frames import find_user_frame
from .._graph.log import logger
from .._graph.node import INEXACT, Node, Operand, label
from .._graph.traverse import ancestors
from .._graph.trees import leaves
from .._graph.turns import as_one_question, lock, now
from .._graph.types import Array, Structure
from .._graph.value import forward_rec, read_guarded, readonly_view, zeros
from .._graph.watch import watchers
from .._schedule.plans import PlanInfo, Plans
from ..ops._rule import input_name
from .announce import announce, as_question
from .checks import (
    K,
    Nested,
    R,
    W,
    as_cotangent,
    check_node,
    check_seed,
    check_target,
    check_wrt,
    map_nodes,
    resolve_names,
)
from .engine import LAZY, answer_with
from .records import CacheInfo, Contribution

__all__ = ["CacheInfo", "Contribution", "Differentiator", "PlanInfo", "Unconnected", "differentiator"]

Unconnected = Literal["zero", "none", "raise"]


class Differentiator:
    """The memo of one target: every adjoint dL/di asked of it is built and computed once.

    Parameters
    ----------
    L
        The target, a float node.
    cotangent
        dL/dL: an array or node of the shape of `L`. Needed if `L` has more than one element.

    See Also
    --------
    differentiator : the one that `L` itself keeps and `gradient` uses.

    Notes
    -----
    Tomassoli's table (section 13). It lives as long as this object; nothing in the graph refers to it.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter([1.0, 2.0, 3.0])
    >>> y = x * x
    >>> d = Differentiator(y, cotangent=[1.0, 0.0, 10.0])
    >>> d.gradient(x)
    array([ 2.,  0., 60.])
    >>> d.cache_info()
    CacheInfo(hits=0, misses=1, maxsize=None, currsize=1)
    """

    __module__ = "lazygrad"

    def __init__(self, L: Node, *, cotangent: Operand | None = None) -> None:
        check_target(L)
        with lock:
            seed = None if cotangent is None else as_cotangent(L, cotangent)
            self._set_up(L, TargetMemo.of(L, seed))
            target_memo(L).others.add(self._memo)

    def _set_up(self, L: Node, memo: TargetMemo) -> None:
        self.target = L
        self._memo = memo

    def __repr__(self) -> str:
        return f"<Differentiator of {self.target!r}: {self.cache_info()}>"

    def __reduce__(self) -> Any:
        if self._memo is self.target._memo:
            return differentiator, (self.target,)
        return Differentiator._restore, (self.target, _derivatives.MemoOf(self.target, self._memo))

    @classmethod
    def _restore(cls, target: Node, memo: TargetMemo) -> Differentiator:
        """Make a Differentiator of a copied memo, whether or not its seed fits: a query checks that."""
        found = cls.__new__(cls)
        found._set_up(target, memo)
        target_memo(target).others.add(memo)
        return found

    @overload
    def gradient(self, wrt: Node | str, *, unconnected: Literal["zero", "raise"] = ..., engine: str = ...) -> Array: ...

    @overload
    def gradient(
        self, wrt: list[W], *, unconnected: Literal["zero", "raise"] = ..., engine: str = ...
    ) -> list[Array]: ...

    @overload
    def gradient(self, wrt: R, *, unconnected: Literal["zero", "raise"] = ..., engine: str = ...) -> R: ...

    @overload
    def gradient(
        self, wrt: tuple[W, ...], *, unconnected: Literal["zero", "raise"] = ..., engine: str = ...
    ) -> tuple[Array, ...]: ...

    @overload
    def gradient(
        self, wrt: Mapping[K, W], *, unconnected: Literal["zero", "raise"] = ..., engine: str = ...
    ) -> dict[K, Array]: ...

    @overload
    def gradient(self, wrt: Node | str, *, unconnected: Unconnected, engine: str = ...) -> Array | None: ...

    @overload
    def gradient(self, wrt: list[W], *, unconnected: Unconnected, engine: str = ...) -> list[Array | None]: ...

    @overload
    def gradient(
        self, wrt: tuple[W, ...], *, unconnected: Unconnected, engine: str = ...
    ) -> tuple[Array | None, ...]: ...

    @overload
    def gradient(self, wrt: Mapping[K, W], *, unconnected: Unconnected, engine: str = ...) -> dict[K, Array | None]: ...

    @overload  # nested containers
    def gradient(self, wrt: Nested, *, unconnected: Unconnected = ..., engine: str = ...) -> Any: ...

    @as_question
    def gradient(self, wrt: Structure, *, unconnected: Unconnected = "zero", engine: str = LAZY) -> object:
        """Return dL/d`wrt` as read-only arrays in the structure of `wrt`; see `lazygrad.gradient`."""
        asked = now.asked
        try:
            now.asked = (self.target, (self._memo.seed, asked))  # changes of what they depend on wait
            self._check_seed()
            if unconnected not in ("zero", "none", "raise"):
                raise ValueError(f"unconnected must be 'zero', 'none' or 'raise', not {unconnected!r}")
            nodes = resolve_names(wrt, self.target)
            lazy = engine == LAZY
            announce(self, nodes, lazy)
            connected = self._find_adjoint if lazy else self._answer_by_engine(engine, nodes)
            missing: list[Node] = []
            found = 0

            def one(i: Node) -> Any:
                nonlocal found
                adjoint = connected(i)
                if adjoint is None:
                    missing.append(i)
                    return None if unconnected == "none" else zeros(i)
                found += 1
                return readonly_view(read_guarded(adjoint) if lazy else adjoint)

            if unconnected == "raise":  # before anything is computed, if the engine is lazy
                map_nodes(nodes, lambda i: None if connected(i) is not None else missing.append(i))
                if missing:
                    names = ", ".join(label(i) for i in missing)
                    raise UnconnectedError(f"no path leads from {names} to {self.target!r}")
            if lazy and not watchers():
                self._compute_by_plan(nodes)
            gradients = map_nodes(nodes, one)
            if missing and not found and unconnected == "zero":
                names = ", ".join(label(i) for i in missing)
                message = f"no path leads from {names} to {self.target!r}: every gradient asked for is zero"
                logger.warning(message)
                warnings.warn(UnconnectedWarning(message), stacklevel=find_user_frame()[1])
            return gradients
        finally:
            now.asked = asked

    def adjoint(self, node: Node) -> Node:
        """Return dL/d`node` as a lazy node that can be differentiated again; see `lazygrad.adjoint`."""
        with lock:
            self._check_seed()
            found = self._find_adjoint(node)
            return follow(self._memo.zero_adjoint(node) if found is None else found)

    def contributions(self, node: Node) -> list[Contribution]:
        """Return the terms that sum to the adjoint of `node`, one for each edge that leads to the target.

        Parameters
        ----------
        node
            Any float node.

        Returns
        -------
        List of (consumer, argnum, value), oldest consumer first; the values are read-only arrays of the
        shape and dtype of `node`. Empty if nothing leads from it to the target.

        Notes
        -----
        The terms z^j J of Stratos' equation (2). Added up in this order they are the adjoint, bit for bit.

        Examples
        --------
        >>> import lazygrad as lg
        >>> x = lg.parameter(3.0)
        >>> y = x * x
        >>> L = y + 2 * x
        >>> [(c.consumer.op.name, float(c.value)) for c in lg.differentiator(L).contributions(x)]
        [('multiply', 3.0), ('multiply', 3.0), ('multiply', 2.0)]
        """
        return as_one_question((self.target, self._memo.seed), self._list_contributions, node)

    def _list_contributions(self, node: Node) -> list[Contribution]:
        self._check_seed()
        found = self._find_adjoint(node)
        if not isinstance(found, AdjointNode):
            return []
        for j in found.inputs:
            forward_rec(j)
        return [
            Contribution(unmirrored(c), argnum, readonly_view(unbroadcast_to(term, found.shape, found.dtype, c._op)))
            for c, argnum, term in found.contributions([j._value for j in found.inputs])
        ]

    def is_connected(self, node: Node) -> bool:
        """Return whether a derivative flows from `node` to the target; nothing is computed.

        Parameters
        ----------
        node
            Any node; blocked edges and structural zeros do not connect.

        Examples
        --------
        >>> import lazygrad as lg
        >>> x, y = lg.parameter(1.0), lg.parameter(1.0)
        >>> d = lg.differentiator(x * 2)
        >>> d.is_connected(x), d.is_connected(y)
        (True, False)
        """
        check_node(node)
        with lock:
            return self._memo.leads(node)

    def cache_info(self) -> CacheInfo:
        """Return how many adjoints were requested, by the caller and by computations, and the table's size.

        Returns
        -------
        CacheInfo(hits, misses, maxsize, currsize), as `functools.lru_cache` has it; maxsize is None.
        """
        counts = self._memo.op.counts
        return CacheInfo(counts.requests - counts.misses, counts.misses, None, len(self._memo.adjoints))

    def plan_info(self) -> PlanInfo:
        """Return how the plans for questions about the target that are asked again and again have fared.

        Returns
        -------
        PlanInfo(plans, runs, failures): how many plans there are, how often one answered, and how often the walk of
        the memo had to answer in the place of one. `cache_clear`, and a leaf below the target that changes its shape,
        start them anew.
        """
        plans = self._memo.plans
        return PlanInfo(0, 0, 0) if plans is None else plans.describe()

    def cache_clear(self) -> None:
        """Drop the adjoints and the counts; forward values stay."""
        with lock:
            self._memo.clear()

    def table(self) -> _report.Table:
        """Return what the memo holds: forward values below the target, then adjoints, each fresh or stale.

        Returns
        -------
        A list of rows with ``node, kind, op, shape, dtype, nbytes, state``; it prints as a table.

        Examples
        --------
        >>> import lazygrad as lg, numpy as np
        >>> x = lg.parameter(2.0, name="x")
        >>> y = np.exp(x)
        >>> y.name = "y"
        >>> L = y * y
        >>> dx = lg.gradient(L, x)
        >>> x.set(3.0)
        >>> print(lg.differentiator(L).table())
        node                kind     op                shape           dtype         bytes  state
        y                   value    exp               ()              float64           0  stale
        y                   adjoint  adjoint           ()              float64           0  stale
        x                   adjoint  adjoint           ()              float64           0  stale
        """
        with lock:
            values = [_report.make_row(i, i, "value") for i in ancestors(self.target) if i._op is not None]
            adjoints = [_report.make_row(a.of, a, "adjoint") for a in self._memo.adjoints.values()]
            return _report.Table([row for row in values if row.state != "not computed"] + adjoints)

    # -- checks ------------------------------------------------------------------------------------

    def _check_seed(self) -> None:
        """Raise unless dL/dL fits the target as it is now."""
        check_seed(self.target, self._memo)

    def _find_adjoint(self, i: Node) -> Node | None:
        """Return the adjoint of `i`, None if it is structurally zero; raise where it is undefined."""
        if check_node(i).dtype.kind not in INEXACT:
            self._raise_if_blocked(i)  # the more telling error, where there is a path
        check_wrt(i)
        found = self._memo.adjoint(i)
        if found is None:
            self._raise_if_blocked(i)
        return found

    def _compute_by_plan(self, nodes: Any) -> None:
        """Compute the adjoints that a plan covers; the walk does the rest."""
        memo = self._memo
        asked = [nodes] if isinstance(nodes, Node) else leaves(nodes)
        adjoints = [memo.adjoints.get(i._serial) for i in asked]
        if memo.plans is None:
            memo.plans = Plans(memo.mirror)
        memo.plans.compute([a for a in adjoints if a is not None])

    def _answer_by_engine(self, engine: str, nodes: Any) -> Callable[[Node], Any]:
        """Ask another engine for all of a structure's nodes at once, and return a look-up; None for no path."""
        wanted: dict[int, Node] = {}
        map_nodes(nodes, lambda i: wanted.update({check_wrt(i).serial: i}))
        table = answer_with(engine, self.target, wanted, self._memo.seed if self._memo.seeded else None)
        for serial, i in wanted.items():
            if table[serial] is None:
                self._raise_if_blocked(i)
        return lambda i: table[i._serial]

    def _raise_if_blocked(self, i: Node) -> None:
        """Tell "no path" from "every path is blocked" (Collins, Definition 6), naming the first blocked edge."""
        if (found := find_first_blocked(i, self._memo.serial, self._memo.mirror)) is not None:
            c, argnum, j = found
            raise NotDifferentiableError(
                f"op {c._op.name!r} has no derivative by its input {input_name(c, argnum)!r} ({j!r}), and every path "
                f"from there to {self.target!r} meets such an edge; derivatives are defined on all paths from: "
                f"{list_names(find_defined_leaves(self.target))}"
            )


def differentiator(L: Node) -> Differentiator:
    """Return the Differentiator whose memo `L` keeps, the one `gradient` and `adjoint` use.

    Parameters
    ----------
    L
        A float node. It keeps the memo, and the Differentiator keeps `L`.

    Raises
    ------
    TypeError
        If `L` is no float node.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0)
    >>> L = x * x
    >>> lg.gradient(L, x), lg.differentiator(L).cache_info()
    (array(4.), CacheInfo(hits=0, misses=1, maxsize=None, currsize=1))
    """
    check_target(L)
    with lock:
        memo = target_memo(L)
        kept: Differentiator | None = memo.facade() if memo.facade is not None else None
        if kept is None:
            kept = Differentiator.__new__(Differentiator)
            kept._set_up(L, memo)
            memo.facade = weakref.ref(kept)
        return kept


differentiator.__module__ = "lazygrad"  # where pickles look for it
