"""The one memoised recursion of the library, on an explicit stack; it knows no nodes.

Written as a recursive function it would be ::

    def demand(key):
        if missing(key) is None:        # the memo holds it
            return
        for other in missing(key):      # what it needs first
            demand(other)
        compute(key)

which is Stratos' `forward-rec` (App. G) when `missing` looks at a node's inputs, Tomassoli's lazy
dynamic programming (section 13) when it looks at its consumers, and invalidation when
`compute` forgets instead of storing.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["demand"]

Key = TypeVar("Key")
_AFTER = object()


def demand(
    root: Key,
    missing: Callable[[Key], Sequence[Key] | None],
    compute: Callable[[Key], object],
) -> None:
    """Compute `root` and, before it, all it needs that the memo does not hold yet.

    Parameters
    ----------
    root
        The key that is asked for.
    missing
        ``missing(key)`` is None if the memo holds `key`, else the keys it needs that are not held,
        in the order in which they are to be computed.
    compute
        ``compute(key)`` puts `key` into the memo; called once a key, after everything it needs.

    Notes
    -----
    Nothing is kept between calls but what `compute` stores, so an exception (or Ctrl-C) half-way
    leaves a memo that is merely less full. Time is linear in the keys and needs met.

    Examples
    --------
    >>> memo = {0: 0, 1: 1}
    >>> def missing(n):
    ...     return None if n in memo else [m for m in (n - 2, n - 1) if m not in memo]
    >>> demand(90, missing, lambda n: memo.update({n: memo[n - 1] + memo[n - 2]}))
    >>> memo[90]
    2880067194370816120
    """
    stack: list[Any] = [root]
    push, push_all, pop = stack.append, stack.extend, stack.pop
    while stack:
        key = pop()
        if key is _AFTER:  # what the key below needed is there now
            compute(pop())
            continue
        needed = missing(key)
        if needed:
            push(key)
            push(_AFTER)
            push_all(reversed(needed))
        elif needed is not None:
            compute(key)
