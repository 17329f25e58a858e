"""Users' own ops: value, shape and rules in one statement, or in one decorator.

One rule is enough. A vjp rule is linear in its adjoint and a jvp rule in its tangent, so each gives the other by
transposition: the derivative of ``<vjp(g), t>`` by g is ``jvp(t)``, and the other way round.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from pickle import PicklingError
from typing import Any, ClassVar, overload

import attrs
import numpy as np

from .._derivatives.adjoint_node import unbroadcast_node
from .._derivatives.target_memo import TargetMemo
from .._errors import LazygradError, ShapeError
from .._graph.leaf import constant
from .._graph.node import Node, build
from .._graph.settings import check_function, describe
from .._graph.turns import as_one_question, outside, run_alone
from .._graph.types import Array, Function, Statics
from .._graph.value import forward_rec, readonly_view
from .._query.differentiator import Differentiator
from ..ops._declare import Selects, op, result_dtype
from ..ops._op import OfEachOp, Op, Signature, as_node, as_nodes, freeze
from ..ops._rule import UNDEFINED, ZERO, Rule
from .user_results import check_answers, check_rules, check_value, freeze_static, wrap_shape_function

__all__ = ["Primitive", "primitive"]

REQUIRED = object()  # in place of the default of a keyword that has none
Rules = Mapping[str, Any] | Callable[..., Any] | None
Promise = Callable[..., Any] | str | None  # how the shape of the output is known


@attrs.define(eq=False, repr=False)
class Primitive(Op):
    """An op declared by a user; its values are checked against the shape it promised."""

    __doc__ = OfEachOp(lambda op: op.doc, __doc__)

    runs_outside: ClassVar[bool] = True
    home: tuple[str, str] = ("", "")  # module and qualified name of the decorated function: pickles refer to it
    eager: bool = False  # whether it has no shape function, and so is evaluated when it is built

    def __reduce__(self) -> Any:
        try:
            found = pkgutil.resolve_name(":".join(self.home))
        except (ImportError, AttributeError, ValueError):
            found = None
        if found is not self:
            raise PicklingError(
                f"{self!r} is not what {'.'.join(self.home)} names: decorate a function of a module, or bind the op "
                f"to the name of the function it was made of"
            )
        return pkgutil.resolve_name, (":".join(self.home),)

    def bind(self, args: tuple[object, ...], kwargs: dict[str, object]) -> tuple[tuple[object, ...], dict[str, object]]:
        """Split the arguments of a call into inputs and statics, of which copies are kept; an array stays one."""
        arrays = {name: freeze_static(value) for name, value in kwargs.items() if isinstance(value, np.ndarray)}
        inputs, static = super().bind(args, dict(kwargs))
        static = {name: arrays[name] if name in arrays else freeze_static(value) for name, value in static.items()}
        if missing := [name for name, value in static.items() if value is REQUIRED]:
            raise TypeError(f"{self.name} needs the keyword `{missing[0]}`; it takes {self.signature()}")
        return inputs, static

    def on_nodes(self, inputs: Sequence[object], static: Statics) -> Node:
        """Build the node for these inputs, evaluating it at once if only that tells its shape."""
        if not self.eager:
            return super().on_nodes(inputs, static)
        nodes = as_nodes(inputs)
        return as_one_question(nodes, self._evaluate, nodes, static)

    def _evaluate(self, nodes: tuple[Node, ...], static: Mapping[str, Any]) -> Node:
        value = freeze(self.function(*[readonly_view(forward_rec(j)) for j in nodes], **static))
        if value.dtype.kind not in "biufc":
            raise TypeError(f"{self.name} returned dtype {value.dtype}, but a node holds numbers")
        node = build(self, nodes, static, value.shape, value.dtype)
        node._value = value
        return node

    def single(self, x: Node) -> Node:
        """Build the node of one node without statics."""
        return self.on_nodes((x,), self.statics)

    def infer(self, node: Node) -> Signature:
        """Return shape and dtype of `node` from its inputs as they are now."""
        if self.eager:
            raise ShapeError(
                f"{self.name} was declared without `shape=`, so it cannot follow a change of shape or dtype: "
                f"declare one, or build it again"
            )
        return super().infer(node)

    def run(self, node: Node) -> Array:
        """Return the value of `node`, whose shape and dtype must be as promised; the lock is free meanwhile."""
        return run_alone(node, self._run)

    def contribution(self, node: Node, argnum: int, adjoint: Node, memo: object, *more: Any) -> tuple[Rule, int]:
        """Return the edge to one input, as every op does, and note that its rule runs outside of the lock."""
        if isinstance(memo, TargetMemo):
            memo.op.runs_outside = True
        return super().contribution(node, argnum, adjoint, memo, *more)

    def _run(self, node: Node) -> Array:
        value = super().run(node)
        if value.shape != node._shape or value.dtype != node._dtype:
            raise LazygradError(
                f"{self.name} returned shape {value.shape} and dtype {value.dtype}, but {node!r} was promised: "
                + ("it was built with another" if self.eager else "correct its `shape=`")
            )
        return value


def _split_parameters(function: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """Return the inputs of a function, and its statics with their defaults: inputs are parameters without a default."""
    if isinstance(function, np.ufunc):  # whose keywords are about how, not what
        return " ".join("xyzuvw"[: function.nin]), {}
    inputs, statics = [], {}
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            inputs.append(f"*{p.name}")
        elif p.kind is p.VAR_KEYWORD:
            raise TypeError(f"a primitive cannot take **{p.name}: name its keywords")
        elif p.default is p.empty and p.kind is not p.KEYWORD_ONLY:
            inputs.append(p.name)
        else:
            statics[p.name] = REQUIRED if p.default is p.empty else p.default
    if not inputs:
        raise TypeError(f"the primitive {function!r} takes no inputs: a parameter with a default is a static one")
    return " ".join(inputs), statics


def _make_shape_function(
    shape: Any, function: Callable[..., Any], inputs: list[str], name: str
) -> Callable[..., Signature]:
    if callable(shape):
        return shape
    if shape == "elementwise":

        def broadcast(*nodes: Node, **static: Any) -> Signature:
            dtype = result_dtype(function, *[n.dtype for n in nodes])
            return np.broadcast_shapes(*[n.shape for n in nodes]), dtype

        return broadcast
    if shape in inputs:
        k = inputs.index(shape)
        return lambda *nodes, **static: (nodes[k].shape, nodes[k].dtype)
    known = ", ".join(map(repr, inputs))
    raise TypeError(f"shape={shape!r} of primitive {name!r} must be a function, 'elementwise' or an input ({known})")


def _list_rules(rules: Rules, inputs: list[str], what: str) -> dict[str, Any]:
    """Return rules by input: from a mapping, from one function for the only input, or from one for several inputs."""
    if rules is None or isinstance(rules, Mapping):
        return dict(rules or {})
    if "wanted" in inspect.signature(rules).parameters:
        return {name: _pick_rule(rules, name, inputs) for name in inputs}
    if len(inputs) == 1:
        return {inputs[0]: rules}
    raise TypeError(f"one {what} for {len(inputs)} inputs must name the parameter `wanted`, or give a dict by input")


def _pick_rule(rule: Callable[..., Any], name: str, inputs: list[str]) -> Callable[..., Any]:
    """Return the rule of one input, made from a rule of several that is told which one is wanted."""
    signature = inspect.signature(rule)
    parameters = [p for p in signature.parameters.values() if p.name != "wanted"]

    def one(g: Any, *values: Any, **meta: Any) -> Any:
        given = dict(zip([p.name for p in parameters[1:]], values, strict=False))
        answer = rule(g, wanted=(name,), **given, **meta)
        try:
            return answer[name] if isinstance(answer, Mapping) else answer[inputs.index(name)]
        except (LookupError, TypeError):
            raise LazygradError(
                f"the rule for {', '.join(inputs)} was asked for {name!r}, but returned {answer!r}: return a dict with "
                f"that key, or a tuple with a place for each input"
            ) from None

    one.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return one


def _transpose_rule(rule: Rule, to_output: bool) -> Rule:
    """Return the jvp rule that a vjp rule implies, or the other way round.

    The given rule is linear in its first argument, z. So its transpose is the derivative of ``<rule(z), w>`` by z,
    wherever z is.
    """
    shape = ("_to_shape", lambda node, k: node._shape if to_output else node._inputs[k].shape)
    dtype = ("_to_dtype", lambda node, k: node._dtype if to_output else node._inputs[k].dtype)

    def transpose(w: Any, *values: Any, _to_shape: Any, _to_dtype: Any, **meta: Any) -> Any:
        z = constant(np.zeros(_to_shape, _to_dtype))
        given = as_node(w)
        image = unbroadcast_node(as_node(rule.function(z, *[as_node(v) for v in values], **meta)), given)
        found = Differentiator(image, cotangent=given).adjoint(z)
        return found if any(isinstance(v, Node) for v in (w, *values)) else forward_rec(found)

    return Rule(transpose, rule.reads, rule.rest, (*rule.metas, shape, dtype))


def run_rules_outside(rules: tuple[Rule | None, ...]) -> tuple[Rule | None, ...]:
    """Return a user's rules so that they run without the lock."""
    fixed = (None, ZERO, UNDEFINED)
    return tuple([r if r in fixed else r.wrap(outside) for r in rules])


