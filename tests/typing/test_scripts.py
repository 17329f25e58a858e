"""mypy and pyright read users' scripts as a user has them: outside the checkout, with the package installed.

What a name returns is held by `assert_type` in the scripts. A line with a mistake says which error each checker reports
there, such as ``# E: mypy[arg-type] pyright[reportArgumentType]``; no other line may have one.
"""

import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
Errors = set[tuple[str, int, str]]  # script, line, code


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Copy the scripts to where nothing but the installation tells a checker where the package is."""
    try:
        importlib.metadata.distribution("lazygrad")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("lazygrad is not installed, so type checkers cannot find it: pip install -e .")
    folder = tmp_path_factory.mktemp("scripts")
    return [Path(shutil.copy(path, folder)) for path in SCRIPTS]


def run(name, *options, cwd):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install -e '.[dev]'")
    return subprocess.run([sys.executable, "-m", name, *options], cwd=cwd, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def mypy_errors(scripts, pytestconfig, tmp_path_factory):
    kept = getattr(pytestconfig, "cache", None)
    cache = tmp_path_factory.mktemp("mypy") if kept is None else kept.mkdir("mypy_scripts")
    options = ["--config-file", "", "--cache-dir", str(cache), "--check-untyped-defs", "--no-pretty"]
    done = run("mypy", *options, *[path.name for path in scripts], cwd=scripts[0].parent)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(\w+\.py):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    return {(name, int(line), code) for name, line, code in found}


@pytest.fixture(scope="module")
def pyright_errors(scripts):
    options = ["--outputjson", "--pythonpath", sys.executable]
    done = run("pyright", *options, *[path.name for path in scripts], cwd=scripts[0].parent)
    try:
        diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    except (json.JSONDecodeError, KeyError):
        pytest.skip(f"pyright does not run here (it needs Node.js, or a network to fetch it): {done.stderr[-300:]}")
    return {
        (Path(d["file"]).name, d["range"]["start"]["line"] + 1, d.get("rule", "no rule"))
        for d in diagnostics
        if d["severity"] == "error"
    }


def expected(checker, path):
    """Return the marked lines of a script, with the code that the checker gives there, or `|` between several."""
    marks = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        _, mark, codes = line.partition("# E: ")
        if mark and (found := re.search(rf"{checker}\[([\w|-]+)\]", codes)):
            marks[number] = found[1]
    return marks


def compare(checker, path, errors):
    if path.stem == "namespace" and np.lib.NumpyVersion(np.__version__) < "2.2.0":
        pytest.skip("`from numpy import *` has few names in the stubs of NumPy 2.1")
    found = {(line, code) for name, line, code in errors if name == path.name}
    marks = expected(checker, path)
    assert {line for line, _ in found} == marks.keys(), sorted(found)
    for line, codes in marks.items():
        assert any((line, code) in found for code in codes.split("|")), (line, codes, sorted(found))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_mypy_reports_the_mistakes_and_nothing_else(path, mypy_errors):
    compare("mypy", path, mypy_errors)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_pyright_reports_the_mistakes_and_nothing_else(path, pyright_errors):
    compare("pyright", path, pyright_errors)


def test_scripts_hold_types_and_mistakes():
    assert sum(path.read_text().count("assert_type(") for path in SCRIPTS) > 100
    assert sum(len(expected("mypy", path)) for path in SCRIPTS) > 30
