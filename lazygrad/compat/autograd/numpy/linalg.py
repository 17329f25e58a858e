"""`lazygrad.numpy.linalg`, whose functions take lists of nodes, too."""

from ....numpy import linalg as _linalg
from ....numpy.linalg import *  # noqa: F403
from ._lists import wrap_functions as _wrap_functions

globals().update(_wrap_functions(vars(_linalg), [name for name in vars(_linalg) if name[0] != "_"]))
