"""A small harness: one question, several candidates, timed in turn and compared by per-round ratios.

Import it before NumPy: it pins the thread counts. Nothing is timed before every candidate has given the same answers
as the hand-written one, for several values of the inputs.
"""

from __future__ import annotations

import os

for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import argparse
import gc
import json
import math
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

CHECKED = 3  # how many values of the inputs are answered by all before anything is timed
ENOUGH = 3e-3  # seconds: what takes less is run several times a round, so that the clock's grain does not matter
PATIENCE = 90.0  # seconds for the rounds of one question; then fewer are made, but never less than three
FEWEST = 3

Answer = list[Any]
Run = Callable[..., Answer]  # called with the arrays of a question


class WrongAnswerError(AssertionError):
    """A candidate's values or gradients are not those of the hand-written one: nothing is timed."""


class Skipped(Exception):
    """A candidate that cannot run here."""


@dataclass
class Fed:
    """A `Run` of somebody with arrays of another kind: `convert` makes them, untimed."""

    convert: Callable[[tuple[Any, ...]], Sequence[Any]]
    run: Run

    def __call__(self, *arrays: Any) -> Answer:
        return self.run(*self.convert(arrays))


@dataclass
class Question:
    """What is asked: of which loss, by which of its arrays, and what changes between one time and the next.

    Attributes
    ----------
    loss
        ``loss(ops, *arrays)`` gives a scalar; `ops` has the functions (`tanh`, `sum` ...) of whoever runs it. So the
        program is written once for the library and for all peers.
    by_hand
        Answers as a good engineer would write it with NumPy: ``[value if asked, *gradients]``. All ratios are to it.
    queries
        The positions whose gradients are asked, in one question or in several, one after the other.
    changing
        The positions whose arrays are other ones each time.
    targets
        The largest ratio wanted: by kind of candidate; or the name of the candidate that must not be faster.
    rivals
        Further ways of writing it by hand, timed for comparison.
    without
        The kinds of candidates for which it makes no sense.
    tolerance
        The relative error that is mere rounding; by default that of the dtype.
    kinks
        Whether rounding may put a number on the other side of a kink: then a difference must show a second time.
    notes
        What else there is to tell, a line each.
    """

    family: str
    title: str
    loss: Callable[..., Any]
    by_hand: Run
    arrays: list[Any]
    queries: Sequence[Sequence[int]]
    changing: Sequence[int]
    value: bool = False
    targets: Mapping[str, float | str] = field(default_factory=dict)
    peers: Sequence[str] = ()
    rivals: Mapping[str, Run] = field(default_factory=dict)
    without: Sequence[str] = ()
    tolerance: float | None = None
    kinks: bool = False
    notes: Sequence[Callable[[Question], str]] = ()
    steps: int = 0

    def advance(self) -> None:
        """Change what changes: data are other arrays, parameters the same ones in other states.

        No state comes twice, or a memo could answer without computing anything.
        """
        self.steps += 1
        amount = 1e-3 * math.cos(self.steps)  # whose sums stay small
        asked = {k for query in self.queries for k in query}
        for k in self.changing:
            a = self.arrays[k]
            if not isinstance(a, np.ndarray):
                self.arrays[k] = a + amount
            elif a.dtype.kind != "f":
                self.arrays[k] = np.roll(a, 1)
            elif k in asked:
                a += a.dtype.type(amount)
            else:
                self.arrays[k] = a + a.dtype.type(amount)

    def expected(self) -> list[np.ndarray]:
        """Return the hand-written answers for the present arrays."""
        return [np.array(a) for a in self.by_hand(*self.arrays)]

    def allowed(self, dtype: np.dtype) -> float:
        """Return the relative error that is mere rounding."""
        return self.tolerance or (2e-4 if dtype == np.float32 else 1e-8)


@dataclass
class Candidate:
    """Somebody who answers.

    `make` sets up whatever is set up once, and returns the function that is then called with the arrays.
    """

    name: str
    kind: str
    make: Callable[[], Run]
    forgiven: bool = False  # whether it may fail, which is then part of the table


@dataclass
class Row:
    """What was measured of one candidate: seconds, and the median per-round ratio to the hand-written one."""

    name: str
    kind: str
    ratio: float | None = None
    seconds: float | None = None
    setup: float | None = None
    first: float | None = None
    note: str = ""
    target: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.target is None or self.ratio is None else self.ratio <= self.target


@dataclass
class Table:
    """The rows of one question."""

    family: str
    title: str
    rounds: int
    rows: list[Row]
    notes: list[str] = field(default_factory=list)


def arguments(description: str | None, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options every script takes; and one processor for all that runs from now on."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=21, help="rounds to take medians of")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds, to see that it runs")
    parser.add_argument("--peers", action="store_true", help="also run the peers that are installed")
    parser.add_argument("--only", default="", help="only the questions with this in their title")
    parser.add_argument("--json", type=Path, help="also write the tables to this file")
    options = parser.parse_args(argv)
    if options.quick:
        options.rounds = min(options.rounds, FEWEST)
    elif hasattr(os, "sched_setaffinity"):  # libraries that start a thread for each processor then start one
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})
    return options


def versions(*packages: str) -> str:
    """Python and package versions, for the head of a table."""
    found = [f"Python {platform.python_version()}"]
    for package in ("lazygrad", "numpy", *packages):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def check(question: Question, name: str, run: Run) -> None:
    """Refuse answers, for other arrays than before, that are not the hand-written ones up to rounding."""
    for last in (False, True) if question.kinks else (True,):
        question.advance()
        wrong = difference(question, run(*question.arrays), question.expected())
        if not wrong:
            return
        if last:
            raise WrongAnswerError(f"{name}: {wrong}: {question.title}")


