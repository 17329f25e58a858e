"""Expressions: rows of single numbers on Python floats, which cost a fraction of NumPy's scalars."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import Kernel
from ..program import Program

__all__ = ["EXPRESSIONS", "SIGNS", "SPACE", "takes_floats", "write_expression"]

SIGNS: dict[Any, str] = {  # these mean the same for Python's numbers and for NumPy's
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.true_divide: "{} / {}",
    np.negative: "-{}",
    np.absolute: "abs({})",
    np.square: "{0} * {0}",
    np.less: "{} < {}",
    np.less_equal: "{} <= {}",
    np.greater: "{} > {}",
    np.greater_equal: "{} >= {}",
    np.equal: "{} == {}",
    np.not_equal: "{} != {}",
}
EXPRESSIONS: dict[Any, str] = {
    **SIGNS,
    np.reciprocal: "1.0 / {}",
    np.maximum: "({0} if {0} >= {1} or {0} != {0} else {1})",
    np.minimum: "({0} if {0} <= {1} or {0} != {0} else {1})",
    np.where: "({1} if {0} else {2})",
    np.power: "pow({}, {})",
    np.arctan2: "atan2({}, {})",
    **{getattr(np, f): f"{f}({{}})" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "sqrt")},
    **{getattr(np, f): f"{f}({{}})" for f in ("exp", "expm1", "log", "log1p", "log2", "log10")},
    **{getattr(np, f"arc{f}"): f"a{f}({{}})" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}
SPACE: dict[str, Any] = {name: getattr(math, name) for name in dir(math) if name[0] != "_"}


def takes_floats(program: Program, row: int) -> bool:
    """Return whether all that a row computes with is in double precision, but for the condition of a choice.

    Else Python's operators would give another dtype than NumPy's: True + True is 2, and a float has none of its own.
    """
    args = program.args[row]
    kernel = program.kernels[row]
    chosen = kernel is not None and kernel.function is np.where
    return all(program.dtypes[a] == np.float64 for a in (args[1:] if chosen else args))


def write_expression(kernel: Kernel, floats: bool) -> str | Callable[..., float]:
    """Return the expression of a row on Python floats, or a function of floats where there is no expression.

    There is none if not all arguments are `floats`.
    """
    if kernel.kind == "view":
        return "{}"
    if floats and (kernel.kind == "ufunc" or kernel.function is np.where) and kernel.function in EXPRESSIONS:
        return EXPRESSIONS[kernel.function]
    function, static = kernel.function, kernel.static
    if kernel.kind == "sum":
        return "{}"  # of one number
    if kernel.alone:
        return f"pow({{}}, {static['n']!r})"

    def of_floats(*values: Any) -> Any:
        return function(*[np.float64(v) if v.__class__ is float else np.bool_(v) for v in values], **static).item()

    return of_floats
