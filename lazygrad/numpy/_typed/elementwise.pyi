"""Functions of each element, of arrays and nodes: what NumPy calls ufuncs."""

# mypy: disable-error-code="overload-overlap"

from collections.abc import Sequence
from typing import Protocol, SupportsIndex, TypeAlias, overload

from numpy.typing import DTypeLike

from ..._graph.node import Node
from ..._graph.types import Array, ArrayLike
from .operands import Operand

_Axis: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None

class Unary(Protocol):
    """A function of one operand."""

    nin: int
    nout: int
    __name__: str
    @overload
    def __call__(self, x: Node, /) -> Node: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        /,
        out: Array | tuple[Array] | None = ...,
        *,
        where: ArrayLike = ...,
        casting: str = ...,
        order: str = ...,
        dtype: DTypeLike | None = ...,
        subok: bool = ...,
    ) -> Array: ...
    @overload
    def __call__(self, x: Operand, /) -> Node: ...

class Binary(Protocol):
    """A function of two operands."""

    nin: int
    nout: int
    __name__: str
    @overload
    def __call__(self, x: Node, y: Operand, /) -> Node: ...
    @overload
    def __call__(self, x: ArrayLike, y: Node, /) -> Node: ...
    @overload
    def __call__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        /,
        out: Array | tuple[Array] | None = ...,
        *,
        where: ArrayLike = ...,
        casting: str = ...,
        order: str = ...,
        dtype: DTypeLike | None = ...,
        subok: bool = ...,
    ) -> Array: ...
    @overload
    def __call__(self, x: Operand, y: Operand, /) -> Node: ...
    @overload
    def reduce(self, x: Node, /, axis: _Axis = ..., *, keepdims: bool = ...) -> Node: ...
    @overload
    def reduce(
        self,
        x: ArrayLike,
        /,
        axis: _Axis = ...,
        dtype: DTypeLike | None = ...,
        out: Array | None = ...,
        keepdims: bool = ...,
        initial: object = ...,
        where: ArrayLike = ...,
    ) -> Array: ...
    @overload
    def accumulate(self, x: Node, /, axis: SupportsIndex = ...) -> Node: ...
    @overload
    def accumulate(
        self, x: ArrayLike, /, axis: SupportsIndex = ..., dtype: DTypeLike | None = ..., out: Array | None = ...
    ) -> Array: ...
    @overload
    def outer(self, x: Node, y: Operand, /) -> Node: ...
    @overload
    def outer(self, x: ArrayLike, y: Node, /) -> Node: ...
    @overload
    def outer(self, x: ArrayLike, y: ArrayLike, /, **options: object) -> Array: ...

class UnaryPair(Protocol):
    """A function of one operand that gives two results."""

    nin: int
    nout: int
    __name__: str
    @overload
    def __call__(self, x: Node, /) -> tuple[Node, Node]: ...
    @overload
    def __call__(self, x: ArrayLike, /, **options: object) -> tuple[Array, Array]: ...

class BinaryPair(Protocol):
    """A function of two operands that gives two results."""

    nin: int
    nout: int
    __name__: str
    @overload
    def __call__(self, x: Node, y: Operand, /) -> tuple[Node, Node]: ...
    @overload
    def __call__(self, x: ArrayLike, y: Node, /) -> tuple[Node, Node]: ...
    @overload
    def __call__(self, x: ArrayLike, y: ArrayLike, /, **options: object) -> tuple[Array, Array]: ...

abs: Unary
absolute: Unary
acos: Unary
acosh: Unary
arccos: Unary
arccosh: Unary
arcsin: Unary
arcsinh: Unary
arctan: Unary
arctanh: Unary
asin: Unary
asinh: Unary
atan: Unary
atanh: Unary
bitwise_count: Unary
bitwise_invert: Unary
bitwise_not: Unary
cbrt: Unary
ceil: Unary
conj: Unary
conjugate: Unary
cos: Unary
cosh: Unary
deg2rad: Unary
degrees: Unary
exp: Unary
exp2: Unary
expm1: Unary
fabs: Unary
floor: Unary
invert: Unary
isfinite: Unary
isinf: Unary
isnan: Unary
log: Unary
log10: Unary
log1p: Unary
log2: Unary
logical_not: Unary
negative: Unary
positive: Unary
rad2deg: Unary
radians: Unary
reciprocal: Unary
rint: Unary
sign: Unary
signbit: Unary
sin: Unary
sinh: Unary
spacing: Unary
sqrt: Unary
square: Unary
tan: Unary
tanh: Unary
trunc: Unary

add: Binary
arctan2: Binary
atan2: Binary
bitwise_and: Binary
bitwise_left_shift: Binary
bitwise_or: Binary
bitwise_right_shift: Binary
bitwise_xor: Binary
copysign: Binary
divide: Binary
equal: Binary
float_power: Binary
floor_divide: Binary
fmax: Binary
fmin: Binary
fmod: Binary
gcd: Binary
greater: Binary
greater_equal: Binary
heaviside: Binary
hypot: Binary
lcm: Binary
ldexp: Binary
left_shift: Binary
less: Binary
less_equal: Binary
logaddexp: Binary
logaddexp2: Binary
logical_and: Binary
logical_or: Binary
logical_xor: Binary
matmul: Binary
matvec: Binary
maximum: Binary
minimum: Binary
mod: Binary
multiply: Binary
nextafter: Binary
not_equal: Binary
pow: Binary
power: Binary
remainder: Binary
right_shift: Binary
subtract: Binary
true_divide: Binary
vecdot: Binary
vecmat: Binary

frexp: UnaryPair
modf: UnaryPair

divmod: BinaryPair
