"""NumPy's random numbers, under the same names."""

from ....numpy.random import *  # noqa: F403
