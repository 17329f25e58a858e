"""The ops, one statement each: value, shape and dtype, and the rules of their derivatives.

Functions here take nodes, arrays and numbers. This room says what a node can be computed by, and what NumPy's
functions mean on nodes; it may import the graph and the errors alone, and knows neither targets nor questions.
`_declare` holds the ways to declare an op, `_op` the op itself, `_rule` what a rule may read.

Some ops have other names in the seeds:

==========================  ====================
Stratos, appendix H         here
==========================  ====================
*cmult*                     `multiply`
*concat*                    `concatenate`
*logit*                     `sigmoid`
*mult*                      `matmul`
*pnls*                      `cross_entropy`
*sm*                        `softmax`
*add, pick, pow, tanh*      under these names
==========================  ====================

Examples
--------
>>> import lazygrad as lg
>>> scores = lg.parameter([[0.0, 0.0], [1.0, 1.0]])
>>> losses = lg.ops.cross_entropy(scores, [0, 1])
>>> losses.value.round(4)
array([0.6931, 0.6931])
>>> lg.gradient(losses.sum(), scores)
array([[-0.5,  0.5],
       [ 0.5, -0.5]])
"""

from typing import TYPE_CHECKING

from .._graph.later import import_later
from ._op import op_named as op_named
from .arithmetic import (
    divide,
    equal,
    greater,
    greater_equal,
    guarded_divide,
    guarded_multiply,
    less,
    less_equal,
    multiply,
    not_equal,
    pow,
    power,
    reciprocal,
    square,
    where,
)
from .bounds import at_least, at_most, maximum, minimum
from .exponentials import logsumexp
from .linalg import dot, matmul
from .linear import add, astype, broadcast_to, concatenate, negative, reshape, subtract, sum, transpose
from .magnitudes import absolute, copysign, sign
from .reduce import max, mean, min, prod
from .transcendental import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cbrt,
    cos,
    cosh,
    deg2rad,
    exp,
    exp2,
    expm1,
    hypot,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    rad2deg,
    sigmoid,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

if TYPE_CHECKING:
    from .convolution import conv2d, conv_transpose2d
    from .cumulative import cumprod, cumsum
    from .nn import cross_entropy, log_softmax, pick, relu, softmax, svm_loss
    from .pooling import avg_pool2d, max_pool2d
else:  # declared when one of them is first used; `declare_all` declares all that NumPy may ask for
    _REST = (
        *("calculus", "choice", "complex_parts", "constructors", "counting", "decompositions", "diagonals", "eigen"),
        *("einsum", "fourier", "indexing", "joining", "matrices", "nan", "norms", "padding", "polynomials", "products"),
        *("ranges", "repeating", "rounding", "series", "shape", "solving", "sorting", "splitting", "statistics"),
        "windows",
    )
    __getattr__ = import_later(
        __name__,
        {
            **{f".{module}": () for module in _REST},
            ".convolution": ("conv2d", "conv_transpose2d"),
            ".cumulative": ("cumprod", "cumsum"),
            ".nn": ("cross_entropy", "log_softmax", "pick", "relu", "softmax", "svm_loss"),
            ".pooling": ("avg_pool2d", "max_pool2d"),
        },
    )

__all__ = [
    "absolute",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "astype",
    "at_least",
    "at_most",
    "avg_pool2d",
    "broadcast_to",
    "cbrt",
    "concatenate",
    "conv2d",
    "conv_transpose2d",
    "copysign",
    "cos",
    "cosh",
    "cross_entropy",
    "cumprod",
    "cumsum",
    "deg2rad",
    "divide",
    "dot",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "greater",
    "greater_equal",
    "guarded_divide",
    "guarded_multiply",
    "hypot",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pick",
    "pow",
    "power",
    "prod",
    "rad2deg",
    "reciprocal",
    "relu",
    "reshape",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "sqrt",
    "square",
    "subtract",
    "sum",
    "svm_loss",
    "tan",
    "tanh",
    "transpose",
    "where",
]


def __dir__() -> list[str]:
    return __all__
