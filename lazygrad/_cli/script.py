"""The run of a user's script, and the names of the nodes that it leaves."""

from __future__ import annotations

import sys
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from .._graph.names import find_named_node
from .._graph.node import Node

__all__ = ["Names", "ScriptError", "UsageError", "complain", "replace_main", "run", "show_failure"]

LOSSES = ("L", "loss")  # what the loss is called unless --loss tells
OURS = [str(Path(__file__).with_name(name)) for name in ("script.py", "commands.py")]  # no frames to show
DEEPEST = 3  # how far containers in containers are searched for nodes


class UsageError(Exception):
    """The command cannot be carried out as given."""


class ScriptError(Exception):
    """The script, or the evaluation of its graph, raised; the cause is the exception."""


# -- running the script ----------------------------------------------------------------------------


@contextmanager
def replace_main(script: str, arguments: Sequence[str]) -> Iterator[types.ModuleType]:
    """Yield a fresh ``__main__``, with ``sys.argv`` and ``sys.path[0]`` as Python gives them to the script."""
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


def run(module: types.ModuleType, script: str) -> dict[str, object]:
    """Run the script in a module, and return its global variables.

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
        while frames is not None and frames.tb_frame.f_code.co_filename in OURS:
            frames = frames.tb_next
        traceback.print_exception(type(cause), cause, frames)
    complain(str(error))


def complain(message: str) -> None:
    """Print one message to stderr."""
    print(f"lazygrad: {message}", file=sys.stderr)


# -- names -----------------------------------------------------------------------------------------


@attrs.define
class Names:
    """The names by which the user may call the nodes of a script.

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
        for name, node in self.list_spellings().items():
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

    def list_spellings(self) -> dict[str, Node]:
        """Return each name that means one node; short ones first, as they read better."""
        unique = {name: next(iter(nodes.values())) for name, nodes in self.short.items() if len(nodes) == 1}
        return {**unique, **self.exact}

    def find(self, name: str) -> Node:
        """Return the node of a name, or raise an error with the known names, closest first."""
        known = self.list_spellings()
        try:
            return find_named_node(known, name if name in known else name.replace('"', "'"))
        except KeyError as error:
            message = str(error.args[0])
        if name in self.short:
            places = [place for place, node in self.exact.items() if node.serial in self.short[name]]
            raise UsageError(f"{name!r} is the name of {len(self.short[name])} nodes; say which: {', '.join(places)}")
        if name in self.variables:
            kind = type(self.variables[name]).__name__
            message = f"the variable {name!r} holds no node, but {kind} (is a `lg.parameter` missing?); {message}"
        raise UsageError(message)

    def find_loss(self) -> Node:
        """Return the node that is called as losses are."""
        for name in LOSSES:
            if name in self.exact:
                return self.exact[name]
        known = self.list_spellings()
        for name in LOSSES:
            if name in known:
                return known[name]
        if not known:
            raise UsageError("the script leaves no node in a top-level variable, dict or list")
        scalars = [name for name, node in known.items() if node.op is not None and node.size == 1]
        hint = f"scalars: {', '.join(scalars)}" if scalars else f"nodes: {', '.join(known)}"
        raise UsageError(f"no node is called {' or '.join(LOSSES)}; name the loss with --loss. Known {hint}")
