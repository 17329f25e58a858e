"""What the commands of the command line do, once the script has run."""

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
def evaluating(what: str) -> Iterator[None]:
    """What the user's graph raises is the script's failure."""
    try:
        yield
    except Exception as error:
        raise ScriptError(f"{what} could not be evaluated: {type(error).__name__}") from error


@contextmanager
def possible() -> Iterator[None]:
    """What cannot be done here and now: an extra is missing, or a file cannot be written."""
    try:
        yield
    except (ImportError, OSError, LazygradError, ValueError) as error:
        raise UsageError(str(error)) from None


def target(names: Names, loss: str | None) -> Node:
    """The node to differentiate; what it is computed from may be called by its own names from then on."""
    L = names.loss() if loss is None else names.find(loss)
    names.add_own_names(ancestors(L))
    return L


def checked(L: Node, nodes: dict[str, Node]) -> dict[str, Node]:
    """The nodes, if a gradient by each can be asked for; nothing is computed."""
    try:
        d = differentiator(L)
        for node in nodes.values():
            d.adjoint(node)
    except (LazygradError, TypeError) as error:
        raise UsageError(str(error)) from None
    return nodes


def ask(names: Names, options: argparse.Namespace) -> tuple[Node, dict[str, Node]]:
    """The nodes meant, checked before anything is computed."""
    L = target(names, options.loss)
    return L, checked(L, {name: names.find(name) for name in options.wrt})


def gradients(L: Node, nodes: Mapping[str, Node]) -> dict[str, Any]:
    """The gradients by name, None where no path leads to the loss."""
    with evaluating(f"the gradient of {label(L)}"):
        found: dict[str, Any] = differentiator(L).gradient(dict(nodes), unconnected="none")
    return found


def answered(options: argparse.Namespace, names: Names, timing: bool = False) -> tuple[Node, dict[str, Node], Report]:
    """The nodes meant, and the report of the question for their gradients."""
    with record(timing=timing) as report:
        L, nodes = ask(names, options)
        if nodes:
            gradients(L, nodes)
    return L, nodes, report


# -- as text -----------------------------------------------------------------------------------------


def summary(gradient: Array) -> str:
    """Norm, and smallest, mean and largest element."""
    if not gradient.size:
        return f"{'empty':>12}"
    with np.errstate(all="ignore"):  # infinities and NaN are shown as they are
        numbers = [np.linalg.norm(gradient.astype(float).ravel()), gradient.min(), gradient.mean(), gradient.max()]
    return "".join(f"{number:>12.4g}" for number in numbers)


def table(L: Node, found: Mapping[str, Any], nodes: Mapping[str, Node]) -> str:
    """One line for each gradient."""
    titles = [f"d{label(L)}/d{name}" for name in found]
    wide = max(len("gradient"), *map(len, titles))
    head = "".join(f"{word:>12}" for word in ("norm", "min", "mean", "max"))
    lines = [f"{'gradient':<{wide}}  {'shape':<14}{'dtype':<9}{head}"]
    for title, (name, gradient) in zip(titles, found.items(), strict=True):
        node = nodes[name]
        rest = f"{'zero':>12}: no path leads to {label(L)}" if gradient is None else summary(gradient)
        lines.append(f"{title:<{wide}}  {node.shape!s:<14}{node.dtype!s:<9}{rest}")
    return "\n".join(lines)


def listed(computed: Sequence[Node]) -> str:
    """The nodes' names, up to a length."""
    more = len(computed) - SHOWN
    return ", ".join(map(label, computed[:SHOWN])) + (f" and {more} more" if more > 0 else "") or "none"


def statistics(L: Node, report: Report) -> str:
    """What the queries asked, computed, and left in the memo."""
    return "\n".join(
        [
            str(report),
            f"values computed: {listed(report.values.computed)}",
            f"adjoints computed: {listed(report.adjoints.computed)}",
            str(differentiator(L).cache_info()),
        ]
    )


