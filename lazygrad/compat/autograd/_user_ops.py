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
from ..._graph.guards import enter_transform
from ..._graph.node import Node
from ...ops._op import freeze
from ...ops._rule import OUT, UNDEFINED, ZERO, Rule
from ._containers import HOLE, Packing, alone, hole, mapped, nodes_in, part
from ._structures import plain

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
    """One call: its arguments without the nodes, and how its result is packed."""

    function: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    varied: frozenset[int]  # which arguments have nodes in them
    out: Packing | None = None

    def filled(self, inputs: Sequence[Any]) -> list[Any]:
        """All arguments, with these in place of the nodes."""
        following = iter(inputs)

        def one(leaf: Any) -> Any:
            return next(following) if leaf is HOLE else leaf

        return [mapped(one, arg) if k in self.varied else arg for k, arg in enumerate(self.args)]

    def run(self, *values: Any) -> Any:
        """The packed result for these values of the nodes."""
        result = self.function(*self.filled([plain(value) for value in values]), **self.kwargs)
        result = mapped(_value, result)
        self.out = Packing.of(result, getattr(self.function, "__name__", "a primitive"))
        return self.out.packed(result)

    def unpacked(self, flat: Any) -> Any:
        """As `Packing.unpacked`."""
        assert self.out is not None
        return self.out.unpacked(flat)

    def packed(self, result: Any) -> Any:
        """As `Packing.packed`."""
        assert self.out is not None
        return self.out.packed(result)


def _value(leaf: Any) -> Any:
    """The value of a node that a function of plain values closed over: derivatives flow through arguments alone."""
    return leaf.value[()] if isinstance(leaf, Node) else leaf


def _call_of(node: Node, argnum: int) -> Any:
    return node.static["call"]


@attrs.define(eq=False)
class _UserOp:
    """A primitive, and the ops for the ways it was called: for each, which arguments were nodes."""

    function: Callable[..., Any]
    name: str
    vjp: Callable[[int], Any] = lambda argnum: UNDEFINED  # -> (ans, args, kwargs) -> g -> contribution
    jvp: Callable[[int], Any] = lambda argnum: UNDEFINED  # -> (g, ans, args, kwargs) -> tangent
    ops: dict[tuple[Place, ...], Primitive] = attrs.Factory(dict)

    def declare(self, **rules: Callable[[int], Any]) -> None:
        """Take new rules."""
        for kind, rule in rules.items():
            setattr(self, kind, rule)
        self.ops.clear()

    def call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """The result on nodes."""
        found = [((k, path), node) for k, arg in enumerate(args) for path, node in nodes_in(arg)]
        if not found:
            return self.function(*args, **kwargs)
        places = tuple([place for place, _ in found])
        if places not in self.ops:
            self.ops[places] = self.op_for(places)
        varied = frozenset([k for k, _ in places])
        holes = [mapped(hole, arg) if k in varied else arg for k, arg in enumerate(args)]
        call = _Invocation(self.function, holes, kwargs, varied)
        return call.unpacked(self.ops[places].on_nodes([node for _, node in found], {"call": call}))

    def op_for(self, places: tuple[Place, ...]) -> Primitive:
        """The op whose inputs stand at these places."""
        vjps = tuple([self.vjp_rule(place) for place in places])
        jvps = tuple([self.jvp_rule(place) for place in places])
        # The transpose of a rule that calls the primitive itself would ask for the transpose of that rule.
        usable = tuple(
            [
                UNDEFINED if getattr(self.jvp(k), "calls_itself", False) else r
                for r, (k, _) in zip(jvps, places, strict=True)
            ]
        )
        pulls = tuple(
            [self.known(r, "VJP", p) for r, p in zip(complete_rules(vjps, usable, False), places, strict=True)]
        )
        pushes = tuple([self.known(r, "JVP", p) for r, p in zip(complete_rules(jvps, vjps, True), places, strict=True)])
        return Primitive(
            name=self.name,
            function=lambda *values, call: freeze(call.run(*values)),
            infer_from=lambda *nodes, call: ((), np.dtype(float)),  # never asked: it is evaluated when built
            inputs=("*inputs",),
            statics={"call": None},
            vjp=pulls,
            jvp=pushes,
            edge_rules=tuple([(rule, k) for k, rule in enumerate(pulls)]),
            eager=True,
        )

    def vjp_rule(self, place: Place) -> Rule:
        """The rule for one input, from what the user declared."""
        argnum, path = place
        maker = self.vjp(argnum)
        if isinstance(maker, Rule):
            return maker

        def pull(g: Any, out: Any, *inputs: Any, call: _Invocation) -> Any:
            with enter_transform():  # a rule may branch on values
                vjp = maker(call.unpacked(out), call.filled(inputs), call.kwargs)
                found = part(vjp(call.unpacked(g)), path)
            return found if any(isinstance(v, Node) for v in (g, out, *inputs)) else _value(found)

        return Rule(pull, (OUT,), 0, (("call", _call_of),))

    def jvp_rule(self, place: Place) -> Rule:
        """Likewise, in forward mode."""
        argnum, path = place
        maker = self.jvp(argnum)
        if isinstance(maker, Rule):
            return maker

        def push(t: Any, out: Any, *inputs: Any, call: _Invocation) -> Any:
            args = call.filled(inputs)
            with enter_transform():
                found = call.packed(maker(alone(args[argnum], path, t), call.unpacked(out), args, call.kwargs))
            return found if any(isinstance(v, Node) for v in (t, out, *inputs)) else _value(found)

        return Rule(push, (OUT,), 0, (("call", _call_of),))

    def known(self, rule: Rule, kind: str, place: Place) -> Rule:
        """The rule itself, or one that says that there is none."""
        if rule is not UNDEFINED:
            return rule

        def undefined(*values: Any) -> Any:
            raise NotImplementedError(
                f"{kind} of {self.name} wrt argnum {place[0]} not defined: declare one with `def{kind.lower()}`"
            )

        return Rule(undefined)


