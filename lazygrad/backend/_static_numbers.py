"""A warning where a Python number makes a function be called again and again."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from .._graph.frames import find_user_frame

__all__ = ["StaticNumbers"]

MANY = 3  # a second number may be chance


class StaticNumbers:
    """The Python numbers that a function was called with to be traced, for each of its arguments.

    Parameters
    ----------
    function
        Its name.
    advice
        What to do instead, for the warning; ``{number}`` in it is the number as NumPy's.
    """

    def __init__(self, function: str, advice: str) -> None:
        self._function, self._advice = function, advice
        self._seen: dict[str, list[complex]] = {}

    def note(self, arguments: Iterable[tuple[str, object]]) -> None:
        """Note the static arguments of one more trace by their names, and warn at the third number in one place."""
        for name, value in arguments:
            if not isinstance(value, (int, float, complex)):
                continue
            seen = self._seen.setdefault(name, [])
            if len(seen) >= MANY or any(value == other or (value != value and other != other) for other in seen):
                continue
            seen.append(value)
            if len(seen) == MANY:
                number = f"np.{'complex128' if isinstance(value, complex) else 'float64'}({seen[0]!r})"
                warnings.warn(
                    f"argument {name} of {self._function} is a Python number, which is static: {self._function} was "
                    f"called again, and has another graph, for each of {', '.join(map(repr, seen))}. If it need not be "
                    f"one, {self._advice.format(number=number)}",
                    stacklevel=find_user_frame()[1],
                )
