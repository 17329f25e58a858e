"""Compiled questions: their specialisations, how many are kept, and their statistics."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import attrs
import numpy as np

from .._derivatives.followed import Followed
from .._functions.trace import Trace
from .._graph.kinds import get_dtype, get_shape
from .._graph.leaf import as_leaf_array, count_reforms
from .._graph.log import logger
from .._graph.node import Node
from .._graph.reform import is_replaced
from .._graph.turns import lock
from .._graph.types import Array, DType, Function, Shape, Structure
from .._schedule.forms.buffers import LARGE
from .._schedule.schedule import NotANumber, Schedule

__all__ = ["FLOAT", "CompileStatistics", "Compiled", "Specialization", "as_input", "as_readonly_result"]

MAX_FAILURES = 3  # times in a row that a guard was needed; from then on the guarded schedule runs at once
Answer = TypeVar("Answer", covariant=True)  # what a compiled question returns


@attrs.define
class CompileStatistics:
    """Counts of what a compiled question has done so far.

    Attributes
    ----------
    calls
        How often it was called.
    specialisations
        How many schedules were made: for other shapes and dtypes, and for other branches.
    evicted
        How many of them were given up for newer ones.
    guarded
        How many calls met a nan that a guard keeps out, and so took the schedule with guards.
    failures
        How many schedules could not be made, or gave a value of another shape or dtype than its node: in their place
        the walk of the memo answers, on a copy of the graph, and the log ``lazygrad`` says why.

    Examples
    --------
    >>> import lazygrad as lg
    >>> cube = lg.compile(lambda x: x**3, wrt=0)
    >>> cube(2.0), cube(3.0)
    ((array(8.), array(12.)), (array(27.), array(27.)))
    >>> cube.statistics
    CompileStatistics(calls=2, specialisations=1, evicted=0, guarded=0, failures=0)
    """

    __module__ = "lazygrad"

    calls: int = 0
    specialisations: int = 0
    evicted: int = 0
    guarded: int = 0
    failures: int = 0


@attrs.define(eq=False)
class Specialization:
    """A specialisation: nodes for arguments of certain shapes and dtypes, and their schedules."""

    roots: Sequence[Node]
    inputs: Sequence[Node]
    kinds: Any  # shape and dtype of each argument it takes; None where these do not decide
    options: Mapping[str, Any]
    guards: Sequence[Any] = ()
    before: float = math.inf  # serial of the first node of a trace
    twins: Mapping[int, Node] = attrs.field(factory=dict)  # leaves of a copied graph -> those it copies
    trace: Trace | None = None  # of a function
    statics: Sequence[Any] = ()  # leaves of the arguments to differentiate by, where they are no numbers
    followed: Followed | None = None  # what its structure depends on; by default all leaves below its nodes
    shapes: list[Shape] = attrs.field(init=False)  # of the roots
    dtypes: list[DType] = attrs.field(init=False)
    plain: Schedule = attrs.field(init=False)
    careful: Schedule | None = attrs.field(init=False, default=None)
    failures: int = attrs.field(init=False, default=0)

    @property
    def floats(self) -> bool:
        """Return whether Python's floats are among the arguments."""
        return self.kinds is not None and float in self.kinds

    def __attrs_post_init__(self) -> None:
        self.shapes, self.dtypes = [i.shape for i in self.roots], [i.dtype for i in self.roots]
        if self.followed is None:
            self.followed = Followed.below([*self.roots, *[i for i, _, _ in self.guards]])
        self.plain = self.make_schedule(guarded=False)

    def is_current(self) -> bool:
        """Return whether the structure that it was made for still holds."""
        if self.followed is None or not self.followed.are_same():
            return False
        schedules = [self.plain] if self.careful is None else [self.plain, self.careful]
        return not any(is_replaced(i) for schedule in schedules for i in schedule.other_leaves)  # there and back again

    def make_schedule(self, guarded: bool) -> Schedule:
        """Return a new schedule, with the guards of products on request."""
        return Schedule(
            self.roots,
            self.inputs,
            guards=self.guards,
            twins=self.twins,
            guarded=guarded,
            before=self.before,
            **self.options,
        )

    def run(self, values: Sequence[object], statistics: CompileStatistics) -> list[Array]:
        """Return the values of the roots for these values of the inputs, as read-only arrays."""
        if self.options["exact"]:  # sums are added up in the order of memory, which is the leaves'
            values = [v if v.__class__ is not np.ndarray or v.flags.c_contiguous else v.copy() for v in values]
        results = [as_readonly_result(r) for r in self._run_schedule(values, statistics)]
        if list(map(get_shape, results)) == self.shapes and list(map(get_dtype, results)) == self.dtypes:
            return results
        statistics.failures += 1
        for schedule in (self.plain, self.careful):
            if schedule is not None:
                schedule.give_up("a result of another shape or dtype than its node's")
        return [as_readonly_result(r) for r in self._run_schedule(values, statistics)]

    def _run_schedule(self, values: Sequence[object], statistics: CompileStatistics) -> tuple[Array, ...]:
        if self.failures < MAX_FAILURES:  # where guards are always needed, do not try without
            try:
                found = self.plain(values)
            except NotANumber:
                self.failures += 1
            else:
                self.failures = 0
                return found
        statistics.guarded += 1
        if self.careful is None:
            self.careful = self.make_schedule(guarded=True)
            statistics.failures += self.careful.walks
        return self.careful(values)


