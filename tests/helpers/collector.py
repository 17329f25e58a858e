"""Show that nothing is left for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collector() -> Iterator[None]:
    """Run a block without the garbage collector; at the end there must be nothing for it to do."""
    gc.collect()
    gc.freeze()  # what was there before need not be searched again at the end
    gc.disable()
    try:
        yield
        assert gc.collect() == 0, "a reference cycle was left behind"
    finally:
        gc.enable()
