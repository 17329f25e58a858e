"""See what it did: pictures and a page, why a node was computed, and what a question will cost.

| call | answer |
|---|---|
| `explain` | what a question would compute, read and cost, before it is asked |
| `why` | the question a node was computed for, and the way there |
| `draw` | a picture: which values and adjoints were computed, read or never touched |
| `page` | a page for the browser, which replays the queries step by step |
| `find_nonfinite` | the first place where finite numbers gave nan or inf |

This room shows the graph, its memo and the events of a report, and changes none of them.
It may import every room below it: reports, questions, ops and the walks; nothing imports it but the command line.
"""

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
