"""A numeric check of the gradients by leaves of an existing graph: set, evaluate, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._graph.node import Node
from .._graph.types import Array
from .._graph.value import forward_rec
from .._report.grid import Grid
from ._battery import central_difference, make_generator, sample_units

__all__ = ["LeafCheck", "as_grid", "check_leaf"]

# Step of the differences, and tolerance (absolute and relative): of doubles, and of anything coarser.
DEFAULTS = {True: (1e-4, 1e-6), False: (1e-2, 1e-3)}
ROUNDING = 10  # how many roundings of L the differences of four evaluations may show


@attrs.frozen(eq=False)
class LeafCheck:
    """The result for one leaf, and for the element of it where the two gradients differ most.

    Attributes
    ----------
    leaf
        The leaf.
    checked
        How many elements were tried.
    index
        Which of them is the worst; None if there was none.
    analytic, numeric
        The gradients there.
    excess
        Their distance as a multiple of what is tolerated; more than 1 is wrong, and so is nan.
    """

    leaf: Node
    checked: int = 0
    index: tuple[int, ...] | None = None
    analytic: float = 0.0
    numeric: float = 0.0
    excess: float = 0.0

    @property
    def agrees(self) -> bool:
        """Return whether the gradients agree everywhere."""
        return self.excess <= 1


def check_leaf(
    L: Node, leaf: Node, gradient: Array, *, eps: float | None = None, tolerance: float | None = None, most: int = 50
) -> LeafCheck:
    """Compare the gradient of `L` by a leaf with central differences; the leaf keeps its value.

    Parameters
    ----------
    L, leaf
        The target, a real number, and a leaf of floats.
    gradient
        dL/dleaf, an array.
    eps
        The step of the differences, relative to elements larger than 1; by default it follows from the dtypes.
    tolerance
        How far the two may be apart, absolutely and relative to the numeric one; on top comes what rounding explains.
    most
        Leaves with more elements are tried at so many, drawn at random.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([1.0, 2.0])
    >>> L = (x**3).sum()
    >>> check_leaf(L, x, lg.gradient(L, x)).agrees, check_leaf(L, x, np.array([3.0, 13.0])).index
    (True, (1,))
    """
    x = np.array(forward_rec(leaf))  # a copy: the leaf may write the next value into its own array
    double = all(np.finfo(i.dtype).eps <= np.finfo(float).eps for i in (L, leaf))
    eps = DEFAULTS[double][0] if eps is None else eps
    tolerance = DEFAULTS[double][1] if tolerance is None else tolerance
    rounding = max(float(np.finfo(i.dtype).eps) for i in (L, leaf)) * ROUNDING * abs(float(forward_rec(L).item()))

    def evaluate_at(moved: Any) -> Any:
        leaf.set(moved)
        return forward_rec(L)

    worst = LeafCheck(leaf)
    checked = 0
    try:
        for index, unit in sample_units(x, make_generator(), most):
            step = eps * max(1.0, float(np.abs(x[index])))
            numeric = float(central_difference(evaluate_at, [x], 0, unit, step).item())
            analytic = float((gradient[index] * unit[index]).real)
            excess = abs(analytic - numeric) / (tolerance * (1 + abs(numeric)) + rounding / step)
            checked += 1
            if worst.index is None or not excess <= worst.excess:
                worst = LeafCheck(leaf, 0, index, analytic, numeric, excess)
                if np.isnan(excess):
                    break
    finally:
        leaf.set(x)
    return attrs.evolve(worst, checked=checked)


def as_grid(found: Mapping[str, LeafCheck], title: str) -> Grid:
    """Return the checks by name, as a table."""
    rows: list[Sequence[Any]] = []
    for name, one in found.items():
        place = "" if one.index is None else f"{name}{list(one.index) if one.index else ''}"
        numbers = [f"{one.analytic:.8g}", f"{one.numeric:.8g}"] if one.checked else ["", ""]
        rows.append(
            (
                name,
                one.leaf.shape,
                f"{one.checked} of {one.leaf.size}",
                place,
                *numbers,
                "ok" if one.agrees else "WRONG",
            )
        )
    return Grid(("leaf", "shape", "checked", "worst at", "gradient", "numeric", ""), rows, title, align="<<<<>>>")
