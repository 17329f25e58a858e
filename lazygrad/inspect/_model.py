"""The graph below a target as plain records, for pictures: the state of the memo, and what a report tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from .._derivatives.adjoint_node import AdjointNode, unmirrored
from .._derivatives.discover import flows
from .._graph.collector import pause_collector
from .._graph.node import Node, by_serial, label
from .._graph.traverse import collect_inputs_first
from .._graph.turns import lock
from .._graph.types import Structure
from .._query.checks import check_node, check_target, map_nodes, resolve_names
from .._report.grid import format_bytes
from .._report.report import Report
from .._report.trace import name_adjoint
from ._replay import COMPUTED, HIT, STALE, Replay, Touch, make_touch

__all__ = [
    "COMPUTED",
    "HIT",
    "STALE",
    "STATES",
    "UNTOUCHED",
    "Box",
    "Picture",
    "build_picture",
    "find_kind",
    "merge_boxes",
]

UNTOUCHED = "untouched"
STATES = (STALE, COMPUTED, HIT, UNTOUCHED)  # several nodes in one box have the first that one of them has
LISTED = 8  # names of a box of many nodes in a tooltip


@attrs.define(eq=False)
class Box:
    """One box of a picture: a node, or several that are folded into one.

    Attributes
    ----------
    nodes
        The nodes that the box stands for.
    kind
        ``"parameter"``, ``"constant"``, ``"op"``, ``"adjoint"`` or ``"fold"``.
    title, note
        The text in the box: two lines.
    value, adjoint
        The state of each: ``"untouched"``, ``"computed"``, ``"hit"`` (the memo had it) or ``"stale"``.
    entry
        The node of the adjoint, if a memo holds it.
    on_path, asked, target
        Whether it lies between what was asked for and the target, is asked for, is the target.
    nbytes, seconds
        Of the values and adjoints in the memo; what computing them took, if the report was timed.
    """

    nodes: list[Node]
    kind: str
    title: str
    note: str = ""
    value: str = UNTOUCHED
    adjoint: str = UNTOUCHED
    entry: AdjointNode | None = None
    on_path: bool = False
    asked: bool = False
    target: bool = False
    nbytes: int = 0
    seconds: float = 0.0

    @property
    def node(self) -> Node:
        """Return the node, or the first of several."""
        return self.nodes[0]

    def describe(self) -> list[str]:
        """Return a description of the box in a few lines."""
        i = self.node
        if self.kind == "fold":
            names = ", ".join([label(j) for j in self.nodes[:LISTED]])
            lines = [f"{self.title}: {len(self.nodes):,} nodes", names + ", ..." * (len(self.nodes) > LISTED)]
        else:
            lines = [f"{label(i)}: {find_kind(i)}, shape {i.shape}, {i.dtype}"]
        held = f", {format_bytes(self.nbytes)}" if self.nbytes else ""
        lines.append(f"value {self.value}, adjoint {self.adjoint}{held}")
        if self.seconds:
            lines.append(f"{1000 * self.seconds:.3g} ms")
        if self.kind != "fold" and i.source:
            lines.append(i.source)
        return lines


@attrs.define(eq=False)
class Picture:
    """Boxes, oldest first, and the edges between them.

    Attributes
    ----------
    L
        The target.
    boxes
        The boxes that are drawn.
    edges
        (input's box, consumer's box) -> whether a path from what was asked for to the target takes it.
    place
        Serial of a node -> its box.
    replay
        The steps of the report; empty if there is none.
    """

    L: Node
    boxes: list[Box]
    edges: dict[tuple[int, int], bool]
    place: dict[int, int]
    replay: Replay

    def find_box(self, touch: Touch) -> tuple[int | None, bool]:
        """Find the box that a step happens in, None if there is none; and whether it is the box's adjoint."""
        box = None if touch.entry is None else self.place.get(touch.entry.serial)
        if box is None and touch.of is not None and touch.target is self.L:
            return self.place.get(touch.of.serial), True
        return box, False


def find_kind(node: Node) -> str:
    """Return which kind of leaf a node is, or the name of its op."""
    return str(node.static["leaf"] if node.op is None else node.op.name)


# -- the picture of a graph ----------------------------------------------------------------------------


def build_picture(L: Node, wrt: Structure = None, report: Report | None = None) -> Picture:
    """Build the picture of all nodes below a target, one box each; nothing is computed, the memo stays as it is."""
    check_target(L)
    with lock:
        return pause_collector(_build_picture, L, wrt, report)


def _build_picture(L: Node, wrt: Structure, report: Report | None) -> Picture:
    asked: dict[int, Node] = {}
    if wrt is not None:
        map_nodes(resolve_names(wrt, L), lambda i: asked.update({check_node(i).serial: i}))
    below = {i.serial: i for i in collect_inputs_first(L, _list_inputs)}
    nodes = sorted((below | asked).values(), key=by_serial)
    place = {i.serial: k for k, i in enumerate(nodes)}
    edges = _find_edges(nodes, place, place[L.serial], asked)
    made = Picture(L, [_make_box(i) for i in nodes], edges, place, Replay() if report is None else Replay.of(report))
    _give_states(made, report)
    boxes = made.boxes
    boxes[place[L.serial]].target = True
    for serial in asked:
        boxes[place[serial]].asked = True
    for (a, b), on_path in edges.items():
        if on_path:
            boxes[a].on_path = boxes[b].on_path = True
    return made


