"""Expressions: rows of single numbers on Python floats, which cost a fraction of NumPy's scalars."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels import Kernel

__all__ = ["EXPRESSIONS", "SIGNS", "SPACE", "write_expression"]

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


def write_expression(kernel: Kernel) -> str | Callable[..., float]:
    """Return the expression of a row on Python floats, or a function of floats where there is no expression."""
    if kernel.kind == "view":
        return "{}"
    if (kernel.kind == "ufunc" or kernel.function is np.where) and kernel.function in EXPRESSIONS:
        return EXPRESSIONS[kernel.function]
    function, static = kernel.function, kernel.static
    if kernel.kind == "sum":
        return "{}"  # of one number
    if kernel.alone:
        return f"pow({{}}, {static['n']!r})"

    def of_floats(*values: Any) -> Any:
        return function(*[np.float64(v) if v.__class__ is float else np.bool_(v) for v in values], **static).item()

    return of_floats
