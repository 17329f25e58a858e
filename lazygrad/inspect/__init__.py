"""See what it did: pictures and a page, why a node was computed, and what a question will cost."""

from ._draw import Drawing as Drawing
from ._draw import draw as draw
from ._explain import explain as explain
from ._explanation import Explanation as Explanation
from ._explanation import Read as Read
from ._explanation import Step as Step
from ._nonfinite import NonFinite as NonFinite
from ._nonfinite import find_nonfinite as find_nonfinite
from ._page import page as page
from ._why import Link as Link
from ._why import Why as Why
from ._why import why as why
