"""NumPy's names, for arrays and nodes: ``import lazygrad.numpy as np``.

Most functions are NumPy's own, which find out by themselves that they are given a node; here they take lists of nodes,
too, as in ``np.mean([x, y])``. Those that NumPy gives no chance to (`array`, `asarray`, `full`, `arange`, `r_` ...) are
replaced by ones that take nodes. On plain arrays all are NumPy's.

`supported` tells what is defined on nodes; anything else raises a TypeError that names the function. This room may
import the graph and the ops.

>>> import lazygrad as lg
>>> import lazygrad.numpy as np
>>> x = lg.parameter([3.0, 4.0])
>>> y = np.array([x, 2 * x])
>>> np.linalg.norm(y, axis=1).value
array([ 5., 10.])
>>> np.maximum([x[0], x[1]], np.r_[x[1], 0.0]).value
array([4., 4.])
>>> {name: np.supported()[name] for name in ("exp", "reshape", "linalg.norm", "fft.fft")}
{'exp': 'op', 'reshape': 'function', 'linalg.norm': 'function', 'fft.fft': 'function'}
"""

# mypy: disable-error-code="no-redef,assignment"

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING
from typing import Any as _Any

import numpy as _numpy

from .._graph.later import import_later as _import_later

if TYPE_CHECKING:
    # NumPy's own stubs know no nodes. Of two meanings of a name mypy takes the first, pyright the last.
    # isort: off
    from . import fft as fft
    from . import linalg as linalg
    from . import random as random
    from ._creation import vectorize as vectorize
    from ._supported import supported as supported
    from ._typed.creation import *  # noqa: F403
    from ._typed.elementwise import *  # noqa: F403
    from ._typed.products import *  # noqa: F403
    from ._typed.reductions import *  # noqa: F403
    from ._typed.selection import *  # noqa: F403
    from ._typed.shapes import *  # noqa: F403
    from ._typed.statistics import *  # noqa: F403
    from numpy import *  # noqa: F403
    from ._typed.creation import *  # noqa: F403
    from ._typed.elementwise import *  # noqa: F403
    from ._typed.products import *  # noqa: F403
    from ._typed.reductions import *  # noqa: F403
    from ._typed.selection import *  # noqa: F403
    from ._typed.shapes import *  # noqa: F403
    from ._typed.statistics import *  # noqa: F403
    from . import fft as fft  # noqa: F811
    from . import linalg as linalg  # noqa: F811
    from . import random as random  # noqa: F811
    from ._creation import vectorize as vectorize  # noqa: F811
    # isort: on

__all__ = [*_numpy.__all__]

_OURS = ("arange", "array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "fromiter", "full")
_LATER = {
    "._creation": (*_OURS, "full_like", "isscalar", "vectorize"),
    "._lists": ("c_", "r_"),
    "._supported": ("supported",),
    ".fft": (),
    ".linalg": (),
    ".random": (),
}
_found_later = {name for home, names in _LATER.items() for name in names or [home[1:]]}
_get_ours = _import_later(__name__, _LATER)
_TAKING = (_numpy.ufunc, type(_numpy.sum))  # of what takes lists of nodes here: ufuncs, and functions that ask nodes

# NumPy's functions and types, as they are now. A star import would have NumPy load all the submodules that it loads
# late (testing, f2py, polynomial ...), which takes longer than to load NumPy itself.
globals().update(
    {
        name: thing
        for name, thing in vars(_numpy).items()
        if name in __all__ and name not in _found_later and not isinstance(thing, (_ModuleType, *_TAKING))
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Return what NumPy loads late, such as a submodule, and ours in its place where there is one."""
        if name in _found_later:
            return _get_ours(name)
        thing = getattr(_numpy, name)
        if name not in __all__ or not isinstance(thing, _TAKING):
            return thing
        lists: _Any = _import_module("._lists", __name__)
        globals()[name] = found = lists.take_lists(thing, __name__, name)
        return found


def __dir__() -> list[str]:
    """Return all names, those that are not loaded yet among them."""
    return sorted({*__all__, *globals(), *_found_later})
