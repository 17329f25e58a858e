"""What the functions of `lazygrad.numpy` take in the place of an array."""

from typing import TypeAlias

from ..._graph.node import Node
from ..._graph.types import ArrayLike, Number, _Nested, _SupportsArray

Operand: TypeAlias = Node | ArrayLike | _Nested[Node | _SupportsArray | Number]  # lists of nodes as well
