"""Schedules: a program bound to the leaves it reads, in the form that runs fastest."""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType, ModuleType
from typing import Any

import attrs

from .._graph.collector import pause_collector
from .._graph.guards import Guard
from .._graph.leaf import count_reforms
from .._graph.log import logger
from .._graph.node import Node, label
from .._graph.quiet import Kind, call_with_errstate
from .._graph.traverse import ancestors
from .._graph.turns import as_one_question, lock
from .._graph.value import forward_rec
from .forms.batches import Batches, write_batches
from .forms.loop import Loop, write_loop
from .forms.names import describe, name_leaves, write_title
from .forms.numbers import Numbers, Tape, has_only_numbers, write_numbers, write_tape
from .forms.order import find_out_of_order
from .forms.straight import Straight, write_straight
from .forms.walk import Walk, can_be_set
from .guards import Branched, NotANumber
from .lowering import lower
from .program import Program

__all__ = ["BACKENDS", "Branched", "NotANumber", "Schedule", "load_numba"]

Form = Straight | Numbers | Tape | Batches | Loop | Walk
BACKENDS = ("auto", "numpy", "numba")
STRICT: dict[str, Kind] = {"over": "raise", "invalid": "raise"}
NO_TWINS: Mapping[int, Node] = MappingProxyType({})


