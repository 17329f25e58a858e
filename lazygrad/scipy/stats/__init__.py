"""`scipy.stats` on nodes: densities and distribution functions; all other names are SciPy's own, for arrays.

Each distribution is a module: ``norm.logpdf(x, loc, scale)``, with SciPy's arguments.

Examples
--------
>>> import lazygrad as lg
>>> from lazygrad.scipy import stats
>>> scale = lg.parameter(2.0)
>>> lg.gradient(stats.norm.logpdf([1.0, 3.0], scale=scale).sum(), scale)
array(0.25)
"""

from __future__ import annotations

import scipy.stats

from . import _families
from . import bernoulli as bernoulli
from . import beta as beta
from . import binom as binom
from . import cauchy as cauchy
from . import chi2 as chi2
from . import dirichlet as dirichlet
from . import expon as expon
from . import gamma as gamma
from . import geom as geom
from . import gumbel_r as gumbel_r
from . import halfnorm as halfnorm
from . import laplace as laplace
from . import logistic as logistic
from . import lognorm as lognorm
from . import multivariate_normal as multivariate_normal
from . import nbinom as nbinom
from . import norm as norm
from . import pareto as pareto
from . import poisson as poisson
from . import t as t
from . import uniform as uniform
from . import weibull_min as weibull_min

__getattr__ = _families.look_up_in(scipy.stats)
