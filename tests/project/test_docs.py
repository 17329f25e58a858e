"""The pages for contributors are true: what they name is there, their examples run, and the walks go as they say."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.import_graph import FACE, PACKAGE, ROOT, arrows, floors, import_graph

ARCHITECTURE, GLOSSARY = ROOT / "docs" / "architecture.md", ROOT / "docs" / "glossary.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
PAGES = [ARCHITECTURE, GLOSSARY, CONTRIBUTING]
OTHERS = [ROOT / ".github" / "SECURITY.md", ROOT / "changelog.d" / "README.md"]
WORDS = [
    "node",
    "input",
    "consumer",
    "adjoint",
    "contribution",
    "target",
    "memo",
    "hit",
    "stale",
    "mirror",
    "seed",
    "discovery",
    "rule",
    "schedule",
    "plan",
    "point",
    "guard",
    "mask",
    "structural zero",
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
KNOWN = {"lg": lg, "np": np, "node": lg.Node, "Node": lg.Node, "report": lg.Report, "Differentiator": lg.Differentiator}

every_page = pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=lambda page: page.name)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", read(page), flags=re.M | re.S)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.M | re.S)


def code(page: Path) -> list[str]:
    """Return what stands between backticks in the prose of a page."""
    return re.findall(r"`([^`\n]+)`", prose(page).replace("``", "`"))


# -- names, paths and links ------------------------------------------------------------------------


def look_up(name: str) -> Any:
    """Return what a dotted name means: of a room of the package, or as users write it."""
    first, *rest = name.split(".")
    if first in KNOWN:
        found = KNOWN[first]
    else:
        found = importlib.import_module("lazygrad" if first == "lazygrad" else f"lazygrad.{first}")
    for part in rest:
        if isinstance(found, types.ModuleType) and not hasattr(found, part):
            found = importlib.import_module(f"{found.__name__}.{part}")
        else:
            found = getattr(found, part)
    return found


def names_in(page: Path) -> list[str]:
    firsts = {*KNOWN, "lazygrad", *(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[:2] != "__")}
    dotted = [re.match(r"(\w+(?:\.\w+)+)(?:$|\()", text) for text in code(page)]
    return [match[1] for match in dotted if match is not None and match[1].split(".")[0] in firsts]


def paths_in(page: Path) -> list[str]:
    plain = [text for text in code(page) if re.fullmatch(r"[\w./-]+", text)]
    return [text for text in plain if "/" in text or re.search(r"\.(py|pyi|md|toml|ya?ml|cff)$", text)]


@pytest.mark.parametrize(
    ("page", "names", "paths"), [(ARCHITECTURE, 50, 25), (GLOSSARY, 25, 5), (CONTRIBUTING, 10, 25)]
)
def test_what_a_page_names_is_there(page: Path, names: int, paths: int) -> None:
    found = names_in(page)
    missing = []
    for name in found:
        try:
            look_up(name)
        except (AttributeError, ModuleNotFoundError):
            missing.append(name)
    assert missing == []
    assert [path for path in paths_in(page) if not (ROOT / path).exists()] == []
    assert len(found) >= names, "names that nobody looks for"
    assert len(paths_in(page)) >= paths


def test_a_name_that_is_not_there_is_noticed() -> None:
    for name in ("_graph.value.forward_recursion", "_graph.values", "lg.gradients", "node.consume"):
        with pytest.raises((AttributeError, ModuleNotFoundError)):
            look_up(name)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS, ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose(page))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_readme_leads_to_the_pages() -> None:
    assert {"docs/architecture.md", "docs/glossary.md", ".github/CONTRIBUTING.md"} <= set(
        re.findall(r"\]\(([^)]+)\)", read(ROOT / "README.md"))
    )


# -- examples and commands -------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path) -> None:
    test = doctest.DocTestParser().get_doctest(read(page), {}, page.name, str(page), 0)
    assert test.examples or page is GLOSSARY
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert said == []


def sessions() -> set[str]:
    return set(re.findall(r"^def (\w+)\(session", read(ROOT / "noxfile.py"), re.M))


def sessions_asked_for(text: str) -> set[str]:
    asked = [shlex.split(line) for line in re.findall(r"nox -s ([^`#\n]+)", text)]
    words = [word for line in asked for word in (line[: line.index("--")] if "--" in line else line)]
    return {re.sub(r"-.*", "", word) for word in words}


@every_page
def test_commands_name_what_is_there(page: Path) -> None:
    text = read(page)
    words = [w for block in blocks(text, "console") for line in block.splitlines() for w in shlex.split(line)]
    assert [w for w in words if re.match(r"(tests|lazygrad|docs|examples)/", w) and not (ROOT / w).exists()] == []
    assert sessions_asked_for(text) <= sessions()


def test_workflows_and_pages_know_the_sessions() -> None:
    workflows = "".join(read(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    asked = sessions_asked_for(workflows)
    assert asked <= sessions()
    (table,) = re.findall(r"\| session .*?\n\n", read(CONTRIBUTING), re.S)
    told = set(re.findall(r"^\| `(\w+)`", table, re.M))
    assert told == asked == sessions() - {"benchmarks"}


ADD_AN_OP = """
import lazygrad as lg
from lazygrad.ops import transcendental
exec({statement!r}, vars(transcendental))
import numpy as np
from tests.cases import elementwise
from tests.helpers.op_checks import CHECKS, check_dtype, check_point
row = eval({row!r}, vars(elementwise))[0]
for _, case in row.cases():
    for check in CHECKS.values():
        check(case)
    for dtype in row.dtypes:
        check_dtype(case, dtype)
