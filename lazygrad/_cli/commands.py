"""The commands of the command line, which run once the script has."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .. import Node, Report, differentiator, errstate, inspect, progress, record
from .._errors import LazygradError
from .._graph.node import label
from .._graph.traverse import ancestors
from .._graph.types import Array
from ..testing._leaves import as_grid, check_leaf
from .script import Names, ScriptError, UsageError

__all__ = ["FORMATS", "check", "draw", "explain", "html", "run", "stats"]

SHOWN = 20  # longer lists of nodes are cut
FORMATS: dict[str, Callable[[inspect.Drawing], str | bytes]] = {
    "dot": lambda picture: picture.dot,
    "mermaid": lambda picture: picture.mermaid,
    "svg": lambda picture: picture.svg(),
    "png": lambda picture: picture.png(),
}
WRONG = 3  # exit status of a check that fails


# -- asking ------------------------------------------------------------------------------------------


@contextmanager
def blame_script(what: str) -> Iterator[None]:
    """Turn an exception of the user's graph in the block into a failure of the script."""
    try:
        yield
    except Exception as error:
        raise ScriptError(f"{what} could not be evaluated: {type(error).__name__}") from error


@contextmanager
def refuse_failures() -> Iterator[None]:
    """Refuse the command if an extra is missing or a file cannot be written in the block."""
    try:
        yield
    except (ImportError, OSError, LazygradError, ValueError) as error:
        raise UsageError(str(error)) from None


def find_target(names: Names, loss: str | None) -> Node:
    """Find the node to differentiate, and let the nodes below it be called by their own names."""
    L = names.find_loss() if loss is None else names.find(loss)
    names.add_own_names(ancestors(L))
    return L


def check_nodes(L: Node, nodes: dict[str, Node]) -> dict[str, Node]:
    """Return the nodes if a gradient by each can be asked for, or refuse the command; nothing is computed."""
    try:
        d = differentiator(L)
        for node in nodes.values():
            d.adjoint(node)
    except (LazygradError, TypeError) as error:
        raise UsageError(str(error)) from None
    return nodes


def find_nodes(names: Names, options: argparse.Namespace) -> tuple[Node, dict[str, Node]]:
    """Find the loss and the nodes meant, and check them before anything is computed."""
    L = find_target(names, options.loss)
    return L, check_nodes(L, {name: names.find(name) for name in options.wrt})


def compute_gradients(L: Node, nodes: Mapping[str, Node]) -> dict[str, Array | None]:
    """Compute the gradients by name, None where no path leads to the loss."""
    with blame_script(f"the gradient of {label(L)}"):
        found: dict[str, Array | None] = differentiator(L).gradient(dict(nodes), unconnected="none")
    return found


def answer(options: argparse.Namespace, names: Names, timing: bool = False) -> tuple[Node, dict[str, Node], Report]:
    """Ask for the gradients, and return the loss, the nodes meant and the report."""
    with record(timing=timing) as report:
        L, nodes = find_nodes(names, options)
        if nodes:
            compute_gradients(L, nodes)
    return L, nodes, report


# -- as text -----------------------------------------------------------------------------------------


def summarize(gradient: Array) -> str:
    """Write the norm, and the smallest, mean and largest element."""
    if not gradient.size:
        return f"{'empty':>12}"
    with np.errstate(all="ignore"):  # infinities and NaN are shown as they are
        numbers = [np.linalg.norm(gradient.astype(float).ravel()), gradient.min(), gradient.mean(), gradient.max()]
    return "".join(f"{number:>12.4g}" for number in numbers)


def write_table(L: Node, found: Mapping[str, Array | None], nodes: Mapping[str, Node]) -> str:
    """Write one line for each gradient."""
    titles = [f"d{label(L)}/d{name}" for name in found]
    wide = max(len("gradient"), *map(len, titles))
    head = "".join(f"{word:>12}" for word in ("norm", "min", "mean", "max"))
    lines = [f"{'gradient':<{wide}}  {'shape':<14}{'dtype':<9}{head}"]
    for title, (name, gradient) in zip(titles, found.items(), strict=True):
        node = nodes[name]
        rest = f"{'zero':>12}: no path leads to {label(L)}" if gradient is None else summarize(gradient)
        lines.append(f"{title:<{wide}}  {node.shape!s:<14}{node.dtype!s:<9}{rest}")
    return "\n".join(lines)


def list_names(computed: Sequence[Node]) -> str:
    """List the nodes' names, up to a number."""
    more = len(computed) - SHOWN
    return ", ".join(map(label, computed[:SHOWN])) + (f" and {more} more" if more > 0 else "") or "none"


def write_statistics(L: Node, report: Report) -> str:
    """Write what the queries asked, computed, and left in the memo."""
    return "\n".join(
        [
            str(report),
            f"values computed: {list_names(report.values.computed)}",
            f"adjoints computed: {list_names(report.adjoints.computed)}",
            str(differentiator(L).cache_info()),
        ]
    )


