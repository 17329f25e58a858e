"""`lazygrad.numpy.fft`, whose functions take lists of nodes, too."""

from ....numpy import fft as _fft
from ....numpy.fft import *  # noqa: F403
from ._lists import wrap_functions as _wrap_functions

globals().update(_wrap_functions(vars(_fft), [name for name in vars(_fft) if name[0] != "_"]))