def complete_rules(
    rules: tuple[Rule | None, ...], others: tuple[Rule | None, ...], to_output: bool
) -> tuple[Rule | None, ...]:
    """Complete the rules of one kind by transposing those of the other kind."""

    def one(rule: Rule | None, other: Rule | None) -> Rule | None:
        if rule is not UNDEFINED:
            return rule
        return other if other is None or other is ZERO or other is UNDEFINED else _transpose_rule(other, to_output)

    return tuple(map(one, rules, others))


@overload
def primitive(
    function: Function,
    *,
    vjp: Rules = ...,
    jvp: Rules = ...,
    shape: Promise = ...,
    name: str | None = ...,
    selects: Selects = ...,
) -> Primitive: ...


@overload
def primitive(
    function: None = ...,
    *,
    vjp: Rules = ...,
    jvp: Rules = ...,
    shape: Promise = ...,
    name: str | None = ...,
    selects: Selects = ...,
) -> Callable[[Function], Primitive]: ...


def primitive(
    function: Function | None = None,
    *,
    vjp: Rules = None,
    jvp: Rules = None,
    shape: Promise = None,
    name: str | None = None,
    selects: Selects = False,
) -> object:
    """Declare your own op: a function on arrays, with its derivatives.

    Parameters
    ----------
    function
        The value, from arrays. Parameters without a default are inputs; keyword-only ones and those with a default
        are static (an axis, a count). Left out, `primitive` is a decorator.
    vjp
        Rules that map the adjoint of the output to an input's contribution: a dict by input; one function for the
        only input; or one for several, which is told by `wanted` (a tuple of names, one at a time as each is demanded
        by itself) what is asked for, and returns a dict or a tuple with a place for each input. A rule's first
        parameter is the adjoint `g`; the *names* of the others say what it reads: ``out``, an input (``*xs`` for
        starred ones, whose place ``argnum`` tells), ``x_shape``, ``x_dtype``, ``shapes`` of all inputs, a static.
        None in place of a rule blocks an input (labels, indices), 0 says that the derivative is zero everywhere.
        Last may come ``times`` and ``over``, for a product of `g` with a local derivative that can be infinite, and a
        quotient: below an edge that selects 0 times inf is 0 to them, elsewhere nan.
    jvp
        Rules that map an input's tangent to that of the output. One of `vjp` and `jvp` is enough: each is the
        transpose of the other.
    shape
        ``shape(*inputs, **statics)`` from inputs that have ``.shape`` and ``.dtype`` to the output's shape, or
        ``(shape, dtype)``; or ``"elementwise"``; or the name of the input it is like. Left out, the op is
        evaluated when it is built, as nothing else tells its shape.
    name
        For reports; the function's own by default.
    selects
        Whether the op takes some elements and leaves out others, so that a 0 in what its rules give may say that an
        element was not taken, as with `numpy.where`; ``"vjp"`` or ``"jvp"`` if so in one mode alone.

    Returns
    -------
    Op, to be called on nodes, arrays and numbers; on arrays alone it is the function itself.

    Raises
    ------
    TypeError
        If a rule names nothing that it can read, or there is a rule for no input.

    Notes
    -----
    Rules are written with NumPy and called on arrays or on nodes, which gives any order of derivative: so no branch
    on values and no writing in place; `numpy.where` chooses. `lazygrad.testing.check_op` tries them.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> @lg.primitive(vjp=lambda g, out: g * (1 - out * out), shape="elementwise")
    ... def squash(x):
    ...     return np.tanh(x)
    >>> lg.grad(squash)(0.0), lg.jvp(squash, 0.0, 3.0)[1], lg.grad(lg.grad(lg.grad(squash)))(0.0)
    (array(1.), array(3.), array(-2.))
    >>> def pull(g, x, y, wanted):
    ...     return {name: g * {"x": y, "y": x}[name] for name in wanted}
    >>> product = lg.primitive(lambda x, y: x * y, vjp=pull, name="product")
    >>> lg.grad(product, argnums=(0, 1))(3.0, 4.0)
    (array(4.), array(3.))
    """
    if function is None:
        return lambda f: primitive(f, vjp=vjp, jvp=jvp, shape=shape, name=name, selects=selects)
    check_function(function, "lazygrad.primitive", "the function that it came from")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name= of a primitive must be a string, not {describe(name)}")
    inputs, statics = _split_parameters(function)
    names = [n.lstrip("*") for n in inputs.split()]
    name = str(name or getattr(function, "__name__", type(function).__name__))
    check_rules(vjp, "vjp", name)
    check_rules(jvp, "jvp", name)
    infer = (
        _make_shape_function(shape, function, names, name)
        if shape is not None
        else lambda *nodes, **static: ((), float)
    )
    made = op(
        name,
        function,
        shape=wrap_shape_function(infer, name),
        vjp=_mark_zeros(_list_rules(vjp, names, "vjp")),
        jvp=_mark_zeros(_list_rules(jvp, names, "jvp")),
        inputs=inputs,
        statics=statics,
        doc=inspect.getdoc(function) or "",
        selects=selects,
        register=False,
    )
    fields = {a.name: getattr(made, a.name) for a in attrs.fields(Op)}
    fields["function"] = outside(check_value(function, name))
    pulls, pushes = (run_rules_outside(check_answers(rules)) for rules in (made.vjp, made.jvp))
    fields["vjp"] = complete_rules(pulls, pushes, to_output=False)
    fields["jvp"] = complete_rules(pushes, pulls, to_output=True)
    home = (str(getattr(function, "__module__", "")), str(getattr(function, "__qualname__", name)))
    own = Primitive(**fields, home=home, eager=shape is None)
    own.set_edge_rules()
    return own


def _mark_zeros(rules: dict[str, Any]) -> dict[str, Any]:
    return {key: ZERO if isinstance(rule, (int, float)) and rule == 0 else rule for key, rule in rules.items()}
