"""Users' own primitives as autograd declares them: any arguments, rules that are told all of them.

A primitive is evaluated when it is called, as only that tells what it returns. The nodes among its arguments
(within lists, tuples and dicts, too) become the inputs of one op; all else is kept beside them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from ..._functions.primitive import Primitive, complete_rules
from ..._graph.guards import call_in_transform
from ..._graph.node import Node
from ..._graph.turns import outside
from ..._graph.types import Function
from ...ops._op import freeze
from ...ops._rule import OUT, UNDEFINED, ZERO, Rule
from ._containers import HOLE, Packing, find_nodes, follow_path, map_containers, place_tangent, replace_node
from ._structures import to_plain

__all__ = [
    "def_linear",
    "defjvp",
    "defjvp_argnum",
    "defjvp_argnums",
    "defvjp",
    "defvjp_argnum",
    "defvjp_argnums",
    "primitive",
]

Place = tuple[int, tuple[Any, ...]]  # which argument, and where in it


@attrs.define(eq=False)
class _Invocation:
    """One call of a primitive: its arguments without the nodes, and the layout of its result."""

    function: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    varied: frozenset[int]  # which arguments have nodes in them
    out: Packing | None = None

    def fill(self, inputs: Sequence[Any]) -> list[Any]:
        """Return all arguments, with these in place of the nodes."""
        following = iter(inputs)

        def one(leaf: Any) -> Any:
            return next(following) if leaf is HOLE else leaf

        return [map_containers(one, arg) if k in self.varied else arg for k, arg in enumerate(self.args)]

    def run(self, *values: Any) -> Any:
        """Return the packed result for these values of the nodes."""
        result = self.function(*self.fill([to_plain(value) for value in values]), **self.kwargs)
        result = map_containers(_read_value, result)
        self.out = Packing.of(result, getattr(self.function, "__name__", "a primitive"))
        return self.out.pack(result)

    def unpack(self, flat: Any) -> Any:
        """Split one array or node to the result, as `Packing.unpack` does."""
        assert self.out is not None
        return self.out.unpack(flat)

    def pack(self, result: Any) -> Any:
        """Join a result to one array or node, as `Packing.pack` does."""
        assert self.out is not None
        return self.out.pack(result)


def _read_value(leaf: Any) -> Any:
    """Return the value of a node that a function closed over: derivatives flow through arguments alone."""
    return leaf.value[()] if isinstance(leaf, Node) else leaf


def _read_call(node: Node, argnum: int) -> Any:
    return node.static["call"]


@attrs.define(eq=False)
class _UserOp:
    """A primitive, with an op for each set of arguments that were nodes in a call."""

    function: Callable[..., Any]
    name: str
    vjp: Callable[[int], Any] = lambda argnum: UNDEFINED  # -> (ans, args, kwargs) -> g -> contribution
    jvp: Callable[[int], Any] = lambda argnum: UNDEFINED  # -> (g, ans, args, kwargs) -> tangent
    ops: dict[tuple[Place, ...], Primitive] = attrs.Factory(dict)

    def declare(self, **rules: Callable[[int], Any]) -> None:
        """Take new rules, and forget the ops made with the old ones."""
        for kind, rule in rules.items():
            setattr(self, kind, rule)
        self.ops.clear()

    def call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return the result, a node if there is one among the arguments."""
        found = [((k, path), node) for k, arg in enumerate(args) for path, node in find_nodes(arg)]
        if not found:
            return self.function(*args, **kwargs)
        places = tuple([place for place, _ in found])
        if places not in self.ops:
            self.ops[places] = self.make_op(places)
        varied = frozenset([k for k, _ in places])
        holes = [map_containers(replace_node, arg) if k in varied else arg for k, arg in enumerate(args)]
        call = _Invocation(self.function, holes, kwargs, varied)
        return call.unpack(self.ops[places].on_nodes([node for _, node in found], {"call": call}))

    def make_op(self, places: tuple[Place, ...]) -> Primitive:
        """Make the op whose inputs stand at these places."""
        vjps = tuple([self.make_vjp_rule(place) for place in places])
        jvps = tuple([self.make_jvp_rule(place) for place in places])
        # The transpose of a rule that calls the primitive itself would ask for the transpose of that rule.
        usable = tuple(
            [
                UNDEFINED if getattr(self.jvp(k), "calls_itself", False) else r
                for r, (k, _) in zip(jvps, places, strict=True)
            ]
        )
        reverse, forward = complete_rules(vjps, usable, False), complete_rules(jvps, vjps, True)
        pulls = tuple([self.or_undefined(rule, "VJP", place) for rule, place in zip(reverse, places, strict=True)])
        pushes = tuple([self.or_undefined(rule, "JVP", place) for rule, place in zip(forward, places, strict=True)])
        return Primitive(
            name=self.name,
            function=outside(lambda *values, call: freeze(call.run(*values))),
            infer_from=lambda *nodes, call: ((), np.dtype(float)),  # never asked: it is evaluated when built
            inputs=("*inputs",),
            statics={"call": None},
            vjp=pulls,
            jvp=pushes,
            edge_rules=tuple([(rule, k) for k, rule in enumerate(pulls)]),
            eager=True,
        )

    def make_vjp_rule(self, place: Place) -> Rule:
        """Make the rule for one input from the function that the user declared."""
        argnum, path = place
        maker = self.vjp(argnum)
        if isinstance(maker, Rule):
            return maker

        def pull(g: Any, out: Any, *inputs: Any, call: _Invocation) -> Any:
            def apply() -> Any:
                vjp = maker(call.unpack(out), call.fill(inputs), call.kwargs)
                return follow_path(vjp(call.unpack(g)), path)

            found = call_in_transform(apply)  # a rule may branch on values
            return found if any(isinstance(v, Node) for v in (g, out, *inputs)) else _read_value(found)

        return Rule(outside(pull), (OUT,), 0, (("call", _read_call),))

    def make_jvp_rule(self, place: Place) -> Rule:
        """Make the forward-mode rule for one input from the function that the user declared."""
        argnum, path = place
        maker = self.jvp(argnum)
        if isinstance(maker, Rule):
            return maker

        def push(t: Any, out: Any, *inputs: Any, call: _Invocation) -> Any:
            args = call.fill(inputs)
            given = place_tangent(args[argnum], path, t), call.unpack(out), args, call.kwargs
            found = call.pack(call_in_transform(maker, *given))
            return found if any(isinstance(v, Node) for v in (t, out, *inputs)) else _read_value(found)

        return Rule(outside(push), (OUT,), 0, (("call", _read_call),))

    def or_undefined(self, rule: Rule | None, kind: str, place: Place) -> Rule | None:
        """Return the rule itself, or one that raises an error if there is none."""
        if rule is not UNDEFINED:
            return rule

        def undefined(*values: Any) -> Any:
            raise NotImplementedError(
                f"{kind} of {self.name} wrt argnum {place[0]} not defined: declare one with `def{kind.lower()}`"
            )

        return Rule(undefined)


