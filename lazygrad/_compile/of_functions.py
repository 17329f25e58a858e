"""A compiled function: its value and gradient for other arguments, by schedules of the graphs that it was traced to."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np

from .._derivatives.adjoint_node import AdjointNode
from .._functions.call import Argnums, resolve_argnums
from .._functions.trace import Trace, make_signature, trace_function
from .._graph.bits import same_static
from .._graph.leaf import count_reforms
from .._graph.node import INEXACT, Node, _next_serial, delist
from .._graph.reform import find_call
from .._graph.traverse import collect_inputs_first
from .._graph.trees import leaves, map_tree
from .._graph.turns import lock
from .._query.differentiator import differentiator
from .._schedule.schedule import Branched
from .specialised import FLOAT, Compiled, Specialization, as_input

__all__ = ["CompiledFunction"]


@attrs.define(eq=False, repr=False)
class CompiledFunction(Compiled[Any]):
    """A function: its value, and its gradient, for other arguments."""

    function: Callable[..., Any] = attrs.field(kw_only=True)
    argnums: Argnums | None = attrs.field(kw_only=True)

    def __reduce__(self) -> Any:
        return partial(self.remake, **self.options, specializations=self.limit), (self.function, self.argnums)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return value and gradient at these arguments; without ``wrt`` the value alone."""
        self.statistics.calls += 1
        if self._version != count_reforms():
            self._review()
        specialization = self._last
        if (
            specialization is not None
            and specialization.kinds is not None
            and not kwargs
            and specialization.kinds == [_classify(a) for a in args]
        ):
            values = [FLOAT.type(a) if a.__class__ is float else a for a in args] if specialization.floats else args
            try:
                return self._arrange(specialization, specialization.run(values, self.statistics))
            except Branched:
                pass
        argnums = self._choose_argnums(args)
        key = make_signature(self.function, argnums, args, kwargs)
        given = leaves((args, kwargs))
        for specialization in list(reversed(self._specializations.get(key, ()))):
            try:
                found = self._arrange(
                    specialization, specialization.run(self._convert(specialization, given), self.statistics)
                )
            except Branched:
                continue
            self._last = specialization
            return found
        specialization = self._specialize(key, argnums, args, kwargs, self.options)
        try:
            found = specialization.run(self._convert(specialization, given), self.statistics)
        except Branched:  # the last bits decide the way
            specialization = self._specialize(key, argnums, args, kwargs, {**self.options, "exact": True})
            found = specialization.run(self._convert(specialization, given), self.statistics)
        return self._arrange(specialization, found)

    def _choose_argnums(self, args: tuple[Any, ...]) -> Argnums:
        """Return the arguments whose numbers are inputs; without ``wrt`` these are all that are float throughout."""
        if self.argnums is not None:
            return self.argnums
        return [k for k, a in enumerate(args) if all(_is_float(leaf) for leaf in leaves(a))]

    def _list_statics(self, args: tuple[Any, ...]) -> list[Any]:
        if self.argnums is None:
            return []
        chosen, _ = resolve_argnums(self.function, self.argnums, len(args))
        return [None if isinstance(leaf, np.ndarray) else leaf for k in chosen for leaf in leaves(args[k])]

    def _convert(self, specialization: Specialization, given: list[Any]) -> list[Any]:
        assert specialization.trace is not None
        stands = specialization.trace.leaves
        return [as_input(value, node) for value, node in zip(given, stands, strict=True) if node is not None]

    def _specialize(
        self,
        key: Hashable,
        argnums: Argnums,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> Specialization:
        earlier = list(self._specializations.get(key, ()))
        before = _next_serial()
        trace = trace_function(self.function, argnums, args, kwargs)  # without the lock: it is the user's code
        with lock:
            for other in self._specializations.get(key, ()):
                if other not in earlier and other.options == options and _goes_alike(other.trace, trace):
                    return other  # made by another thread meanwhile
            outputs = [out for out in leaves(trace.out) if isinstance(out, Node)]
            roots: list[Node] = list(outputs)
            if self.argnums is not None:
                L = trace.target()
                roots += [differentiator(L).adjoint(i) for i in trace.wrt.leaves if i is not None]
            inputs = [node for node in trace.leaves if node is not None]
            # Arguments that are all arrays, or floats, are told apart by their shapes and dtypes alone.
            kinds: Any = [_classify(a) for a in args]
            if None in kinds or not len(inputs) == len(trace.leaves) == len(args):
                kinds = None
            specialization = Specialization(
                roots,
                inputs,
                kinds,
                options,
                guards=trace.guards,
                before=before,
                trace=trace,
                statics=self._list_statics(args),
            )
            _detach([*roots, *[i for i, _, _ in trace.guards]], before)
            self._store(key, specialization)
            self._last = specialization
            return specialization

    def _arrange(self, specialization: Specialization, results: Sequence[Any]) -> Any:
        trace = specialization.trace
        assert trace is not None
        found = iter(results)
        value = map_tree(lambda out: next(found) if isinstance(out, Node) else out, trace.out)
        if self.argnums is None:
            return value
        return value, trace.wrt.like(
            [
                static if i is None else next(found)
                for i, static in zip(trace.wrt.leaves, specialization.statics, strict=True)
            ]
        )


def _goes_alike(one: Trace | None, other: Trace) -> bool:
    """Return whether two traces of a function read the same values."""
    assert one is not None
    pairs = zip(one.guards, other.guards, strict=False)
    return len(one.guards) == len(other.guards) and all(same_static(a[2], b[2]) for a, b in pairs)


def _classify(argument: Any) -> Any:
    """Return the shape and dtype of an array that is taken as it is, or float; None for any other argument."""
    if argument.__class__ is np.ndarray:
        return (argument.shape, argument.dtype) if argument.shape else None
    return float if argument.__class__ is float else None


def _detach(roots: Sequence[Node], before: int) -> None:
    """Remove a trace from the consumers of older nodes, so that these may be set to values that do not fit it."""
    seen: set[float] = set()
    todo = list(roots)
    while todo:
        root = todo.pop()
        for i in collect_inputs_first(
            root, lambda i: [j for j in i.inputs if j.serial > before and j.serial not in seen]
        ):
            seen.add(i.serial)
            if any(j.serial < before for j in i.inputs):
                delist(i)
            if (call := find_call(i)) is not None:  # it follows arguments of which it read the shape
                for relay in call.relays.values():
                    delist(relay)
            if isinstance(i, AdjointNode):
                if i.follows and i.of.serial < before:
                    delist(i, (i.of,))
                if i.unfolded is not None and i.unfolded[0].serial not in seen:
                    todo.append(i.unfolded[0])


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, float) or getattr(getattr(leaf, "dtype", None), "kind", "?") in INEXACT
