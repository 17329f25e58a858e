"""PyTensor and PyMC: a function written with NumPy as an op of their graphs, its gradients by demand.

The value and all derivatives at one point have one memo in common, and what an input does not reach stays computed
when it changes. So a sampler that moves one block of parameters computes nothing of what depends on the others alone.

>>> import numpy as np, pytensor, pytensor.tensor as pt
>>> import lazygrad.plugins.pytensor as lazy
>>> potential = lazy.function(lambda x, scale: -np.sum((x / scale) ** 2))
>>> x, scale = pt.vector("x", shape=(2,)), pt.scalar("scale")
>>> L = potential(x, scale)
>>> ask = pytensor.function([x, scale], [L, pytensor.grad(L, x)], mode="FAST_COMPILE")
>>> ask([1.0, 2.0], 1.0)
[array(-5.), array([-2., -4.])]
>>> potential.statistics.schedules, potential.statistics.misses, potential.statistics.hits
(1, 1, 1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.tensor.type import DenseTensorType

from .._graph.trees import flatten
from .._graph.types import Function, Structure
from ..backend import Statistics
from ._points import is_number
from ._pytensor import Arguments, LazyOp, Prototype

__all__ = ["LazyOp", "PytensorFunction", "function"]


class PytensorFunction(Prototype):
    """A function that takes PyTensor's variables where `f` takes arrays, and returns variables: made by `function`.

    Attributes
    ----------
    points
        `f`, and how many points are kept; ``points.statistics`` counts what was asked and done.
    """

    @property
    def statistics(self) -> Statistics:
        """Return how often `f` was called, points were met again, and derivatives of each kind asked and evaluated."""
        return self.points.statistics

    def __call__(self, *args: Any) -> Any:
        """Apply `f`: every variable and array becomes an array of NumPy, what is no array is passed as it is."""
        tree = flatten(args)
        wanted = [k for k, leaf in enumerate(tree.leaves) if isinstance(leaf, (Variable, np.ndarray, np.generic))]
        if not any(isinstance(leaf, Variable) for leaf in tree.leaves):
            raise TypeError(f"{self.name} got no variable of PyTensor: call it with arrays itself, not by this plug-in")
        inputs = [
            _as_tensor(tree.leaves[k], name) for k, name in zip(wanted, self.name_leaves(args, wanted), strict=True)
        ]
        statics = [None if k in wanted else leaf for k, leaf in enumerate(tree.leaves)]
        arguments = Arguments(tree.like(statics), tuple(wanted))
        found = iter(LazyOp(self, arguments)(*inputs, return_list=True))
        out = flatten(self.find_example(arguments, inputs).trace.out)
        return out.like([next(found) if is_number(leaf) else leaf for leaf in out.leaves])

    def __reduce__(self) -> Any:
        return _build, (self.points.function, self.example, self.points.points)  # a copy begins with no point

    def __repr__(self) -> str:
        return f"<{self.name} for PyTensor: {self.statistics}>"


def _as_tensor(leaf: Any, name: str) -> Variable:
    what = f"{name} must be a dense tensor of PyTensor, or what it makes one of, not {leaf!r}"
    try:
        variable = pt.as_tensor_variable(leaf)
    except (TypeError, NotImplementedError) as error:
        error.add_note(what)
        raise
    if not isinstance(variable.type, DenseTensorType):
        raise TypeError(f"{what} of {variable.type}")
    return variable


def _build(f: Callable[..., Any], example: tuple[Any, ...], points: int) -> PytensorFunction:
    return PytensorFunction(f, *example, points=points)


def function(f: Function, *example: Structure, points: int = 2) -> PytensorFunction:
    """Return `f`, written with NumPy, as a function of PyTensor's variables that is differentiated to any order.

    Parameters
    ----------
    f
        Function of arrays, or nested containers of them, which returns the same.
    example
        Arguments like those that will come. Needed where PyTensor does not know their shapes beforehand, or if `f` must
        not be called with zeros. Only what they say of numbers of dimensions counts: other shapes may come.
    points
        For how many points forward values and adjoints are kept.

    Returns
    -------
    PytensorFunction
        With ``.statistics``. Results have the dtype that `f` gives them.

    Raises
    ------
    TypeError
        When called: if there is no variable, or one that is no dense tensor.
    ShapeError
        When called: if there is neither an example nor a known shape.

    Notes
    -----
    Only derivatives that the compiled function returns are asked for, and only rules on the way there run. The graph of
    `f` is kept, and used again where its branches would be the same; so `f` must not draw random numbers. Compiled
    code calls back into Python; for sampling, PyTensor's linker "vm" has the least overhead around such calls.

    Examples
    --------
    >>> import numpy as np, pytensor.tensor as pt
    >>> x = pt.vector("x")  # of any length
    >>> y = function(np.tanh, np.zeros(2))(x)
    >>> y.eval({x: [0.0, 100.0, 0.0]}, mode="FAST_COMPILE")
    array([0., 1., 0.])
    """
    return PytensorFunction(f, *example, points=points)
