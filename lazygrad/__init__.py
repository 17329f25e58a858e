"""lazygrad: some gradients, again and again, at the cost of only what is new."""
# ruff: noqa: I001 - it reads as the table of contents

from typing import TYPE_CHECKING

from ._graph.later import import_later

# leaves and nodes; what Python and NumPy do with them
from ._graph.leaf import constant, parameter
from ._graph.node import Node
from ._graph.invalidate import update
from .numpy import _operators as _operators, _protocols as _protocols, _at as _at
from . import ops, numpy
from .ops import _declare
from .ops._declare import _find_source as _find_source  # pickles look for it here

# questions about nodes
from ._query import engine as _engine
from ._query.gradient import adjoint, gradient
from ._query.differentiator import CacheInfo, Contribution, Differentiator, PlanInfo, differentiator

# where nodes were built
from ._report.source_lines import trace_sources

# what can go wrong
from ._errors import (
    LazygradError,
    NonFiniteError,
    NonFiniteWarning,
    NotDifferentiableError,
    RangeError,
    ShapeError,
    UnconnectedError,
    UnconnectedWarning,
)
from ._version import __version__

if TYPE_CHECKING:  # what follows is imported when it is first used: `_LATER` says the same at run time
    # copies that keep values along
    from ._derivatives.copies import copy, dumps, loads

    # whole Jacobians, other engines, other semirings
    from ._jacobian.of_nodes import Plan, jacobian_plan
    from ._jacobian.local import local_jacobian
    from . import engines, paths

    # a question that is asked again and again
    from ._compile.compile import compile
    from ._compile.specialised import Compiled, CompileStatistics

    # function transforms
    from ._functions.reverse import elementwise_grad, grad, value_and_grad, vjp
    from ._functions.forward import hvp, jvp
    from ._jacobian.of_functions import hessian, jacfwd, jacobian, jacrev

    # the same for other libraries, asked again and again
    from . import backend

    # your own ops, and checks of derivatives
    from ._functions.primitive import primitive
    from . import testing
    from .testing import check_grads

    # what it did
    from ._report.report import Report, record
    from ._report.nonfinite import errstate
    from ._report.progress import Progress, progress
    from . import inspect

_LATER: dict[str, tuple[str, ...]] = {
    "._derivatives.copies": ("copy", "dumps", "loads"),
    "._derivatives.restoring": ("_restore",),  # pickles look for it here
    "._jacobian.of_nodes": ("Plan", "jacobian_plan"),
    "._jacobian.local": ("local_jacobian",),
    ".engines": (),
    ".paths": (),
    "._compile.compile": ("compile",),
    "._compile.specialised": ("Compiled", "CompileStatistics"),
    "._functions.reverse": ("elementwise_grad", "grad", "value_and_grad", "vjp"),
    "._functions.forward": ("hvp", "jvp"),
    "._jacobian.of_functions": ("hessian", "jacfwd", "jacobian", "jacrev"),
    ".backend": (),
    "._functions.primitive": ("primitive",),
    ".testing": (),
    ".testing._checks": ("check_grads",),
    "._report.report": ("Report", "record"),
    "._report.nonfinite": ("errstate",),
    "._report.progress": ("Progress", "progress"),
    ".inspect": (),
}
if not TYPE_CHECKING:
    __getattr__ = import_later(__name__, _LATER)
_engine.add_later(f"{__name__}.engines")  # those of the documents
_declare.declare_later(f"{__name__}.scipy.special")

__all__ = [
    "CacheInfo",
    "CompileStatistics",
    "Compiled",
    "Contribution",
    "Differentiator",
    "LazygradError",
    "Node",
    "NonFiniteError",
    "NonFiniteWarning",
    "NotDifferentiableError",
    "Plan",
    "PlanInfo",
    "Progress",
    "RangeError",
    "Report",
    "ShapeError",
    "UnconnectedError",
    "UnconnectedWarning",
    "__version__",
    "adjoint",
    "backend",
    "check_grads",
    "compile",
    "constant",
    "copy",
    "differentiator",
    "dumps",
    "elementwise_grad",
    "engines",
    "errstate",
    "grad",
    "gradient",
    "hessian",
    "hvp",
    "inspect",
    "jacfwd",
    "jacobian",
    "jacobian_plan",
    "jacrev",
    "jvp",
    "loads",
    "local_jacobian",
    "numpy",
    "ops",
    "parameter",
    "paths",
    "primitive",
    "progress",
    "record",
    "testing",
    "trace_sources",
    "update",
    "value_and_grad",
    "vjp",
]


def __dir__() -> list[str]:
    """Return the public names, those that are not imported yet among them."""
    return sorted({*__all__, *globals()})
