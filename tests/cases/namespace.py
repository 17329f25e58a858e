"""Calls of every callable of NumPy's namespace, and of ours: what nodes are given to which, and in which forms.

Nothing is listed but arguments; which functions there are is asked of NumPy.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import lazygrad.numpy
from lazygrad.numpy import _creation

Call = Callable[[Any, Any, Any], Any]  # of the function and two arrays or nodes


ARRAYS = {
    "0-d": (np.float64(0.4), np.float64(0.7)),
    "1-d": (np.array([0.3, 0.8, 0.6]), np.array([0.5, 0.23, 0.9])),
    "2-d": (  # symmetric and positive definite, without ties or whole ratios
        np.array([[2.31, 0.43, 0.57], [0.43, 1.17, 0.29], [0.57, 0.29, 1.93]]),
        np.array([[1.43, -0.31, 0.17], [-0.31, 2.07, 0.47], [0.17, 0.47, 1.29]]),
    ),
}
FORMS: dict[str, Call] = {
    "f(x)": lambda f, x, y: f(x),
    "f(x, y)": lambda f, x, y: f(x, y),
    "f(x, 1)": lambda f, x, y: f(x, 1),
    "f(1, x)": lambda f, x, y: f(1, x),
    "f([x, y])": lambda f, x, y: f([x, y]),
}
MASK = np.array([True, False, True])
INTEGERS = np.array([2, 0, 1])


def ints(x: Any) -> Any:
    return (x * 3).astype(int)


BITS: tuple[Call, ...] = (lambda f, x, y: f(x > 0.5, y > 0.3), lambda f, x, y: f(ints(x), 3))
BIT: tuple[Call, ...] = (lambda f, x, y: f(x > 0.5), lambda f, x, y: f(ints(x)))
MORE: dict[str, tuple[Call, ...]] = {
    **dict.fromkeys(("np.bitwise_and", "np.bitwise_or", "np.bitwise_xor", "np.gcd", "np.lcm"), BITS),
    **dict.fromkeys(("np.left_shift", "np.right_shift", "np.bitwise_left_shift", "np.bitwise_right_shift"), BITS[1:]),
    **dict.fromkeys(("np.invert", "np.bitwise_not", "np.bitwise_invert"), BIT),
    **dict.fromkeys(("np.linalg.multi_dot", "np.concatenate"), (lambda f, x, y: f([x, y, x]),)),
    "np.apply_along_axis": (lambda f, x, y: f(np.sum, 0, x),),
    "np.apply_over_axes": (lambda f, x, y: f(np.sum, x, 0),),
    "np.astype": (lambda f, x, y: f(x, complex),),
    "np.average": (lambda f, x, y: f(x, weights=y),),
    "np.bincount": (lambda f, x, y: f(INTEGERS, x), lambda f, x, y: f(ints(x), y, 20)),
    "np.bitwise_count": BIT[1:],
    "np.clip": (lambda f, x, y: f(x, 0.35, y), lambda f, x, y: f(x, y, None)),
    "np.digitize": (lambda f, x, y: f(x, [0.0, 0.5, 1.0]),),
    "np.dsplit": (lambda f, x, y: f(x.reshape(1, 1, -1), x.size),),
    "np.einsum": (lambda f, x, y: f("...->...", x), lambda f, x, y: f("i...,i...->...", x, y)),
    "np.einsum_path": (lambda f, x, y: f("i,i", x, y),),
    "np.insert": (lambda f, x, y: f(x, 0, 7.0), lambda f, x, y: f(x, 1, y[0])),
    "np.interp": (lambda f, x, y: f(x, [0.0, 0.5, 4.0], [1.0, 3.0, 2.0]), lambda f, x, y: f(0.4, INTEGERS.cumsum(), x)),
    "np.moveaxis": (lambda f, x, y: f(x, 0, -1),),
    "np.piecewise": (lambda f, x, y: f(x, [x < 0.5, x >= 0.5], [lambda v: v * v, 1.0]),),
    "np.polyfit": (lambda f, x, y: f(np.arange(3.0), x, 1),),
    "np.ravel_multi_index": (lambda f, x, y: f((ints(x), abs(ints(y))), (9, 9)),),
    "np.select": (lambda f, x, y: f([x > 0.5, y > 0.3], [x, y], 0.0),),
    "np.swapaxes": (lambda f, x, y: f(x, 0, -1),),
    "np.take_along_axis": (lambda f, x, y: f(x, INTEGERS, 0), lambda f, x, y: f(x, INTEGERS[None], 1)),
    "np.unravel_index": (lambda f, x, y: f(ints(x), (3, 5)),),
    "np.where": (lambda f, x, y: f(MASK, x, y), lambda f, x, y: f(x > y, x, 0)),
}

NOT_CALLED = {
    *("np.test", "np.linalg.test", "np.fft.test"),  # run NumPy's own tests
    *("np.show_config", "np.show_runtime"),  # print
    *(
        "np.set_printoptions",
        "np.printoptions",
        "np.seterr",
        "np.seterrcall",
        "np.setbufsize",
        "np.errstate",
    ),  # settings
    *("np.fromfile", "np.load", "np.loadtxt", "np.genfromtxt", "np.fromregex"),  # read files
    *("np.empty", "np.ndarray", "np.recarray", "np.empty_like"),  # hold whatever was in memory
    *("np.str_", "np.bytes_", "np.linalg.LinAlgError"),  # hold what a node looks like
    *("np.isscalar", "np.bmat"),  # look at the class alone (bmat gives None for what is no array)
}


def callables() -> Iterator[tuple[str, Any, Any]]:
    """Name, the function that is given nodes, and the one that is given arrays."""
    for prefix, namespace in (("np.", np), ("np.linalg.", np.linalg), ("np.fft.", np.fft)):
        for name in sorted(np.__all__ if namespace is np else dir(namespace)):
            f = getattr(namespace, name)
            if callable(f) and not name.startswith("_") and not isinstance(f, types.ModuleType):
                yield prefix + name, f, f
    for name in _creation.__all__:
        yield f"lazygrad.numpy.{name}", getattr(lazygrad.numpy, name), getattr(np, name)


CALLABLES = {name: (f, reference) for name, f, reference in callables() if name not in NOT_CALLED}
