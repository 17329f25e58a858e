"""Names for what annotations say again and again; nothing here runs.

NumPy's stubs know arrays of unknown shape and dtype, and functions of unknown arguments, by `Any` alone; these aliases
say so once, and public signatures need no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar

import numpy as np

__all__ = [
    "Array",
    "ArrayLike",
    "Axis",
    "DType",
    "DTypeLike",
    "Function",
    "Lengths",
    "Number",
    "Record",
    "Shape",
    "Signature",
    "Statics",
    "Structure",
    "both",
]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]  # of any shape and dtype; in the memo also a NumPy scalar, for 0-d
DType: TypeAlias = np.dtype[Any]
Number: TypeAlias = int | float | complex | np.number[Any] | np.bool  # Python's and NumPy's
Shape: TypeAlias = tuple[int, ...]
Axis: TypeAlias = int | tuple[int, ...] | None  # None: all of them
Lengths: TypeAlias = int | Sequence[int]  # one number for all axes, or one for each
Signature: TypeAlias = tuple[Shape, DType]  # what is known of a node as soon as it is built
Statics: TypeAlias = Mapping[str, object]  # an op's keyword arguments, such as ``axis``
Structure: TypeAlias = object  # nested dicts, lists, tuples, dataclasses and attrs classes of leaves: see `trees`
Function: TypeAlias = Callable[..., Any]  # one that only its caller knows

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    _T = TypeVar("_T", covariant=True)

    class _SupportsArray(Protocol):
        """An array, a NumPy scalar, or what becomes one, such as a data frame."""

        def __array__(self) -> Array: ...

    class _Nested(Protocol[_T]):
        """NumPy's idea of a nested sequence: a string is none, as it does not contain any object; nor is a node."""

        def __len__(self) -> int: ...
        def __getitem__(self, index: int, /) -> _T | _Nested[_T]: ...
        def __contains__(self, x: object, /) -> bool: ...
        def __iter__(self, /) -> Iterator[_T | _Nested[_T]]: ...
        def __reversed__(self, /) -> Iterator[_T | _Nested[_T]]: ...

    # What `numpy.asarray` makes an array of numbers of. NumPy's own alias takes strings, too, which no node holds.
    ArrayLike: TypeAlias = _SupportsArray | Number | _Nested[_SupportsArray | Number]

    class _Dataclass(Protocol):
        __dataclass_fields__: ClassVar[dict[str, Any]]

    class _AttrsClass(Protocol):
        __attrs_attrs__: ClassVar[Any]

    class _NamedTuple(Protocol):
        @property
        def _fields(self) -> tuple[str, ...]: ...

    Record: TypeAlias = _Dataclass | _AttrsClass | _NamedTuple  # a container whose fields are what it holds

    # NumPy as rules and meanings read it, whose functions take arrays and nodes alike: its stubs know
    # `__array_ufunc__` but not `__array_function__`, and would have none of a node. Modules that only ever call it on
    # arrays import NumPy itself.
    both: Any
else:  # the typing modules need not be imported at run time
    ArrayLike = DTypeLike = Record = object
    both = np
