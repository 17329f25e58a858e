"""The functions that transforms return, as type checkers see them; imported by them alone.

A derivative has the structure of the argument it is by, and is made of nodes if that is. Of nested containers nothing
more than `Any` is said.
"""

# mypy: disable-error-code="overload-overlap"
# 0 is an int, and no arguments are arrays as well as nodes: the first overload that fits is meant.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, overload

from .._graph.node import Node
from .._graph.types import Array, ArrayLike, Number, Record

__all__ = [
    "Gradient",
    "Gradients",
    "HigherOrder",
    "Plain",
    "Pullback",
    "SomeGradient",
    "SomeValueAndGradient",
    "ValueAndGradient",
    "ValueAndGradients",
]

K = TypeVar("K")
N = TypeVar("N", bound=Node)
P = TypeVar("P", bound="Plain")
R = TypeVar("R", bound=Record)

Plain: TypeAlias = Array | Number  # what is no node, and no container


class Gradient(Protocol):
    """The gradient by the first argument."""

    @overload
    def __call__(self, x: Node, /, *args: object, **kwargs: object) -> Node: ...
    @overload
    def __call__(self, x: Plain, /, *args: object, **kwargs: object) -> Array: ...
    @overload
    def __call__(self, x: list[N], /, *args: object, **kwargs: object) -> list[Node]: ...
    @overload
    def __call__(self, x: list[P], /, *args: object, **kwargs: object) -> list[Array]: ...
    @overload
    def __call__(self, x: R, /, *args: object, **kwargs: object) -> R: ...
    @overload
    def __call__(self, x: tuple[N, ...], /, *args: object, **kwargs: object) -> tuple[Node, ...]: ...
    @overload
    def __call__(self, x: tuple[P, ...], /, *args: object, **kwargs: object) -> tuple[Array, ...]: ...
    @overload
    def __call__(self, x: Mapping[K, N], /, *args: object, **kwargs: object) -> dict[K, Node]: ...
    @overload
    def __call__(self, x: Mapping[K, P], /, *args: object, **kwargs: object) -> dict[K, Array]: ...
    @overload
    def __call__(self, x: Sequence[object] | Mapping[K, object], /, *args: object, **kwargs: object) -> Any: ...


class SomeGradient(Protocol):
    """The gradient by one argument that is not the first."""

    @overload
    def __call__(self, *args: Plain, **kwargs: object) -> Array: ...
    @overload
    def __call__(self, *args: object, **kwargs: object) -> Any: ...


class Gradients(Protocol):
    """The gradients by several arguments."""

    @overload
    def __call__(self, *args: Plain, **kwargs: object) -> tuple[Array, ...]: ...
    @overload
    def __call__(self, *args: Node | Plain, **kwargs: object) -> tuple[Node, ...]: ...
    @overload
    def __call__(self, *args: object, **kwargs: object) -> tuple[Any, ...]: ...


class ValueAndGradient(Protocol):
    """The value, and the gradient by the first argument."""

    @overload
    def __call__(self, x: Node, /, *args: object, **kwargs: object) -> tuple[Node, Node]: ...
    @overload
    def __call__(self, x: Plain, /, *args: object, **kwargs: object) -> tuple[Array, Array]: ...
    @overload
    def __call__(self, x: list[N], /, *args: object, **kwargs: object) -> tuple[Node, list[Node]]: ...
    @overload
    def __call__(self, x: list[P], /, *args: object, **kwargs: object) -> tuple[Array, list[Array]]: ...
    @overload
    def __call__(self, x: R, /, *args: object, **kwargs: object) -> tuple[Any, R]: ...
    @overload
    def __call__(self, x: tuple[N, ...], /, *args: object, **kwargs: object) -> tuple[Node, tuple[Node, ...]]: ...
    @overload
    def __call__(self, x: tuple[P, ...], /, *args: object, **kwargs: object) -> tuple[Array, tuple[Array, ...]]: ...
    @overload
    def __call__(self, x: Mapping[K, N], /, *args: object, **kwargs: object) -> tuple[Node, dict[K, Node]]: ...
    @overload
    def __call__(self, x: Mapping[K, P], /, *args: object, **kwargs: object) -> tuple[Array, dict[K, Array]]: ...
    @overload
    def __call__(
        self, x: Sequence[object] | Mapping[K, object], /, *args: object, **kwargs: object
    ) -> tuple[Any, Any]: ...


class SomeValueAndGradient(Protocol):
    """The value, and the gradient by one argument that is not the first."""

    @overload
    def __call__(self, *args: Plain, **kwargs: object) -> tuple[Array, Array]: ...
    @overload
    def __call__(self, *args: object, **kwargs: object) -> tuple[Any, Any]: ...


class ValueAndGradients(Protocol):
    """The value, and the gradients by several arguments."""

    @overload
    def __call__(self, *args: Plain, **kwargs: object) -> tuple[Array, tuple[Array, ...]]: ...
    @overload
    def __call__(self, *args: Node | Plain, **kwargs: object) -> tuple[Node, tuple[Node, ...]]: ...
    @overload
    def __call__(self, *args: object, **kwargs: object) -> tuple[Any, tuple[Any, ...]]: ...


class HigherOrder(Protocol):
    """A Jacobian or Hessian by the first argument: one array for one array."""

    @overload
    def __call__(self, x: Node, /, *args: object, **kwargs: object) -> Node: ...
    @overload
    def __call__(self, x: Plain, /, *args: object, **kwargs: object) -> Array: ...
    @overload
    def __call__(self, x: object, /, *args: object, **kwargs: object) -> Any: ...


class Pullback(Protocol):
    """The function that maps a cotangent of one output to those of the arguments."""

    @overload
    def __call__(self, cotangent: Node, /) -> tuple[Node, ...]: ...
    @overload
    def __call__(self, cotangent: ArrayLike, /) -> tuple[Array, ...]: ...
