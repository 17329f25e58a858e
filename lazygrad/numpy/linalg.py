"""NumPy's linear algebra, under the same names; lists of nodes are taken, too."""

# mypy: disable-error-code="no-redef,assignment"
# isort: off - NumPy's own stubs know no nodes. Of two meanings of a name mypy takes the first, pyright the last.

from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from ._typed.linalg import *  # noqa: F403
from numpy.linalg import *  # noqa: F403

from ._lists import wrap_functions as _wrap_functions

if _TYPE_CHECKING:
    from ._typed.linalg import *  # noqa: F403
else:
    _wrap_functions(globals(), __name__)
