"""The errors of lazygrad: each says which node and op, which shapes, and what to do instead."""

__all__ = [
    "LazygradError",
    "NonFiniteError",
    "NonFiniteWarning",
    "NotDifferentiableError",
    "RangeError",
    "ShapeError",
    "UnconnectedError",
    "UnconnectedWarning",
]


class LazygradError(Exception):
    """Base class of every error that lazygrad itself raises."""

    __module__ = "lazygrad"


class ShapeError(LazygradError, ValueError):
    """Shapes do not fit an op; raised on the line that builds the node, or by `leaf.set`."""

    __module__ = "lazygrad"


class RangeError(LazygradError, ValueError, OverflowError):
    """A number is too large for the dtype that it takes beside an array, or for a length."""

    __module__ = "lazygrad"


class NotDifferentiableError(LazygradError, TypeError):
    """A derivative was asked for along an edge that has no rule (Collins 1.4.4, Definition 6)."""

    __module__ = "lazygrad"


class NonFiniteError(LazygradError, FloatingPointError):
    """With ``errstate(nonfinite="raise")``: finite numbers gave nan or inf; ``.found`` tells where."""

    __module__ = "lazygrad"

    @property
    def found(self) -> object:
        """Return the record of the place, as `lazygrad.inspect.find_nonfinite` gives it."""
        return self.args[0]


class NonFiniteWarning(RuntimeWarning):
    """With ``errstate(nonfinite="warn")``: finite numbers gave nan or inf."""

    __module__ = "lazygrad"


class UnconnectedError(LazygradError, ValueError):
    """With ``unconnected="raise"``: some requested nodes do not lead to the target."""

    __module__ = "lazygrad"


class UnconnectedWarning(UserWarning):
    """None of the requested nodes leads to the target, so every gradient is zero."""

    __module__ = "lazygrad"
