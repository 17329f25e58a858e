"""Every algorithm of the seeds under its own name, on the same graphs: ``lg.gradient(L, wrt, engine="sweep")``.

============  ==============================================================================  =======================
name          algorithm                                                                       source
============  ==============================================================================  =======================
``lazy``      the memoised recursion over consumers, only what is asked (the default)         Tomassoli 13
``sweep``     forward in topological order, then one reverse pass over everything             Stratos 3, Collins 1.4.2
``children``  forward over children, `BackOp` over the nodes whose children are complete      Sullivan, lecture 3
``forward``   tangents from input to output, one pass for each element of the input           Sullivan; Tomassoli 14
``paths``     the sum over directed paths of products of local Jacobians                      Collins, Theorem 1
``numeric``   central differences                                                             Stratos C.2
============  ==============================================================================  =======================

All take the ops' own rules (`numeric` none), agree on which edges are open, blocked or undefined, and report what they
computed to `lazygrad.record`. Only ``lazy`` keeps adjoints between queries; forward values stay in the graph's memo
for all but ``numeric``, which touches nothing. This room may import everything from the graph up to the questions.
"""

from __future__ import annotations

from .._graph.settings import describe
from .._query.engine import Engine, add, named_engine, names
from ._compare import Comparison, Row, compare
from .children import children
from .forward import forward
from .lazy import lazy
from .numeric import numeric
from .paths import paths
from .sweep import sweep

__all__ = [
    "Comparison",
    "Engine",
    "Row",
    "children",
    "compare",
    "forward",
    "lazy",
    "named_engine",
    "names",
    "numeric",
    "paths",
    "register",
    "sweep",
]

_OURS = {engine.__name__: engine for engine in (lazy, sweep, children, forward, paths, numeric)}
for _name, _engine in _OURS.items():
    add(_name, _engine)


def register(name: str, engine: Engine) -> None:
    """Make an engine of your own known to `lazygrad.gradient`.

    Parameters
    ----------
    name
        What ``engine=`` is to be given. Registering a name again replaces the engine, except those of this package.
    engine
        ``engine(L, wrt, cotangent)``: a list with dL/di for each node of the list `wrt` (all different), as arrays of
        the node's shape, or None where no derivative flows to it. `cotangent` is a node, or None for dL/dL = 1.

    Raises
    ------
    ValueError
        If the name is that of an engine of this package.
    TypeError
        If the engine cannot be called.

    Examples
    --------
    >>> import lazygrad as lg
    >>> def one_by_one(L, wrt, cotangent):
    ...     return [lg.engines.sweep(L, [w], cotangent)[0] for w in wrt]
    >>> register("one by one", one_by_one)
    >>> x, y = lg.parameter(2.0), lg.parameter(3.0)
    >>> lg.gradient(x * y, [x, y], engine="one by one")
    [array(3.), array(2.)]
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of an engine is a string, not {describe(name)}")
    if name in _OURS:
        raise ValueError(f"{name!r} is an engine of lazygrad itself; register yours under another name")
    if not callable(engine):
        raise TypeError(f"an engine is a function of (L, wrt, cotangent), not {engine!r}")
    add(name, engine)
