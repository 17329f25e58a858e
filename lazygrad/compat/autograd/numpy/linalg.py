"""`lazygrad.numpy.linalg`, whose functions take lists of nodes, too.

`eigh` and `eigvalsh` are those of the triangle that they read: the gradient is zero elsewhere, as autograd has it, and
as finite differences do.
"""

# mypy: disable-error-code="no-redef"

from typing import Any

from ...._graph.node import Node as _Node
from ...._graph.node import NodeOrArray
from ...._graph.types import both as _numpy
from ....numpy import linalg as _linalg
from ....numpy.linalg import *  # noqa: F403
from ._lists import wrap_functions as _wrap_functions

globals().update(_wrap_functions(vars(_linalg), [name for name in vars(_linalg) if name[0] != "_"]))


def _mirror_triangle(a: Any, UPLO: str) -> Any:
    """Return the Hermitian matrix that one triangle of `a` stands for."""
    if not isinstance(a, _Node):
        return a
    strict = _numpy.tril(a, -1) if UPLO.upper() == "L" else _numpy.triu(a, 1)
    diagonal = _numpy.real(a) * _numpy.eye(a.shape[-1], dtype=bool)
    return strict + diagonal + _numpy.conj(_numpy.swapaxes(strict, -1, -2))


def eigh(a: Any, UPLO: Any = "L") -> tuple[NodeOrArray, NodeOrArray]:
    """Return the eigenvalues and eigenvectors of a Hermitian matrix, as `numpy.linalg.eigh` does.

    Examples
    --------
    >>> from lazygrad.compat.autograd import grad
    >>> grad(lambda a: eigh(a)[0][0])(_numpy.diag([1.0, 2.0]))
    array([[1., 0.],
           [0., 0.]])
    """
    return _linalg.eigh(_mirror_triangle(a, UPLO), UPLO)


def eigvalsh(a: Any, UPLO: Any = "L") -> NodeOrArray:
    """Return the eigenvalues of a Hermitian matrix, as `numpy.linalg.eigvalsh` does."""
    return _linalg.eigvalsh(_mirror_triangle(a, UPLO), UPLO)
