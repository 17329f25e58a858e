"""The command line: run a script that builds a graph, and ask for some of its gradients.

Usage::

    python -m lazygrad SCRIPT --wrt W1 W3 [--loss L] [--trace] [--stats] [--save grads.npz] [-- ARGUMENTS]
"""

from __future__ import annotations

import argparse
import sys
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from . import Node, Report, __version__, differentiator, record
from ._errors import LazygradError
from ._node import label
from ._table import ancestors, named_node

__all__ = ["main"]

USAGE, FAILED = 2, 1  # exit statuses: the command makes no sense; the script, or evaluating its graph, raised
LOSSES = ("L", "loss")  # what the loss is called unless --loss tells
DEEPEST = 3  # how far containers in containers are searched for nodes
SHOWN = 20  # longer lists of nodes are cut


class UsageError(Exception):
    """The command cannot be carried out as given."""


class ScriptError(Exception):
    """The script, or the evaluation of its graph, raised; the cause is the exception."""


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="lazygrad",
        description="Run a script that builds a graph at top level, and print some gradients of its loss.",
        epilog="Nodes are called by their variable (W1), their key or place in a top-level dict or list "
        "(params['W1'] or just W1; layers[0]), or their own name (node.name). "
        "Arguments after -- are passed to the script.",
    )
    made.add_argument("script", metavar="SCRIPT", help="a Python file")
    made.add_argument("--wrt", metavar="NAME", nargs="+", required=True, help="the nodes to differentiate by")
    made.add_argument("--loss", metavar="NAME", help="the node to differentiate (default: L, or else loss)")
    made.add_argument("--trace", action="store_true", help="print the derivatives computed and read, step by step")
    made.add_argument("--stats", action="store_true", help="print what the queries asked of the memo and computed")
    made.add_argument("--save", metavar="FILE", help="write the gradients to a NumPy .npz file, under their names")
    made.add_argument("--version", action="version", version=f"lazygrad {__version__}")
    return made


# -- running the script ----------------------------------------------------------------------------


@contextmanager
def as_main(script: str, arguments: Sequence[str]) -> Iterator[types.ModuleType]:
    """A fresh ``__main__`` with ``sys.argv`` and ``sys.path[0]`` as Python gives them to that script."""
    module = types.ModuleType("__main__")
    module.__file__ = str(Path(script).absolute())
    before = sys.modules.get("__main__"), sys.argv, sys.path
    sys.modules["__main__"] = module
    sys.argv = [script, *arguments]
    if not sys.flags.safe_path:
        sys.path = [str(Path(script).resolve().parent), *sys.path[1:]]
    try:
        yield module
    finally:
        sys.modules["__main__"], sys.argv, sys.path = before  # type: ignore[assignment]


def run(module: types.ModuleType, script: str) -> dict[str, Any]:
    """Run the script in that module; its global variables.

    `runpy` would do, but for scripts that end in ``sys.exit(main())``: it drops their variables.
    """
    try:
        source = Path(script).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the script {script!r}: {error.strerror}") from None
    try:
        exec(compile(source, str(module.__file__), "exec", dont_inherit=True), vars(module))
    except SystemExit as end:
        if end.code not in (None, 0):
            raise ScriptError(f"the script {script!r} exited: {end.code}") from None
    except Exception as error:
        raise ScriptError(f"the script {script!r} raised {type(error).__name__}") from error
    return vars(module)


def show_failure(error: ScriptError) -> None:
    """Print the traceback from the user's first line on, then what failed."""
    cause = error.__cause__
    if cause is not None:
        frames = cause.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        traceback.print_exception(type(cause), cause, frames)
    complain(str(error))


def complain(message: str) -> None:
    """One message to stderr."""
    print(f"lazygrad: {message}", file=sys.stderr)


# -- names -----------------------------------------------------------------------------------------


