"""NumPy's discrete Fourier transforms, under the same names."""

from numpy.fft import *  # noqa: F403