@attrs.define(eq=False, repr=False)
class Schedule:
    """Straight-line code for the values of some nodes.

    Attributes
    ----------
    source
        The generated Python source; it stands in tracebacks.
    steps
        How many statements it has.
    nbytes
        The bytes of the arrays it keeps for intermediate results.
    """

    roots: Sequence[Node]
    inputs: Sequence[Node]
    exact: bool = False
    backend: str = "auto"
    guards: Sequence[Guard] = ()  # of the traced function
    twins: Mapping[int, Node] = NO_TWINS  # leaves of a copied graph -> those whose values are meant
    guarded: bool = False
    boundary: Sequence[Node] = ()  # nodes whose values are there already
    before: float = math.inf  # serial of the first node of a trace; `set` does not reach nodes from it on
    keep: bool = False  # whether the results go into a memo
    used_inputs: list[int] = attrs.field(init=False)  # which inputs it reads
    other_leaves: list[Node] = attrs.field(init=False)  # the other leaves it reads
    _direct: bool = attrs.field(init=False)  # whether it takes the values as they are given
    _unguarded: bool = attrs.field(init=False)  # whether a product of arrays lacks its guard
    _assumed: list[tuple[Node, Any, Any, Any]] = attrs.field(init=False)  # leaves, and what they were
    _version: int = attrs.field(init=False)
    _form: Form = attrs.field(init=False)
    _ready: deque[Callable[..., tuple[Any, ...]]] = attrs.field(factory=deque, init=False)

    def __attrs_post_init__(self) -> None:
        try:
            pause_collector(self._make)
        except Exception:
            if self.keep:  # then whoever makes a plan of it leaves the question to the walk
                raise
            self.give_up("it could not be made", failed=True)

    @property
    def walks(self) -> bool:
        """Return whether the walk of the memo answers, as there is no schedule."""
        return isinstance(self._form, Walk)

    def give_up(self, reason: str, failed: bool = False) -> None:
        """Let the walk answer from now on, on a copy of the graph, and log why."""
        named = ", ".join([label(i) for i in self.roots[:3]])
        logger.warning("no schedule of %s, the walk answers: %s", named, reason, exc_info=failed)
        own = {i._serial for i in self.inputs}
        below = {i._serial: i for root in [*self.roots, *[i for i, _, _ in self.guards]] for i in ancestors(root)}
        others = [i for i in below.values() if i._op is None and i._serial not in own and can_be_set(i)]
        self._form = Walk(list(self.roots), [*self.inputs, *others], list(self.guards))
        self._ready = deque()  # a call that is under way puts its function back into the old one
        self.used_inputs = list(range(len(self.inputs)))
        self.other_leaves = [self.twins.get(i._serial, i) for i in others]
        self._direct, self._unguarded = not others, False
        if failed:
            self._assumed, self._version = [], count_reforms()

    def _make(self) -> None:
        own = {i._serial for i in self.inputs}
        roots = [*[i for i, _, _ in self.guards], *self.roots]
        settled = 0 if self.keep or self.twins else self.before  # (the memo of a copy would not follow its original)
        program = lower(roots, self.guarded, self.boundary, self.exact, own, settled)
        if not self.guarded and any(k is not None and k.users for k in program.kernels):
            self.guarded = (
                True  # what a user wrote runs once, with the state of warnings as it is, and tells its errors
            )
            program = lower(roots, self.guarded, self.boundary, self.exact, own, settled)
        for i, row in zip(roots, program.outputs, strict=True):
            if i.shape != program.shapes[row] or i.dtype != program.dtypes[row]:
                raise ValueError(f"a row of shape {program.shapes[row]} and dtype {program.dtypes[row]} for {i!r}")
        program.guards = list(zip(program.outputs[: len(self.guards)], self.guards, strict=True))
        del program.outputs[: len(self.guards)]
        live = set(program.find_live())
        rows = {node._serial: row for row, node in program.leaves.items() if row in live}
        self.used_inputs = [k for k, i in enumerate(self.inputs) if i._serial in rows]
        self.other_leaves = [i for row, i in program.leaves.items() if row in live and i._serial not in own]
        leaves = [*[self.inputs[k] for k in self.used_inputs], *self.other_leaves]
        params = [(rows[i._serial], name) for i, name in zip(leaves, name_leaves(leaves), strict=True)]
        self.other_leaves = [self.twins.get(i._serial, i) for i in self.other_leaves]
        self._direct = not self.other_leaves and self.used_inputs == list(range(len(self.inputs)))
        given = own if self.twins else ()  # these inputs of a copy have shapes of their own
        read = [i for i in (*program.leaves.values(), *program.numbers) if i._serial not in given]
        self._assumed = [(j, j.shape, j.dtype, j._static) for i in read for j in [self.twins.get(i._serial, i)]]
        self._version = count_reforms()
        self._form = choose_form(program, params, self.exact, self.keep, self.backend)
        arrays = isinstance(self._form, (Straight, Batches, Loop))
        lacking = (row in program.suspects or ((k := program.kernels[row]) is not None and k.guarded) for row in live)
        self._unguarded = arrays and any(lacking)

    def is_current(self) -> bool:
        """Return whether the shapes, dtypes and numbers that the source was written for still hold."""
        if self._version != count_reforms():
            if not self.fits():
                return False
            self._version = count_reforms()
        return True

    def fits(self) -> bool:
        """Return whether each leaf it reads still has its shape and dtype, and each number is still no leaf."""
        return all(
            i.shape == shape and i.dtype == dtype and i._static is static for i, shape, dtype, static in self._assumed
        )

    @property
    def source(self) -> str:
        """Return the generated source."""
        return self._form.source

    @property
    def steps(self) -> int:
        """Return the number of statements."""
        return self._form.steps

    @property
    def nbytes(self) -> int:
        """Return the bytes of the arrays that are kept for intermediate results."""
        return self._form.nbytes

    def __repr__(self) -> str:
        return f"<schedule of {self.steps} steps, {self.nbytes} bytes of arrays>"

    def __call__(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the values of the roots for these values of the inputs; the other leaves are read from the graph."""
        return self._run_unguarded(values) if self._unguarded else self._run(values)

    def _run(self, values: Sequence[Any]) -> tuple[Any, ...]:
        ready = self._ready
        try:
            function = ready.pop()  # several threads, or a call within a call, have one each
        except IndexError:
            function = self._form.bind()
        try:
            if self._direct:
                return function(*values)
            return function(*[values[k] for k in self.used_inputs], *self._read_leaves())
        except (ZeroDivisionError, OverflowError, ValueError):  # Python's floats raise where NumPy's go on
            if self.exact or self.guarded:
                raise
            raise NotANumber from None
        finally:
            ready.append(function)

    def _read_leaves(self) -> list[Any]:
        """Return the values of the other leaves, all of one state; who holds them keeps `set` from writing in place."""
        if not self.other_leaves:
            return []
        with lock:
            held = [i._value for i in self.other_leaves]
            for value in held:
                if value is None:
                    break
            else:
                return held
            return as_one_question(
                self.other_leaves, lambda: [forward_rec(i, was_requested=False) for i in self.other_leaves]
            )

    def _run_unguarded(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Run without the guards of products, and raise instead of warning where one of them was needed."""
        try:
            return call_with_errstate(STRICT, self._run, values)
        except FloatingPointError:
            raise NotANumber from None


WORTH_NUMBA = 2000  # rows, from which on its import and the reading of what it has compiled pay by themselves
LONGEST_SOURCE = 500_000  # rows of numbers; beyond that a tape takes a third of the memory and of the time to make
NUMBER_COST = 3.5e-8  # seconds, roughly, that a row takes on Python floats
STEP_COST = 6e-7  # and on NumPy's


def load_numba(backend: str) -> ModuleType | None:
    """Return the plug-in for numba; None if it is not wanted, or neither installed nor asked for by name."""
    if backend == "numpy" or (backend == "auto" and find_spec("numba") is None):
        return None
    try:
        return import_module("lazygrad.plugins.numba")
    except ModuleNotFoundError as error:
        raise ImportError("backend='numba' needs numba: python -m pip install 'lazygrad[jit]'") from error


def _depends_on_placement(program: Program, live: Sequence[int]) -> bool:
    """Return whether some bits depend on whether a number is alone, or on how an array lies in memory."""
    kernels, shapes, dtypes = program.kernels, program.shapes, program.dtypes
    for row in live:
        kernel = kernels[row]
        if kernel is None:
            continue
        if not shapes[row]:
            if kernel.alone or dtypes[row].kind == "c" or kernel.function is operator.pow or not kernel.pure:
                return True
        elif kernel.kind == "call" and row in program.loose and (kernel.users or not (kernel.pointwise or kernel.text)):
            return True  # (elementwise functions, and indices of arrays, give new arrays)
    return bool(find_out_of_order(program, live))


def _describe_program(program: Program) -> str:
    """Return a sentence that says what a program computes."""
    found = [program.origins[row] for row in dict.fromkeys(program.outputs)]
    named = [describe(i) for i in found[:3] if i is not None]
    more = "" if len(found) <= 3 else f" and {len(found) - 3} more"
    return write_title(f"Compute {', '.join(named) or 'what is known'}{more}.")


def choose_form(program: Program, params: Sequence[tuple[int, str]], exact: bool, keep: bool, backend: str) -> Form:
    """Return the program in the form that runs fastest."""
    title = _describe_program(program)
    if keep:
        return write_straight(program, params, exact, title, keep)
    live = program.find_live()
    rows = sum(program.kernels[row] is not None for row in live)
    if backend == "numba" or rows >= WORTH_NUMBA:
        numba = load_numba(backend)
        try:
            machine = numba and numba.machine_for(program, live, params, exact)
        except Exception:
            logger.warning("numba takes no part in a schedule", exc_info=True)
        else:
            if machine:
                return machine
    floats = not exact and not program.guarded and not program.guards and has_only_numbers(program, live)
    if exact and _depends_on_placement(program, live):
        return write_straight(program, params, exact, title)
    if rows > 1000 and all(math.prod(program.shapes[row]) <= 256 for row in live):
        levels = write_batches(program, live, params)
        if levels is not None and levels.cost < rows * (NUMBER_COST if floats else STEP_COST):
            return levels
    if floats and rows > LONGEST_SOURCE and (tape := write_tape(program, live, params)) is not None:
        return tape
    if rows > 3_000 and not floats and not program.guards:
        return write_loop(program, live, params)
    if floats:
        return write_numbers(program, live, params, title)
    return write_straight(program, params, exact, title)
