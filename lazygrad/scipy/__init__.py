"""SciPy's functions on nodes, under SciPy's names; importing this package needs SciPy.

On arrays alone the functions are SciPy's own, and so are the names that have no derivative here. Each part is
imported when it is first used: `integrate`, `linalg`, `optimize`, `signal`, `special`, `stats`. This room may import
the graph, the ops, the namespace of NumPy and the function transforms.

Examples
--------
>>> import lazygrad as lg
>>> import lazygrad.scipy as scipy
>>> x = lg.parameter([0.0, 1.0])
>>> lg.gradient(scipy.special.gammaln(x + 1).sum(), x).round(4)
array([-0.5772,  0.4228])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    import scipy
except ImportError as error:
    raise ImportError('lazygrad.scipy needs SciPy: pip install "lazygrad[scipy]"') from error

if TYPE_CHECKING:
    from . import integrate as integrate
    from . import linalg as linalg
    from . import optimize as optimize
    from . import signal as signal
    from . import special as special
    from . import stats as stats

__all__ = ["integrate", "linalg", "optimize", "signal", "special", "stats"]


def __getattr__(name: str) -> Any:
    return import_module(f"{__name__}.{name}") if name in __all__ else getattr(scipy, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
