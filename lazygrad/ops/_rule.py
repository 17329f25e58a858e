"""The rules, and how the names of their parameters declare what they read.

A *vjp rule* maps the adjoint of the output to one input's contribution (J^T g, Stratos I.2); a *jvp rule*
maps one input's tangent to the output's. A rule is a small pure function whose first parameter is
that `g` or `t`; the *names* of the others declare what it reads:

=====================  ====================================================================
``out``                the op's own output value
an input's name        that input's value (``*rest`` for the inputs of a starred name)
``x_shape``            the shape of input ``x``; ``x_dtype`` its dtype (free: nothing computed)
``label``              what warnings call the node
``shapes``, ``argnum`` all inputs' shapes, and which of them is meant (for starred inputs)
a static's name        that keyword argument of the op, such as ``axis``
``times``, ``over``    (last) how `g` is multiplied, or divided, by a local derivative
=====================  ====================================================================

The names are read once, here; so the graph knows which forward values a derivative needs before
any is computed. Called on arrays a rule is plain NumPy; called on nodes it builds nodes.

A rule with ``times`` or ``over`` has two readings. Where no edge on the way selects they are ``*`` and ``/``: 0 times
inf is nan. Below an edge that selects (`where`, indexing, ...) an adjoint is *masked*: its zeros may say that something
was not taken, and then 0 times anything is 0 (`_guards`).
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, TypeVar

import attrs

from .._graph.node import Node
from .._graph.types import Function

__all__ = [
    "BLOCKED",
    "GUARDED",
    "OUT",
    "UNDEFINED",
    "ZERO",
    "Rule",
    "input_name",
    "meta_look_up",
    "pass_on",
    "read_rule",
]

T = TypeVar("T")

OUT = -1  # a rule reads the op's own output

# What `times` and `over` mean to a rule, and what below an edge that selects: ops, entered by `_guards`.
PLAIN: dict[str, Callable[..., Any]] = {"times": operator.mul, "over": operator.truediv}
GUARDED: dict[str, Callable[..., Any]] = {}


@attrs.frozen(eq=False, repr=False)
class Rule:
    """A rule and what it reads."""

    function: Callable[..., Any]
    reads: tuple[int, ...] = ()  # positions of the inputs whose values it takes after `g`; OUT
    rest: int | None = None  # and it takes all inputs from this position on
    metas: tuple[tuple[str, Callable[[Node, int], Any]], ...] = ()  # keyword -> look-up on the node

    label: str = ""  # the op and input it is for, as errors name it
    passes: Any = None  # a node whose derivative was found otherwise; the rule passes it on
    # Adds the term to an array in place, bit for bit, where the term is zero but for a part. Then the term of
    # `function` is an array of its own without -0.0, in the shape and dtype of the input.
    into: Callable[..., None] | None = None
    guarded: Rule | None = None  # how it reads below an edge that selects, if that is another way
    # Whether exact zeros in what it gives may say that something was not taken; of some ops it depends on the statics.
    selects: bool | Callable[[Node], bool] = False
    simple: int = attrs.field(init=False)  # how many values it takes, if that is 1 or 2 and nothing else

    def __attrs_post_init__(self) -> None:
        plain = self.rest is None and not self.metas and len(self.reads) < 2
        object.__setattr__(self, "simple", 1 + len(self.reads) if plain else 0)

    def __repr__(self) -> str:
        return self.label or f"the rule {self.function.__name__}"

    def reading(self, masked: bool) -> Rule:
        """Return the rule as it reads for an adjoint or tangent that is masked, or for one that is not."""
        return self.guarded if masked and self.guarded is not None else self

    def wrap(self, wrapper: Callable[[Function], Function]) -> Rule:
        """Return the rule with another function around its own, in both readings."""
        guarded = self.guarded and self.guarded.wrap(wrapper)
        return attrs.evolve(self, function=wrapper(self.function), guarded=guarded)

    def selects_at(self, node: Node) -> bool:
        """Return whether zeros in what the rule gives at a node may say that something was not taken."""
        return self.selects is True or (self.selects is not False and self.selects(node))

    def width(self, node: Node) -> int:
        """Return how many values the rule takes on a node, the adjoint included."""
        return 1 + len(self.reads) + (0 if self.rest is None else len(node._inputs) - self.rest)

    def meta(self, node: Node, argnum: int) -> dict[str, object]:
        """Return the keyword arguments of the rule: shapes, dtypes and statics, as they are now."""
        return {name: look_up(node, argnum) for name, look_up in self.metas}


def pass_on(g: T) -> T:
    """Return the adjoint as it is: the rule of an identity."""
    return g


# What can stand in the place of a rule. None of the three is ever run.
BLOCKED = None  # nothing flows and nothing should: labels, indices, masks (Collins 1.4.4)
ZERO = Rule(lambda g: None)  # the derivative is zero wherever it exists: a structural zero
UNDEFINED = Rule(lambda g: None)  # nobody gave a rule: an error as soon as the edge is needed


def input_name(c: Node, argnum: int) -> str:
    """Return the name that the op of `c` has for one of its inputs."""
    names: tuple[str, ...] = c._op.inputs
    return names[min(argnum, len(names) - 1)].lstrip("*")


def _parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters, with a star before the one that takes the rest."""
    code = getattr(function, "__code__", None)  # many times quicker than a signature
    if code is not None and not code.co_flags & inspect.CO_VARKEYWORDS and not hasattr(function, "__wrapped__"):
        plain = code.co_argcount + code.co_kwonlyargcount
        names = list(code.co_varnames[:plain])
        return [*names, f"*{code.co_varnames[plain]}"] if code.co_flags & inspect.CO_VARARGS else names
    parameters = inspect.signature(function).parameters.values()
    return [f"*{p.name}" if p.kind is p.VAR_POSITIONAL else p.name for p in parameters]


