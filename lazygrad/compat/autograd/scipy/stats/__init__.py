"""`lazygrad.scipy.stats`: each distribution is a module."""

from typing import Any

from .....scipy import stats as _stats
from . import beta as beta
from . import chi2 as chi2
from . import dirichlet as dirichlet
from . import gamma as gamma
from . import multivariate_normal as multivariate_normal
from . import norm as norm
from . import poisson as poisson
from . import t as t


def __getattr__(name: str) -> Any:
    return getattr(_stats, name)
