"""Blocks in which questions are watched follow their own ``with``, wherever generators stop and in whatever order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.watch import watchers


@pytest.fixture(autouse=True)
def nobody_listens_afterwards() -> Iterator[None]:
    yield
    assert tuple(watchers()) == ()


def ask(at: float) -> float:
    x = lg.parameter(at)
    return float(lg.gradient(x * x, x))


def recorded(at: float, steps: int = 2) -> Iterator[lg.Report]:
    """Ask once in each step, and give the report to the caller in between."""
    with lg.record() as report:
        for k in range(steps):
            ask(at + k)
            yield report


def test_a_report_of_a_generator_counts_only_while_that_runs() -> None:
    steps = recorded(1.0)
    report = next(steps)
    assert not watchers()
    ask(5.0)
    assert len(report.queries) == 1
    next(steps)
    ask(6.0)
    assert list(steps) == []
    assert len(report.queries) == 2


def test_generators_that_take_turns_have_a_report_each() -> None:
    one, other = recorded(1.0, 3), recorded(2.0, 3)
    with lg.record() as whole:
        pairs = list(zip(one, other, strict=True))  # `one` ends first
        assert next(other, None) is None
    assert [len(report.queries) for report in pairs[0]] == [3, 3]
    assert len(whole.queries) == 6
    assert ask(3.0) == 6.0
    assert len(whole.queries) == 6


@pytest.mark.parametrize("end", ["close", "drop", "throw"])
def test_a_generator_that_is_given_up_leaves_nothing_open(end: str) -> None:
    steps: Any = recorded(1.0)
    report = next(steps)
    if end == "close":
        steps.close()
    elif end == "throw":
        with pytest.raises(ZeroDivisionError):
            steps.throw(ZeroDivisionError)
    del steps
    gc.collect()
    ask(2.0)
    assert len(report.queries) == 1


def checked(kind: Any) -> Iterator[float]:
    with lg.errstate(nonfinite=kind):
        yield 1.0
        with np.errstate(all="ignore"):
            yield float(np.log(lg.parameter(0.0) * 1.0).value)


def test_checks_of_a_generator_do_not_reach_its_caller() -> None:
    steps, others = checked("raise"), checked("ignore")
    next(steps), next(others)
    with np.errstate(all="ignore"):
        assert np.log(lg.parameter(0.0) * 1.0).value == -np.inf
    assert next(others) == -np.inf
    with pytest.raises(lg.NonFiniteError):
        next(steps)
    others.close()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        assert np.log(lg.parameter(0.0) * 1.0).value == -np.inf


def test_blocks_within_blocks_of_the_caller_and_of_a_generator() -> None:
    """A generator's block lies within those that are open where it runs."""
    steps = checked("raise")
    next(steps)
    with lg.errstate(nonfinite="ignore"):
        with np.errstate(all="ignore"):
            assert np.log(lg.parameter(0.0) * 1.0).value == -np.inf
        steps.close()
    with lg.record() as report:
        generator = recorded(1.0)
        inner = next(generator)
        ask(2.0)
        generator.close()
        ask(3.0)
    assert (len(inner.queries), len(report.queries)) == (1, 3)


@contextlib.contextmanager
def recording() -> Iterator[lg.Report]:
    with lg.record() as report, lg.errstate(nonfinite="raise"):
        yield report


def test_a_context_manager_made_of_a_generator_watches_its_block() -> None:
    with recording() as report:
        ask(1.0)
        with pytest.raises(lg.NonFiniteError), np.errstate(all="ignore"):
            np.log(lg.parameter(0.0) * 1.0).value  # noqa: B018
    ask(2.0)
    assert len(report.queries) == 2

    def steps() -> Iterator[lg.Report]:
        with recording() as report:
            ask(1.0)
            yield report

    generator = steps()
    held = next(generator)
    ask(2.0)
    assert len(held.queries) == 1
    generator.close()


def test_an_exit_stack_and_a_decorator() -> None:
    with contextlib.ExitStack() as stack:
        report = stack.enter_context(lg.record())
        ask(1.0)
    assert len(report.queries) == 1

    @lg.errstate(nonfinite="raise")
    def strict() -> Any:
        with np.errstate(all="ignore"):
            return np.log(lg.parameter(0.0) * 1.0).value

    for _ in range(2):
        with pytest.raises(lg.NonFiniteError):
            strict()


def test_blocks_may_end_in_any_order() -> None:
    first, second = lg.record(), lg.record()
    one, two = first.__enter__(), second.__enter__()
    ask(1.0)
    first.__exit__(None, None, None)
    ask(2.0)
    second.__exit__(None, None, None)
    ask(3.0)
    assert (len(one.queries), len(two.queries)) == (1, 2)


def test_a_block_that_ends_in_another_thread() -> None:
    steps = recorded(1.0)
    report = next(steps)
    thread = threading.Thread(target=steps.close)
    thread.start()
    thread.join()
    ask(2.0)
    assert len(report.queries) == 1


def test_tasks_and_asynchronous_generators() -> None:
    async def task(at: float) -> int:
        with lg.record() as report:
            for k in range(3):
                ask(at + k)
                await asyncio.sleep(0)
        return len(report.queries)

    async def steps() -> Any:
        with lg.record() as report:
            ask(1.0)
            yield report
            ask(2.0)

    async def run() -> Any:
        counts = await asyncio.gather(*[task(float(k)) for k in range(4)])
        generator = steps()
        report = await anext(generator)
        ask(9.0)
        assert await anext(generator, None) is None
        return counts, len(report.queries)

    assert asyncio.run(run()) == ([3, 3, 3, 3], 2)


def test_sources_are_traced_until_the_last_block_ends() -> None:
    def steps() -> Iterator[None]:
        with lg.trace_sources():
            yield

    one, other = steps(), steps()
    next(one), next(other)
    one.close()
    assert lg.parameter(1.0).source is not None
    other.close()
    assert lg.parameter(1.0).source is None
    lg.trace_sources()
    with lg.trace_sources(False):
        assert lg.parameter(1.0).source is None
    assert lg.parameter(1.0).source is not None
    lg.trace_sources(False)
    assert lg.parameter(1.0).source is None
