"""What numba compiles: functions of many numbers at once, and two machines that run programs made of them.

The machines are generic: a program is data for them, so nothing is ever compiled for one. All that is compiled stands in
this file, since numba compiles again what it has cached on disk only when the file of the function changes.

The functions of single numbers are branch-free, so that LLVM computes eight of them at a time: that takes a tenth of the
time of the C library's sin or tanh, and errs by at most some 2 units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

__all__ = ["CHUNK", "OPCODES", "Opcode", "ordered", "run_numbers"]

Function = Callable[..., Any]
# Contracted, a * b + c may be rounded once: in the polynomials alone, never between two rows of a program.
inlined: Callable[[Function], Function] = numba.njit(error_model="numpy", fastmath={"contract"}, inline="always")
compiled: Callable[[Function], Function] = numba.njit(error_model="numpy", cache=True, nogil=True)

# -- functions of one number -------------------------------------------------------------------------

LOG2_E = 1 / math.log(2)
LN2_HIGH = math.ldexp(round(math.ldexp(math.log(2), 32)), -32)  # of few bits: its product with an exponent is exact
LN2_LOW = 1.9082149292705877e-10
HALF_PI_HIGH = 1.5707963267341256  # 33 bits
HALF_PI_MIDDLE = 6.0771005063039660e-11  # the next 33
HALF_PI_LOW = 2.0222662487959506e-21
LARGE_ANGLE = 1e5  # from which on sin and cos are the C library's
SMALLEST_NORMAL = float(np.finfo(float).smallest_normal)
SQRT_HALF_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))
I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12, I13, I14, I15, I16, I17, I18 = [
    1 / math.factorial(k) for k in range(2, 19)
]


@inlined
def _power_of_two(k: Any) -> Any:
    return np.int64((np.int64(k) + 1023) << 52).view(np.float64)


@inlined
def _reduced(x: Any) -> Any:
    """k and r with x = k ln 2 + r and abs(r) <= ln 2 / 2."""
    k = np.floor(x * LOG2_E + 0.5)
    return k, (x - k * LN2_HIGH) - k * LN2_LOW


@inlined
def _exp_less_one(r: Any) -> Any:
    """exp(r) - 1 for a reduced r: its Taylor series."""
    p = I13 * r + I12
    p = p * r + I11
    p = p * r + I10
    p = p * r + I9
    p = p * r + I8
    p = p * r + I7
    p = p * r + I6
    p = p * r + I5
    p = p * r + I4
    p = p * r + I3
    p = p * r + I2
    return p * r * r + r


@inlined
def _exp(x: Any) -> Any:
    k, r = _reduced(min(max(x, -746.0), 710.0) if x == x else 0.0)
    half = np.floor(k * 0.5)  # two factors, each of which is a normal number
    y = (_exp_less_one(r) + 1.0) * _power_of_two(half) * _power_of_two(k - half)
    return y if x == x else x


@inlined
def _expm1(x: Any) -> Any:
    k, r = _reduced(min(max(x, -40.0), 710.0) if x == x else 0.0)
    q = _exp_less_one(r)
    half = np.floor(k * 0.5)
    a, b = _power_of_two(half), _power_of_two(k - half)
    y = (q + 1.0) * a * b if k > 60.0 else q * (a * b) + (a * b - 1.0)
    return math.copysign(y, x) if x == x else x


@inlined
def _tanh(x: Any) -> Any:
    k, r = _reduced(min(2.0 * abs(x), 44.0) if x == x else 0.0)
    a = _power_of_two(k)
    e = _exp_less_one(r) * a + (a - 1.0)
    return math.copysign(e / (e + 2.0), x) if x == x else x


@inlined
def _sigmoid(x: Any) -> Any:
    e = _exp(-abs(x))
    return (e if x < 0.0 else 1.0) / (1.0 + e)


@inlined
def _sin_cos(x: Any) -> Any:
    """The quarter that x lies in, from 0 to 3, and sin and cos of the rest."""
    k = np.floor(x * (2 / math.pi) + 0.5)
    t = x - k * HALF_PI_HIGH
    w = k * HALF_PI_MIDDLE
    r = t - w
    w = k * HALF_PI_LOW - ((t - r) - w)
    y = r - w
    rest = (r - y) - w
    z = y * y
    p = I17 * z - I15
    p = p * z + I13
    p = p * z - I11
    p = p * z + I9
    p = p * z - I7
    p = p * z + I5
    s = y + (z * y * (p * z - I3) + rest * (1.0 - 0.5 * z))
    p = -I18 * z + I16
    p = p * z - I14
    p = p * z + I12
    p = p * z - I10
    p = p * z + I8
    p = p * z - I6
    h = 0.5 * z
    c = 1.0 - h
    c = c + (((1.0 - c) - h) + (z * z * (p * z + I4) - y * rest))
    return k - 4.0 * np.floor(k * 0.25), s, c


@inlined
def _sin(x: Any) -> Any:
    q, s, c = _sin_cos(x)
    y = c if (q == 1.0 or q == 3.0) else s
    y = -y if q >= 2.0 else y
    return x if x == 0.0 else y  # with its sign


@inlined
def _cos(x: Any) -> Any:
    q, s, c = _sin_cos(x)
    y = s if (q == 1.0 or q == 3.0) else c
    return -y if (q == 1.0 or q == 2.0) else y


@inlined
def _log(x: Any) -> Any:
    tiny = x < SMALLEST_NORMAL
    t = x * 18014398509481984.0 if tiny else x  # 2 ** 54
    bits = np.float64(t if (t > 0.0 and t < np.inf) else 1.0).view(np.int64)
    e = (bits - SQRT_HALF_BITS) >> 52
    f = np.int64(bits - (e << 52)).view(np.float64) - 1.0
    k = np.float64(e) - 54.0 if tiny else np.float64(e)
    s = f / (2.0 + f)  # log(1 + f) = 2 artanh(s)
    z = s * s
    p = (2 / 23) * z + 2 / 21
    p = p * z + 2 / 19
    p = p * z + 2 / 17
    p = p * z + 2 / 15
    p = p * z + 2 / 13
    p = p * z + 2 / 11
    p = p * z + 2 / 9
    p = p * z + 2 / 7
    p = p * z + 2 / 5
    p = p * z + 2 / 3
    h = 0.5 * f * f
    y = k * LN2_HIGH - ((h - (s * (h + p * z) + k * LN2_LOW)) - f)
    y = -np.inf if x == 0.0 else y
    y = np.nan if x < 0.0 else y
    return y if (x == x and x != np.inf) else x


@inlined
def _log1p(x: Any) -> Any:
    u = 1.0 + x
    y = _log(u) - ((u - 1.0) - x) / u
    y = -np.inf if u == 0.0 else y
    return x if (u == 1.0 or x == np.inf) else y