@attrs.define(eq=False, repr=False)
class Compiled(Generic[Answer]):
    """A compiled question; `lazygrad.compile` makes them.

    Attributes
    ----------
    statistics
        How often it was called, and how many schedules that took.
    schedule
        The one that ran last: ``.source`` is its generated source, ``.steps`` and ``.nbytes`` tell its size.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(2.0, name="x")
    >>> cube = lg.compile(lg.adjoint(x**3, x), inputs=[x])
    >>> cube(3.0)
    array(27.)
    >>> cube
    <compiled adjoint#..., 1 calls, 1 schedules>
    """

    __module__ = "lazygrad"

    remake: ClassVar[Function]  # `lazygrad.compile`, by which a copy or a pickle is made again

    name: str
    options: Mapping[str, Any]
    limit: int
    statistics: CompileStatistics = attrs.field(factory=CompileStatistics, init=False)
    # By signature, the oldest first; of one signature, the oldest first.
    _specializations: dict[Hashable, list[Specialization]] = attrs.field(factory=dict, init=False)
    _last: Specialization | None = attrs.field(default=None, init=False)
    _version: int = attrs.field(factory=count_reforms, init=False)

    if TYPE_CHECKING:

        def __call__(self, *args: Structure, **named: Structure) -> Answer: ...

    @property
    def schedule(self) -> Schedule:
        """Return the schedule that ran last."""
        if self._last is None:
            raise ValueError(f"{self!r} has not been called yet, and has no schedule")
        return self._last.careful if self._last.failures >= MAX_FAILURES and self._last.careful else self._last.plain

    def __repr__(self) -> str:
        return f"<compiled {self.name}, {self.statistics.calls} calls, {self.statistics.specialisations} schedules>"

    def _review(self) -> None:
        """Drop the specialisations made for leaves that have changed in more than their value."""
        with lock:
            self._version = count_reforms()
            for key, group in list(self._specializations.items()):
                group[:] = [one for one in group if one.is_current() and self._still_asks(one)]
                if not group:
                    del self._specializations[key]
            if not any(
                self._last is specialization for group in self._specializations.values() for specialization in group
            ):
                self._last = None

    def _still_asks(self, specialization: Specialization) -> bool:
        """Return whether a specialisation is still for the nodes that the question asks for."""
        return True

    def _store(self, key: Hashable, made: Specialization) -> Specialization:
        """Add a specialisation, in place of the oldest if there are too many."""
        self.statistics.specialisations += 1
        self.statistics.failures += made.plain.walks
        while sum(map(len, self._specializations.values())) >= self.limit:
            oldest = next(iter(self._specializations))
            self._specializations[oldest].pop(0)
            if not self._specializations[oldest]:
                del self._specializations[oldest]
            self.statistics.evicted += 1
        self._specializations.setdefault(key, []).append(made)
        logger.debug("%r: a schedule for %s", self, made.kinds)
        return made


def as_input(value: object, leaf: Node) -> Array:
    """Return an argument as an array, or as a number if it has no axes."""
    if value.__class__ is not np.ndarray or value.dtype.kind not in "biufc" or not value.dtype.isnative:
        value = as_leaf_array(value, leaf._static["leaf"], like=leaf.dtype)
    return value if value.ndim else value[()]


def as_readonly_result(value: object) -> Array:
    """Return a result as a read-only array, through a view if its memory is used again when the caller drops it."""
    if value.__class__ is not np.ndarray:
        value = np.asarray(value)
    elif value.nbytes >= LARGE:
        value = value.view()
    value.setflags(write=False)
    return value


FLOAT = np.dtype(float)
