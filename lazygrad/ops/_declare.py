"""The declaration of an op: one statement, in one place.

It holds everything about an op: its value on arrays, the shape and dtype it gives, and a vjp and a jvp rule for
each input (`_rule` says what a rule may read). The families carry the boilerplate.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, TypeVar

import attrs
import numpy as np

from .._graph.node import Node
from .._graph.quiet import in_errstate
from .._graph.shapes import broadcast
from .._graph.types import DType, Function, Statics
from ._calls import Source, record_calls
from ._op import OPS, Op, Signature, declare_all
from ._rule import BLOCKED, GUARDED, OUT, UNDEFINED, ZERO, Rule, meta_look_up, read_rule

__all__ = [
    "MEANINGS",
    "Selects",
    "bilinear",
    "declare_later",
    "elementwise",
    "find_meaning",
    "function",
    "is_ufunc_of_scipy",
    "linear",
    "multiply_by",
    "op",
    "result_dtype",
]

F = TypeVar("F", bound=Callable[..., Any])
When = bool | Callable[[Node], bool]
Selects = bool | Literal["vjp", "jvp"] | Mapping[Literal["vjp", "jvp"], When]

# NumPy's function -> the op or function that it is on nodes; filled by the declarations at import.
MEANINGS: dict[Callable[..., Any], Callable[..., Any]] = {}
_HOMES: list[str] = []  # modules above this room, which declare what SciPy's ufuncs are on nodes


def declare_later(module: str) -> None:
    """Let a module declare its ops when a ufunc of SciPy's is first met, not before."""
    _HOMES.append(module)


def find_meaning(function: Function) -> Function | None:
    """Return the op or function that a function of NumPy's or SciPy's is on nodes, or None if it has no meaning there.

    The first ufunc of SciPy's that is met imports the ops of SciPy, as nothing else may have done so.
    """
    if (found := MEANINGS.get(function)) is None:
        declare_all()
        if is_ufunc_of_scipy(function):
            for module in _HOMES:
                import_module(module)
        found = MEANINGS.get(function)
    return found


def is_ufunc_of_scipy(function: Function) -> bool:
    """Return whether a function is a ufunc of `scipy.special`; SciPy is not imported to find out."""
    special = sys.modules.get("scipy.special")
    return isinstance(function, np.ufunc) and getattr(special, function.__name__, None) is function


def function(*numpy: Function, recorded: bool = True, direct: tuple[int, Sequence[str]] = (0, ())) -> Callable[[F], F]:
    """Declare a function of nodes that stands for NumPy functions of the same arguments.

    For instance::

        @function(np.ptp)
        def ptp(a, axis=None):
            return np.max(a, axis=axis) - np.min(a, axis=axis)

    Nodes that come of it remember the call, unless `recorded` says that it reads no shape nor dtype. `direct` says so
    of calls with no more than so many arguments by position, and by keyword with some alone.
    """

    def enter(meaning: F) -> F:
        found = record_calls(meaning, numpy[0], *direct) if recorded else meaning
        _enter_meaning(numpy, found)
        return found

    return enter


def _find_source(public: Function | str, name: str = "") -> Source:
    """Return the source that a public function was declared as, or that a name in a module has; for pickles."""
    found: Any = getattr(import_module(public), name) if isinstance(public, str) else find_meaning(public)
    source: Source = found.source
    return source


def _reduce_source(self: Source) -> Any:
    module, name = self.meaning.__module__, self.meaning.__qualname__
    if getattr(getattr(sys.modules.get(module), name, None), "source", None) is self:
        return _find_source, (module, name)
    return _find_source, (self.public,)


_find_source.__module__ = "lazygrad"  # whose `__init__` has it
Source.__reduce__ = _reduce_source  # type: ignore[method-assign, assignment]


def _enter_meaning(numpy: tuple[Callable[..., Any], ...], meaning: Callable[..., Any]) -> None:
    """Enter what NumPy functions mean on nodes."""
    for f in numpy:
        if f in MEANINGS:
            raise ValueError(f"np.{f.__name__} is declared twice")
        MEANINGS[f] = meaning


