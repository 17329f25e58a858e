"""The data that a page holds, and the counts of its steps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lazygrad as lg

__all__ = ["count_requests", "count_steps", "read_data"]


def read_data(path: Path) -> Any:
    """Return the data that a page holds."""
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', path.read_text("utf-8"), re.S)
    return json.loads(text)


def count_steps(steps: list[int], until: int | None = None) -> list[int]:
    """Count requests, hits and misses of values, then of adjoints, in the steps of a page."""
    found = []
    triples = list(zip(steps[::3], steps[1::3], steps[2::3], strict=True))[:until]
    for adjoint in (0, 4):
        of_kind = [(many, code & 3) for _, many, code in triples if code & 4 == adjoint]
        hits, misses = (sum(many for many, what in of_kind if what == wanted) for wanted in (0, 1))
        found += [hits + misses, hits, misses]
    return found


def count_requests(report: lg.Report) -> list[int]:
    return [n for t in (report.values, report.adjoints) for n in (t.requests, t.hits, t.misses)]
