"""The logger, under the name ``lazygrad``; silent unless the program sets up logging."""

from __future__ import annotations

import logging

__all__ = ["logger"]

logger = logging.getLogger("lazygrad")
logger.addHandler(logging.NullHandler())
