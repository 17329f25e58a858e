"""The forms in which a composition is answered, each held against the walk of the memo on a graph of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
import pytest

import lazygrad as lg
from lazygrad._schedule import schedule
from lazygrad._schedule.forms import batches, blocks
from lazygrad._schedule.forms.batches import write_batches
from lazygrad._schedule.forms.loop import write_loop
from lazygrad._schedule.forms.numbers import has_only_numbers, write_numbers, write_tape
from lazygrad._schedule.program import Program
from lazygrad.ops import linear
from tests.helpers.compositions import Composition, quiet, with_plans_at_once, without_plans

Answers = list[list[Any]]  # for each point
SINGLE = (np.float32, np.complex64)


@attrs.frozen
class Form:
    """A way to answer, and whether it promises the bits of the walk."""

    answer: Callable[[Composition], Answers | None]
    exactly: bool


def answer_by_plan(made: Composition) -> Answers:
    """Answer each question by a plan that is made at once, and runs from then on."""
    with with_plans_at_once():
        built = made.build()
        answers = [built.ask(point) for point in made.points]
        if built.target is not None:
            info = lg.differentiator(built.target).plan_info()
            assert info.runs + info.failures  # it fails where a guard is needed
    return answers


def compile_and_ask(made: Composition, exact: bool, backend: str = "numpy", form: type | None = None) -> Answers | None:
    """Answer by `lazygrad.compile`; None if that is to be in a form that the composition cannot have."""
    built = made.build()
    step = lg.compile(built.roots, inputs=built.leaves, exact=exact, backend=backend)
    assert step.statistics.failures == 0
    if form is not None and not isinstance(step.schedule._form, form):
        return None
    answers = [step(*point) for point in made.points]
    assert step.statistics.failures == 0
    return answers


@contextmanager
def short_blocks() -> Iterator[None]:
    """Let chains have blocks of two numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 16)
        yield


def answer_in_blocks(made: Composition, exact: bool) -> Answers | None:
    with short_blocks():
        return compile_and_ask(made, exact)


def answer_in_form(write: Callable[[Program, Any], Any], exact: bool) -> Callable[[Composition], Answers | None]:
    """Return what answers in another form than is taken by itself, where it can be written at all."""

    def choose(program: Program, params: Any, *rest: Any, **options: Any) -> Any:
        live = program.find_live()
        placed = exact and schedule._depends_on_placement(program, live)
        return (None if placed else write(program, params)) or CHOOSE(program, params, *rest, **options)

    def answer(made: Composition) -> Answers | None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(schedule, "choose_form", choose)
            patch.setattr(batches, "WORTH", 0)
            return compile_and_ask(made, exact)

    return answer


CHOOSE = schedule.choose_form


def as_numbers(program: Program, params: Any) -> Any:
    live = program.find_live()
    return write_numbers(program, live, params, "") if not program.guarded and has_only_numbers(program, live) else None


def as_tape(program: Program, params: Any) -> Any:
    live = program.find_live()
    return write_tape(program, live, params) if not program.guarded and has_only_numbers(program, live) else None


FORMS = {
    "plan": Form(answer_by_plan, True),
    "exact": Form(lambda made: compile_and_ask(made, True), True),
    "exact in blocks": Form(lambda made: answer_in_blocks(made, True), True),
    "loop": Form(answer_in_form(lambda program, params: write_loop(program, program.find_live(), params), True), True),
    "batches": Form(
        answer_in_form(lambda program, params: write_batches(program, program.find_live(), params), True), True
    ),
    "default": Form(lambda made: compile_and_ask(made, False), False),
    "in blocks": Form(lambda made: answer_in_blocks(made, False), False),
    "numbers": Form(answer_in_form(as_numbers, False), False),
    "tape": Form(answer_in_form(as_tape, False), False),
}
if importlib.util.find_spec("numba") is not None:
    FORMS["numba"] = Form(lambda made: compile_and_ask(made, False, "numba"), False)
    FORMS["exact numba"] = Form(lambda made: compile_and_ask(made, True, "numba"), True)


def check_forms(made: Composition, forms: Sequence[str]) -> None:
    """Hold the answers of forms against those of the walk: bit for bit, or close."""
    with quiet():
        with without_plans():
            wanted = [made.build().ask(point) for point in made.points]
        for name in forms:
            found = FORMS[name].answer(made)
            for k, (some, others) in enumerate(zip(found or [], wanted, strict=False)):
                for place, (a, b) in enumerate(zip(some, others, strict=True)):
                    where = f"{name} of {made.text}: root {place} at point {k}"
                    assert (a.shape, a.dtype) == (b.shape, b.dtype), where
                    if not FORMS[name].exactly:
                        assert are_close(a, b, made.is_single), where
                    elif not hold_same_numbers(a, b):
                        assert varies_by_itself(made, k, place), where
                        assert are_close(a, b, made.is_single), where


def varies_by_itself(made: Composition, point: int, place: int) -> bool:
    """Return whether the walk gives now these bits, now others: some of LAPACK follow where arrays begin."""
    with without_plans():
        return len({made.build().ask(made.points[point])[place].tobytes() for _ in range(60)}) > 1


def hold_same_numbers(a: Any, b: Any) -> bool:
    """Return whether two arrays have equal bits, but for those of a nan."""
    if a.tobytes() == b.tobytes():
        return True
    if a.dtype.kind not in "fc":
        return False
    part = a.real.dtype
    a, b = np.ascontiguousarray(a).reshape(-1).view(part), np.ascontiguousarray(b).reshape(-1).view(part)
    nan = np.isnan(b)
    return np.array_equal(np.isnan(a), nan) and a[~nan].tobytes() == b[~nan].tobytes()


def are_close(a: Any, b: Any, single: bool) -> bool:
    """Return whether numbers differ by what another order of sums, or another function, may make of them."""
    if a.dtype.kind not in "fc":
        return np.array_equal(a, b)
    finite = np.isfinite(b)
    scale = np.abs(b[finite]).max(initial=1.0)
    rtol = 2e-3 if single else 1e-8
    return np.array_equal(np.isfinite(a), finite) and np.allclose(a[finite], b[finite], rtol=rtol, atol=rtol * scale)


@contextmanager
def large_from(size: int) -> Iterator[None]:
    """Let rules repeat arrays of more than so many elements as views, as they do large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "SMALL", size)
        yield