def save(file: str, found: Mapping[str, object], nodes: Mapping[str, Node]) -> str:
    """Write the gradients to an .npz file, and return its path."""
    path = file if file.endswith(".npz") else f"{file}.npz"
    arrays: dict[str, Any] = {n: np.zeros(nodes[n].shape, nodes[n].dtype) if g is None else g for n, g in found.items()}
    try:
        np.savez(path, **arrays)
    except (OSError, TypeError) as error:  # a TypeError if a name is one of `savez`'s own
        raise UsageError(f"cannot write {path!r}: {error}") from None
    return path


# -- the commands ------------------------------------------------------------------------------------


def run(options: argparse.Namespace, names: Names) -> int:
    """Ask for gradients, and print them."""
    with ExitStack() as around:
        report = around.enter_context(record())
        if options.nonfinite:
            around.enter_context(errstate(nonfinite=options.nonfinite))
        L, nodes = find_nodes(names, options)
        if options.progress:
            with refuse_failures():
                around.enter_context(progress(f"d{label(L)}"))
        found = compute_gradients(L, nodes)
    print(write_table(L, found, nodes))
    if options.trace:
        print(f"\n{report.trace()}")
    if options.stats:
        print(f"\n{write_statistics(L, report)}")
    if options.save:
        print(f"\nsaved {', '.join(found)} to {save(options.save, found, nodes)}")
    if options.html:
        print(f"\nwrote {write_page(options.html, L, nodes, report)}")
    return 0


def explain(options: argparse.Namespace, names: Names) -> int:
    """Print the plan."""
    L, nodes = find_nodes(names, options)
    with blame_script(f"the gradient of {label(L)}"):
        plan = inspect.explain(L, list(nodes.values()), analyze=options.analyze)
    print(plan)
    return 0


def draw(options: argparse.Namespace, names: Names) -> int:
    """Print or write a picture."""
    if options.format == "png" and not options.output:
        raise UsageError("say where to write the png: -o FILE")
    L, nodes, report = answer(options, names)
    with refuse_failures():
        picture = inspect.draw(L, list(nodes.values()), report)
        if options.output and not options.format:
            picture.save(options.output)  # whose suffix tells
        else:
            made = FORMATS[options.format or "dot"](picture)
            if options.output:
                Path(options.output).write_bytes(made if isinstance(made, bytes) else made.encode())
    print(f"wrote {options.output}" if options.output else made)
    return 0


def write_page(file: str, L: Node, nodes: Mapping[str, Node], report: Report) -> str:
    """Write the page, and return where."""
    with refuse_failures():
        inspect.page(L, list(nodes.values()), file, report)
    return file


def html(options: argparse.Namespace, names: Names) -> int:
    """Write the page."""
    L, nodes, report = answer(options, names)
    print(f"wrote {write_page(options.output, L, nodes, report)}")
    return 0


def stats(options: argparse.Namespace, names: Names) -> int:
    """Print the report."""
    L, _, report = answer(options, names, timing=True)
    if options.json:
        print(report.to_json())
        return 0
    print(write_statistics(L, report))
    if options.table:
        print(f"\n{differentiator(L).table()}")
    return 0


def find_parameters(L: Node, names: Names) -> dict[str, Node]:
    """Find all parameters below the loss, by the names they are known by."""
    known = {node.serial: name for name, node in reversed(names.list_spellings().items())}
    below = [i for i in ancestors(L) if i.op is None and i.static["leaf"] == "parameter"]
    return {known.get(i.serial, label(i)): i for i in below}


def check(options: argparse.Namespace, names: Names) -> int:
    """Compare gradients with differences, and print a table."""
    L = find_target(names, options.loss)
    nodes = {name: names.find(name) for name in options.wrt} or find_parameters(L, names)
    if not nodes:
        raise UsageError(f"no parameter leads to {label(L)}")
    if others := [name for name, node in check_nodes(L, nodes).items() if node.op is not None]:
        raise UsageError(f"check sets leaves, but {', '.join(others)} is computed from others")
    found = {}
    for name, gradient in compute_gradients(L, nodes).items():
        leaf = nodes[name]
        expected = np.zeros(leaf.shape, leaf.dtype) if gradient is None else gradient
        with blame_script(f"{label(L)} near {name}"):
            found[name] = check_leaf(
                L, leaf, expected, eps=options.eps, tolerance=options.tolerance, most=options.elements
            )
    print(as_grid(found, f"d{label(L)} by central differences").text())
    wrong = [name for name, one in found.items() if not one.agrees]
    which = f"; wrong: {', '.join(wrong)}" if wrong else ""
    print(f"\n{len(found) - len(wrong)} of {len(found)} gradients agree{which}")
    return WRONG if wrong else 0
