"""`lazygrad.numpy.fft`, whose functions take lists of nodes, too."""

from ....numpy import fft as _fft
from ....numpy.fft import *  # noqa: F403
from ._lists import wrapped as _wrapped

globals().update(_wrapped(vars(_fft), [name for name in vars(_fft) if name[0] != "_"]))
