"""Checks of derivatives against differences, on functions of any structure of floats."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..._graph.types import Function
from .core import make_jvp, make_vjp, vspace
from .wrap_util import Argnum, get_name, unary_to_nary, wraps

__all__ = ["check_equivalent", "check_grads", "check_jvp", "check_vjp", "combo_check", "scalar_close"]

TOL = 1e-6
RTOL = 1e-6
EPS = 1e-6


def scalar_close(a: Any, b: Any) -> bool:
    """Return whether two numbers agree within the tolerances of the checks."""
    return bool(abs(a - b) < TOL or abs(a - b) < RTOL * abs(a + b))


def make_numerical_jvp(f: Function, x: object) -> Function:
    """Return the central difference quotient of `f` at `x`, a function of the direction."""
    inputs, outputs = vspace(x), vspace(f(x))

    def jvp(v: Any) -> Any:
        ahead, behind = (f(inputs.add(x, inputs.scalar_mul(v, step))) for step in (EPS / 2, -EPS / 2))
        return outputs.scalar_mul(outputs.add(ahead, outputs.scalar_mul(behind, -1.0)), 1 / EPS)

    return jvp


def check_vjp(f: Function, x: object) -> None:
    """Raise AssertionError unless the vector-Jacobian product of `f` agrees with differences, at one random pair."""
    vjp, value = make_vjp(f, x)
    inputs, outputs = vspace(x), vspace(value)
    direction, cotangent = inputs.randn(), outputs.randn()
    pulled = inputs.covector(vjp(outputs.covector(cotangent)))
    assert vspace(pulled) == inputs, f"the gradient lies in {vspace(pulled)}, but the argument in {inputs}"
    exact = inputs.inner_prod(direction, pulled)
    numeric = outputs.inner_prod(cotangent, make_numerical_jvp(f, x)(direction))
    assert scalar_close(numeric, exact), (
        f"Derivative (VJP) check of {get_name(f)} failed at {x}: analytic {exact}, numeric {numeric}"
    )


def check_jvp(f: Function, x: object) -> None:
    """Raise AssertionError unless the Jacobian-vector product of `f` agrees with differences."""
    direction = vspace(x).randn()
    check_equivalent(make_jvp(f, x)(direction)[1], make_numerical_jvp(f, x)(direction))


def check_equivalent(x: object, y: object) -> None:
    """Raise AssertionError unless two values lie in one space and agree along a random direction."""
    space = vspace(x)
    assert space == vspace(y), f"Space mismatch: {space} and {vspace(y)}"
    v = space.randn()
    assert scalar_close(space.inner_prod(x, v), space.inner_prod(y, v)), f"Value mismatch:\n{x}\n{y}"


def _check_grads(f: Callable[[Any], Any], x: Any, modes: Sequence[str], order: int) -> None:
    if not set(modes) <= {"fwd", "rev"}:
        raise ValueError(f"the modes are 'fwd' and 'rev', not {modes!r}")
    if "fwd" in modes:
        check_jvp(f, x)
        if order > 1:
            pushed = wraps(f, "jvp_{fun}")(lambda x, v: make_jvp(f, x)(v)[1])
            check_grads(pushed, (0, 1), modes, order=order - 1)(x, vspace(x).randn())
    if "rev" in modes:
        check_vjp(f, x)
        if order > 1:
            pulled = wraps(f, "vjp_{fun}")(lambda x, g: make_vjp(f, x)[0](g))
            check_grads(pulled, (0, 1), modes, order=order - 1)(x, vspace(f(x)).randn())


def check_grads(
    f: Function, argnum: Argnum = 0, modes: Sequence[str] = ("fwd", "rev"), order: int = 2
) -> Callable[..., None]:
    """Return a function that checks the derivatives of `f` at its arguments.

    Parameters
    ----------
    f
        The function.
    argnum
        Which positional arguments to differentiate by, as for `grad`.
    modes
        ``"fwd"``, ``"rev"`` or both.
    order
        Up to which order of derivative.

    Returns
    -------
    Function of the arguments of `f`, which raises AssertionError if the derivatives disagree with differences.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> check_grads(np.tanh, modes=["rev"], order=2)(0.3)
    """
    return unary_to_nary(_check_grads)(f, argnum, modes, order)


def combo_check(fun: Function, *args: Any, **kwargs: Any) -> Callable[..., None]:
    """Return a function of lists of arguments that calls `check_grads` for all their combinations."""
    check = check_grads(fun, *args, **kwargs)

    def check_all(*choices: Iterable[Any], **keywords: Iterable[Any]) -> None:
        for given in itertools.product(*choices):
            for chosen in itertools.product(*keywords.values()):
                check(*given, **dict(zip(keywords, chosen, strict=True)))

    return check_all
