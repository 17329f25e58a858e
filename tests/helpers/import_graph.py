"""Who imports whom in the package, read from the source.

Late and type-only imports and stubs count, too; modules that are imported by a name in a string are told apart.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lazygrad"
FACE = "the face"  # lazygrad/__init__.py, which import-linter has no name for: the container of all layers

Graph = dict[str, set[str]]  # module -> the modules of the package that it imports


def source_files(package: Path) -> list[Path]:
    """Return the modules and stubs of a package."""
    return sorted(path for pattern in ("*.py", "*.pyi") for path in package.rglob(pattern))


def module_name(path: Path, package: Path) -> str:
    """Return the dotted name of a file."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, name: str, known: set[str]) -> Iterator[str]:
    """Yield the modules of the package that a file imports anywhere."""
    home = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names if alias.name in known)
        elif isinstance(found, ast.ImportFrom):
            base = home[: len(home) - found.level + 1] if found.level else []
            target = ".".join([*base, *([found.module] if found.module else [])])
            for alias in found.names:
                full = f"{target}.{alias.name}"
                yield from (module for module in (full if full in known else target,) if module in known)


def imported_by_name(path: Path, _: str, known: set[str]) -> Iterator[str]:
    """Yield the modules of the package that a file imports by a name in a string, when somebody needs them."""
    found = re.findall(r'\bimport_module\("([\w.]+)"', path.read_text(encoding="utf-8"))
    yield from (module for module in found if module in known)


def import_graph(package: Path, read: Callable[[Path, str, set[str]], Iterator[str]] = imported) -> Graph:
    """Return the modules that each module of a package imports; `read` tells those of one file."""
    files = [(path, module_name(path, package)) for path in source_files(package)]
    known = {name for _, name in files}
    graph: Graph = defaultdict(set)
    for path, name in files:
        graph[name] |= {target for target in read(path, name, known) if target != name}
    return graph


def with_stubs_joined(graph: Graph, package: Path) -> Graph:
    """Return the graph in which a stub that stands alone is a part of the one module that imports it.

    Such a stub tells the types of what is installed on a class of that module, and names the class on every line.
    """
    modules = {module_name(path, package) for path in package.rglob("*.py")}
    readers = {stub: [name for name in graph if stub in graph[name]] for stub in graph if stub not in modules}
    part_of = {stub: names[0] for stub, names in readers.items() if len(names) == 1}
    joined: Graph = defaultdict(set)
    for name, targets in graph.items():
        whole = part_of.get(name, name)
        joined[whole] |= {part_of.get(target, target) for target in targets} - {whole}
    return joined


def room(module: str) -> str:
    """Return the room of a module: the first name below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FACE


def arrows(graph: Graph) -> dict[tuple[str, str], list[str]]:
    """Return each pair of rooms, the first of which imports the second, with the imports it is made of."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, targets in graph.items():
        for target in targets:
            if room(name) != room(target):
                found[room(name), room(target)].append(f"{name} -> {target}")
    return dict(found)


def contracts() -> list[dict[str, Any]]:
    """Return the contracts of import-linter in pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


@cache
def floors() -> dict[str, int]:
    """Return the floor of each room, counted from the ground, as the first contract lists them."""
    (layers,) = [contract["layers"] for contract in contracts() if contract.get("containers") == ["lazygrad"]]
    order = [[part.strip() for part in layer.split("|")] for layer in reversed(layers)]
    order.insert(next(floor for floor, rooms in enumerate(order) if "_cli" in rooms), [FACE])
    return {name: floor for floor, rooms in enumerate(order) for name in rooms}
