"""How SciPy's functions are declared on nodes; on arrays alone they stay SciPy's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from .._graph.node import Node
from .._graph.types import Function
from ..numpy._creation import asarray
from ..numpy._lists import join_list
from ..ops._declare import MEANINGS, elementwise, function, multiply_by
from ..ops._op import OPS, OfEachOp, Op
from ..ops._rule import BLOCKED, Rule

__all__ = ["declare_on_nodes", "declare_ufunc", "holds_node"]

F = TypeVar("F", bound=Callable[..., Any])

# Keywords that change neither the value nor the derivative; on nodes they have nothing to do.
_HINTS = ("check_finite", "overwrite_a", "overwrite_ab", "overwrite_b")


def holds_node(values: Iterable[object]) -> bool:
    """Return whether a node is among the values, or somewhere inside a tuple or list among them."""
    return any(isinstance(v, Node) or (isinstance(v, (tuple, list)) and holds_node(v)) for v in values)


def _join(value: Any) -> Any:
    """Return the node that a list with nodes in it is joined to; anything else, such as a tuple of them, as it is."""
    return asarray(value) if value.__class__ is list and holds_node(value) else value


def declare_on_nodes(original: Function) -> Callable[[F], F]:
    """Declare what a function of SciPy's is on nodes; called with arrays alone it is SciPy's."""

    def enter(meaning: F) -> F:
        @functools.wraps(meaning)
        def call(*args: Any, **kwargs: Any) -> Any:
            if holds_node(args) or holds_node(kwargs.values()):
                for hint in _HINTS:
                    kwargs.pop(hint, None)
                return meaning(*map(_join, args), **{name: _join(v) for name, v in kwargs.items()})
            return original(*args, **kwargs)

        return function(original)(call)  # type: ignore[return-value]

    return enter


@attrs.define(eq=False, repr=False)
class SpecialOp(Op):
    """An op that stands for a ufunc of SciPy's: it takes lists of nodes, too."""

    __doc__ = OfEachOp(lambda op: op.doc, __doc__)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*map(join_list, args), **{name: join_list(v) for name, v in kwargs.items()})


def declare_ufunc(
    original: Function,
    inputs: str = "x",
    *,
    vjp: Mapping[str, Function | Rule | None] | None = None,
    jvp: Mapping[str, Function | Rule | None] | None = None,
    doc: str = "",
    **partials: Function | Rule | None,
) -> Op:
    """Declare an element-by-element function of SciPy's by its local derivatives.

    Instead of a derivative there may be `ZERO` or `BLOCKED`; an input without any is undefined.
    """
    names = inputs.split()
    rules = {k: d if d is BLOCKED or isinstance(d, Rule) else multiply_by(d, names) for k, d in partials.items()}
    made = elementwise(
        f"scipy.special.{original.__name__}",
        original,
        inputs=inputs,
        vjp={**rules, **(vjp or {})},
        jvp={**rules, **(jvp or {})},
        doc=doc,
        numpy=(original,),
    )
    OPS[made.name] = MEANINGS[original] = found = SpecialOp(**{f.name: getattr(made, f.name) for f in attrs.fields(Op)})
    return found