def save(file: str, found: Mapping[str, Any], nodes: Mapping[str, Node]) -> str:
    """Write the gradients to an .npz file and tell where."""
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
        L, nodes = ask(names, options)
        if options.progress:
            with possible():
                around.enter_context(progress(f"d{label(L)}"))
        found = gradients(L, nodes)
    print(table(L, found, nodes))
    if options.trace:
        print(f"\n{report.trace()}")
    if options.stats:
        print(f"\n{statistics(L, report)}")
    if options.save:
        print(f"\nsaved {', '.join(found)} to {save(options.save, found, nodes)}")
    if options.html:
        print(f"\nwrote {page(options.html, L, nodes, report)}")
    return 0


def explain(options: argparse.Namespace, names: Names) -> int:
    """Print the plan."""
    L, nodes = ask(names, options)
    with evaluating(f"the gradient of {label(L)}"):
        plan = inspect.explain(L, list(nodes.values()), analyze=options.analyze)
    print(plan)
    return 0


def draw(options: argparse.Namespace, names: Names) -> int:
    """Print or write a picture."""
    if options.format == "png" and not options.output:
        raise UsageError("say where to write the png: -o FILE")
    L, nodes, report = answered(options, names)
    with possible():
        picture = inspect.draw(L, list(nodes.values()) or None, report)
        if options.output and not options.format:
            picture.save(options.output)  # whose suffix tells
        else:
            made = FORMATS[options.format or "dot"](picture)
            if options.output:
                Path(options.output).write_bytes(made if isinstance(made, bytes) else made.encode())
    print(f"wrote {options.output}" if options.output else made)
    return 0


def page(file: str, L: Node, nodes: Mapping[str, Node], report: Report) -> str:
    """Write the page, and tell where."""
    with possible():
        inspect.page(L, list(nodes.values()), file, report)
    return file


def html(options: argparse.Namespace, names: Names) -> int:
    """Write the page."""
    L, nodes, report = answered(options, names)
    print(f"wrote {page(options.output, L, nodes, report)}")
    return 0


def stats(options: argparse.Namespace, names: Names) -> int:
    """Print the report."""
    L, _, report = answered(options, names, timing=True)
    if options.json:
        print(report.to_json())
        return 0
    print(statistics(L, report))
    if options.table:
        print(f"\n{differentiator(L).table()}")
    return 0


def parameters(L: Node, names: Names) -> dict[str, Node]:
    """All parameters below the loss, by the names they are known by."""
    known = {node.serial: name for name, node in reversed(names.spellings().items())}
    below = [i for i in ancestors(L) if i.op is None and i.static["leaf"] == "parameter"]
    return {known.get(i.serial, label(i)): i for i in below}


def check(options: argparse.Namespace, names: Names) -> int:
    """Compare gradients with differences, and print a table."""
    L = target(names, options.loss)
    nodes = {name: names.find(name) for name in options.wrt} or parameters(L, names)
    if not nodes:
        raise UsageError(f"no parameter leads to {label(L)}")
    if others := [name for name, node in checked(L, nodes).items() if node.op is not None]:
        raise UsageError(f"check sets leaves, but {', '.join(others)} is computed from others")
    found = {}
    for name, gradient in gradients(L, nodes).items():
        leaf = nodes[name]
        expected = np.zeros(leaf.shape, leaf.dtype) if gradient is None else gradient
        with evaluating(f"{label(L)} near {name}"):
            found[name] = check_leaf(
                L, leaf, expected, eps=options.eps, tolerance=options.tolerance, most=options.elements
            )
    print(as_grid(found, f"d{label(L)} by central differences").text())
    wrong = [name for name, one in found.items() if not one.agrees]
    which = f"; wrong: {', '.join(wrong)}" if wrong else ""
    print(f"\n{len(found) - len(wrong)} of {len(found)} gradients agree{which}")
    return WRONG if wrong else 0
