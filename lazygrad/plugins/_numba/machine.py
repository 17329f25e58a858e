"""Functions of many numbers at once, and two machines that run programs made of them: all that numba compiles.

The machines are generic: a program is data for them, so nothing is ever compiled for one. This file is longer than any
other may be, as all that is compiled must stand in one: before numba takes what is cached on disk, it looks whether the
file of a function has changed, and at no other.

The functions of single numbers have no branches, so that LLVM computes eight of them at a time: that takes a tenth of
the time of the C library's sin or tanh, and errs by some 2 units in the last place at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numba
import numpy as np
from llvmlite import ir

__all__ = [
    "BOOLS",
    "CHUNK",
    "COUNT",
    "DATA",
    "FIELDS",
    "FLOATS",
    "INTS",
    "ITEMS",
    "WORK_FACTORS",
    "WORK_LETTERS",
    "Opcode",
    "Special",
    "ordered",
    "run_arrays",
    "run_numbers",
]


Function = Callable[..., Any]
inlined: Callable[[Function], Function] = numba.njit(error_model="numpy", inline="always")
compiled: Callable[[Function], Function] = numba.njit(error_model="numpy", cache=True, nogil=True)

# -- functions of one number -------------------------------------------------------------------------

LOG2_E = 1 / math.log(2)
SHIFT = 1.5 * 2.0**52  # a number and this one, added, have the number, rounded, for their last bits
SHIFT_BITS = int(np.float64(SHIFT).view(np.int64))
LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # of 33 bits: its product with an exponent is exact
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
    return np.int64((k + 1023) << 52).view(np.float64)


@inlined
def _reduced(x: Any) -> Any:
    """Return k, an integer, and r with x = k ln 2 + r and abs(r) <= ln 2 / 2."""
    z = x * LOG2_E + SHIFT
    k = z - SHIFT
    return np.float64(z).view(np.int64) - SHIFT_BITS, (x - k * LN2_HIGH) - k * LN2_LOW


@inlined
def _within(x: Any, low: Any, high: Any) -> Any:
    """Return x, or the bound beyond which it lies; nan stays nan."""
    x = low if x < low else x
    return high if x > high else x


@inlined
def _exp_less_one(r: Any) -> Any:
    """Return exp(r) - 1 for a reduced r: its Taylor series."""
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
    k, r = _reduced(_within(np.float64(x), -746.0, 710.0))
    half = k >> 1  # two factors, each of which is a normal number
    return (_exp_less_one(r) + 1.0) * _power_of_two(half) * _power_of_two(k - half)


@inlined
def _expm1(x: Any) -> Any:
    k, r = _reduced(_within(np.float64(x), -40.0, 710.0))
    q = _exp_less_one(r)
    half = k >> 1
    a, b = _power_of_two(half), _power_of_two(k - half)
    return math.copysign((q + 1.0) * a * b if k > 60 else q * (a * b) + (a * b - 1.0), x)


@inlined
def _tanh(x: Any) -> Any:
    k, r = _reduced(_within(2.0 * abs(np.float64(x)), 0.0, 44.0))
    a = _power_of_two(k)
    e = _exp_less_one(r) * a + (a - 1.0)
    return math.copysign(e / (e + 2.0), x)


@inlined
def _sigmoid(x: Any) -> Any:
    e = _exp(-abs(x))
    return (e if x < 0.0 else 1.0) / (1.0 + e)


@inlined
def _sin_cos(x: Any) -> Any:
    """Return the quarter that x lies in, from 0 to 3, and sin and cos of the rest."""
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
    k: Any = np.float64(e) - 54.0 if tiny else np.float64(e)
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
    y = -math.inf if x == 0.0 else y
    y = math.nan if x < 0.0 else y
    return y if (x == x and x != math.inf) else x


@inlined
def _log1p(x: Any) -> Any:
    u = 1.0 + x
    y = _log(u) - ((u - 1.0) - x) / u
    y = -np.inf if u == 0.0 else y
    return x if (u == 1.0 or x == np.inf) else y


@inlined
def _logaddexp(x: Any, y: Any) -> Any:
    larger = max(x, y) if x == x and y == y else np.nan
    return larger + (math.log(2) if x == y else _log1p(_exp(-abs(x - y))))


def _make_loop(f: Function) -> Function:
    """Return the loop of a function, which on its own compiles in less time than within all others.

    Contracted, a * b + c may be rounded once: here alone, never between two rows of a program.
    """

    @numba.njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
    def loop(x: Any, out: Any, n: Any) -> None:
        for i in range(n):
            out[i] = f(x[i])

    return loop


@numba.njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def _all_logaddexp(x: Any, y: Any, out: Any, n: Any) -> None:
    for i in range(n):
        out[i] = _logaddexp(x[i], y[i])


_all_exp, _all_expm1, _all_log, _all_log1p = map(_make_loop, (_exp, _expm1, _log, _log1p))
_all_sin, _all_cos, _all_tanh, _all_sigmoid = map(_make_loop, (_sin, _cos, _tanh, _sigmoid))


# -- what there is to compute ------------------------------------------------------------------------


class Opcode(IntEnum):
    """Functions that an instruction computes; truth values are 1 and 0."""

    ADD = 0
    SUBTRACT = 1
    MULTIPLY = 2
    DIVIDE = 3
    NEGATIVE = 4
    MAXIMUM = 5
    MINIMUM = 6
    ABSOLUTE = 7
    SQRT = 8
    SIGN = 9
    FLOOR = 10
    CEIL = 11
    RINT = 12
    TRUNC = 13
    LESS = 14
    LESS_EQUAL = 15
    EQUAL = 16
    NOT_EQUAL = 17
    ISNAN = 18
    ISFINITE = 19
    ISINF = 20
    WHERE = 21
    GUARDED_MULTIPLY = 22
    STRONG_MULTIPLY = 23
    GUARDED_DIVIDE = 24
    EXP = 25
    EXPM1 = 26
    LOG = 27
    LOG1P = 28
    SIN = 29
    COS = 30
    TANH = 31
    SIGMOID = 32
    LOGADDEXP = 33
    LOG2 = 34
    LOG10 = 35
    TAN = 36
    SINH = 37
    COSH = 38
    ARCSIN = 39
    ARCCOS = 40
    ARCTAN = 41
    ARCSINH = 42
    ARCCOSH = 43
    ARCTANH = 44
    ARCTAN2 = 45
    POWER = 46


COUNT = len(Opcode)
CHEAP = 5  # the opcodes before it are computed one after another, the others for many rows at once
ARITY = np.ones(COUNT, np.int64)
ARITY[[Opcode.ADD, Opcode.SUBTRACT, Opcode.MULTIPLY, Opcode.DIVIDE, Opcode.MAXIMUM, Opcode.MINIMUM]] = 2
ARITY[[Opcode.LESS, Opcode.LESS_EQUAL, Opcode.EQUAL, Opcode.NOT_EQUAL, Opcode.GUARDED_MULTIPLY]] = 2
ARITY[[Opcode.STRONG_MULTIPLY, Opcode.GUARDED_DIVIDE, Opcode.LOGADDEXP, Opcode.ARCTAN2, Opcode.POWER]] = 2
ARITY[Opcode.WHERE] = 3
LANES = 8  # numbers that a processor computes at once, at most
CHUNK = 256  # numbers, a multiple of the lanes


@inlined
def _compute(op: Any, x: Any, y: Any, z: Any, out: Any, n: Any, m: Any) -> None:
    """Compute n numbers; up to m, a multiple of the lanes, the arrays hold others, which nobody reads.

    So none is left over, to be computed by itself.
    """
    if op == Opcode.ADD:
        for i in range(m):
            out[i] = x[i] + y[i]
    elif op == Opcode.SUBTRACT:
        for i in range(m):
            out[i] = x[i] - y[i]
    elif op == Opcode.MULTIPLY:
        for i in range(m):
            out[i] = x[i] * y[i]
    elif op == Opcode.DIVIDE:
        for i in range(m):
            out[i] = x[i] / y[i]
    elif op == Opcode.NEGATIVE:
        for i in range(m):
            out[i] = -x[i]
    elif op == Opcode.MAXIMUM:
        for i in range(m):
            out[i] = x[i] if (x[i] >= y[i] or x[i] != x[i]) else y[i]
    elif op == Opcode.MINIMUM:
        for i in range(m):
            out[i] = x[i] if (x[i] <= y[i] or x[i] != x[i]) else y[i]
    elif op == Opcode.ABSOLUTE:
        for i in range(m):
            out[i] = abs(x[i])
    elif op == Opcode.SQRT:
        for i in range(m):
            out[i] = np.sqrt(x[i])
    elif op == Opcode.SIGN:
        for i in range(m):
            out[i] = 1.0 if x[i] > 0.0 else (-1.0 if x[i] < 0.0 else x[i] * x[i])
    elif op == Opcode.FLOOR:
        for i in range(m):
            out[i] = np.floor(x[i])
    elif op == Opcode.CEIL:
        for i in range(m):
            out[i] = np.ceil(x[i])
    elif op == Opcode.RINT:
        for i in range(m):
            out[i] = np.rint(x[i])
    elif op == Opcode.TRUNC:
        for i in range(m):
            out[i] = np.trunc(x[i])
    elif op == Opcode.LESS:
        for i in range(m):
            out[i] = 1.0 if x[i] < y[i] else 0.0
    elif op == Opcode.LESS_EQUAL:
        for i in range(m):
            out[i] = 1.0 if x[i] <= y[i] else 0.0
    elif op == Opcode.EQUAL:
        for i in range(m):
            out[i] = 1.0 if x[i] == y[i] else 0.0
    elif op == Opcode.NOT_EQUAL:
        for i in range(m):
            out[i] = 1.0 if x[i] != y[i] else 0.0
    elif op == Opcode.ISNAN:
        for i in range(m):
            out[i] = 1.0 if x[i] != x[i] else 0.0
    elif op == Opcode.ISFINITE:
        for i in range(m):
            out[i] = 1.0 if abs(x[i]) < np.inf else 0.0
    elif op == Opcode.ISINF:
        for i in range(m):
            out[i] = 1.0 if abs(x[i]) == np.inf else 0.0
    elif op == Opcode.WHERE:
        for i in range(m):
            a, b = x[i], y[i]  # both are loaded, so that eight can be chosen at a time
            out[i] = a if z[i] != 0.0 else b
    elif op == Opcode.GUARDED_MULTIPLY:
        for i in range(m):
            out[i] = x[i] * y[i] if (x[i] != 0.0 or abs(y[i]) < np.inf) else 0.0
    elif op == Opcode.STRONG_MULTIPLY:
        for i in range(m):
            kept = (x[i] != 0.0 and y[i] != 0.0) or (abs(x[i]) < np.inf and abs(y[i]) < np.inf)
            out[i] = x[i] * y[i] if kept else 0.0
    elif op == Opcode.GUARDED_DIVIDE:
        for i in range(m):
            out[i] = x[i] / y[i] if (x[i] != 0.0 or abs(y[i]) > 0.0) else 0.0
    elif op == Opcode.EXP:
        _all_exp(x, out, m)
    elif op == Opcode.EXPM1:
        _all_expm1(x, out, m)
    elif op == Opcode.LOG:
        _all_log(x, out, m)
    elif op == Opcode.LOG1P:
        _all_log1p(x, out, m)
    elif op == Opcode.SIN or op == Opcode.COS:
        large = 0
        for i in range(n):
            large += 0 if abs(x[i]) < LARGE_ANGLE else 1
        if op == Opcode.SIN:
            _all_sin(x, out, m)
        else:
            _all_cos(x, out, m)
        if large > 0:
            for i in range(n):
                if not abs(x[i]) < LARGE_ANGLE:
                    out[i] = math.sin(x[i]) if op == Opcode.SIN else math.cos(x[i])
    elif op == Opcode.TANH:
        _all_tanh(x, out, m)
    elif op == Opcode.SIGMOID:
        _all_sigmoid(x, out, m)
    elif op == Opcode.LOGADDEXP:
        _all_logaddexp(x, y, out, m)
    elif op == Opcode.LOG2:
        for i in range(n):
            out[i] = np.log2(x[i])
    elif op == Opcode.LOG10:
        for i in range(n):
            out[i] = np.log10(x[i])
    elif op == Opcode.TAN:
        for i in range(n):
            out[i] = np.tan(x[i])
    elif op == Opcode.SINH:
        for i in range(n):
            out[i] = np.sinh(x[i])
    elif op == Opcode.COSH:
        for i in range(n):
            out[i] = np.cosh(x[i])
    elif op == Opcode.ARCSIN:
        for i in range(n):
            out[i] = np.arcsin(x[i])
    elif op == Opcode.ARCCOS:
        for i in range(n):
            out[i] = np.arccos(x[i])
    elif op == Opcode.ARCTAN:
        for i in range(n):
            out[i] = np.arctan(x[i])
    elif op == Opcode.ARCSINH:
        for i in range(n):
            out[i] = np.arcsinh(x[i])
    elif op == Opcode.ARCCOSH:
        for i in range(n):
            out[i] = np.arccosh(x[i])
    elif op == Opcode.ARCTANH:
        for i in range(n):
            out[i] = np.arctanh(x[i])
    elif op == Opcode.ARCTAN2:
        for i in range(n):
            out[i] = np.arctan2(x[i], y[i])
    else:
        for i in range(n):
            out[i] = x[i] ** y[i]


# -- a machine for single numbers --------------------------------------------------------------------


@compiled
def ordered(ops: Any, code: Any, base: Any) -> Any:
    """Return an order of rows with long runs of one opcode, as the argument lists of its runs.

    A run of cheap rows goes on with rows that become ready through it; those of other rows do not depend on one
    another. Of the latter, those first written are taken first, and only when no cheap row is ready: so runs are long.

    Parameters
    ----------
    ops
        Opcodes of the rows, in an order in which they can be computed.
    code
        Array of 3 x rows: the places of their arguments.
    base
        The place of the first row.

    Returns
    -------
    Runs (opcode, first row, one past the last), arguments in the new order, and the place of each row.
    """
    n = len(ops)
    missing = np.zeros(n, np.int64)
    first = np.zeros(n + 2, np.int64)
    for k in range(n):
        for c in range(ARITY[ops[k]]):
            a = code[c, k] - base
            if a >= 0:
                missing[k] += 1
                first[a + 2] += 1
    for k in range(n):
        first[k + 2] += first[k + 1]
    readers = np.empty(first[n + 1], np.int64)
    start = np.zeros(COUNT + 1, np.int64)
    for k in range(n):
        for c in range(ARITY[ops[k]]):
            a = code[c, k] - base
            if a >= 0:
                readers[first[a + 1]] = k
                first[a + 1] += 1
        start[ops[k] + 1] += 1
    for op in range(COUNT):
        start[op + 1] += start[op]
    head, tail = start[:-1].copy(), start[:-1].copy()  # the queue of each opcode
    queue = np.empty(n, np.int64)
    for k in range(n):
        if missing[k] == 0:
            queue[tail[ops[k]]] = k
            tail[ops[k]] += 1
    place = np.empty(n, np.int64)
    made = np.zeros((3, n), np.uint32)
    runs = np.empty((n, 3), np.int64)
    count, done = 0, 0
    while done < n:
        best, most = -1, 0
        for op in range(CHEAP):
            if tail[op] - head[op] > most:
                best, most = op, tail[op] - head[op]
        if best < 0:
            oldest = n
            for op in range(CHEAP, COUNT):
                if tail[op] > head[op] and queue[head[op]] < oldest:
                    best, oldest = op, queue[head[op]]
        runs[count, 0] = best
        runs[count, 1] = done
        stop = tail[best]
        while head[best] < stop:
            k = queue[head[best]]
            head[best] += 1
            place[k] = base + done
            for c in range(ARITY[best]):
                a = code[c, k]
                made[c, done] = a if a < base else place[a - base]
            done += 1
            for j in range(first[k], first[k + 1]):
                reader = readers[j]
                missing[reader] -= 1
                if missing[reader] == 0:
                    queue[tail[ops[reader]]] = reader
                    tail[ops[reader]] += 1
            if best < CHEAP:
                stop = tail[best]
        runs[count, 2] = done
        count += 1
    return runs[:count].copy(), made, place


@compiled
def run_numbers(v: Any, runs: Any, code: Any, base: Any, checked: Any, scratch: Any) -> Any:
    """Fill in the rows of `v`, which holds the leaves; return whether one of the checked ones is nan."""
    out = v[base:]
    a, b, c = code[0], code[1], code[2]
    x, y, z, found = scratch[0], scratch[1], scratch[2], scratch[3]
    for k in range(len(runs)):
        op, start, stop = runs[k, 0], np.uint64(runs[k, 1]), np.uint64(runs[k, 2])
        if op == Opcode.ADD:
            for i in range(start, stop):
                out[i] = v[a[i]] + v[b[i]]
        elif op == Opcode.MULTIPLY:
            for i in range(start, stop):
                out[i] = v[a[i]] * v[b[i]]
        elif op == Opcode.SUBTRACT:
            for i in range(start, stop):
                out[i] = v[a[i]] - v[b[i]]
        elif op == Opcode.DIVIDE:
            for i in range(start, stop):
                out[i] = v[a[i]] / v[b[i]]
        elif op == Opcode.NEGATIVE:
            for i in range(start, stop):
                out[i] = -v[a[i]]
        else:
            for at in range(start, stop, CHUNK):
                n: Any = min(CHUNK, np.int64(stop - at))
                for i in range(n):
                    x[i] = v[a[at + np.uint64(i)]]
                if ARITY[op] > 1:
                    for i in range(n):
                        y[i] = v[b[at + np.uint64(i)]]
                if ARITY[op] > 2:
                    for i in range(n):
                        z[i] = v[c[at + np.uint64(i)]]
                _compute(op, x, y, z, found, n, (n + LANES - 1) & -LANES)
                for i in range(n):
                    out[at + np.uint64(i)] = found[i]
    wrong = 0
    for k in checked:
        wrong += 1 if v[k] != v[k] else 0
    return wrong > 0


# -- a machine for arrays ----------------------------------------------------------------------------


class Special(IntEnum):
    """Instructions of the machine for arrays, besides the opcodes."""

    LOAD = 100  # to, from, its kind, each how often, how many
    STORE = 101  # to, its kind, from
    SUM = 102  # to, from, each how often, how many, where they add up
    MAXIMUM = 103
    MINIMUM = 104
    PICK = 105  # to, from, columns, which of them
    NAN = 106  # from
    LABELS = 107  # of, how many, how many classes
    DOT = 108  # to, left, right, rows, inner, columns, which of the two are transposed
    TURN = 109  # to, from, rows, columns


FLOATS, BOOLS, INTS = range(3)  # the kinds of arrays: of the machine's dtype, of booleans, of 64-bit integers
FIELDS = 9  # of an instruction
# Where, in CPython, a tuple has the addresses of its items, and an array that of its data: after the object's head.
ITEMS, DATA = tuple.__basicsize__, object.__basicsize__
WORK_LETTERS, WORK_FACTORS = 20, 24


def _typed(dtype: Any) -> Function:
    """Return what makes a pointer of an address; of the dtype of an array, if none is given."""

    @numba.extending.intrinsic  # type: ignore[untyped-decorator]
    def pointer(_: Any, address: Any, like: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return numba.types.CPointer(dtype or like.dtype)(address, like), codegen

    make_pointer: Function = pointer
    return make_pointer


_pointer, _to_double, _to_integer = _typed(None), _typed(numba.types.float64), _typed(numba.types.int64)
_to_byte, _to_short = _typed(numba.types.uint8), _typed(numba.types.int32)


@inlined
def _at(address: Any, n: Any, like: Any) -> Any:
    """Return the n elements from an address on, of the dtype of an array."""
    return numba.carray(_pointer(address, like), n)


@numba.njit(error_model="numpy", fastmath={"reassoc"})  # type: ignore[untyped-decorator]
def _total(x: Any, start: Any, stop: Any) -> Any:
    total = 0.0
    for i in range(start, stop):
        total += x[i]
    return total


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _load(out: Any, found: Any, start: Any, n: Any, each: Any, count: Any) -> None:
    """Fill in a block of a repeated array, whose element f is element ``f // each % count`` of what it repeats."""
    k, left = start // each % count, each - start % each
    done = 0
    while done < n:
        if each == 1:
            stop = min(n, done + count - k)
            for i in range(stop - done):
                out[done + i] = found[k + i]
            k = 0
        else:
            stop = min(n, done + left)
            value = found[k]
            for i in range(done, stop):
                out[i] = value
            k, left = k + 1 if k + 1 < count else 0, each
        done = stop


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _fold(op: Any, total: Any, x: Any, start: Any, n: Any, each: Any, count: Any) -> None:
    """Add up (or find the largest or smallest of) what lies in the same place of an array that is repeated."""
    k, left = start // each % count, each - start % each
    done = 0
    while done < n:
        if each == 1:
            stop = min(n, done + count - k)
            if op == Special.SUM:
                for i in range(stop - done):
                    total[k + i] += x[done + i]
            else:
                for i in range(stop - done):
                    total[k + i] = _further(op, total[k + i], x[done + i])
            k = 0
        else:
            stop = min(n, done + left)
            if op == Special.SUM:
                total[k] += _total(x, done, stop)
            else:
                found = total[k]
                for i in range(done, stop):
                    found = _further(op, found, x[i])
                total[k] = found
            k, left = k + 1 if k + 1 < count else 0, each
        done = stop


