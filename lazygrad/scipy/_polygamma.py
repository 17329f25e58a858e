"""The digamma function and its derivatives."""

from __future__ import annotations

import scipy.special as sc

from ..ops._op import Op
from ..ops._rule import BLOCKED
from ._calls import declare_ufunc

__all__ = ["digamma", "polygamma", "psi"]

polygamma: Op = declare_ufunc(
    sc.polygamma,
    "n x",
    n=BLOCKED,
    x=lambda n, x: polygamma(n + 1, x),
    doc="Return the n-th derivative of psi; the order n is a blocked input.\n\n"
    ">>> polygamma(1, np.array([0.5, 1.0])).round(4)\narray([4.9348, 1.6449])",
)

psi = digamma = declare_ufunc(
    sc.psi,
    x=lambda x: polygamma(1, x),
    doc="Return the digamma function, the derivative of log(gamma(x)).\n\n"
    ">>> psi(np.array([0.5, 4.0])).round(4)\narray([-1.9635,  1.2561])",
)
