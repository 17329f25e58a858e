"""Print the worst error of the derivatives of special functions and distributions, in units in the last place.

`python tests/benchmarks/accuracy.py [name ...]` compares with mpmath over the ranges of `tests/cases/accuracy.py`.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

import lazygrad as lg
from tests.cases import accuracy, accuracy_counts, accuracy_inverses, accuracy_stats


def worst(row: accuracy.Range, dtype: type[np.floating]) -> list[tuple[float, float]]:
    """Return the largest error in units in the last place, and where it is, of both derivatives."""
    small = 1e-290 if dtype is np.float64 else 1e-30
    f, found = row.ours, []
    with np.errstate(over="ignore"):  # places that float32 does not reach are infinite, and left out
        x = np.array(row.places, dtype)
    for order in (1, 2):
        f = lg.elementwise_grad(f)
        with np.errstate(all="ignore"):
            values = f(x)
        errors = [(0.0, math.nan)]
        for place, value in zip(x, values, strict=True):
            inside = np.isfinite(place) and (abs(place) != 1 or abs(float(place)) in map(abs, row.places))
            right = float(accuracy.differentiate(row, float(place), order)) if inside else math.nan
            if math.isfinite(right) and small < abs(right) < float(np.finfo(dtype).max):
                error = abs(float(value) - right) / float(np.spacing(dtype(abs(right))))
                errors.append((math.inf if math.isnan(error) else error, float(place)))
        found.append(max(errors))
    return found


def main() -> None:
    print(f"{'function':34}" + "".join(f"{title:>24}" for title in ("f'", "f''", "f', float32", "f'', float32")))
    for row in (*accuracy.RANGES, *accuracy_inverses.RANGES, *accuracy_stats.RANGES, *accuracy_counts.RANGES):
        if len(sys.argv) > 1 and not row.name.startswith(tuple(sys.argv[1:])):
            continue
        cells = [*worst(row, np.float64), *worst(row, np.float32)]
        print(f"{row.name:34}" + "".join(f"{error:11.3g} at {place:<9.3g}" for error, place in cells), flush=True)


if __name__ == "__main__":
    main()
