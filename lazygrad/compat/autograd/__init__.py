"""HIPS autograd's names over lazygrad: a script comes over by changing its imports.

``autograd`` becomes ``lazygrad.compat.autograd`` throughout, as in::

    import lazygrad.compat.autograd.numpy as np
    import lazygrad.compat.autograd.numpy.random as npr
    from lazygrad.compat.autograd import grad
    from lazygrad.compat.autograd.misc.optimizers import adam

Names, orders of arguments and results are that library's; `lazygrad` itself keeps those of JAX. Results are arrays of
the caller's own and scalars, not read-only arrays.

>>> import lazygrad.compat.autograd.numpy as np
>>> def taylor_sine(x):
...     ans = term = x
...     k = 0
...     while np.abs(term) > 0.001:
...         term = -term * x**2 / ((2 * k + 3) * (2 * k + 2))
...         ans += term
...         k += 1
...     return ans
>>> round(float(grad(taylor_sine)(np.pi)), 3)
-1.0
"""

from . import builtins as builtins
from . import core as core
from . import differential_operators as differential_operators
from . import extend as extend
from . import misc as misc
from . import numpy as numpy
from .builtins import dict, isinstance, list, tuple, type
from .differential_operators import (
    checkpoint,
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    holomorphic_grad,
    jacobian,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_jvp_reversemode,
    make_vjp,
    multigrad_dict,
    tensor_jacobian_product,
    value_and_grad,
    vector_jacobian_product,
)
from .extend import primitive

__all__ = [
    "checkpoint",
    "deriv",
    "dict",
    "elementwise_grad",
    "grad",
    "grad_and_aux",
    "grad_named",
    "hessian",
    "hessian_tensor_product",
    "hessian_vector_product",
    "holomorphic_grad",
    "isinstance",
    "jacobian",
    "list",
    "make_ggnvp",
    "make_hvp",
    "make_jvp",
    "make_jvp_reversemode",
    "make_vjp",
    "multigrad_dict",
    "primitive",
    "tensor_jacobian_product",
    "tuple",
    "type",
    "value_and_grad",
    "vector_jacobian_product",
]
