"""The ops, by what they are; each is one statement. Functions here take nodes, arrays and numbers.

The seeds' names: Stratos' *cmult* is `multiply`, *concat* `concatenate`, *mult* `matmul`, *pnls*
`cross_entropy`, *logit* `sigmoid`, *sm* `softmax`; *add*, *pick*, *pow* and *tanh* keep theirs.
"""

from .arithmetic import (
    absolute as absolute,
    at_least as at_least,
    at_most as at_most,
    divide as divide,
    equal as equal,
    greater as greater,
    greater_equal as greater_equal,
    less as less,
    less_equal as less_equal,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    not_equal as not_equal,
    pow as pow,
    power as power,
    sign as sign,
    where as where,
)
from .linalg import dot as dot, matmul as matmul
from .linear import (
    add as add,
    astype as astype,
    broadcast_to as broadcast_to,
    concatenate as concatenate,
    negative as negative,
    reshape as reshape,
    subtract as subtract,
    sum as sum,
    transpose as transpose,
)
from .nn import (
    cross_entropy as cross_entropy,
    log_softmax as log_softmax,
    pick as pick,
    relu as relu,
    softmax as softmax,
    svm_loss as svm_loss,
)
from .reduce import logsumexp as logsumexp, max as max, mean as mean, min as min
from .transcendental import (
    cos as cos,
    exp as exp,
    log as log,
    sigmoid as sigmoid,
    sin as sin,
    sqrt as sqrt,
    tanh as tanh,
)
