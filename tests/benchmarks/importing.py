"""W0: the CPU time of ``import lazygrad`` against that of ``import numpy``, each in a fresh process, in turn.

Python writes what it compiles of a module into a cache, and reads it there the next time. Both are measured with full
caches: they are kept in a folder of this run, so that it does not matter where the packages come from.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile

QUESTIONS = {
    "python": "pass",
    "numpy": "import numpy",
    "lazygrad": "import lazygrad",
    "first gradient": "import lazygrad as lg; x = lg.parameter(3.0); lg.gradient(x * x, x)",
    "first grad": "import lazygrad as lg; lg.grad(lambda x: x * x)(3.0)",
    "everything": "import lazygrad as lg; [getattr(lg, name) for name in lg.__all__]",
}
TARGET = 1.5  # times `import numpy`


def cpu(program: str, environment: dict[str, str]) -> float:
    """Return the milliseconds of CPU that a program takes in a fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each round of each program, taken in turn."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache
        for program in QUESTIONS.values():  # fills the caches
            cpu(program, environment)
        found: dict[str, list[float]] = {name: [] for name in QUESTIONS}
        for _ in range(rounds):
            for name, program in QUESTIONS.items():
                found[name].append(cpu(program, environment))
    return found


def main() -> None:
    """Measure, and print medians and ratios to NumPy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    found = measure(parser.parse_args().rounds)
    print(f"{'':16} {'CPU':>8}  of numpy")
    for name, times in found.items():
        ratio = statistics.median(a / b for a, b in zip(times, found["numpy"], strict=True))
        verdict = f"  (target {TARGET})" if name == "lazygrad" else ""
        print(f"{name:16} {statistics.median(times):5.0f} ms  {ratio:8.2f}{verdict}")


if __name__ == "__main__":
    main()
