"""Vector-Jacobian and Jacobian-vector products of functions of one argument."""

from __future__ import annotations

from typing import Any

from ..._functions.forward import jvp as _jvp
from ..._functions.reverse import vjp as _vjp
from ..._graph.types import Function
from ._structures import as_floats, fit_to, to_plain, warn_if_independent
from ._user_ops import (
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    primitive,
)
from ._vspace import VSpace, vspace

__all__ = [
    "VSpace",
    "def_linear",
    "defjvp",
    "defjvp_argnum",
    "defjvp_argnums",
    "defvjp",
    "defvjp_argnum",
    "defvjp_argnums",
    "make_jvp",
    "make_vjp",
    "primitive",
    "vspace",
]


def make_vjp(fun: Function, x: object) -> tuple[Function, object]:
    """Return ``(vjp, value)`` at `x`; ``vjp(g)`` has the structure of `x`."""
    value, pull = _vjp(warn_if_independent(fun), as_floats(x))

    def vjp(g: Any) -> Any:
        return to_plain(pull(fit_to(g, value))[0])

    return vjp, to_plain(value)


def make_jvp(fun: Function, x: object) -> Function:
    """Return the function that maps a tangent of `x` to ``(value, tangent of the value)``."""
    x = as_floats(x)

    def jvp(v: Any) -> tuple[Any, Any]:
        value, tangent = _jvp(warn_if_independent(fun), (x,), (fit_to(v, x),))
        return to_plain(value), to_plain(tangent)

    return jvp
