"""Names for what annotations say again and again; nothing here runs.

NumPy's stubs know no arrays of unknown shape and dtype but by `Any`, and no functions of which only the result counts;
these aliases say so once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike
else:  # which would be another import at run time
    ArrayLike = DTypeLike = object

__all__ = [
    "Array",
    "ArrayLike",
    "Axis",
    "DType",
    "DTypeLike",
    "Function",
    "Number",
    "Record",
    "Shape",
    "Signature",
    "Statics",
    "Structure",
]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]  # of any shape and dtype; in the memo also a NumPy scalar, for 0-d
DType: TypeAlias = np.dtype[Any]
Number: TypeAlias = int | float | complex | np.number[Any] | np.bool  # Python's and NumPy's
Shape: TypeAlias = tuple[int, ...]
Axis: TypeAlias = int | tuple[int, ...] | None  # None: all of them
Signature: TypeAlias = tuple[Shape, DType]  # what is known of a node as soon as it is built
Statics: TypeAlias = Mapping[str, object]  # an op's keyword arguments, such as ``axis``
Structure: TypeAlias = object  # nested dicts, lists, tuples, dataclasses and attrs classes of leaves: see `trees`
Function: TypeAlias = Callable[..., Any]  # one that only its caller knows

# NumPy as rules and meanings read it, whose functions take arrays and nodes alike: its stubs know `__array_ufunc__` but
# not `__array_function__`, and would have none of a node. Modules that only ever call it on arrays import NumPy itself.
if TYPE_CHECKING:
    both: Any
else:
    both = np


class Dataclass(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class AttrsClass(Protocol):
    """An instance of an attrs class."""

    __attrs_attrs__: ClassVar[Any]


Record: TypeAlias = Dataclass | AttrsClass  # a container whose fields are what it holds