for point in row.points:
    check_point(row.call, point)
print(row.name, len(list(row.cases())), len(row.points))
"""


def test_the_op_that_is_added_passes_its_row() -> None:
    """The statement and the row of the page, word for word, where it says that they belong."""
    text = read(CONTRIBUTING)
    (statement,) = [block for block in blocks(text, "python") if block.startswith("sech = ")]
    (row,) = [block for block in blocks(text, "text") if block.lstrip().startswith("unary(")]
    assert "\nTRANSCENDENTAL = (\n" in read(ROOT / "tests" / "cases" / "elementwise.py")
    assert '    "rad2deg",\n    "sigmoid",\n' in read(PACKAGE / "ops" / "transcendental.py")
    assert "def test_every_op_has_a_row_and_every_row_an_op" in read(ROOT / "tests" / "ops" / "test_ops.py")
    program = ADD_AN_OP.format(statement=statement, row=f"({row.strip()})")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "sech 5 1\n"), done.stderr


# -- the picture of the rooms ----------------------------------------------------------------------


def test_the_picture_shows_the_imports_between_rooms() -> None:
    """Each arrow drawn is an import, and each import follows from the arrows drawn."""
    (picture,) = blocks(read(ARCHITECTURE), "mermaid")
    drawn = {
        (a.replace("face", FACE), b.replace("face", FACE)) for a, b in re.findall(r"^ +(\w+) --> (\w+)", picture, re.M)
    }
    real = {pair for pair in arrows(import_graph(PACKAGE)) if floors()[pair[1]] < floors()[pair[0]]}
    assert drawn - real == set()
    reached: dict[str, set[str]] = {}
    for name in sorted(floors(), key=floors().__getitem__):  # from the ground up
        below = [b for a, b in drawn if a == name]
        reached[name] = set(below).union(*[reached[b] for b in below])
    assert {(a, b) for a, b in real if b not in reached[a]} == set()


def test_the_table_lists_the_rooms_from_the_ground_up() -> None:
    (table,) = re.findall(r"^\| room .*?\n\n", read(ARCHITECTURE), re.M | re.S)
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.strip().splitlines()[2:]]
    names = [name for row in rows for name in row]
    order = [floors()[name] for name in names]
    assert order == sorted(order)
    assert sorted(names) == sorted(set(floors()) - {FACE})


# -- the walks -------------------------------------------------------------------------------------


def called(source: str, space: dict[str, Any]) -> Iterator[str]:
    """Run source, and tell which functions of the package were entered, in that order."""
    entered: list[str] = []

    def watch(frame: types.FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("lazygrad."):
            entered.append(f"{module.removeprefix('lazygrad.')}.{frame.f_code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        exec(compile(source, "<walk>", "exec"), space)
    finally:
        sys.setprofile(before)
    return iter(entered)


def test_the_walks_enter_the_functions_that_they_list_in_that_order() -> None:
    walks = read(ARCHITECTURE).split("\n## The five walks\n")[1].split("\n### ")[1:]
    assert len(walks) == 5
    space: dict[str, Any] = {}
    for walk in walks:
        *before, last = [doctest.script_from_examples(block) for block in blocks(walk, "python")]
        exec("\n".join(before), space)
        entered = called(last, space)
        steps = re.findall(r"^\d+\. `([\w.]+)`", walk, re.M)
        assert len(steps) >= 4
        for step in steps:
            assert step in entered, f"{step} is not entered, or not after the step before it: {walk.splitlines()[0]}"


# -- words, versions -------------------------------------------------------------------------------


def test_the_glossary_has_a_paragraph_for_each_word() -> None:
    entries = [entry.strip().split("\n\n") for entry in read(GLOSSARY).split("\n## ")[1:]]
    assert [entry[0] for entry in entries] == WORDS
    assert all(len(entry) == 2 for entry in entries)
    assert [entry[0] for entry in entries if not re.search(r"`(lazygrad/|_?\w+\.\w+)", entry[1])] == []


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {lg.__version__}\n" in read(ROOT / "CITATION.cff")