def _bind_products(function: Function, names: Sequence[str], meanings: Mapping[str, Function]) -> Function:
    """Return a copy of a rule whose last parameters, `times` and `over`, have these meanings as their defaults."""
    bound = tuple([meanings[n] for n in names])
    if not isinstance(function, FunctionType):
        return functools.partial(function, **dict(zip(names, bound, strict=True)))
    return FunctionType(function.__code__, function.__globals__, function.__name__, bound, function.__closure__)


def read_rule(
    name: str, function: Function, inputs: Sequence[str], statics: Mapping[str, object], label: str = ""
) -> Rule:
    """Turn a function into a `Rule` by the names of its parameters.

    Raises
    ------
    TypeError
        If a parameter names nothing that a rule of this op can read.
    """
    all_parameters = _parameters(function)
    if not all_parameters:
        raise TypeError(f"a rule of op {name!r} takes no parameter: its first one is the adjoint or tangent, `g`")
    parameters = all_parameters[1:]
    products = [p for p in parameters if p in PLAIN]
    if not products:
        return _read_plain(name, function, parameters, inputs, statics, label)
    if parameters[-len(products) :] != products:
        raise TypeError(f"a rule of op {name!r} reads {products[0]!r} before something else: it has to be last")
    del parameters[-len(products) :]
    plain, guarded = [
        _read_plain(name, _bind_products(function, products, meanings), parameters, inputs, statics, label)
        for meanings in (PLAIN, GUARDED)
    ]
    return attrs.evolve(plain, guarded=guarded)


def _read_plain(
    name: str,
    function: Function,
    parameters: Sequence[str],
    inputs: Sequence[str],
    statics: Mapping[str, object],
    label: str,
) -> Rule:
    """Turn a function into a `Rule` by the names of those parameters that say what it reads."""
    plain = [i.lstrip("*") for i in inputs]
    reads: list[int] = []
    rest: int | None = None
    metas: list[tuple[str, Callable[[Node, int], Any]]] = []
    in_order = True
    for p in parameters:
        if p[0] == "*" and p in inputs:
            rest = plain.index(p[1:])
        elif p == "out" or p in inputs:
            in_order &= not metas
            reads.append(OUT if p == "out" else plain.index(p))
        elif (look_up := meta_look_up(p, plain, statics)) is not None:
            metas.append((p, look_up))
        else:
            known = ["out", *inputs, *(f"{i}_shape" for i in plain), *(f"{i}_dtype" for i in plain), *statics]
            raise TypeError(f"a rule of op {name!r} reads {p!r}, which is none of {', '.join(known)}, shapes, argnum")
    if not in_order:  # values are passed by position, so they must come before the keywords
        names = [p for p in parameters if p == "out" or p in inputs]
        written = function

        def function(g: Any, *values: Any, **meta: Any) -> Any:
            return written(g, **dict(zip(names, values, strict=True)), **meta)

    return Rule(function, tuple(reads), rest, tuple(metas), label=label)


def _label(node: Node, argnum: int) -> str:
    """Return what warnings call a node: its op, and the input's name if it has one."""
    given = node._inputs[argnum].name
    return str(node._op.name) if given is None else f"{node._op.name} of {given!r}"


def meta_look_up(
    name: str, inputs: Sequence[str], statics: Mapping[str, object]
) -> Callable[[Node, int], object] | None:
    """Return the look-up of a shape, dtype or static that a parameter of a rule names; None for other names."""
    if name in statics:
        return lambda node, argnum: node._static[name]
    if name == "shapes":
        return lambda node, argnum: tuple([j._shape for j in node._inputs])
    if name == "label":
        return _label
    if name == "argnum":
        return lambda node, argnum: argnum
    stem, _, what = name.rpartition("_")
    if what in ("shape", "dtype") and stem in inputs:
        k = inputs.index(stem)
        return lambda node, argnum: getattr(node._inputs[k], what)
    return None
