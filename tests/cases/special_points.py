"""Functions of one and of two numbers, for derivatives at special points: zeros, ones, ties, repeated values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

from lazygrad.scipy import linalg, special

__all__ = ["ONE", "OUTER", "TWO"]

Function = Callable[..., Any]

# What comes after: what is linear in a modulus keeps its kink, its square has none.
OUTER: dict[str, Function] = {"itself": lambda y: y, "square": lambda y: y * y, "bell": lambda y: np.exp(-y * y)}
_NO_NUMBERS = (
    "invert",
    "spacing",
    "conjugate",
    "bitwise_count",
    "logical_not",
    "signbit",
    "isfinite",
    "isnan",
    "isinf",
)
_ONLY_INTEGERS = ("gcd", "lcm", "ldexp", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")
_ORDERS = ("polygamma", "yn", "kn", "jn", "jv", "yv", "iv", "kv", "jve", "ive", "kve", "zeta")


def _list_ufuncs(count: int) -> dict[str, Function]:
    """Return the ufuncs of NumPy and of SciPy that take so many numbers and have a derivative."""
    found = {f.__name__: f for f in vars(np).values() if isinstance(f, np.ufunc) and (f.nin, f.nout) == (count, 1)}
    plain = {name: f for name, f in found.items() if f.signature is None and any(t[-1] in "dD" for t in f.types)}
    plain |= {
        f"special.{name}": getattr(special, name)
        for name in special.__all__
        if isinstance(f := getattr(scipy.special, name, None), np.ufunc) and f.nin == count and name not in _ORDERS
    }
    return {name: f for name, f in plain.items() if name not in (*_NO_NUMBERS, *_ONLY_INTEGERS, "isnat", "nextafter")}


def _square(a: Any, b: Any, c: Any, d: Any) -> Any:
    return np.stack([np.stack([a, b]), np.stack([c, d])])


def _rebuild(factors: Any, function: Function) -> Any:
    """Return the sum of a matrix with another function of its eigenvalues or singular values."""
    first, second, *third = factors
    w, V = (second, first) if third else (first, second)
    return np.sum((V * function(w)) @ (third[0] if third else V.T))


_SHAPED: dict[str, Function] = {
    "norm": lambda x: np.linalg.norm(np.stack([x, 2 * x])),
    "norm of order 3": lambda x: np.linalg.norm(np.stack([x, 2 * x]), 3),
    "std": lambda x: np.std(np.stack([x, -x, 2 * x])),
    "nanstd": lambda x: np.nanstd(np.stack([x, 2 * x, np.nan + 0 * x])),
    "hypot": lambda x: np.hypot(x, 2 * x),
    "modulus": lambda x: np.abs(x * (1 + 2j)),
    "cumprod": lambda x: np.cumprod(np.stack([x, x - 1, x + 1]))[-1],
    "prod": lambda x: np.prod(np.stack([x, x - 1, x + 1])),
    "det": lambda x: np.linalg.det(_square(x, x, x, 1 + 0 * x)),
    "eigvalsh": lambda x: np.sum(np.linalg.eigvalsh(_square(1 + 0 * x, x, x, 1 + 0 * x)) ** 3),
    "eigh": lambda x: np.sum(np.linalg.eigh(_square(1 + 0 * x, x, x, 1 + 0 * x))[0] ** 3),
    "svd": lambda x: np.sum(np.linalg.svd(_square(1 + 0 * x, x, x, 1 + 0 * x))[1] ** 4),
    "expm": lambda x: linalg.expm(_square(x, x, 0 * x, x))[0, 1],
    "pinv": lambda x: np.sum(np.linalg.pinv(_square(1 + x, x, x, 1 + 0 * x))),
    "softmax": lambda x: special.softmax(np.stack([x, 0 * x]))[0],
    "xlogy": lambda x: special.xlogy(x * x, x * x),
}
ONE: dict[str, Function] = _list_ufuncs(1) | _SHAPED
TWO: dict[str, Function] = _list_ufuncs(2) | {
    "norm": lambda x, y: np.linalg.norm(np.stack([x, y])),
    "norm of order 1.5": lambda x, y: np.linalg.norm(np.stack([x, y]), 1.5),
    "std": lambda x, y: np.std(np.stack([x, y, 0 * x])),
    "det": lambda x, y: np.linalg.det(_square(x, y, y, x)),
    "eigvalsh": lambda x, y: np.sum(np.linalg.eigvalsh(_square(x, y, y, x)) ** 4),
    "svd": lambda x, y: np.sum(np.linalg.svd(_square(x, y, y, 2 * x))[1] ** 4),
    "eigvals": lambda x, y: np.real(np.sum(np.linalg.eigvals(_square(x, y, 2 * y, x)) ** 2)),
    "through eigh": lambda x, y: _rebuild(np.linalg.eigh(_square(x, y, y, x)), np.square),
    "through svd": lambda x, y: _rebuild(np.linalg.svd(_square(x, y, y, 2 * x)), lambda s: s**3),
    "product of moduli": lambda x, y: abs(x) * abs(y),
    "modulus of the product": lambda x, y: abs(x * y),
    "modulus": lambda x, y: abs(x + 1j * y),
    "angle": lambda x, y: np.angle(x + 1j * y),
    "logsumexp": lambda x, y: special.logsumexp(np.stack([x, y])),
}
