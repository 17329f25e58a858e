"""NumPy's linear algebra, under the same names."""

from numpy.linalg import *  # noqa: F403
