"""`lazygrad.numpy.fft`, whose functions take lists of nodes, too."""

from ....numpy.fft import *  # noqa: F403