def op(
    name: str,
    function: Function,
    *,
    shape: Callable[..., Signature],
    vjp: Mapping[str, Function | Rule | None],
    jvp: Mapping[str, Function | Rule | None] | None = None,
    inputs: str = "x",
    statics: Statics | None = None,
    doc: str = "",
    numpy: tuple[Function, ...] = (),
    pointwise: bool = False,
    composite: bool = False,
    selects: Selects = False,
    register: bool = True,
) -> Op:
    """Declare an op of any kind.

    Parameters
    ----------
    name
        The field's standard term.
    function
        The value from the inputs' values, with the statics as keywords.
    shape
        ``shape(*input_nodes, **statics) -> (shape, dtype)``.
    vjp, jvp
        Input name -> rule, or `BLOCKED` or `ZERO`. An input that is left out is `UNDEFINED`.
    inputs
        The inputs' names, apart by blanks; a last one with a star stands for any number.
    statics
        Keyword arguments and their defaults.
    numpy
        The NumPy functions that mean this op when called on a node with the same arguments.
    pointwise
        Whether each element of the output depends on one element of each input: the Jacobian is diagonal.
    composite
        Whether `function` can be read on nodes, as rules can: schedules write it out into the ops it is made of.
    selects
        Whether exact zeros in what a rule gives may say that an element was not taken, as those of `where` do: then a
        singular derivative further on contributes 0 where what comes in is exactly 0. ``"vjp"`` or ``"jvp"`` if so
        in one mode alone; in place of the mode's name a mapping from it to a function of the node, if it depends on the
        statics.
    register
        Whether the op is known, and pickled, by its name.
    """
    names = tuple(inputs.split())
    statics = statics or {}

    def read(n: str, r: Callable[..., Any]) -> Rule:
        return read_rule(name, r, names, statics, f"the rule of {name!r} by {n!r}")

    def read_all(given: Mapping[str, Callable[..., Any] | Rule | None]) -> tuple[Rule | None, ...]:
        if unknown := [key for key in given if key not in [n.lstrip("*") for n in names]]:
            raise TypeError(f"op {name!r} has a rule for {unknown[0]!r}, but its inputs are {', '.join(names)}")
        found = [given.get(n.lstrip("*"), UNDEFINED) for n in names]
        pairs = zip(names, found, strict=True)
        return tuple([r if r is None or isinstance(r, Rule) else read(n, r) for n, r in pairs])

    made = Op(name, function, shape, names, statics, read_all(vjp), read_all(jvp or {}), inspect.cleandoc(doc), numpy)
    made.pointwise, made.composite = pointwise, composite
    made.plain = len(names) if not statics and names[-1][0] != "*" else -1
    if selects:
        made.vjp = tuple([_mark_selecting(rule, _find_when(selects, "vjp")) for rule in made.vjp])
        made.jvp = tuple([_mark_selecting(rule, _find_when(selects, "jvp")) for rule in made.jvp])
    made.set_edge_rules()
    made.fully_open = all(rule is not BLOCKED and rule is not ZERO for rule in made.vjp)
    if register:
        if name in OPS:
            raise ValueError(f"op {name!r} is declared twice")
        OPS[name] = made
        _enter_meaning(numpy, made)
    return made


def _find_when(selects: Selects, mode: str) -> When:
    """Return whether, or for which nodes, the rules of a mode select."""
    return selects.get(mode, False) if isinstance(selects, Mapping) else selects in (True, mode)  # type: ignore[call-overload]


def _mark_selecting(rule: Rule | None, when: When) -> Rule | None:
    """Return the rule as one whose zeros may say that something was not taken."""
    if not when or rule is BLOCKED or rule is ZERO or rule is UNDEFINED:
        return rule
    guarded = rule.guarded and attrs.evolve(rule.guarded, selects=when)
    return attrs.evolve(rule, selects=when, guarded=guarded)


@functools.cache
@in_errstate(all="ignore")
def result_dtype(function: Function, *dtypes: DType) -> DType:
    """Return the dtype NumPy gives the result, asking NumPy once for each combination of dtypes."""
    result: DType = function(*[np.ones(1, d) for d in dtypes]).dtype
    return result


