"""Derivatives at special points, in all modes: no finite number beside the right one, but where a kink is in the table.

Central differences decide, where they have a limit; where they have none, it is a kink.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg

pytest.importorskip("scipy")

from tests.cases.special_points import ONE, OUTER, TWO

PLACES = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0)
PAIRS = tuple(itertools.product((0.0, 1.0, -1.0, 0.5, 2.0), repeat=2))
FIRST: dict[str, Callable[..., Any]] = {
    "reverse": lg.grad,
    "forward": lg.jacfwd,
    "compiled": lambda f: lg.compile(lg.grad(f)),
}
SECOND: dict[str, Callable[..., Any]] = {
    "hessian": lg.hessian,
    "forward over reverse": lambda f: lg.jacfwd(lg.grad(f)),
    "reverse over reverse": lambda f: lg.jacrev(lg.grad(f)),
    "reverse over forward": lambda f: lg.jacrev(lg.jacfwd(f)),
    "forward twice": lambda f: lg.jacfwd(lg.jacfwd(f)),
    "compiled": lambda f: lg.compile(lg.hessian(f)),
}
USUAL = ("absolute square", "copysign square", "norm of order 3 itself", "eigh itself", "product of moduli itself")
# Second derivatives that jump where two cases meet, or a tie that is split: kinks, of which differences see the mean.
JUMPS = ("special.huber", "maximum", "minimum", "fmax", "fmin", "heaviside", "sign", "special.i1e", "special.gammasgn")


def differ(f: Callable[[Any], float], at: Any, step: float) -> tuple[Any, Any, Any]:
    """Return the gradient and the Hessian by central differences, and how far one-sided differences are apart."""
    unit = step * np.eye(len(at))
    n = range(len(at))
    middle = f(at)
    gradient = np.array([(f(at + unit[i]) - f(at - unit[i])) / (2 * step) for i in n])
    apart = np.array([(f(at + unit[i]) - 2 * middle + f(at - unit[i])) / step for i in n])

    def mixed(i: int, j: int) -> float:
        total = sum(s * t * f(at + s * unit[i] + t * unit[j]) for s in (1, -1) for t in (1, -1))
        return float(total) / (4 * step**2)

    return gradient, np.array([[mixed(i, j) for j in n] for i in n]), apart


def find_right(f: Callable[[Any], float], at: Any) -> tuple[Any, Any]:
    """Return the gradient and the Hessian, each None where differences have no limit, or are no numbers."""
    (g, H, apart), (finer_g, finer_H, finer) = [differ(f, at, step) for step in (2e-3, 1e-3)]
    if not np.isfinite(finer_g).all() or (np.abs(finer) > 0.6 * np.abs(apart) + 1e-4).any():
        return None, None
    smooth = np.isfinite(finer_H).all() and np.abs(H - finer_H).max() < 1e-3 * (1 + np.abs(finer_H).max())
    return (4 * finer_g - g) / 3, (4 * finer_H - H) / 3 if smooth else None


def compare(function: Callable[..., Any], places: Any, outer: Callable[[Any], Any]) -> list[Any]:
    """Return what is finite, and yet not what it should be: mode, place, what is found and what is right."""

    def f(v: Any) -> Any:
        return outer(function(*v))

    wrong = []
    modes = [(name, 0, wrap(f)) for name, wrap in FIRST.items()] + [(name, 1, wrap(f)) for name, wrap in SECOND.items()]
    for place in places:
        at = np.array(place, float).reshape(-1)
        with np.errstate(all="ignore"):
            right = find_right(lambda v: float(np.asarray(f(v))), at)
            for name, order, transform in modes:
                if right[order] is None:
                    continue
                try:
                    found = np.asarray(transform(at))
                except (lg.NotDifferentiableError, np.linalg.LinAlgError):
                    continue
                allowed = (2e-5, 2e-4)[order] * (1 + np.abs(right[order]).max())
                if (np.isfinite(found) & (np.abs(found - right[order]) > allowed)).any():
                    wrong.append((name, order + 1, place, found.tolist(), right[order].tolist()))
    return wrong


CASES = [
    pytest.param(f, places, outer, id=f"{name} {kind}", marks=() if f"{name} {kind}" in USUAL else pytest.mark.deep)
    for table, places in ((ONE, PLACES), (TWO, PAIRS))
    for name, f in table.items()
    for kind, outer in OUTER.items()
    if name not in JUMPS
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "places", "outer"), CASES)
def test_no_finite_guess(function: Any, places: Any, outer: Any) -> None:
    assert compare(function, places, outer) == []


def test_a_finite_guess_is_noticed() -> None:
    wrong = lg.primitive(lambda x: x * x, vjp=lambda g, x: 2 * g * abs(x), shape="elementwise")
    assert {(mode, order) for mode, order, *_ in compare(wrong, (-1.0,), lambda y: y)} >= {("reverse", 1)}
