"""Why a node was computed: the way from it, through the nodes that needed it, to the question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from .._derivatives.adjoint_node import AdjointNode, unmirrored
from .._graph.demand import demand
from .._graph.node import Node, by_serial, label, living_consumers
from .._graph.settings import check_instance
from .._graph.turns import lock
from .._query.checks import check_node
from .._report.grid import Displayable, Grid
from .._report.report import Report
from .._report.tally import Question
from .._report.trace import name_adjoint

__all__ = ["Link", "Why", "why"]

Pull = tuple[Node, Node | None]  # a node, and the one that pulled it
ENDS = 12  # links shown at each end of a long chain


def name_entry(i: Node) -> str:
    """Return the name of a value or an adjoint: ``h.value`` or ``dL/dh``."""
    return name_adjoint(i) if isinstance(i, AdjointNode) else f"{label(i)}.value"


@attrs.frozen(eq=False)
class Link:
    """A value or an adjoint on the way, and the reason why the next one needs it.

    Attributes
    ----------
    node
        The node whose value it is: an adjoint is a node of its own.
    name
        ``h.value`` or ``dL/dh``.
    reason
        Why the next link needs it; of the last one, why it was computed.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0, name="x")
    >>> with lg.record() as report:
    ...     dx = lg.gradient(x * x, x)
    >>> [link] = lg.inspect.why(x, report).chain
    >>> link.name, link.reason
    ('dL/dx', 'asked for')
    """

    __module__ = "lazygrad.inspect"

    node: Node
    name: str
    reason: str


@attrs.frozen(eq=False)
class Why(Displayable):
    """The reason why a value or an adjoint was computed; prints as text.

    Attributes
    ----------
    name
        The value or adjoint in question: ``h.value`` or ``dL/dh``.
    state
        In a report ``"computed"``, ``"recomputed"`` (it was stale), ``"read from the memo"`` or ``"not needed"``; in
        the memo ``"fresh"``, ``"stale"`` or ``"not computed"``.
    asked
        The question; None if it is not known.
    chain
        From the node to what was asked for.

    Examples
    --------
    >>> import lazygrad as lg
    >>> x = lg.parameter(3.0, name="x")
    >>> with lg.record() as report:
    ...     dx = lg.gradient(x * x, x)
    >>> why = lg.inspect.why(x, report)
    >>> why.name, why.state
    ('dL/dx', 'computed')
    """

    __module__ = "lazygrad.inspect"

    name: str
    state: str
    asked: Question | None
    chain: tuple[Link, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes of the chain."""
        return tuple([link.node for link in self.chain])

    def grids(self) -> list[Grid]:
        """Return the chain as a table."""
        return [
            Grid(
                ("", "because"),
                [(link.name, link.reason) for link in self.chain],
                f"{self.name}: {self.state}",
                align="<",
            )
        ]

    def __str__(self) -> str:
        question = "" if self.asked is None else f", for {self.asked}"
        lines = [f"{self.name}: {self.state}{question}"]
        more = len(self.chain) - 2 * ENDS
        for k, link in enumerate(self.chain):
            if more > 0 and k == ENDS:
                lines.append(f"  ... {more} more ...")
            if more <= 0 or not ENDS <= k < ENDS + more:
                lines.append(f"  {link.name}: {link.reason}")
        return "\n".join(lines)


def why(node: Node, report: Report | None = None) -> Why:
    """Return which question a node was computed for, and through which consumers.

    Parameters
    ----------
    node
        A node; `lg.adjoint(L, node)` for its adjoint. In a report, the adjoint is meant also where the value was not
        needed, as that of a leaf.
    report
        Of `lazygrad.record`. Without one, the answer is told from what the memo holds now: the way through the oldest
        fresh consumer of each, to one that nothing else has read.

    Returns
    -------
    Why
        With ``name, state, asked, chain``; it prints as text.

    Raises
    ------
    TypeError
        If `node` is no node.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> W, x = lg.parameter([1.0, 2.0], name="W"), lg.parameter(3.0, name="x")
    >>> h = np.sin(x)
    >>> y = W * h
    >>> h.name, y.name = "h", "y"
    >>> L = y.sum()
    >>> with lg.record() as report:
    ...     dW = lg.gradient(L, W)
    >>> print(lg.inspect.why(h, report))
    h.value: computed, for dL/dW
      h.value: read by the rule of y
      dL/dW: asked for
    >>> print(lg.inspect.why(y, report))
    dL/dy: computed, for dL/dW
      dL/dy: multiplied by the rule of y
      dL/dW: asked for
    >>> lg.inspect.why(L, report).state
    'not needed'
    """
    check_node(node)
    if report is not None:
        check_instance(report, Report, "report")
    with lock:
        return _answer_from_memo(node) if report is None else _answer_from_report(node, report)