def difference(question: Question, got: Answer, expected: Sequence[np.ndarray]) -> str:
    """Return what is wrong with an answer, or nothing."""
    if len(got) != len(expected):
        return f"{len(got)} answers instead of {len(expected)}"
    for k, (a, b) in enumerate(zip(map(np.asarray, got), expected, strict=True)):
        if a.shape != b.shape:
            return f"answer {k} has shape {a.shape} instead of {b.shape}"
        if b.size:
            error = np.max(np.abs(a - b)) / (np.max(np.abs(b)) or 1)
            if not error <= question.allowed(b.dtype):  # also refuses nan
                return f"answer {k} is off by {error:.1e}, relatively"
    return ""


def clock_cost() -> float:
    """Return what reading the clock twice costs, which is taken off."""
    return statistics.median(-time.process_time() + time.process_time() for _ in range(1000))


def ready(question: Question, candidate: Candidate) -> tuple[Row, Run | None]:
    """Set a candidate up and check its answers for several states of the arrays."""
    row = Row(candidate.name, candidate.kind)
    gc.collect()
    try:
        start = time.process_time()
        run = candidate.make()
        row.setup = time.process_time() - start
        run(*question.arrays)
        row.first = time.process_time() - start
        for _ in range(CHECKED):
            check(question, candidate.name, run)
    except Skipped as why:
        row.note = str(why)
    except WrongAnswerError:
        raise
    except Exception as error:
        if not candidate.forgiven:
            raise
        row.note = f"fails: {type(error).__name__}"
    else:
        return row, run
    return row, None


def compare(question: Question, candidates: Sequence[Candidate], options: argparse.Namespace) -> Table:
    """Check the answers of all candidates, time them in turn, and print medians and ratios.

    The first one is hand-written: ratios are to it, round by round.
    """
    rows: list[Row] = []
    runs: dict[int, Run] = {}
    rivals = [Candidate(name, "rival", lambda run=run: run) for name, run in question.rivals.items()]
    for candidate in (Candidate("by hand", "hand", lambda: question.by_hand), *rivals, *candidates):
        row, run = ready(question, candidate)
        rows.append(row)
        if run is not None:
            runs[len(rows) - 1] = run
    # What one candidate has built must not make the others' garbage collection slower.
    gc.collect()
    gc.freeze()
    cost = clock_cost()

    def timed(k: int, repeats: int) -> float:
        times = []
        run, convert = (runs[k].run, runs[k].convert) if isinstance(runs[k], Fed) else (runs[k], tuple)
        for _ in range(repeats):
            question.advance()
            given = convert(tuple(question.arrays))
            start = time.process_time()
            answer = run(*given)
            times.append(time.process_time() - start - cost)
            del answer
        return statistics.median(times)

    once = {k: min(timed(k, 1), timed(k, 1)) for k in runs}
    repeats = {k: 1 if options.quick else min(200, math.ceil(ENOUGH / max(t, 1e-6))) for k, t in once.items()}
    full = sum(t * repeats[k] for k, t in once.items())
    rounds = max(FEWEST, min(options.rounds, int(PATIENCE / full))) if not options.quick else options.rounds
    seconds: dict[int, list[float]] = {k: [] for k in runs}
    order = list(runs)
    for n in range(rounds):
        shift = n % len(order)
        for k in order[shift:] + order[:shift]:  # nobody always runs after the same one
            seconds[k].append(timed(k, repeats[k]))
    gc.unfreeze()
    for k, run in runs.items():  # and once more, now that every buffer was used often
        check(question, rows[k].name, run)
    for k, times in seconds.items():
        rows[k].seconds = statistics.median(times)
        rows[k].ratio = statistics.median(t / b for t, b in zip(times, seconds[0], strict=True))
    for row in rows:
        wanted = question.targets.get(row.kind)
        if isinstance(wanted, str):
            wanted = next((other.ratio for other in rows if other.name == wanted), None)
        row.target = None if options.quick else wanted  # for the sizes of the full run
    table = Table(question.family, question.title, rounds, rows)
    show(table)
    return table


def duration(seconds: float | None) -> str:
    """Return a time as people read it."""
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def show(table: Table) -> None:
    """Print a table."""
    print(f"\n{table.family}: {table.title} ({table.rounds} rounds, CPU time, 1 thread)")
    print(f"  {'':<38}{'median':>10}{'ratio':>10}{'set-up':>10}{'first':>10}  target")
    for row in table.rows:
        if row.ratio is None:
            print(f"  {row.name:<38}{'-':>10}  {row.note}")
            continue
        verdict = "" if row.target is None else f"  <= {row.target:.2f} {'met' if row.met else 'missed'}"
        print(
            f"  {row.name:<38}{duration(row.seconds):>10}{row.ratio:>8.2f} x"
            f"{duration(row.setup):>10}{duration(row.first):>10}{verdict}"
        )
    for note in table.notes:
        print(f"  {note}")


def save(tables: Sequence[Table], path: Path | None) -> None:
    """Write tables to a file, if one is asked for."""
    if path is not None:
        path.write_text(json.dumps([asdict(table) for table in tables]))


def load(path: Path) -> list[Table]:
    """Read what `save` wrote."""
    return [Table(**{**t, "rows": [Row(**row) for row in t["rows"]]}) for t in json.loads(path.read_text())]
