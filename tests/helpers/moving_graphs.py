"""Graphs whose leaves change shape and dtype, beside graphs that are built anew: the same bytes, or our error.

A `Living` graph is built by some call at one point. Its leaves are then moved to other points, in all the ways that
there are, and whatever its user holds is compared with what a fresh graph of the same call gives there.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

import lazygrad as lg
from lazygrad.ops._op import OPS
from tests.helpers.invariants import check_invariants
from tests.helpers.random_graphs import same_bits

Make = Callable[..., Any]  # of the leaves: a node, or a structure of nodes
Arrays = Sequence[Any]
ERRORS = (lg.LazygradError, TypeError, ValueError, IndexError, ArithmeticError)
FLOATS = "fc"
# Errors that are ours where a fresh graph has none: a function has another number of results, or was never saved.
ALLOWED = ("results for the new shapes", "could not be saved with the node")


class Moved(AssertionError):
    """What a moved graph says is not what a fresh one says."""


def each_node(result: Any) -> Iterator[lg.Node]:
    """Yield the nodes of a result, whatever structure it has."""
    if isinstance(result, lg.Node):
        yield result
    elif isinstance(result, np.poly1d):
        yield from each_node(result.coeffs)
    elif isinstance(result, dict):
        yield from each_node(list(result.values()))
    elif isinstance(result, (tuple, list)):
        for part in result:
            yield from each_node(part)


def make_leaf(array: Any, kind: str | None = None) -> lg.Node:
    """Return a parameter for floats and a constant for anything else, or a leaf of the kind that is told."""
    if kind is None:
        kind = "parameter" if np.asarray(array).dtype.kind in FLOATS else "constant"
    return (lg.parameter if kind == "parameter" else lg.constant)(array)


def sum_up(nodes: Sequence[lg.Node], which: Sequence[int]) -> lg.Node:
    """Return the sum of the squares of some of the nodes, a real number: of nothing but ops that follow any shape."""
    total: Any = None
    for k in which:
        term = OPS["sum"](OPS["real"](nodes[k] * nodes[k])) * (1.5 + k)
        total = term if total is None else total + term
    assert total is not None
    return total


def find_floats(nodes: Sequence[lg.Node]) -> list[int]:
    """Return the places of the nodes that have derivatives."""
    return [k for k, node in enumerate(nodes) if node.dtype.kind in FLOATS]


class Living:
    """A graph with what is asked of it: values, a loss, its adjoints, and theirs again."""

    def __init__(self, make: Make, arrays: Arrays, like: Living | None = None) -> None:
        """Build it; `like` is a graph of the same call, which is asked for the same derivatives."""
        kinds = [None] * len(arrays) if like is None else like.kinds
        self.leaves = [make_leaf(a, kind) for a, kind in zip(arrays, kinds, strict=True)]
        self.by = find_floats(self.leaves) if like is None else like.by
        self.wrt = [self.leaves[k] for k in self.by]
        self.nodes = list(each_node(make(*self.leaves)))
        self.floats = find_floats(self.nodes) if like is None else like.floats
        self.loss = sum_up(self.nodes, self.floats) if self.floats and self.wrt else None
        self.held: list[lg.Node] = []
        self.held_second: list[lg.Node] = []
        self.compiled: list[Callable[..., Any]] = []

    @property
    def kinds(self) -> list[str]:
        return [leaf.static["leaf"] for leaf in self.leaves]

    def hold(self) -> None:
        """Keep the adjoints, and those of a function of them, where they are defined."""
        with suppress(lg.NotDifferentiableError):
            self.held = self.adjoints()
            self.held_second = self.second_adjoints()

    def compile(self) -> None:
        """Compile the nodes, and the adjoints where they are defined."""
        if self.nodes:
            self.compiled = [lg.compile(self.nodes, exact=True)]
        with suppress(lg.NotDifferentiableError):
            for targets in (self.adjoints, self.second_adjoints):
                if self.loss is not None:
                    self.compiled.append(lg.compile(targets(), exact=True))

    def adjoints(self) -> list[lg.Node]:
        if self.loss is None:
            return []
        return self.held or [lg.adjoint(self.loss, leaf) for leaf in self.wrt]

    def second_adjoints(self) -> list[lg.Node]:
        if self.held_second or self.loss is None:
            return self.held_second
        adjoints = self.adjoints()
        squares = sum_up(adjoints, range(len(adjoints)))
        return [lg.adjoint(squares, leaf) for leaf in self.wrt]

    def second_gradients(self) -> Any:
        adjoints = self.adjoints()
        return lg.gradient(sum_up(adjoints, range(len(adjoints))), self.wrt)

    def set(self, arrays: Arrays) -> None:
        """Give the leaves other values: by `set` where one changes, else by `update`."""
        changed = {
            leaf: a for leaf, a in zip(self.leaves, arrays, strict=True) if not same_bits(leaf.value, np.asarray(a))
        }
        if len(changed) == 1:
            ((leaf, value),) = changed.items()
            leaf.set(value)
        else:
            lg.update(changed)

    def ask(self) -> dict[str, Any]:
        """Return every answer, as bytes or as the kind of its error."""
        found = {
            "shapes": [(n.shape, n.dtype) for n in self.nodes],
            "values": [attempt(lambda n=n: n.value) for n in self.nodes],
        }
        if self.loss is not None:
            found |= {
                "gradients": attempt(lambda: lg.gradient(self.loss, self.wrt)),
                "forms of adjoints": attempt(lambda: [(g.shape, g.dtype) for g in self.adjoints()]),
                "adjoints": attempt(lambda: [g.value for g in self.adjoints()]),
                "gradients of nodes": [attempt(lambda n=n: gradient_of(n, self.wrt)) for n in self.nodes],
                "second gradients": attempt(self.second_gradients),
                "second adjoints": attempt(lambda: [g.value for g in self.second_adjoints()]),
            }
        return found

    def ask_compiled(self) -> dict[str, Any]:
        """Return the answers of what was compiled."""
        names = ("values", "adjoints", "second adjoints")
        return {name: attempt(call) for name, call in zip(names, self.compiled, strict=False)}

    def everything(self) -> list[lg.Node]:
        last = [] if self.loss is None else [self.loss]
        return [*self.leaves, *self.nodes, *last, *self.held, *self.held_second]


def attempt(call: Callable[[], Any]) -> Any:
    """Return a result, or the name of the error's class."""
    try:
        return call()
    except ERRORS as error:
        return type(error).__name__


