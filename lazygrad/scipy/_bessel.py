"""Bessel functions, by their argument; by the order there is no rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc

from .._rule import BLOCKED, OUT, Rule
from ..ops.arithmetic import guarded_multiply
from ._calls import ufunc

__all__ = [
    "i0",
    "i0e",
    "i1",
    "i1e",
    "iv",
    "ive",
    "j0",
    "j1",
    "jn",
    "jv",
    "jve",
    "k0",
    "k0e",
    "k1",
    "k1e",
    "kn",
    "kv",
    "kve",
    "y0",
    "y1",
    "yn",
    "yv",
]

# -- of the first and second kind ------------------------------------------------------------------

j0 = ufunc(sc.j0, x=lambda x: -sc.j1(x), doc="J of order 0.")
j1 = ufunc(sc.j1, x=lambda x: 0.5 * (sc.j0(x) - sc.jv(2, x)), doc="J of order 1.")
jv = jn = ufunc(sc.jv, "v z", z=lambda v, z: 0.5 * (sc.jv(v - 1, z) - sc.jv(v + 1, z)), doc="J of real order v.")
y0 = ufunc(sc.y0, x=lambda x: -sc.y1(x), doc="Y of order 0.")
y1 = ufunc(sc.y1, x=lambda x: 0.5 * (sc.y0(x) - sc.yv(2, x)), doc="Y of order 1.")
yn = ufunc(sc.yn, "n x", n=BLOCKED, x=lambda n, x: 0.5 * (sc.yn(n - 1, x) - sc.yn(n + 1, x)), doc="Y of integer order.")
yv = ufunc(sc.yv, "v z", z=lambda v, z: 0.5 * (sc.yv(v - 1, z) - sc.yv(v + 1, z)), doc="Y of real order v.")

# -- modified --------------------------------------------------------------------------------------

i0 = ufunc(sc.i0, x=lambda x: sc.i1(x), doc="I of order 0.")
i1 = ufunc(sc.i1, x=lambda x: 0.5 * (sc.i0(x) + sc.iv(2, x)), doc="I of order 1.")
iv = ufunc(sc.iv, "v z", z=lambda v, z: 0.5 * (sc.iv(v - 1, z) + sc.iv(v + 1, z)), doc="I of real order v.")
k0 = ufunc(sc.k0, x=lambda x: -sc.k1(x), doc="K of order 0.")
k1 = ufunc(sc.k1, x=lambda x: -0.5 * (sc.k0(x) + sc.kv(2, x)), doc="K of order 1.")
kn = ufunc(
    sc.kn, "n x", n=BLOCKED, x=lambda n, x: -0.5 * (sc.kv(n - 1, x) + sc.kv(n + 1, x)), doc="K of integer order."
)
kv = ufunc(sc.kv, "v z", z=lambda v, z: -0.5 * (sc.kv(v - 1, z) + sc.kv(v + 1, z)), doc="K of real order v.")

# -- scaled by an exponential of the argument, which is no holomorphic factor for J and I -------------


def _scaled(neighbours: Callable[[Any, Any], Any], part: Callable[[Any], Any], unit: complex) -> dict[str, Rule]:
    """The rules of f(v, z) exp(-|part(z)|), where part(z) = Re(unit z): one holomorphic, one real factor."""

    def vjp(g: Any, out: Any, v: Any, z: Any) -> Any:
        return guarded_multiply(g, neighbours(v, z)) - unit * np.sign(part(z)) * np.real(g * out)

    def jvp(t: Any, out: Any, v: Any, z: Any) -> Any:
        return guarded_multiply(t, neighbours(v, z)) - np.sign(part(z)) * np.real(unit * t) * out

    return {"vjp": Rule(vjp, (OUT, 0, 1)), "jvp": Rule(jvp, (OUT, 0, 1))}


i0e = ufunc(sc.i0e, x=lambda x, out: sc.i1e(x) - np.sign(x) * out, doc="exp(-|x|) i0(x).")
i1e = ufunc(sc.i1e, x=lambda x, out: 0.5 * (sc.i0e(x) + sc.ive(2, x)) - np.sign(x) * out, doc="exp(-|x|) i1(x).")
k0e = ufunc(sc.k0e, x=lambda x, out: out - sc.k1e(x), doc="exp(x) k0(x).")
k1e = ufunc(sc.k1e, x=lambda x, out: out - 0.5 * (sc.k0e(x) + sc.kve(2, x)), doc="exp(x) k1(x).")
kve = ufunc(
    sc.kve, "v z", z=lambda v, z, out: out - 0.5 * (sc.kve(v - 1, z) + sc.kve(v + 1, z)), doc="exp(z) kv(v, z)."
)
_ive = _scaled(lambda v, z: 0.5 * (sc.ive(v - 1, z) + sc.ive(v + 1, z)), np.real, 1)
ive = ufunc(sc.ive, "v z", vjp={"z": _ive["vjp"]}, jvp={"z": _ive["jvp"]}, doc="exp(-|Re z|) iv(v, z).")
_jve = _scaled(lambda v, z: 0.5 * (sc.jve(v - 1, z) - sc.jve(v + 1, z)), np.imag, -1j)
jve = ufunc(sc.jve, "v z", vjp={"z": _jve["vjp"]}, jvp={"z": _jve["jvp"]}, doc="exp(-|Im z|) jv(v, z).")