def _list_inputs(i: Node) -> list[Node]:
    """List the inputs of a node, with targets where mirrors stand for them."""
    return [unmirrored(j) for j in i.inputs]


def _find_edges(
    nodes: Sequence[Node], place: dict[int, int], target: int, asked: Iterable[int]
) -> dict[tuple[int, int], bool]:
    """Find all edges, and whether each is on a path from a node asked for to the target."""
    reached = {place[serial] for serial in asked}
    edges: dict[tuple[int, int], bool] = {}
    for k, c in enumerate(nodes):
        for j in c.inputs:
            a = place.get(unmirrored(j).serial)
            if a is None:  # `c` is no part of the target
                continue
            on_path = a in reached and flows(c, j)
            edges[a, k] = edges.get((a, k), False) or on_path
            if on_path:
                reached.add(k)
    leads = {target}
    for (a, k), on_path in reversed(edges.items()):  # in the order of the consumers, youngest first
        if on_path and k in leads:
            leads.add(a)
        else:
            edges[a, k] = False
    return edges


def _make_box(i: Node) -> Box:
    kind = find_kind(i)
    if isinstance(i, AdjointNode):
        return Box([i], "adjoint", i.name or name_adjoint(i), f"adjoint {_write_shape(i)}")
    if i.op is not None:
        return Box([i], "op", i.name or kind, f"{kind} {_write_shape(i)}" if i.name else _write_shape(i))
    if "number" in i.static:
        return Box([i], "constant", i.name or f"{i.static['number']:.6g}")
    return Box([i], "parameter" if kind == "parameter" else "constant", i.name or kind, _write_shape(i))


def _write_shape(i: Node) -> str:
    return "×".join(map(str, i.shape)) or "scalar"


def _give_states(made: Picture, report: Report | None) -> None:
    """Give each box the state that its node has in the memo and, where a report tells it, whether it was computed."""
    boxes, L = made.boxes, made.L
    told: dict[tuple[int, bool], str] = {}  # (box, adjoint) -> whether it was computed, or only read
    entries: dict[int, AdjointNode] = {} if L._memo is None else dict(L._memo.adjoints)
    for touch in made.replay.touches:
        at, adjoint = made.find_box(touch)
        if at is not None and touch.what != STALE and told.get((at, adjoint)) != COMPUTED:
            told[at, adjoint] = touch.what
            if adjoint and isinstance(touch.entry, AdjointNode):
                entries.setdefault(boxes[at].node.serial, touch.entry)
    for k, box in enumerate(boxes):
        box.value = _find_state(box.node, told.get((k, False)))
        box.entry = entries.get(box.node.serial)
        if box.entry is not None:
            box.adjoint = _find_state(box.entry, told.get((k, True)))
        elif (k, True) in told:  # by an engine without a memo
            box.adjoint = told[k, True]
        box.nbytes = sum([e._value.nbytes for e in (box.node, box.entry) if e is not None and e._value is not None])
    if report is not None and report.timing:
        for (node, was_requested), note in zip(report._events, report._notes, strict=True):
            if not was_requested and (at := made.find_box(make_touch(COMPUTED, node))[0]) is not None:
                boxes[at].seconds += note.seconds


def _find_state(entry: Node, told: str | None) -> str:
    if entry._value is None:
        return STALE if entry._stale else UNTOUCHED
    return told or (UNTOUCHED if entry.op is None else COMPUTED)


# -- folding -------------------------------------------------------------------------------------------


def merge_boxes(old: Picture, groups: Sequence[Sequence[int]], titles: Sequence[str]) -> Picture:
    """Fold each group of boxes, given in order, into one box; a box is in one group at most."""
    target = {k: group[-1] for group in groups for k in group}  # the place of the last, so that inputs stay before
    made: dict[int, Box] = {}
    for group, text in zip(groups, titles, strict=True):
        made[group[-1]] = _fold_boxes([old.boxes[k] for k in group], text)
    kept = [k for k in range(len(old.boxes)) if target.get(k, k) == k]
    new = {k: n for n, k in enumerate(kept)}
    at = [new[target.get(k, k)] for k in range(len(old.boxes))]
    edges: dict[tuple[int, int], bool] = {}
    for (a, b), on_path in old.edges.items():
        if at[a] != at[b]:
            edges[at[a], at[b]] = edges.get((at[a], at[b]), False) or on_path
    place = {serial: at[k] for serial, k in old.place.items()}
    return Picture(old.L, [made.get(k, old.boxes[k]) for k in kept], edges, place, old.replay)


def _fold_boxes(boxes: Sequence[Box], text: str) -> Box:
    """Fold several boxes into one."""
    nodes = [i for box in boxes for i in box.nodes]
    return Box(
        nodes,
        "fold",
        text,
        f"{len(nodes):,} nodes",
        min([box.value for box in boxes], key=STATES.index),
        min([box.adjoint for box in boxes], key=STATES.index),
        None,
        any(box.on_path for box in boxes),
        any(box.asked for box in boxes),
        any(box.target for box in boxes),
        sum(box.nbytes for box in boxes),
        sum(box.seconds for box in boxes),
    )
