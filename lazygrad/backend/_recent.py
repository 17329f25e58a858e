"""The entries used last: found again, put in front, and forgotten when many others were used since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["Recent"]

T = TypeVar("T")


class Recent(Generic[T]):
    """The entries used last, the latest one first.

    Entries are told apart by identity, as those that hold arrays or nodes have no plain ``==``.

    Parameters
    ----------
    most
        How many entries are kept.

    Examples
    --------
    >>> recent = Recent(2)
    >>> for word in ("one", "two", "three"):
    ...     recent.use(word)
    >>> recent.use(recent.find(lambda word: "w" in word))
    >>> list(recent)
    ['two', 'three']
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._entries: list[T] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._entries))

    def find(self, matches: Callable[[T], bool]) -> T | None:
        """Return the latest entry that matches, if there is one; it stays where it is."""
        return next(filter(matches, self._entries), None)

    def use(self, entry: T) -> None:
        """Put an entry in front, be it new or not, and forget the oldest ones beyond the limit."""
        self.remove(entry)
        self._entries.insert(0, entry)
        del self._entries[self.most :]

    def remove(self, entry: T) -> None:
        """Forget an entry, if it is there."""
        for k, other in enumerate(self._entries):
            if other is entry:
                del self._entries[k]
                return

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
