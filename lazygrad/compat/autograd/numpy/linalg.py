"""`lazygrad.numpy.linalg`, whose functions take lists of nodes, too."""

from ....numpy.linalg import *  # noqa: F403
