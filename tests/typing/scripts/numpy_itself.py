"""A user's script that calls NumPy itself on nodes: how far NumPy's stubs let their type through.

They know `__array_ufunc__` for functions of one operand alone, and say `Any` of what comes back. Of functions of two
operands, and of all that take `__array_function__`, they know nothing but arrays. An operator between an array of known
dtype and a node is the node's; an array of unknown dtype may hold objects, with which anything might come out. All of
this works when it runs; `lazygrad.numpy` has the types.
"""

from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import lazygrad as lg

x = lg.parameter([1.0, 2.0])
floats: npt.NDArray[np.float64] = np.ones(2)
unknown: npt.NDArray[Any] = floats

assert_type(floats @ x, lg.Node)
assert_type(floats * x, lg.Node)
assert_type(unknown @ x, Any)
assert_type(np.tanh(x), Any)
assert_type(lg.gradient(np.exp(x).sum(), x), np.ndarray[Any, np.dtype[Any]])
np.add(x, 1.0)  # E: mypy[call-overload] pyright[reportCallIssue|reportArgumentType]
np.maximum(x, 0.0)  # E: mypy[call-overload] pyright[reportCallIssue|reportArgumentType]
np.sum(x)  # E: mypy[call-overload] pyright[reportCallIssue|reportArgumentType]
np.where(x > 0, x, 0.0)  # E: mypy[call-overload] pyright[reportCallIssue|reportArgumentType]
np.linalg.norm(x)  # E: mypy[call-overload] pyright[reportCallIssue|reportArgumentType]