def multiply_by(derivative: Function, inputs: Sequence[str]) -> Rule:
    """Return the rule that multiplies what comes in by a local derivative (the Jacobian is diagonal, Stratos H.2)."""
    parameters = inspect.signature(derivative).parameters
    reads = tuple([OUT if p == "out" else inputs.index(p) for p in parameters])
    multiply = GUARDED["times"]
    guarded = Rule(lambda g, *values: multiply(g, derivative(*values)), reads)
    return Rule(lambda g, *values: g * derivative(*values), reads, guarded=guarded)


def elementwise(
    name: str,
    function: Function,
    *,
    inputs: str = "x",
    partial: Mapping[str, Function] | None = None,
    vjp: Mapping[str, Function | Rule | None] | None = None,
    jvp: Mapping[str, Function | Rule | None] | None = None,
    doc: str = "",
    numpy: tuple[Function, ...] = (),
    composite: bool = False,
    selects: Selects = False,
    register: bool = True,
) -> Op:
    """Declare an op that acts element by element, with broadcasting.

    `partial` maps an input to its local derivative, from which both rules follow: g times it, t times it
    (the Jacobian is diagonal, Stratos H.2). Where that is not the best form, give `vjp` and `jvp`.
    """

    def infer(*nodes: Node) -> Signature:
        shape = nodes[0]._shape
        for n in nodes[1:]:
            if n._shape != shape:
                shape = broadcast(shape, n._shape)
        return shape, result_dtype(function, *[n._dtype for n in nodes])

    rules = {key: multiply_by(d, inputs.split()) for key, d in (partial or {}).items()}
    made = op(
        name,
        function,
        shape=infer,
        vjp={**rules, **(vjp or {})},
        jvp={**rules, **(jvp or {})},
        inputs=inputs,
        doc=doc,
        numpy=numpy,
        pointwise=True,
        composite=composite,
        selects=selects,
        register=register,
    )
    with np.errstate(all="ignore"), contextlib.suppress(TypeError):  # which functions of integers raise
        made.keeps_float = function(*[np.ones(1)] * len(made.inputs)).dtype == np.float64
    return made


def linear(
    name: str,
    function: Function,
    *,
    shape: Callable[..., Signature],
    transpose: Function,
    into: Callable[..., None] | None = None,
    inputs: str = "x",
    statics: Statics | None = None,
    doc: str = "",
    numpy: tuple[Function, ...] = (),
    selects: Selects = False,
) -> Op:
    """Declare an op that is linear in its first input: the jvp is the op itself, the vjp its transpose.

    The other inputs, such as indices, are blocked. A transpose that gives zeros but for a part can also be told
    by ``into(total, ...)``, which adds it to an array at the cost of that part (`Rule.into`).
    """
    first, *others = inputs.split()
    rules = {o.lstrip("*"): BLOCKED for o in others}
    by_first = attrs.evolve(read_rule(name, transpose, inputs.split(), statics or {}), into=into)
    made = op(
        name,
        function,
        shape=shape,
        vjp={first: by_first, **rules},
        inputs=inputs,
        statics=statics,
        doc=doc,
        numpy=numpy,
        selects=selects,
    )
    # The jvp reads the other inputs and all statics, and calls the op.
    metas = tuple([(name, look_up) for name in made.statics if (look_up := meta_look_up(name, (), made.statics))])
    starred = bool(others) and others[-1][0] == "*"
    own = Rule(made, tuple(range(1, len(made.inputs) - starred)), len(others) if starred else None, metas)
    own = attrs.evolve(own, selects=_find_when(selects, "jvp"))
    made.jvp = (own, *[BLOCKED for _ in others])
    return made


def bilinear(
    name: str,
    function: Function,
    *,
    shape: Callable[..., Signature],
    vjp: Mapping[str, Function],
    doc: str = "",
    numpy: tuple[Function, ...] = (),
) -> Op:
    """Declare an op linear in each of its inputs ``x`` and ``y``: the jvp replaces one by its tangent."""
    made = op(name, function, shape=shape, vjp=vjp, inputs="x y", doc=doc, numpy=numpy)
    made.jvp = (Rule(lambda t, y: made(t, y), (1,)), Rule(lambda t, x: made(x, t), (0,)))
    return made