def gradient_of(node: lg.Node, wrt: Sequence[lg.Node]) -> Any:
    """Return the gradient of a node as the target; of the sum of its elements, if there are several."""
    if node.dtype.kind == "f" and node.size == 1:
        return lg.gradient(node, wrt)
    return None if node.dtype.kind not in FLOATS else lg.gradient(node, wrt, cotangent=np.ones(node.shape, node.dtype))


def is_same(found: Any, expected: Any) -> bool:
    """Return whether two answers are the same, bit for bit (but for the sign of a nan)."""
    if isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(is_same, found, expected))
    if isinstance(found, (np.ndarray, np.generic)) and isinstance(expected, (np.ndarray, np.generic)):
        return found.dtype == expected.dtype and found.shape == expected.shape and has_same_numbers(found, expected)
    return type(found) is type(expected) and found == expected  # (errors, shapes and dtypes)


def has_same_numbers(a: Any, b: Any) -> bool:
    if a.tobytes() == b.tobytes():
        return True
    if a.dtype.kind == "c":
        return has_same_numbers(a.real.copy(), b.real.copy()) and has_same_numbers(a.imag.copy(), b.imag.copy())
    if a.dtype.kind != "f" or not np.array_equal(np.isnan(a), np.isnan(b)):
        return False
    return np.where(np.isnan(a), 0, a).tobytes() == np.where(np.isnan(b), 0, b).tobytes()


def compare(found: dict[str, Any], expected: dict[str, Any], what: str) -> None:
    for name, answer in found.items():
        truth = expected[name]
        if truth.__class__ is list and answer.__class__ is str and answer in map(str, truth):
            continue  # what is compiled raises for all targets what the walk raises for one
        if not is_same(answer, truth):
            raise Moved(f"{what}: {name} are {answer}, of a fresh graph {truth}")


