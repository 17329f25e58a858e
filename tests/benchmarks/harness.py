"""A small harness: candidates run in turn, round by round, and are compared by per-round ratios.

Import it before NumPy: it pins the thread counts.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np


def arguments(description: str | None) -> argparse.Namespace:
    """The options every script takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=21, help="rounds to take medians of")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds, to see that it runs")
    parser.add_argument("--peers", action="store_true", help="also run the peers that are installed")
    return parser.parse_args()


def versions(*packages: str) -> str:
    """Python and package versions, for the head of a table."""
    found = [f"Python {platform.python_version()}"]
    for package in ("lazygrad", "numpy", *packages):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def check(results: Mapping[str, object], rtol: float = 1e-9) -> None:
    """Refuse to time candidates whose gradients differ."""
    (first, expected), *others = results.items()
    for name, got in others:
        for a, b in zip(expected, got, strict=True):  # type: ignore[call-overload]
            np.testing.assert_allclose(b, a, rtol=rtol, atol=1e-12, err_msg=f"{name} differs from {first}")


def compare(
    title: str,
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    before: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Time the candidates in turn, another first each round; print medians and ratios to the first one.

    `before` runs untimed ahead of each candidate. Returns the median per-round ratios.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for k in range(rounds + 1):
        names = list(candidates)
        for name in names[k % len(names) :] + names[: k % len(names)]:  # nobody always runs after the same one
            run = candidates[name]
            if before is not None:
                before()
            start = time.process_time()
            run()
            if k:  # the first round warms up
                seconds[name].append(time.process_time() - start)
    baseline = next(iter(candidates))
    ratios = {
        name: statistics.median(t / b for t, b in zip(times, seconds[baseline], strict=True))
        for name, times in seconds.items()
    }
    print(f"\n{title} ({rounds} rounds, CPU time, 1 thread)")
    for name, times in seconds.items():
        print(f"  {name:<44}{statistics.median(times) * 1e3:>10.2f} ms{ratios[name]:>9.2f} x")
    return ratios