# -- from the events of a report -----------------------------------------------------------------------


@attrs.define
class _Request:
    """One need of the question, and what was computed for it."""

    asked: Question | None
    root: Node | None = None  # None if an engine computed in an order of its own
    computed: dict[int, Node] = attrs.field(factory=dict)
    stale: set[int] = attrs.field(factory=set)


def _split_requests(report: Report) -> Iterator[_Request]:
    """Yield the requests of a report, each with what was computed for it."""
    for query in report.queries if report.asked is None else (report,):
        current = _Request(query.asked)
        for (i, was_requested), note in zip(query._events, query._notes, strict=True):
            if was_requested:
                yield current
                current = _Request(query.asked, i)
            else:
                current.computed[i.serial] = i
                if note.stale:
                    current.stale.add(i.serial)
        yield current


def _answer_from_report(node: Node, report: Report) -> Why:
    """Find the first computation of the value, or else of an adjoint; failing that, the first time the memo had it."""
    wanted: list[Callable[[Node], bool]] = [lambda i: i is node]
    if not isinstance(node, AdjointNode):
        wanted.append(lambda i: isinstance(i, AdjointNode) and i.of is node)
    requests = list(_split_requests(report))
    for fits in wanted:
        for request in requests:
            for i in request.computed.values():
                if fits(i):
                    state = "recomputed" if i.serial in request.stale else "computed"
                    return Why(name_entry(i), state, request.asked, _trace_chain(i, request))
        for request in requests:
            if request.root is not None and fits(request.root) and request.root.op is not None:
                link = Link(request.root, name_entry(request.root), "asked for")
                return Why(link.name, "read from the memo", request.asked, (link,))
            for c in request.computed.values():
                for i in map(unmirrored, c.inputs):
                    if i.op is not None and fits(i):
                        chain = (Link(i, name_entry(i), _find_reason(i, c)), *_trace_chain(c, request))
                        return Why(name_entry(i), "read from the memo", request.asked, chain)
    return Why(name_entry(node), "not needed", None, ())


def _trace_chain(i: Node, request: _Request) -> tuple[Link, ...]:
    """Follow a computed node through the nodes that pulled it: the recursion once more, on what it computed."""
    pulled_by: dict[int, Node | None] = {}
    root: Pull = (i, None) if request.root is None else (request.root, None)

    def missing(key: Pull) -> Sequence[Pull] | None:
        j, _ = key
        if j.serial in pulled_by:
            return None
        inputs = map(unmirrored, j.inputs)
        return [(k, j) for k in inputs if k.serial in request.computed and k.serial not in pulled_by]

    def compute(key: Pull) -> None:
        pulled_by[key[0].serial] = key[1]

    if request.root is not None:
        demand(root, missing, compute)
    links = []
    while (c := pulled_by.get(i.serial)) is not None:
        links.append(Link(i, name_entry(i), _find_reason(i, c)))
        i = c
    links.append(Link(i, name_entry(i), "asked for" if i is request.root else "needed by an engine without a memo"))
    return tuple(links)


def _find_reason(i: Node, c: Node) -> str:
    """Return what `c` needs its input `i` for."""
    if not isinstance(c, AdjointNode):
        return f"an input of {label(c)}"
    for _, consumer, _, start, stop in c.each_edge():
        if unmirrored(c.inputs[start]) is i:
            return f"multiplied by the rule of {label(unmirrored(consumer))}"
        if any(unmirrored(j) is i for j in c.inputs[start + 1 : stop]):
            return f"read by the rule of {label(unmirrored(consumer))}"
    return "an input"


# -- from what the memo holds --------------------------------------------------------------------------


def _answer_from_memo(node: Node) -> Why:
    """Follow a node through the oldest fresh consumer of each to one that nothing else has read."""
    name = name_entry(node)
    if node.op is None:
        return Why(name, "fresh", None, (Link(node, name, "a leaf: nothing computes it"),))
    if node._value is None:
        return Why(name, "stale" if node._stale else "not computed", None, ())
    links = []
    while (c := _find_reader(node)) is not None:
        links.append(Link(node, name_entry(node), _find_reason(node, c)))
        node = c
    links.append(Link(node, name_entry(node), "asked for, as nothing in the memo has read it"))
    return Why(name, "fresh", None, tuple(links))


def _find_reader(i: Node) -> Node | None:
    """Return the oldest consumer that was computed from `i` and is fresh."""
    consumers = living_consumers(i)
    if i._memo is not None:  # the rule of a target reads its value through the mirror
        consumers += living_consumers(i._memo.mirror)
    fresh = [
        unmirrored(c)
        for c in consumers
        if c._value is not None and not (isinstance(c, AdjointNode) and c.only_follows(i))
    ]
    return min(fresh, key=by_serial, default=None)
