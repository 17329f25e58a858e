"""lazygrad: some gradients, again and again, at the cost of only what is new."""

from . import ops as ops
from ._differentiator import (
    Contribution as Contribution,
    Differentiator as Differentiator,
    adjoint as adjoint,
    differentiator as differentiator,
    gradient as gradient,
)
from ._errors import (
    LazygradError as LazygradError,
    NotDifferentiableError as NotDifferentiableError,
    ShapeError as ShapeError,
    UnconnectedError as UnconnectedError,
    UnconnectedWarning as UnconnectedWarning,
)
from ._memo import CacheInfo as CacheInfo, Report as Report, record as record
from ._node import Node as Node, constant as constant, parameter as parameter
from . import _operators as _operators, _pickle as _pickle  # isort: skip  (they give Node its methods)

from ._version import __version__ as __version__