def primitive(fun: Callable[..., Any]) -> Callable[..., Any]:
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


def _user_op(fun: Any) -> _UserOp:
    own = getattr(fun, "user_op", None)
    if own is None:
        raise TypeError(f"{fun!r} is no primitive of yours: wrap it by `primitive` first, and call what that returns")
    return own


def _by_argnum(fun: Any, rules: Sequence[Any], argnums: Sequence[int] | None, one: Callable[[int, Any], Any]) -> Any:
    """Look-up of the rule of an argument, among those that were given."""
    given = dict(zip(range(len(rules)) if argnums is None else argnums, rules, strict=False))
    for rule in given.values():
        if rule is not None and rule != "same" and not callable(rule):
            raise TypeError(f"the rules of {_user_op(fun).name} must be functions or None, not {rule!r}")

    def found(argnum: int) -> Any:
        if argnum not in given:
            return UNDEFINED
        return ZERO if given[argnum] is None else one(argnum, given[argnum])

    return found


def defvjp(fun: Any, *vjpmakers: Any, argnums: Sequence[int] | None = None) -> None:
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

    _user_op(fun).declare(vjp=_by_argnum(fun, vjpmakers, argnums, one))


def defvjp_argnum(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Declare all vector-Jacobian products by one ``maker(argnum, ans, args, kwargs)``."""
    _user_op(fun).declare(vjp=lambda argnum: lambda ans, args, kwargs: vjpmaker(argnum, ans, args, kwargs))


def defvjp_argnums(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Declare all by one ``maker(argnums, ans, args, kwargs)``, whose function returns one entry for each."""

    def rule(argnum: int) -> Any:
        def maker(ans: Any, args: Any, kwargs: Any) -> Any:
            vjp = vjpmaker((argnum,), ans, args, kwargs)
            return lambda g: next(iter(vjp(g)))

        return maker

    _user_op(fun).declare(vjp=rule)


def _same(fun: Any, argnum: int) -> Any:
    """The jvp rule of an argument that a function is linear in: the function itself."""

    def rule(g: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        return fun(*args[:argnum], g, *args[argnum + 1 :], **kwargs)

    rule.calls_itself = True  # type: ignore[attr-defined]
    return rule


def defjvp(fun: Any, *jvpfuns: Any, argnums: Sequence[int] | None = None) -> None:
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
            return _same(fun, argnum)
        return lambda g, ans, args, kwargs: rule(g, ans, *args, **kwargs)

    _user_op(fun).declare(jvp=_by_argnum(fun, jvpfuns, argnums, one))


def defjvp_argnum(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Declare all Jacobian-vector products by one ``rule(argnum, g, ans, args, kwargs)``."""
    _user_op(fun).declare(
        jvp=lambda argnum: lambda g, ans, args, kwargs: jvpmaker(argnum, g, ans, args, kwargs),
    )


def defjvp_argnums(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Declare all by one ``rule(argnums, gs, ans, args, kwargs)``, which returns their sum."""
    _user_op(fun).declare(
        jvp=lambda argnum: lambda g, ans, args, kwargs: jvpmaker((argnum,), (g,), ans, args, kwargs),
    )


def def_linear(fun: Any) -> None:
    """Declare that a primitive is linear in each of its arguments."""
    _user_op(fun).declare(jvp=lambda argnum: _same(fun, argnum))
