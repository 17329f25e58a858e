"""Folding of a large graph into a small picture, in which many nodes share a box.

Three ways, which ``"auto"`` tries in turn until few enough boxes are left:

``"prefix"``
    Nodes whose names share a prefix (``layer1/W``, ``layer1.b``, ``layers[1]['W']``), and what is computed from them.
``"repeat"``
    Blocks that are alike and follow each other, as layers do; first those in the same state, and over again, so that a
    repetition of repetitions is found.
``"distance"``
    All boxes that are not near the target or a node asked for.

The target and the nodes asked for keep boxes of their own.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

from .._graph.settings import check_choice, check_count
from ._model import Box, Picture, find_kind, merge_boxes

__all__ = ["WAYS", "fold"]

PERIOD = 128  # the longest block looked for
TIMES = 3  # how often a block must follow itself
NAMED = 4  # ops in the title of a block

_separator = re.compile(r"[/.\[]")


def fold(picture: Picture, how: str | None, max_nodes: int) -> Picture:
    """Fold a picture into at most about `max_nodes` boxes; `how` is one of `WAYS`, or None for all nodes."""
    check_choice(how, "fold", (None, *WAYS))
    check_count(max_nodes, "max_nodes", 1)
    return picture if how is None else WAYS[how](picture, max_nodes)


def _fold_in_turn(picture: Picture, max_nodes: int) -> Picture:
    if len(picture.boxes) <= max_nodes:
        return picture
    found = picture
    for folded in itertools.chain(_fold_by_each_prefix(picture, max_nodes), [picture]):
        found = folded if len(folded.boxes) <= max_nodes else _fold_until_few(folded, max_nodes)
        if len(found.boxes) <= max_nodes:
            return found
    return _fold_by_distance(found, max_nodes)


def _find_pins(picture: Picture, max_nodes: int) -> set[int]:
    """Find the boxes to leave alone: the target, and the nodes asked for unless they alone are too many."""
    pins = {k for k, box in enumerate(picture.boxes) if box.asked or box.target}
    return pins if 2 * len(pins) <= max_nodes else {k for k in pins if picture.boxes[k].target}


def _list_inputs(picture: Picture) -> list[list[int]]:
    """List the boxes that each box has an edge from."""
    inputs: list[list[int]] = [[] for _ in picture.boxes]
    for a, b in picture.edges:
        inputs[b].append(a)
    return inputs


# -- names ---------------------------------------------------------------------------------------------


def _fold_by_prefix(picture: Picture, max_nodes: int) -> Picture:
    """Fold boxes by the longest prefixes of their names that leave few enough boxes."""
    found = picture
    for found in _fold_by_each_prefix(picture, max_nodes):
        if len(found.boxes) <= max_nodes:
            break
    return found


def _fold_by_each_prefix(picture: Picture, max_nodes: int) -> Iterator[Picture]:
    """Yield the picture folded by prefixes of each length, the longest first."""
    pins, inputs = _find_pins(picture, max_nodes), _list_inputs(picture)
    prefixes: list[tuple[str, ...]] = []  # of each box, the shortest first
    for k, box in enumerate(picture.boxes):
        own = _list_prefixes(box.node.name)
        if not own and inputs[k]:  # what is computed from a layer's parameters is of that layer, else as what came last
            leaves = [prefixes[a] for a in inputs[k] if a < k and not inputs[a]]
            others = [prefixes[a] for a in sorted(inputs[k], reverse=True) if a < k]
            own = next(filter(None, [*leaves, *others]), ())
        prefixes.append(own)
    for depth in range(max(map(len, prefixes), default=0), 0, -1):
        groups: dict[str, list[int]] = {}
        for k, names in enumerate(prefixes):
            if names and k not in pins:
                groups.setdefault(names[:depth][-1], []).append(k)
        several = {name: group for name, group in groups.items() if len(group) > 1}
        yield merge_boxes(picture, list(several.values()), list(several))


def _list_prefixes(name: str | None) -> tuple[str, ...]:
    return tuple([name[: mark.start()] for mark in _separator.finditer(name) if mark.start()]) if name else ()


# -- repetitions ---------------------------------------------------------------------------------------


def _fold_repetitions(picture: Picture, max_nodes: int) -> Picture:
    """Fold all blocks that follow each other, are alike and in the same state."""
    return _fold_until_few(picture, max_nodes, few=1, states=(True,))


def _fold_until_few(
    picture: Picture, max_nodes: int, few: int | None = None, states: Sequence[bool] = (True, False)
) -> Picture:
    """Fold blocks that are alike until `few` boxes are left; first those in the same state."""
    for state in states:
        before = 0
        while before != len(picture.boxes) > (few or max_nodes):
            before = len(picture.boxes)
            picture = _fold_each_run(picture, _find_pins(picture, max_nodes), state)
    return picture


def _fold_each_run(picture: Picture, pins: set[int], state: bool) -> Picture:
    """Fold each run of equal blocks, shortest blocks first."""
    boxes, inputs = picture.boxes, _list_inputs(picture)
    order = [k for k in range(len(boxes)) if inputs[k]]
    position = {k: n for n, k in enumerate(order)}
    known: dict[Hashable, int] = {}

    def describe(k: int) -> Hashable:
        box = boxes[k]
        inside = Counter([(find_kind(i), i.shape) for i in box.nodes])
        return frozenset(inside.items()), (box.value, box.adjoint, box.on_path) if state else None

    def sign(n: int, k: int) -> Hashable:
        if k in pins:
            return k
        reads = [
            (n - position[a] if n - position[a] <= PERIOD else -a) if a in position else describe(a) for a in inputs[k]
        ]
        return describe(k), tuple(reads)

    ids = np.array([known.setdefault(sign(n, k), len(known)) for n, k in enumerate(order)])
    groups, titles = [], []
    for start, period, times in _find_runs(ids):
        block = [order[n] for n in range(start, start + period * times)]
        groups.append(block)
        titles.append(_name_block([boxes[k] for k in block], period))
    return merge_boxes(picture, *_add_leaves(picture, groups, titles, pins))


def _find_runs(ids: np.ndarray) -> list[tuple[int, int, int]]:
    """Find where a block of ids is repeated: (start, length of the block, times), none overlapping."""
    ids = ids.copy()
    runs = []
    for period in range(1, min(PERIOD, len(ids) // TIMES) + 1):
        equal = np.concatenate(([False], ids[period:] == ids[:-period], [False]))
        ends = np.flatnonzero(equal[1:] != equal[:-1])
        for start, stop in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
            times = (stop - start) // period + 1
            if times >= TIMES:
                runs.append((start, period, times))
                last = start + period * times
                ids[start:last] = -1 - np.arange(start, last)  # taken: equal to nothing
    return runs


def _name_block(blocks: Sequence[Box], period: int) -> str:
    """Name equal blocks by their ops, or by the first and the last name."""
    names = [box.title if box.kind == "fold" else find_kind(box.node) for box in blocks]
    if period == 1 and names[0] != names[-1]:
        return f"{names[0]} … {names[-1]}"
    one = names[0] if period == 1 else f"({', '.join(names[: min(NAMED, period)])}{', ...' * (period > NAMED)})"
    return f"{len(blocks) // period:,} × {one}"


def _add_leaves(
    picture: Picture, groups: list[list[int]], titles: list[str], pins: set[int]
) -> tuple[list[list[int]], list[str]]:
    """Add to each group the leaves that only it reads, and return the groups and their titles."""
    group_of = {k: n for n, group in enumerate(groups) for k in group}
    inner = {b for _, b in picture.edges}
    readers: dict[int, set[int]] = {}
    for a, b in picture.edges:
        if a not in inner and a not in pins:
            readers.setdefault(a, set()).add(group_of.get(b, -1))
    leaves: list[list[int]] = [[] for _ in groups]
    for a, found in readers.items():
        if len(found) == 1 and (n := found.pop()) >= 0:
            leaves[n].append(a)
    return [own + group for own, group in zip(leaves, groups, strict=True)], titles


# -- distance ------------------------------------------------------------------------------------------


def _fold_by_distance(picture: Picture, max_nodes: int) -> Picture:
    """Keep the half of the boxes nearest to the target and the nodes asked for; fold what is connected beyond."""
    near: list[list[int]] = [[] for _ in picture.boxes]
    for a, b in picture.edges:
        near[a].append(b)
        near[b].append(a)
    pins = _find_pins(picture, max_nodes)
    kept = set(_reach(near, sorted(pins), lambda k: True, max(max_nodes // 2, len(pins))))
    parts: list[list[int]] = []
    seen = set(kept)
    for k in range(len(near)):
        if k not in seen:
            parts.append(_reach(near, [k], lambda j: j not in kept, len(near)))
            seen.update(parts[-1])
    room = max_nodes - len(kept)
    if len(parts) > room:  # those that hang on the same boxes, together; if they are still too many, the smaller ones
        beside: dict[frozenset[int], list[int]] = {}
        for part in parts:
            beside.setdefault(frozenset(j for k in part for j in near[k] if j in kept), []).extend(part)
        parts = sorted(beside.values(), key=len, reverse=True)
        if len(parts) > room:
            parts[max(room - 1, 0) :] = [[k for part in parts[max(room - 1, 0) :] for k in part]]
    parts = [sorted(part) for part in parts if len(part) > 1]
    return merge_boxes(picture, parts, ["further away"] * len(parts))


def _reach(near: Sequence[Sequence[int]], start: Sequence[int], enters: Callable[[int], bool], most: int) -> list[int]:
    """Return the boxes reached from some boxes, nearest first, up to `most` of them."""
    found = dict.fromkeys(start)
    todo = deque(start)
    while todo and len(found) < most:
        for j in near[todo.popleft()]:
            if j not in found and enters(j) and len(found) < most:
                found[j] = None
                todo.append(j)
    return list(found)


WAYS: dict[str, Callable[[Picture, int], Picture]] = {
    "auto": _fold_in_turn,
    "prefix": _fold_by_prefix,
    "repeat": _fold_repetitions,
    "distance": _fold_by_distance,
}
