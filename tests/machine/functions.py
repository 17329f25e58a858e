"""Functions of nodes whose structure depends on shapes and dtypes, for the machine: each gives one real node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lazygrad.numpy

LARGEST = 40  # elements of a result, so that lives stay short

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "spectrum": lambda x: np.abs(np.fft.fft(x)),
    "half_spectrum": lambda x: np.abs(np.fft.rfft(np.real(x))),
    "from_half_spectrum": np.fft.irfft,
    "all_frequencies": lambda x: np.real(np.fft.fftn(x)),
    "shifted": lambda x: np.real(np.fft.fftshift(x)),
    "eigenvalues": lambda x: np.linalg.eigvalsh(np.outer(x, np.conj(x)) + np.diag(np.cumsum(np.abs(np.ravel(x)) + 1))),
    "first_part": lambda x: np.real(np.array_split(x, 3)[0]) * 2.0,
    "without_last": lambda x: np.real(np.delete(x, -1)),
    "with_more": lambda x: np.real(np.insert(x, 0, 2.0)),
    "covariance": lambda x: np.abs(np.cov(x)),
    "modulus": lambda x: np.real(np.conj(x) * x),
    "real_part": lambda x: x.real + 1.0,
    "product": lambda x: np.real(np.vdot(x, x)),
    "smoothed": lambda x: np.real(np.convolve(x, [0.25, 0.5, 0.25], "same")),
    "wrapped": lambda x: np.real(np.take(x, [0, 5, -2], mode="wrap")),
    "running_maximum": lambda x: np.maximum.accumulate(np.real(x)),
    "powers": lambda x: np.real(np.vander(x, 3)),
    "pairs": lambda x: np.real(lazygrad.numpy.array([x, x * 0.5])),
    "updated": lambda x: np.real(x.at[0].set(1.5)),
    "sorted": lambda x: np.sort(np.real(x)),
    "differences": lambda x: np.real(np.diff(x)),
    "slopes": lambda x: np.real(np.gradient(np.ravel(x))),
    "deviation": lambda x: np.nanstd(x),
    "padded": lambda x: np.real(np.pad(x, 1, mode="wrap")),
    "characteristic": lambda x: np.real(np.poly(x)),
    "outer": lambda x, y: np.real(np.multiply.outer(x, y)),
    "kronecker": lambda x, y: np.real(np.kron(x, y)),
    "together": lambda x, y: np.real(np.append(x, y)),
    "between": lambda x, y: np.real(np.linspace(x, y, 3)),
    "broadcast": lambda x, y: np.real(np.broadcast_arrays(x, y)[1]) * 1.0,
}
PAIRS = ("outer", "kronecker", "together", "between", "broadcast")