def primitive(fun: Function) -> Function:
    """Return a function that calls `fun` on plain values, and is differentiated by the rules declared for it.

    Parameters
    ----------
    fun
        Takes any arguments; derivatives flow through the positional ones. Returns an array or number, or
        lists, tuples and dicts of them.

    See Also
    --------
    defvjp, defjvp : declare its derivatives; one of the two is enough.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> from lazygrad.compat.autograd import grad
    >>> @primitive
    ... def scaled(x, factor=2.0):
    ...     return factor * x
    >>> defvjp(scaled, lambda ans, x, factor=2.0: lambda g: factor * g)
    >>> float(grad(lambda x: scaled(x, factor=5.0) ** 2)(1.0))
    50.0
    """
    own = _UserOp(fun, getattr(fun, "__name__", type(fun).__name__))

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return own.call(args, kwargs)

    wrapped.fun = fun  # type: ignore[attr-defined]
    wrapped.user_op = own  # type: ignore[attr-defined]
    return wrapped


def _find_user_op(fun: Any) -> _UserOp:
    """Return the record that `primitive` put on a function."""
    own = getattr(fun, "user_op", None)
    if own is None:
        raise TypeError(f"{fun!r} is no primitive of yours: wrap it by `primitive` first, and call what that returns")
    return own


