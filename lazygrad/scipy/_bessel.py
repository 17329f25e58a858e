"""Bessel functions, by their argument; by the order there is no rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc

from .._graph.types import Function
from ..ops._rule import BLOCKED
from ._calls import declare_ufunc

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

j0 = declare_ufunc(
    sc.j0,
    x=lambda x: -sc.j1(x),
    doc="The Bessel function of the first kind, J, of order 0.\n\n"
    ">>> j0(np.array([0.0, 1.0])).round(4)\narray([1.    , 0.7652])",
)
j1 = declare_ufunc(
    sc.j1,
    x=lambda x: 0.5 * (sc.j0(x) - sc.jv(2, x)),
    doc="The Bessel function of the first kind, J, of order 1.\n\n"
    ">>> j1(np.array([0.0, 1.0])).round(4)\narray([0.    , 0.4401])",
)
jv = jn = declare_ufunc(
    sc.jv,
    "v z",
    z=lambda v, z: 0.5 * (sc.jv(v - 1, z) - sc.jv(v + 1, z)),
    doc="The Bessel function of the first kind, J, of real order v.\n\n"
    ">>> jv(0.5, np.array([1.0, 2.0])).round(4)\narray([0.6714, 0.513 ])",
)
y0 = declare_ufunc(
    sc.y0,
    x=lambda x: -sc.y1(x),
    doc="The Bessel function of the second kind, Y, of order 0.\n\n"
    ">>> y0(np.array([1.0, 2.0])).round(4)\narray([0.0883, 0.5104])",
)
y1 = declare_ufunc(
    sc.y1,
    x=lambda x: 0.5 * (sc.y0(x) - sc.yv(2, x)),
    doc="The Bessel function of the second kind, Y, of order 1.\n\n"
    ">>> y1(np.array([1.0, 2.0])).round(4)\narray([-0.7812, -0.107 ])",
)
yn = declare_ufunc(
    sc.yn,
    "n x",
    n=BLOCKED,
    x=lambda n, x: 0.5 * (sc.yn(n - 1, x) - sc.yn(n + 1, x)),
    doc="The Bessel function of the second kind, Y, of integer order n.\n\n"
    ">>> yn(2, np.array([1.0, 2.0])).round(4)\narray([-1.6507, -0.6174])",
)
yv = declare_ufunc(
    sc.yv,
    "v z",
    z=lambda v, z: 0.5 * (sc.yv(v - 1, z) - sc.yv(v + 1, z)),
    doc="The Bessel function of the second kind, Y, of real order v.\n\n"
    ">>> yv(0.5, np.array([1.0, 2.0])).round(4)\narray([-0.4311,  0.2348])",
)

# -- modified --------------------------------------------------------------------------------------

i0 = declare_ufunc(
    sc.i0,
    x=lambda x: sc.i1(x),
    doc="Return the modified Bessel function of the first kind, I, of order 0.\n\n"
    ">>> i0(np.array([0.0, 1.0])).round(4)\narray([1.    , 1.2661])",
)
i1 = declare_ufunc(
    sc.i1,
    x=lambda x: 0.5 * (sc.i0(x) + sc.iv(2, x)),
    doc="Return the modified Bessel function of the first kind, I, of order 1.\n\n"
    ">>> i1(np.array([0.0, 1.0])).round(4)\narray([0.    , 0.5652])",
)
iv = declare_ufunc(
    sc.iv,
    "v z",
    z=lambda v, z: 0.5 * (sc.iv(v - 1, z) + sc.iv(v + 1, z)),
    doc="Return the modified Bessel function of the first kind, I, of real order v.\n\n"
    ">>> iv(0.5, np.array([1.0, 2.0])).round(4)\narray([0.9377, 2.0462])",
)
k0 = declare_ufunc(
    sc.k0,
    x=lambda x: -sc.k1(x),
    doc="Return the modified Bessel function of the second kind, K, of order 0.\n\n"
    ">>> k0(np.array([1.0, 2.0])).round(4)\narray([0.421 , 0.1139])",
)
k1 = declare_ufunc(
    sc.k1,
    x=lambda x: -0.5 * (sc.k0(x) + sc.kv(2, x)),
    doc="Return the modified Bessel function of the second kind, K, of order 1.\n\n"
    ">>> k1(np.array([1.0, 2.0])).round(4)\narray([0.6019, 0.1399])",
)
kn = declare_ufunc(
    sc.kn,
    "n x",
    n=BLOCKED,
    x=lambda n, x: -0.5 * (sc.kv(n - 1, x) + sc.kv(n + 1, x)),
    doc="Return the modified Bessel function of the second kind, K, of integer order n.\n\n"
    ">>> kn(2, np.array([1.0, 2.0])).round(4)\narray([1.6248, 0.2538])",
)
kv = declare_ufunc(
    sc.kv,
    "v z",
    z=lambda v, z: -0.5 * (sc.kv(v - 1, z) + sc.kv(v + 1, z)),
    doc="Return the modified Bessel function of the second kind, K, of real order v.\n\n"
    ">>> kv(0.5, np.array([1.0, 2.0])).round(4)\narray([0.4611, 0.1199])",
)

# -- scaled by an exponential of the argument, which is no holomorphic factor for J and I -------------


def _scaled_rules(neighbours: Callable[[Any, Any], Any], part: Callable[[Any], Any], unit: complex) -> dict[str, Any]:
    """Return the rules of f(v, z) exp(-|part(z)|), where part(z) = Re(unit z): one holomorphic, one real factor."""

    def vjp(g: Any, out: Any, v: Any, z: Any, times: Function) -> Any:
        return times(g, neighbours(v, z)) - unit * np.sign(part(z)) * np.real(times(g, out))

    def jvp(t: Any, out: Any, v: Any, z: Any, times: Function) -> Any:
        return times(t, neighbours(v, z)) - np.sign(part(z)) * times(np.real(unit * t), out)

    return {"vjp": vjp, "jvp": jvp}


_FAR = 40.0  # from here on 24 terms of the expansion for large arguments give all digits


def _slope_far(x: Any, order: int, alternating: bool) -> Any:
    """Return the derivative of x**-0.5 sum(a_k / x**k), the expansion of a scaled I (alternating) or K, for large x."""
    a, terms = 1.0, [-0.5]
    for k in range(1, 25):
        a *= (4 * order**2 - (2 * k - 1) ** 2) / (-8 * k if alternating else 8 * k)
        terms.append(-(k + 0.5) * a)
    u = 1 / np.where(x > _FAR, x, _FAR)
    total: Any = terms[-1]
    for term in terms[-2::-1]:
        total = total * u + term
    factor = (2 * np.pi) ** -0.5 if alternating else (np.pi / 2) ** 0.5
    return u * np.sqrt(u) * (factor * total)


def _slope_i0e(x: Any, out: Any) -> Any:
    sign = np.sign(x)  # the difference of two functions that are the same but for 1 / (2 x) would have lost its digits
    return np.where(sign * x > _FAR, sign * _slope_far(sign * x, 0, True), sc.i1e(x) - sign * out)


def _slope_i1e(x: Any, out: Any) -> Any:
    sign = np.sign(x)
    near = 0.5 * (sc.i0e(x) + sc.ive(2, x)) - sign * out
    return np.where(sign * x > _FAR, _slope_far(sign * x, 1, True), near)


def _slope_k0e(x: Any, out: Any) -> Any:
    return np.where(x > _FAR, _slope_far(x, 0, False), out - sc.k1e(x))


def _slope_k1e(x: Any, out: Any) -> Any:
    return np.where(x > _FAR, _slope_far(x, 1, False), out - 0.5 * (sc.k0e(x) + sc.kve(2, x)))


i0e = declare_ufunc(
    sc.i0e,
    x=_slope_i0e,
    doc="Return exp(-|x|) i0(x).\n\n>>> i0e(np.array([0.0, 1.0])).round(4)\narray([1.    , 0.4658])",
)
i1e = declare_ufunc(
    sc.i1e,
    x=_slope_i1e,
    doc="Return exp(-|x|) i1(x).\n\n>>> i1e(np.array([0.0, 1.0])).round(4)\narray([0.    , 0.2079])",
)
k0e = declare_ufunc(
    sc.k0e,
    x=_slope_k0e,
    doc="Return exp(x) k0(x).\n\n>>> k0e(np.array([1.0, 2.0])).round(4)\narray([1.1445, 0.8416])",
)
k1e = declare_ufunc(
    sc.k1e,
    x=_slope_k1e,
    doc="Return exp(x) k1(x).\n\n>>> k1e(np.array([1.0, 2.0])).round(4)\narray([1.6362, 1.0335])",
)
kve = declare_ufunc(
    sc.kve,
    "v z",
    z=lambda v, z, out: out - 0.5 * (sc.kve(v - 1, z) + sc.kve(v + 1, z)),
    doc="Return exp(z) kv(v, z).\n\n>>> kve(0.5, np.array([1.0, 2.0])).round(4)\narray([1.2533, 0.8862])",
)
_ive = _scaled_rules(lambda v, z: 0.5 * (sc.ive(v - 1, z) + sc.ive(v + 1, z)), np.real, 1)
ive = declare_ufunc(
    sc.ive,
    "v z",
    vjp={"z": _ive["vjp"]},
    jvp={"z": _ive["jvp"]},
    doc="Return exp(-|Re z|) iv(v, z).\n\n>>> ive(0.5, np.array([1.0, 2.0])).round(4)\narray([0.345 , 0.2769])",
)
_jve = _scaled_rules(lambda v, z: 0.5 * (sc.jve(v - 1, z) - sc.jve(v + 1, z)), np.imag, -1j)
jve = declare_ufunc(
    sc.jve,
    "v z",
    vjp={"z": _jve["vjp"]},
    jvp={"z": _jve["jvp"]},
    doc="Return exp(-|Im z|) jv(v, z).\n\n>>> jve(0.5, np.array([1.0, 2.0])).round(4)\narray([0.6714, 0.513 ])",
)
