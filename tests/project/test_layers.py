"""The package is laid out in rooms: no import circle, no import upward, few arrows between rooms, short files."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lazygrad"
FACE = "the face"  # lazygrad/__init__.py, which import-linter has no name for: the container of all layers
HEART = (
    "_graph/demand",
    "_graph/node",
    "_graph/value",
    "_graph/invalidate",
    "_derivatives/discover",
    "_derivatives/adjoint_node",
    "_derivatives/target_memo",
)
LONG = ("plugins/_numba/machine.py",)  # numba's cache on disk is one file's: what calls each other stands together
MOST_ARROWS, HEART_LINES, LINES = 120, 300, 400


# -- who imports whom: read from the source, so that late and type-only imports and stubs count, too --------------


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


def import_graph(package: Path) -> dict[str, set[str]]:
    """Return module -> the modules of the package that it imports."""
    files = [(path, module_name(path, package)) for path in source_files(package)]
    known = {name for _, name in files}
    graph: dict[str, set[str]] = defaultdict(set)
    for path, name in files:
        graph[name] |= {target for target in imported(path, name, known) if target != name}
    return graph


def with_stubs_joined(graph: dict[str, set[str]], package: Path) -> dict[str, set[str]]:
    """Return the graph in which a stub that stands alone is a part of the one module that imports it.

    Such a stub tells the types of what is installed on a class of that module, and names the class on every line.
    """
    modules = {module_name(path, package) for path in package.rglob("*.py")}
    alone = {
        stub: [name for name, targets in graph.items() if stub in targets] for stub in graph if stub not in modules
    }
    part_of = {stub: readers[0] for stub, readers in alone.items() if len(readers) == 1}
    joined: dict[str, set[str]] = defaultdict(set)
    for name, targets in graph.items():
        whole = part_of.get(name, name)
        joined[whole] |= {part_of.get(target, target) for target in targets} - {whole}
    return joined


def room(module: str) -> str:
    """Return the room of a module: the first name below the package."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FACE


def arrows(graph: dict[str, set[str]]) -> dict[tuple[str, str], list[str]]:
    """Return each pair of rooms, the first of which imports the second, with the imports it is made of."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, targets in graph.items():
        for target in targets:
            if room(name) != room(target):
                found[room(name), room(target)].append(f"{name} -> {target}")
    return dict(found)


def floors() -> dict[str, int]:
    """Return the floor of each room, counted from the ground, as the contract in pyproject.toml lists them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [c["layers"] for c in contracts if c["type"] == "layers" and c.get("containers") == ["lazygrad"]]
    order = [[part.strip() for part in layer.split("|")] for layer in reversed(layers)]
    order.insert(next(floor for floor, rooms in enumerate(order) if "_cli" in rooms), [FACE])
    return {name: floor for floor, rooms in enumerate(order) for name in rooms}


GRAPH = import_graph(PACKAGE)


# -- the rules -------------------------------------------------------------------------------------


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in GRAPH} == set(floors())


def test_no_import_goes_up_or_across() -> None:
    """A room imports from floors below its own; import-linter holds the same, but does not read stubs."""
    floor = floors()
    up = {pair: imports for pair, imports in arrows(GRAPH).items() if floor[pair[1]] >= floor[pair[0]]}
    assert up == {}


def test_no_circle() -> None:
    try:
        TopologicalSorter(with_stubs_joined(GRAPH, PACKAGE)).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' <- '.join(error.args[1])}")


def test_arrows_between_rooms_are_few() -> None:
    assert len(arrows(GRAPH)) <= MOST_ARROWS


def test_no_private_module_lies_flat() -> None:
    flat = {path.name for path in PACKAGE.glob("_*.py")} - {"__init__.py", "__main__.py"}
    assert flat == {"_errors.py", "_version.py"}


def test_every_room_says_what_it_is_for() -> None:
    texts = {path.parent.name: path.read_text(encoding="utf-8") for path in PACKAGE.glob("*/__init__.py")}
    assert [name for name, text in texts.items() if not ast.get_docstring(ast.parse(text))] == []


def test_files_are_short() -> None:
    most = {**dict.fromkeys(source_files(PACKAGE), LINES), **{PACKAGE / f"{name}.py": HEART_LINES for name in HEART}}
    for name in LONG:
        del most[PACKAGE / name]
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in most}
    long = {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > most[path]}
    assert long == {}


# -- the reading of imports, tried on a small package ----------------------------------------------

SMALL = {
    "__init__.py": "from .low.a import x\n",
    "low/__init__.py": "",
    "low/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..high import b\n",
    "low/methods.pyi": "from .c import C\nfrom ..high.b import B\n",
    "low/c.py": "if 0:\n    from .methods import M\n",
    "high/__init__.py": "",
    "high/b.py": "def f():\n    import small.low.a\n    from .. import low\n    from os import path\n",
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for name, text in SMALL.items():
        path = tmp_path / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "small"


def test_late_and_type_only_imports_and_stubs_are_seen(small: Path) -> None:
    graph = import_graph(small)
    assert graph == {
        "small": {"small.low.a"},
        "small.low": set(),
        "small.low.a": {"small.high.b"},
        "small.low.methods": {"small.low.c", "small.high.b"},
        "small.low.c": {"small.low.methods"},
        "small.high": set(),
        "small.high.b": {"small.low.a", "small.low"},
    }
    assert set(arrows(graph)) == {(FACE, "low"), ("low", "high"), ("high", "low")}


def test_a_stub_alone_is_a_part_of_its_module_and_circles_are_found(small: Path) -> None:
    joined = with_stubs_joined(import_graph(small), small)
    assert joined["small.low.c"] == {"small.high.b"}
    assert "small.low.methods" not in joined
    with pytest.raises(CycleError):
        TopologicalSorter(joined).prepare()
