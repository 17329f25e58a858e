"""The operators on functions, by autograd's names and in its order of arguments and results."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._functions import forward as _forward
from ..._functions import reverse as _reverse
from ..._functions.checks import check_transform
from ..._functions.nested import find_derivative_mark, mark_derivative
from ..._jacobian import of_functions as _of_functions
from ._structures import as_floats, fit_to, to_plain, warn_if_independent
from .core import make_jvp as _make_jvp
from .core import make_vjp as _make_vjp
from .wrap_util import Argnum, name_outcome, unary_to_nary

__all__ = [
    "checkpoint",
    "deriv",
    "elementwise_grad",
    "grad",
    "grad_and_aux",
    "grad_named",
    "hessian",
    "hessian_tensor_product",
    "hessian_vector_product",
    "holomorphic_grad",
    "jacobian",
    "make_ggnvp",
    "make_hvp",
    "make_jvp",
    "make_jvp_reversemode",
    "make_vjp",
    "multigrad_dict",
    "tensor_jacobian_product",
    "value_and_grad",
    "vector_jacobian_product",
]

Function = Callable[..., Any]


def _apply_to_plain(transform: Callable[..., Function], fun: Function, argnum: Argnum) -> Function:
    """Apply a transform of lazygrad to a function; arguments and results of the outcome are plain values."""
    check_transform(transform.__name__, fun, "`lazygrad.gradient(L, wrt)`", argnum)
    chosen = (argnum,) if isinstance(argnum, int) else tuple(argnum)
    inner = transform(warn_if_independent(fun, chosen), argnum if isinstance(argnum, int) else chosen)

    @functools.wraps(inner)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        floats = [as_floats(x) if k in chosen or k - len(args) in chosen else x for k, x in enumerate(args)]
        return to_plain(inner(*floats, **kwargs))

    name_outcome(fun, transform.__name__, argnum)(transformed)
    return mark_derivative(transformed, find_derivative_mark(inner))


def grad(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the gradient of a function that returns one number.

    Parameters
    ----------
    fun
        Function of any arguments, written with `lazygrad.compat.autograd.numpy` or NumPy itself.
    argnum
        Which positional argument to differentiate by: a number, or several.

    Returns
    -------
    Function of the same arguments; its result has the structure of the argument, a tuple for several.

    Raises
    ------
    TypeError
        If `fun` does not return one real float.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> float(grad(grad(np.sin))(np.pi / 2))
    -1.0
    """
    return _apply_to_plain(_reverse.grad, fun, argnum)


def value_and_grad(fun: Function, argnum: Argnum = 0) -> Function:
    """Return a function of ``(value, gradient)``, as `scipy.optimize.minimize` takes it with ``jac=True``.

    Examples
    --------
    >>> value, slope = value_and_grad(lambda x: x**2)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    return _apply_to_plain(_reverse.value_and_grad, fun, argnum)


def jacobian(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the Jacobian of a function, of shape ``out.shape + x.shape``.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> jacobian(lambda x: np.array([x[0] * x[1], x[1]]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [0., 1.]])
    """
    return _apply_to_plain(_of_functions.jacobian, fun, argnum)


