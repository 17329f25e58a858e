"""Operators on functions of one argument, made into operators on functions of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._graph.types import Function

__all__ = ["name_outcome", "unary_to_nary", "wraps"]

Argnum = int | Sequence[int]


def get_name(fun: Function) -> str:
    """Return the name of a function for messages."""
    return getattr(fun, "__name__", "[unknown name]")


def wraps(fun: Any, namestr: str = "{fun}", docstr: str = "{doc}", **kwargs: object) -> Function:
    """Return a decorator that gives a function the name and docstring of another, by templates."""

    def rename(f: Any) -> Any:
        f.__name__ = namestr.format(fun=get_name(fun), **kwargs)
        f.__doc__ = docstr.format(fun=get_name(fun), doc=getattr(fun, "__doc__", "") or "", **kwargs)
        return f

    return rename


def name_outcome(fun: object, operator: str, argnum: Argnum) -> Function:
    """Return a decorator that names the outcome of an operator on `fun`."""
    doc = "    {op} of function {fun} with respect to argument number {argnum}.\n\n    It takes the arguments of {fun}."
    return wraps(fun, "{op}_of_{fun}_wrt_argnum_{argnum}", doc, op=operator, argnum=argnum)


def unary_to_nary(unary_operator: Function) -> Function:
    """Turn an operator on functions of one argument into one on functions of many.

    Parameters
    ----------
    unary_operator
        ``unary_operator(f, x, *others)``, for a function `f` of `x` alone.

    Returns
    -------
    ``operator(fun, argnum=0, *others)``, where `argnum` is a number or several; then `x` is a tuple.

    Examples
    --------
    >>> difference = unary_to_nary(lambda f, x: f(x + 1) - f(x))
    >>> difference(pow, 1)(3, 2)
    18
    """

    @wraps(unary_operator)
    def nary_operator(fun: Any, argnum: Argnum = 0, *others: Any, **other_kwargs: Any) -> Any:
        if isinstance(argnum, bool) or not isinstance(argnum, (int, tuple, list)):
            raise TypeError(f"argnum must be a number, or a list or tuple of numbers, not {argnum!r}")
        chosen = (argnum,) if isinstance(argnum, int) else tuple(argnum)

        @name_outcome(fun, get_name(unary_operator).lstrip("_"), argnum)
        def nary_f(*args: Any, **kwargs: Any) -> Any:
            @wraps(fun)
            def unary_f(x: Any) -> Any:
                filled = list(args)
                for k, given in zip(chosen, (x,) if isinstance(argnum, int) else x, strict=True):
                    filled[k] = given
                return fun(*filled, **kwargs)

            x = args[argnum] if isinstance(argnum, int) else tuple([args[k] for k in chosen])
            return unary_operator(unary_f, x, *others, **other_kwargs)

        return nary_f

    return nary_operator
