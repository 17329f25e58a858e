"""lazygrad: some gradients, again and again, at the cost of only what is new."""

from . import ops as ops
from ._differentiator import (
    Contribution as Contribution,
)
from ._differentiator import (
    Differentiator as Differentiator,
)
from ._differentiator import (
    adjoint as adjoint,
)
from ._differentiator import (
    differentiator as differentiator,
)
from ._differentiator import (
    gradient as gradient,
)
from ._errors import (
    LazygradError as LazygradError,
)
from ._errors import (
    NonFiniteError as NonFiniteError,
)
from ._errors import (
    NonFiniteWarning as NonFiniteWarning,
)
from ._errors import (
    NotDifferentiableError as NotDifferentiableError,
)
from ._errors import (
    ShapeError as ShapeError,
)
from ._errors import (
    UnconnectedError as UnconnectedError,
)
from ._errors import (
    UnconnectedWarning as UnconnectedWarning,
)
from ._errstate import errstate as errstate
from ._forward import hvp as hvp
from ._forward import jvp as jvp
from ._jacobian import Plan as Plan
from ._jacobian import jacobian_plan as jacobian_plan
from ._jacobians import hessian as hessian
from ._jacobians import jacfwd as jacfwd
from ._jacobians import jacobian as jacobian
from ._jacobians import jacrev as jacrev
from ._leaf import constant as constant
from ._leaf import parameter as parameter
from ._local import local_jacobian as local_jacobian
from ._memo import CacheInfo as CacheInfo
from ._memo import Report as Report
from ._memo import record as record
from ._node import Node as Node
from ._primitive import primitive as primitive
from ._progress import Progress as Progress
from ._progress import progress as progress
from ._set import update as update
from ._source import trace_sources as trace_sources
from ._transforms import elementwise_grad as elementwise_grad
from ._transforms import grad as grad
from ._transforms import value_and_grad as value_and_grad
from ._transforms import vjp as vjp

from . import _operators as _operators, _protocols as _protocols, _pickle as _pickle, _at as _at  # isort: skip  (they give Node its methods)
from . import engines as engines
from . import inspect as inspect
from . import paths as paths
from ._version import __version__ as __version__
from .testing import check_grads as check_grads