@attrs.define
class Names:
    """What the user may call the nodes of a script.

    A variable, or a place such as ``params['W1']``, means one node. The key alone and the node's own name
    serve too, where they mean one node only.
    """

    variables: Mapping[str, Any]
    exact: dict[str, Node] = attrs.field(factory=dict)
    short: dict[str, dict[int, Node]] = attrs.field(factory=dict)  # name -> the nodes it may mean, by serial

    def collect(self) -> None:
        """Find the nodes in the variables; those without a name get one, for the reports."""
        shown = {name: value for name, value in self.variables.items() if not name.startswith("__")}
        for name, value in shown.items():
            if isinstance(value, Node):
                self.exact[name] = value
                value.name = value.name or name
        for name, value in shown.items():
            self._search(name, value, DEEPEST)
        self.add_own_names(self.exact.values())
        for name, node in self._spellings().items():
            node.name = node.name or name

    def _search(self, place: str, value: Any, depth: int) -> None:
        """Find the nodes in a container."""
        if not depth or not isinstance(value, (dict, list, tuple)):
            return
        keyed = isinstance(value, dict)
        for key, item in value.items() if keyed else enumerate(value):  # type: ignore[union-attr]
            inner = f"{place}[{key!r}]"
            if not isinstance(item, Node):
                self._search(inner, item, depth - 1)
                continue
            self.exact[inner] = item
            if keyed:
                self.short.setdefault(str(key), {})[item.serial] = item

    def add_own_names(self, nodes: Any) -> None:
        """Let nodes be called by their `name`."""
        for node in nodes:
            if node.name is not None:
                self.short.setdefault(node.name, {})[node.serial] = node

    def _spellings(self) -> dict[str, Node]:
        """Each name that means one node; short ones first, as they read better."""
        unique = {name: next(iter(nodes.values())) for name, nodes in self.short.items() if len(nodes) == 1}
        return {**unique, **self.exact}

    def find(self, name: str) -> Node:
        """The node of that name, or an error with the known names, closest first."""
        known = self._spellings()
        try:
            return named_node(known, name if name in known else name.replace('"', "'"))
        except KeyError as error:
            message = str(error.args[0])
        if name in self.short:
            places = [place for place, node in self.exact.items() if node.serial in self.short[name]]
            raise UsageError(f"{name!r} is the name of {len(self.short[name])} nodes; say which: {', '.join(places)}")
        if name in self.variables:
            kind = type(self.variables[name]).__name__
            message = f"the variable {name!r} holds no node, but {kind} (is a `lg.parameter` missing?); {message}"
        raise UsageError(message)

    def loss(self) -> Node:
        """The node that is called as losses are."""
        for name in LOSSES:
            if name in self.exact:
                return self.exact[name]
        known = self._spellings()
        for name in LOSSES:
            if name in known:
                return known[name]
        if not known:
            raise UsageError("the script leaves no node in a top-level variable, dict or list")
        scalars = [name for name, node in known.items() if node.op is not None and node.size == 1]
        hint = f"scalars: {', '.join(scalars)}" if scalars else f"nodes: {', '.join(known)}"
        raise UsageError(f"no node is called {' or '.join(LOSSES)}; name the loss with --loss. Known {hint}")


# -- the answers -----------------------------------------------------------------------------------


def ask(names: Names, loss: str | None, wrt: Sequence[str]) -> tuple[Node, dict[str, Node]]:
    """The nodes meant, checked before anything is computed."""
    L = names.loss() if loss is None else names.find(loss)
    names.add_own_names(ancestors(L))
    nodes = {name: names.find(name) for name in wrt}
    try:
        d = differentiator(L)
        for node in nodes.values():
            d.adjoint(node)
    except (LazygradError, TypeError) as error:
        raise UsageError(str(error)) from None
    return L, nodes


def gradients(L: Node, nodes: Mapping[str, Node]) -> dict[str, Any]:
    """The gradients by name, None where no path leads to the loss."""
    try:
        found: dict[str, Any] = differentiator(L).gradient(dict(nodes), unconnected="none")
    except Exception as error:
        raise ScriptError(f"the gradient of {label(L)} could not be evaluated: {type(error).__name__}") from error
    return found


def summary(gradient: np.ndarray[Any, Any]) -> str:
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


def command(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Run the script, ask, and print."""
    with as_main(options.script, arguments) as module:
        names = Names(run(module, options.script))
        names.collect()
        with record() as report:
            L, nodes = ask(names, options.loss, options.wrt)
            found = gradients(L, nodes)
        print(table(L, found, nodes))
        if options.trace:
            print(f"\n{report.trace()}")
        if options.stats:
            print(f"\n{statistics(L, report)}")
        if options.save:
            print(f"\nsaved {', '.join(found)} to {save(options.save, found, nodes)}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        The arguments; those of the process by default.

    Returns
    -------
    The exit status: 0, 2 if the command makes no sense (no such script, name or derivative), 1 if
    the script raised or its graph could not be evaluated.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    end = given.index("--") if "--" in given else len(given)
    options = parser().parse_args(given[:end])
    try:
        command(options, given[end + 1 :])
    except UsageError as error:
        sys.stdout.flush()
        complain(str(error))
        return USAGE
    except ScriptError as error:
        sys.stdout.flush()
        show_failure(error)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
