"""Checks of derivatives: of your functions (`check_grads`), your own ops (`check_op`) and backends (`check_backend`).

The battery that every op of the library has to pass is the same: `CHECKS`, each a function of one `Case`, which raises
AssertionError. This room compares derivatives with central differences; it may import everything but the face.
"""

from ._backends import check_backend
from ._battery import CHECKS, Case, Point, check_point
from ._checks import check_grads, check_op

__all__ = ["CHECKS", "Case", "Point", "check_backend", "check_grads", "check_op", "check_point"]
