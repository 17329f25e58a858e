"""The frame of the user's code: the innermost one that is neither lazygrad's nor NumPy's."""

from __future__ import annotations

import os
import sys
from types import FrameType

import attrs
import numpy as np

__all__ = ["OURS", "find_user_frame"]

# Files whose lines are not the user's; attrs writes constructors into files that do not exist.
_PACKAGES = (
    os.path.dirname(os.path.dirname(__file__)),
    *map(os.path.dirname, (np.__file__, attrs.evolve.__code__.co_filename)),
)
OURS = (*[folder + os.sep for folder in _PACKAGES], "<attrs generated")


def find_user_frame() -> tuple[FrameType | None, int]:
    """Return the innermost frame of the user's code, and its `stacklevel` for a warning of the caller."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame, level = frame.f_back, level + 1
    return frame, level