def _rules_by_argnum(
    fun: Any, rules: Sequence[Any], argnums: Sequence[int] | None, one: Callable[[int, Any], Any]
) -> Any:
    """Return the function that finds the rule of an argument among those that were given."""
    given = dict(zip(range(len(rules)) if argnums is None else argnums, rules, strict=False))
    for rule in given.values():
        if rule is not None and rule != "same" and not callable(rule):
            raise TypeError(f"the rules of {_find_user_op(fun).name} must be functions or None, not {rule!r}")

    def find(argnum: int) -> Any:
        if argnum not in given:
            return UNDEFINED
        return ZERO if given[argnum] is None else one(argnum, given[argnum])

    return find


def defvjp(fun: Function, *vjpmakers: object, argnums: Sequence[int] | None = None) -> None:
    """Declare the vector-Jacobian products of a primitive.

    Parameters
    ----------
    fun
        What `primitive` returned.
    vjpmakers
        One for each argument, in order: ``maker(ans, *args, **kwargs)`` returns the function of the cotangent
        `g`; None says that the derivative is zero.
    argnums
        Which arguments they are for, if not the first ones.
    """

    def one(argnum: int, maker: Any) -> Any:
        return lambda ans, args, kwargs: maker(ans, *args, **kwargs)

    _find_user_op(fun).declare(vjp=_rules_by_argnum(fun, vjpmakers, argnums, one))


def defvjp_argnum(fun: Function, vjpmaker: Function) -> None:
    """Declare all vector-Jacobian products by one ``maker(argnum, ans, args, kwargs)``."""
    _find_user_op(fun).declare(vjp=lambda argnum: lambda ans, args, kwargs: vjpmaker(argnum, ans, args, kwargs))


def defvjp_argnums(fun: Function, vjpmaker: Function) -> None:
    """Declare all by one ``maker(argnums, ans, args, kwargs)``, whose function returns one entry for each."""

    def rule(argnum: int) -> Any:
        def maker(ans: Any, args: Any, kwargs: Any) -> Any:
            vjp = vjpmaker((argnum,), ans, args, kwargs)
            return lambda g: next(iter(vjp(g)))

        return maker

    _find_user_op(fun).declare(vjp=rule)


def _linear_rule(fun: Any, argnum: int) -> Any:
    """Return the jvp rule of an argument that a function is linear in: the function itself."""

    def rule(g: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        return fun(*args[:argnum], g, *args[argnum + 1 :], **kwargs)

    rule.calls_itself = True  # type: ignore[attr-defined]
    return rule


def defjvp(fun: Function, *jvpfuns: object, argnums: Sequence[int] | None = None) -> None:
    """Declare the Jacobian-vector products of a primitive.

    Parameters
    ----------
    fun
        What `primitive` returned.
    jvpfuns
        One for each argument: ``rule(g, ans, *args, **kwargs)`` of its tangent `g`; None for zero; ``"same"`` if
        `fun` is linear in it.
    argnums
        Which arguments they are for, if not the first ones.
    """

    def one(argnum: int, rule: Any) -> Any:
        if rule == "same":
            return _linear_rule(fun, argnum)
        return lambda g, ans, args, kwargs: rule(g, ans, *args, **kwargs)

    _find_user_op(fun).declare(jvp=_rules_by_argnum(fun, jvpfuns, argnums, one))


def defjvp_argnum(fun: Function, jvpmaker: Function) -> None:
    """Declare all Jacobian-vector products by one ``rule(argnum, g, ans, args, kwargs)``."""
    _find_user_op(fun).declare(
        jvp=lambda argnum: lambda g, ans, args, kwargs: jvpmaker(argnum, g, ans, args, kwargs),
    )


def defjvp_argnums(fun: Function, jvpmaker: Function) -> None:
    """Declare all by one ``rule(argnums, gs, ans, args, kwargs)``, which returns their sum."""
    _find_user_op(fun).declare(
        jvp=lambda argnum: lambda g, ans, args, kwargs: jvpmaker((argnum,), (g,), ans, args, kwargs),
    )


def def_linear(fun: Function) -> None:
    """Declare that a primitive is linear in each of its arguments."""
    _find_user_op(fun).declare(jvp=lambda argnum: _linear_rule(fun, argnum))
