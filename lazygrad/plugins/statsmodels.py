"""statsmodels: maximum likelihood with exact scores and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from statsmodels.base import model as base

from .._graph.types import Array, ArrayLike
from .flat import Objective

__all__ = ["GenericLikelihoodModel"]

_METHOD = "bfgs"  # asks the score; Newton's needs a log-likelihood that is concave already where it starts


class _Results(base.GenericLikelihoodModelResults):  # type: ignore[misc]
    """`statsmodels`' results, whose resampled fits ask the score, too."""

    def bootstrap(self, nrep: int = 100, method: str = _METHOD, **options: Any) -> tuple[Array, Array, Array]:
        """Return mean, standard deviation and estimates of fits to samples of the data, as statsmodels does."""
        found: tuple[Array, Array, Array] = super().bootstrap(nrep, method, **options)
        return found


class GenericLikelihoodModel(base.GenericLikelihoodModel):  # type: ignore[misc]
    """`statsmodels`' class of this name, whose score and Hessian are derived from the likelihood.

    Derive from it as from statsmodels' own, and write ``loglikeobs(params)`` (or ``nloglikeobs``, or ``loglike``) with
    NumPy; everything else follows: ``score``, ``score_obs``, ``hessian``, and what statsmodels makes of them.

    Notes
    -----
    `fit` maximises by BFGS unless told another ``method``; statsmodels itself begins with Nelder and Mead's, which
    never asks the score. Data are constants of the graph: a model of other data is another model. Methods that you
    override yourself count instead of ours.

    Examples
    --------
    >>> import numpy as np
    >>> from lazygrad.plugins.statsmodels import GenericLikelihoodModel
    >>> class Exponential(GenericLikelihoodModel):
    ...     def loglikeobs(self, params):
    ...         eta = self.exog @ params
    ...         return eta - self.endog * np.exp(eta)
    >>> model = Exponential(np.array([1.0, 2.0, 3.0]), np.ones((3, 1)))
    >>> model.score(np.zeros(1)), model.hessian(np.zeros(1))
    (array([-3.]), array([[-6.]]))
    """

    results_class = _Results

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._derived: dict[str, Objective] = {}
        super().__init__(*args, **kwargs)
        self._written: Callable[..., Any] = self.loglike
        self.loglike: Callable[..., Any] = self._evaluate  # so that the optimiser's values are remembered

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_derived": {}}

    def _find_objective(self, f: Any, params: Any) -> Objective:
        x = np.asarray(params, dtype=float)
        known = self._derived.get(f.__name__)
        if known is None or known.size != x.size:
            known = self._derived[f.__name__] = Objective.of(f, x)
        return known

    def _evaluate(self, params: Any) -> float:
        return self._find_objective(self._written, params).fun(params)

    def fit(self, start_params: ArrayLike | None = None, method: str = _METHOD, *args: Any, **kwargs: Any) -> Any:
        """Return the fit by maximum likelihood, as statsmodels does, but by a method that asks the score.

        Parameters
        ----------
        start_params, args, kwargs
            As statsmodels takes them.
        method
            statsmodels' name of the method.
        """
        return super().fit(start_params, method, *args, **kwargs)

    def score(self, params: ArrayLike) -> Array:
        """Return the gradient of the log-likelihood."""
        return self._find_objective(self._written, params).jac(params)

    def score_obs(self, params: ArrayLike) -> Array:
        """Return the gradient of each observation's log-likelihood, of shape (nobs, size)."""
        return self._find_objective(self.loglikeobs, params).jacobian_matrix(params)

    def hessian(self, params: ArrayLike) -> Array:
        """Return the Hessian of the log-likelihood."""
        return self._find_objective(self._written, params).hess(params)