class Quiet:
    """No warnings of NumPy's, and none of ours of leaves that nothing depends on."""

    def __enter__(self) -> None:
        self.state = np.errstate(all="ignore")
        self.warned = warnings.catch_warnings()
        self.state.__enter__()
        self.warned.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, *error: Any) -> None:
        self.warned.__exit__(*error)
        self.state.__exit__(*error)


# -- ways to get from one point to another -------------------------------------------------------------------


def just_set(living: Living) -> Living:
    return living


def asked_before(living: Living) -> Living:
    living.ask()
    return living


def asked_often(living: Living) -> Living:
    for _ in range(5):
        living.ask()
    return living


def held_adjoints(living: Living) -> Living:
    living.hold()
    return living


def held_and_asked(living: Living) -> Living:
    living.hold()
    return asked_before(living)


def held_and_asked_often(living: Living) -> Living:
    living.hold()
    return asked_often(living)


def compiled(living: Living) -> Living:
    living.compile()
    return living


def compiled_and_called(living: Living) -> Living:
    living.hold()
    living.compile()
    living.ask_compiled()
    return living


def deep_copied(living: Living) -> Living:
    living.hold()
    living.ask()
    return copy.deepcopy(living)


def pickled(living: Living) -> Living:
    living.hold()
    living.ask()
    return pickle.loads(pickle.dumps(living))


WAYS: tuple[Callable[[Living], Living], ...] = (
    just_set,
    asked_before,
    asked_often,
    held_adjoints,
    held_and_asked,
    held_and_asked_often,
    compiled,
    compiled_and_called,
    deep_copied,
    pickled,
)


def move(living: Living, make: Make, arrays: Arrays, here: dict[str, Any], what: str = "") -> dict[str, Any] | None:
    """Move a graph to another point, compare it with a fresh one there, and return the answers; None if it is refused.

    `here` are the answers where it is now. Another number of results is the only reason to refuse what a fresh graph
    does not refuse.
    """
    try:
        fresh: Living | Exception = Living(make, arrays, living)
        if living.held:
            fresh.hold()
        elif living.compiled:  # which holds the same
            with suppress(lg.NotDifferentiableError):
                fresh.second_adjoints()
    except ERRORS as error:
        fresh = error
    try:
        living.set(arrays)
    except ERRORS as error:
        if not isinstance(fresh, Exception) and not any(text in str(error) for text in ALLOWED):
            raise Moved(f"{what}: {type(error).__name__}, where a fresh graph can be built: {error}") from error
        notes = " ".join(getattr(error, "__notes__", ()))
        if "keeps its value" not in notes and "must be floating point" not in str(error):
            raise Moved(f"{what}: an error without our note: {error!r}") from error
        compare(living.ask(), here, f"{what}, refused ({error})")
        compare(living.ask_compiled(), here, f"{what}, compiled and refused ({error})")
        if not any(answer.__class__ is str for answer in here.values()):
            check_invariants(living.everything())
        return None
    if isinstance(fresh, Exception):
        raise Moved(f"{what}: no error, where a fresh graph raises {fresh!r}") from fresh
    expected = fresh.ask()
    compare(living.ask_compiled(), expected, f"{what}, compiled")
    compare(living.ask(), expected, what)
    if not any(answer.__class__ is str for answer in expected.values()):  # (else there are edges without a rule)
        check_invariants(living.everything())
    return expected


def walk(make: Make, points: Sequence[Arrays], way: Callable[[Living], Living]) -> int:
    """Build a graph at the first point, and move it through all the others; return to how many it went."""
    with Quiet():
        living = way(Living(make, points[0]))
        if not living.nodes:
            return 0
        here = Living(make, points[0]).ask()
        moved = 0
        seen = [describe(points[0])]
        for arrays in points[1:]:
            what = f"{way.__name__}: {' -> '.join(seen[-2:])} -> {describe(arrays)}"
            found = move(living, make, arrays, here, what)
            if found is not None:
                here = found
                seen.append(describe(arrays))
                moved += 1
        return moved


def describe(arrays: Arrays) -> str:
    """Return the shapes and dtypes of a point."""
    return ", ".join(f"{np.shape(a)} {np.asarray(a).dtype}" for a in arrays)