@inlined
def _further(op: Any, a: Any, b: Any) -> Any:
    before = a >= b if op == Special.MAXIMUM else a <= b
    return a if (before or a != a) else b


@numba.njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def _dot(out: Any, a: Any, b: Any, rows: Any, inner: Any, columns: Any, turned: Any) -> None:
    """Multiply small matrices; `turned` has 1 if the left one is transposed, 2 if the right one is."""
    along, down = (1, rows) if turned & 1 else (inner, 1)
    across, deep = (inner, 1) if turned & 2 else (1, columns)
    for i in range(rows):
        for j in range(columns):
            total = a.dtype.type(0.0)
            for k in range(inner):
                total += a[i * along + k * down] * b[k * deep + j * across]
            out[i * columns + j] = total


@numba.extending.intrinsic  # type: ignore[untyped-decorator]
def _call(_: Any, function: Any, args: Any) -> Any:
    """Call what lies at an address with addresses as arguments."""

    def codegen(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        integer = context.get_value_type(numba.types.int64)
        kind = ir.FunctionType(ir.VoidType(), [integer] * args.count)
        callee = builder.inttoptr(given[0], kind.as_pointer())
        builder.call(callee, [builder.extract_value(given[1], k) for k in range(args.count)])
        return context.get_dummy_value()

    return numba.types.void(function, args), codegen


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _gemm(function: Any, work: Any, out: Any, a: Any, b: Any, sizes: Any, turned: Any) -> None:
    """Multiply matrices by BLAS, which takes columns for rows: b' a' = out'."""
    rows, inner, columns = sizes
    numbers = numba.carray(_to_short(work, 0), 5)
    numbers[0], numbers[1], numbers[2] = columns, rows, inner
    numbers[3] = inner if turned & 2 else columns
    numbers[4] = rows if turned & 1 else inner
    letters, factors = work + WORK_LETTERS, work + WORK_FACTORS
    left, right = letters + (turned >> 1), letters + (turned & 1)
    one, zero = factors, factors + 8
    m, n, k, lda, ldb = work, work + 4, work + 8, work + 12, work + 16
    _call(function, (left, right, m, n, k, one, b, lda, a, ldb, zero, out, m))


@compiled
def run_arrays(
    slots: Any, given: Any, arrays: Any, stages: Any, code: Any, pool: Any, block: Any, gemm: Any, work: Any
) -> Any:
    """Run all stages, each block by block.

    Parameters
    ----------
    slots
        Addresses of arrays; the first ones are filled in here.
    given
        How many those are.
    arrays
        The address of a tuple of them.
    stages
        For each its first instruction, one past its last, and how many elements its arrays have.
    code
        Instructions: what to do, where to, and with what. A place from 0 on is a register, one below 0 the slot -1 - k.
    pool
        The registers: `block` elements for each.
    gemm
        The address of BLAS' function for products of matrices, or 0.
    work
        The address of what that takes besides matrices: five places for numbers, the letters NT, the factors 1 and 0.

    Returns
    -------
    0, or 1 if there is a nan where none should be, or 2 if there is a label that is none.
    """
    size = pool.itemsize
    first = pool.ctypes.data
    objects = numba.carray(_to_integer(np.int64(arrays) + ITEMS, 0), given)
    for k in range(given):
        slots[k] = numba.carray(_to_integer(objects[k] + DATA, 0), 1)[0]
    for s in range(len(stages)):
        start, stop, count = stages[s, 0], stages[s, 1], stages[s, 2]
        for at in range(0, count, block):
            n = min(block, count - at)
            padded = (n + LANES - 1) & -LANES
            for k in range(start, stop):
                op = code[k, 0]
                if op < COUNT:
                    m = padded
                    to, a, b, c = code[k, 1], code[k, 2], code[k, 3], code[k, 4]
                    if to < 0 or a < 0 or b < 0 or c < 0:
                        m = n
                    to = first + to * block * size if to >= 0 else slots[-1 - to] + at * size
                    a = first + a * block * size if a >= 0 else slots[-1 - a] + at * size
                    b = first + b * block * size if b >= 0 else slots[-1 - b] + at * size
                    c = first + c * block * size if c >= 0 else slots[-1 - c] + at * size
                    _compute(op, _at(a, m, pool), _at(b, m, pool), _at(c, m, pool), _at(to, m, pool), n, m)
                elif op == Special.LOAD:
                    each, many = code[k, 4], code[k, 5]
                    if many > 1 or at == 0:
                        whole = n if many > 1 else min(block, (count + LANES - 1) & -LANES)
                        out = _at(first + code[k, 1] * block * size, whole, pool)
                        found = slots[-1 - code[k, 2]]
                        if code[k, 3] == FLOATS:
                            _load(out, _at(found, many, pool), at, whole, each, many)
                        elif code[k, 3] == BOOLS:
                            _load(out, numba.carray(_to_byte(found, 0), many), at, whole, each, many)
                        else:
                            _load(out, numba.carray(_to_integer(found, 0), many), at, whole, each, many)
                elif op == Special.STORE:
                    a = code[k, 3]
                    x = _at(first + a * block * size if a >= 0 else slots[-1 - a] + at * size, n, pool)
                    if code[k, 2] == FLOATS:
                        out = _at(slots[-1 - code[k, 1]] + at * size, n, pool)
                        for i in range(n):
                            out[i] = x[i]
                    else:
                        flags = numba.carray(_to_byte(slots[-1 - code[k, 1]] + at, 0), n)
                        for i in range(n):
                            flags[i] = x[i] != 0.0
                elif op <= Special.MINIMUM:
                    each, many = code[k, 3], code[k, 4]
                    total = numba.carray(_to_double(slots[-1 - code[k, 5]], 0), many)
                    if at == 0:
                        total[:] = 0.0 if op == Special.SUM else (-np.inf if op == Special.MAXIMUM else np.inf)
                    a = code[k, 2]
                    x = _at(first + a * block * size if a >= 0 else slots[-1 - a] + at * size, n, pool)
                    _fold(op, total, x, at, n, each, many)
                    if at + n == count:
                        out = _at(slots[-1 - code[k, 1]], many, pool)
                        for i in range(many):
                            out[i] = total[i]
                elif op == Special.PICK:
                    columns = code[k, 3]
                    out = _at(first + code[k, 1] * block * size, n, pool)
                    x = _at(slots[-1 - code[k, 2]] + at * columns * size, n * columns, pool)
                    which = numba.carray(_to_integer(slots[-1 - code[k, 4]] + at * 8, 0), n)
                    for i in range(n):
                        out[i] = x[i * columns + which[i]]
                elif op == Special.NAN:
                    a = code[k, 1]
                    x = _at(first + a * block * size if a >= 0 else slots[-1 - a] + at * size, n, pool)
                    wrong = 0
                    for i in range(n):
                        wrong += 1 if x[i] != x[i] else 0
                    if wrong > 0:
                        return 1
                elif op == Special.LABELS:
                    labels = numba.carray(_to_integer(slots[-1 - code[k, 1]], 0), code[k, 2])
                    for i in range(code[k, 2]):
                        if labels[i] < 0 or labels[i] >= code[k, 3]:
                            return 2
                elif op == Special.TURN:
                    rows, columns = code[k, 3], code[k, 4]
                    out = _at(slots[-1 - code[k, 1]], rows * columns, pool)
                    x = _at(slots[-1 - code[k, 2]], rows * columns, pool)
                    for i in range(rows):
                        for j in range(columns):
                            out[j * rows + i] = x[i * columns + j]
                else:
                    rows, inner, columns = code[k, 4], code[k, 5], code[k, 6]
                    to, a, b = slots[-1 - code[k, 1]], slots[-1 - code[k, 2]], slots[-1 - code[k, 3]]
                    if gemm != 0:
                        _gemm(gemm, work, to, a, b, (rows, inner, columns), code[k, 7])
                    else:
                        x, y = _at(a, rows * inner, pool), _at(b, inner * columns, pool)
                        _dot(_at(to, rows * columns, pool), x, y, rows, inner, columns, code[k, 7])
    return 0