def hessian(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the Hessian of a function: the Jacobian of its Jacobian.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return name_outcome(fun, "hessian", argnum)(jacobian(jacobian(fun, argnum), argnum))


def _check_real_output(fun: Function) -> Function:
    """Return `fun`, raising TypeError when its output is complex."""

    @functools.wraps(fun)
    def call_and_check(*args: Any, **kwargs: Any) -> Any:
        out = fun(*args, **kwargs)
        if np.iscomplexobj(out):
            raise TypeError("elementwise_grad needs real outputs: take `.real`, `.imag` or `abs` of them")
        return out

    return call_and_check


def elementwise_grad(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the sum over each column of the Jacobian: of a function that acts element by element, its derivative.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> elementwise_grad(np.sin)(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    return _apply_to_plain(_reverse.elementwise_grad, _check_real_output(fun), argnum)


def _deriv(fun: Function, x: Any) -> Any:
    return _make_jvp(fun, x)(np.ones(np.shape(x)))[1]


def deriv(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the derivative of a function of one number, in forward mode.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> deriv(lambda x: np.array([x, x**2]))(3.0)
    array([1., 6.])
    """
    return unary_to_nary(_deriv)(fun, argnum)


def _holomorphic_grad(fun: Function, x: Any) -> Any:
    if not np.iscomplexobj(x):
        warnings.warn("Input to holomorphic_grad is not complex", stacklevel=4)
    return grad(lambda z: np.real(fun(z)))(x)


def holomorphic_grad(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the complex derivative of a holomorphic function.

    Examples
    --------
    >>> print(holomorphic_grad(lambda z: z**2)(1.0 + 2.0j))
    (2+4j)
    """
    return unary_to_nary(_holomorphic_grad)(fun, argnum)


def _grad_and_aux(fun: Function, x: Any) -> Any:
    return to_plain(_reverse.grad(warn_if_independent(fun), has_aux=True)(as_floats(x)))


def grad_and_aux(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the gradient of the first output of a function, and its second output, unchanged.

    Examples
    --------
    >>> slope, aux = grad_and_aux(lambda x: (x**2, "note"))(3.0)
    >>> float(slope), aux
    (6.0, 'note')
    """
    return unary_to_nary(_grad_and_aux)(fun, argnum)


def make_vjp(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the function of ``(vjp, value)`` at its arguments.

    Examples
    --------
    >>> vjp, value = make_vjp(lambda x: x**2)(3.0)
    >>> float(vjp(10.0)), float(value)
    (60.0, 9.0)
    """
    return unary_to_nary(_make_vjp)(fun, argnum)


def make_jvp(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the function that maps its arguments, and then a tangent, to ``(value, its tangent)``.

    Examples
    --------
    >>> value, tangent = make_jvp(lambda x: x**2)(3.0)(10.0)
    >>> float(value), float(tangent)
    (9.0, 60.0)
    """
    return unary_to_nary(_make_jvp)(fun, argnum)


def _make_jvp_reversemode(fun: Function, x: Any) -> Function:
    jvp = _make_jvp(fun, x)
    return lambda v: jvp(v)[1]


def make_jvp_reversemode(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the function that maps its arguments, and then a tangent, to the value's tangent.

    Examples
    --------
    >>> float(make_jvp_reversemode(lambda x: x**3)(2.0)(0.5))
    6.0
    """
    return unary_to_nary(_make_jvp_reversemode)(fun, argnum)


def _make_hvp(fun: Function, x: Any) -> Any:
    return _make_vjp(grad(fun), x)


def make_hvp(fun: Function, argnum: Argnum = 0) -> Function:
    """Return the function of ``(hvp, gradient)`` at its arguments: many products with one Hessian.

    Examples
    --------
    >>> hvp, slope = make_hvp(lambda x: x**3)(2.0)
    >>> float(hvp(1.0)), float(slope)
    (12.0, 12.0)
    """
    return unary_to_nary(_make_hvp)(fun, argnum)


def _half_of_squares(x: Any) -> Any:
    return np.sum(x**2, axis=-1) / 2


def _make_ggnvp(fun: Function, x: Any, g: Function) -> Function:
    vjp, value = _make_vjp(fun, x)
    jvp = _make_jvp(fun, x)
    hvp, _ = _make_vjp(grad(g), value)
    return lambda v: vjp(hvp(jvp(v)[1]))


def make_ggnvp(f: Function, g: Function = _half_of_squares, f_argnum: int = 0) -> Function:
    """Return the function that maps its arguments to products with the Gauss-Newton matrix of ``g(f(x))``.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> A = np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> make_ggnvp(lambda x: A @ x)(np.ones(2))(np.array([1.0, 0.0]))
    array([1., 2.])
    """
    return unary_to_nary(_make_ggnvp)(f, f_argnum, g)


def grad_named(fun: Function, argname: str) -> Function:
    """Return the gradient by the positional argument of that name.

    Examples
    --------
    >>> float(grad_named(lambda x, y: x * y**2, "y")(2.0, 3.0))
    12.0
    """
    return grad(fun, list(inspect.signature(fun).parameters).index(argname))


def hessian_tensor_product(fun: Function, argnum: int = 0) -> Function:
    """Return the function of ``(*args, tensor)`` for the product of the Hessian with a tensor.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> hessian_tensor_product(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([  6., 120.])
    """

    def product(*args: Any, **kwargs: Any) -> Any:
        *own, tensor = args

        def unary(x: Any) -> Any:
            return fun(*own[:argnum], x, *own[argnum:][1:], **kwargs)

        x = as_floats(own[argnum])
        return to_plain(_forward.hvp(warn_if_independent(unary), (x,), (fit_to(tensor, x),))[0])

    return product


def tensor_jacobian_product(fun: Function, argnum: int = 0) -> Function:
    """Return the function of ``(*args, tensor)`` for the product of a tensor with the Jacobian, from the left.

    Examples
    --------
    >>> import lazygrad.compat.autograd.numpy as np
    >>> tensor_jacobian_product(lambda x: x**2)(np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    array([ 2., 40.])
    """

    def contracted(*args: Any, **kwargs: Any) -> Any:
        *own, tensor = args
        return np.tensordot(tensor, fun(*own, **kwargs), axes=np.ndim(tensor))

    return jacobian(contracted, argnum)


hessian_vector_product = hessian_tensor_product
vector_jacobian_product = tensor_jacobian_product


def multigrad_dict(fun: Function) -> Function:
    """Return the gradients by all arguments at once, as a dict by name.

    Examples
    --------
    >>> {name: float(g) for name, g in multigrad_dict(lambda x, y=2.0: x * y)(3.0).items()}
    {'x': 2.0, 'y': 3.0}
    """
    signature = inspect.signature(fun)

    def gradients(*args: Any, **kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()

        def of_all(arguments: dict[str, Any]) -> Any:
            filled = inspect.BoundArguments(signature, arguments)
            return fun(*filled.args, **filled.kwargs)

        return dict(grad(of_all)(dict(bound.arguments)))

    return gradients


def checkpoint(fun: Function) -> Function:
    """Return `fun`: here a forward value that no derivative reads is not kept anyway.

    Examples
    --------
    >>> float(grad(checkpoint(lambda x: x**3))(2.0))
    12.0
    """
    return fun
