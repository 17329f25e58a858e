"""The ops, by what they are; each is one statement. Functions here take nodes, arrays and numbers.

The seeds' names: Stratos' *cmult* is `multiply`, *concat* `concatenate`, *mult* `matmul`, *pnls*
`cross_entropy`, *logit* `sigmoid`, *sm* `softmax`; *add*, *pick*, *pow* and *tanh* keep theirs.
"""

from . import bounds as bounds
from . import calculus as calculus
from . import choice as choice
from . import complex_parts as complex_parts
from . import constructors as constructors
from . import convolution as convolution
from . import counting as counting
from . import cumulative as cumulative
from . import decompositions as decompositions
from . import diagonals as diagonals
from . import eigen as eigen
from . import einsum as einsum
from . import fourier as fourier
from . import indexing as indexing
from . import nan as nan
from . import norms as norms
from . import padding as padding
from . import polynomials as polynomials
from . import products as products
from . import ranges as ranges
from . import repeating as repeating
from . import rounding as rounding
from . import series as series
from . import shape as shape
from . import solving as solving
from . import sorting as sorting
from . import splitting as splitting
from . import statistics as statistics
from . import windows as windows
from .arithmetic import (
    absolute as absolute,
)
from .arithmetic import (
    at_least as at_least,
)
from .arithmetic import (
    at_most as at_most,
)
from .arithmetic import (
    divide as divide,
)
from .arithmetic import (
    equal as equal,
)
from .arithmetic import (
    greater as greater,
)
from .arithmetic import (
    greater_equal as greater_equal,
)
from .arithmetic import (
    less as less,
)
from .arithmetic import (
    less_equal as less_equal,
)
from .arithmetic import (
    maximum as maximum,
)
from .arithmetic import (
    minimum as minimum,
)
from .arithmetic import (
    multiply as multiply,
)
from .arithmetic import (
    not_equal as not_equal,
)
from .arithmetic import (
    pow as pow,
)
from .arithmetic import (
    power as power,
)
from .arithmetic import (
    sign as sign,
)
from .arithmetic import (
    where as where,
)
from .convolution import avg_pool2d as avg_pool2d
from .convolution import conv2d as conv2d
from .convolution import conv_transpose2d as conv_transpose2d
from .convolution import max_pool2d as max_pool2d
from .linalg import dot as dot
from .linalg import matmul as matmul
from .linear import (
    add as add,
)
from .linear import (
    astype as astype,
)
from .linear import (
    broadcast_to as broadcast_to,
)
from .linear import (
    concatenate as concatenate,
)
from .linear import (
    negative as negative,
)
from .linear import (
    reshape as reshape,
)
from .linear import (
    subtract as subtract,
)
from .linear import (
    sum as sum,
)
from .linear import (
    transpose as transpose,
)
from .nn import (
    cross_entropy as cross_entropy,
)
from .nn import (
    log_softmax as log_softmax,
)
from .nn import (
    pick as pick,
)
from .nn import (
    relu as relu,
)
from .nn import (
    softmax as softmax,
)
from .nn import (
    svm_loss as svm_loss,
)
from .reduce import logsumexp as logsumexp
from .reduce import max as max
from .reduce import mean as mean
from .reduce import min as min
from .transcendental import (
    cos as cos,
)
from .transcendental import (
    exp as exp,
)
from .transcendental import (
    log as log,
)
from .transcendental import (
    sigmoid as sigmoid,
)
from .transcendental import (
    sin as sin,
)
from .transcendental import (
    sqrt as sqrt,
)
from .transcendental import (
    tanh as tanh,
)
