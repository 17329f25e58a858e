"""The package is laid out in rooms: no import circle, no import upward, few arrows between rooms, short files."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.import_graph import (
    FACE,
    PACKAGE,
    ROOT,
    Graph,
    arrows,
    contracts,
    floors,
    import_graph,
    imported_by_name,
    room,
    source_files,
    with_stubs_joined,
)

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
EXTRAS = {("_schedule", "plugins")}  # the plug-in for numba, imported by name where numba is there and wanted
MOST_ARROWS, HEART_LINES, LINES = 120, 300, 400


GRAPH = import_graph(PACKAGE)


def going_up(graph: Graph) -> dict[tuple[str, str], list[str]]:
    """Return the arrows that lead to the same floor or a higher one."""
    floor = floors()
    return {pair: imports for pair, imports in arrows(graph).items() if floor[pair[1]] >= floor[pair[0]]}


# -- the rules -------------------------------------------------------------------------------------


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in GRAPH} == set(floors())


def test_no_import_goes_up_or_across() -> None:
    """A room imports from floors below its own; import-linter holds the same, but does not read stubs."""
    assert going_up(GRAPH) == {}


def test_no_import_by_name_goes_up_but_for_extras() -> None:
    up = going_up(import_graph(PACKAGE, imported_by_name))
    assert {pair: imports for pair, imports in up.items() if pair not in EXTRAS} == {}


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


def test_every_room_says_what_it_is_for_and_what_it_may_import() -> None:
    rooms = {path.parent.name: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("*/__init__.py")}
    texts = {name: " ".join((ast.get_docstring(tree) or "").split()) for name, tree in rooms.items()}
    assert [name for name, text in texts.items() if "may import" not in text] == []


def test_no_plugin_is_left_out_of_the_contract_that_keeps_them_apart() -> None:
    (modules,) = [contract["modules"] for contract in contracts() if contract["type"] == "independence"]
    files = {path.stem for path in (PACKAGE / "plugins").glob("*.py") if path.name[0] != "_"}
    assert {name.removeprefix("lazygrad.plugins.") for name in modules} == files - {"flat"}  # which several stand on


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
    "high/c.py": 'import importlib\nimportlib.import_module("small.low.c")\nimportlib.import_module("json")\n',
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
        "small.high.c": set(),
    }
    assert import_graph(small, imported_by_name)["small.high.c"] == {"small.low.c"}
    assert set(arrows(graph)) == {(FACE, "low"), ("low", "high"), ("high", "low")}


def test_a_stub_alone_is_a_part_of_its_module_and_circles_are_found(small: Path) -> None:
    joined = with_stubs_joined(import_graph(small), small)
    assert joined["small.low.c"] == {"small.high.b"}
    assert "small.low.methods" not in joined
    with pytest.raises(CycleError):
        TopologicalSorter(joined).prepare()
