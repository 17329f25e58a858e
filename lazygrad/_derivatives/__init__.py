"""Which consumers lead to a target, the recursion over them, and the memo of what it found.

This room holds the lazy dynamic programming of Tomassoli, section 13, and its twins: tangents, one pass, n-th order.
It may import the graph and the ops.
"""

from typing import TYPE_CHECKING, Any

from .._graph.later import import_later
from .._graph.node import install

if TYPE_CHECKING:
    from .restoring import MemoOf as MemoOf

# What copies and pickles need is imported with the first of them.
_get_later: Any = import_later(
    __name__, {".copies": ("copy_deeply", "copy_node", "reduce_node"), ".restoring": ("MemoOf",)}
)
if not TYPE_CHECKING:
    __getattr__ = _get_later
install(
    {
        "__copy__": lambda self: _get_later("copy_node")(self),
        "__deepcopy__": lambda self, memo: _get_later("copy_deeply")(self, memo),
        "__reduce_ex__": lambda self, protocol=None: _get_later("reduce_node")(self, protocol),
    }
)
