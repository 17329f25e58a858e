"""What ``import lazygrad`` loads: counted, not timed. `tests/benchmarks/importing.py` times it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lazygrad as lg

MOST = 75  # modules of our own; 50 when this was written, 190 before
NEEDLESS = {
    *("numpy.f2py", "numpy.testing", "numpy.polynomial", "numpy.ma", "numpy.random", "numpy.char", "numpy.ctypeslib"),
    *("unittest", "subprocess", "socket", "email", "concurrent", "tempfile", "json", "html", "argparse"),
    *("scipy", "rich", "pandas", "tqdm", "importlib.metadata", "hypothesis", "pytest"),
}


def loaded(program):
    """Return the modules that a program loads in a fresh process, beyond those of ``import numpy``."""
    first, last = "import sys, numpy; before = set(sys.modules)", "print(*sorted(set(sys.modules) - before))"
    code = f"{first}\n{program}\n{last}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def by_import():
    return loaded("import lazygrad")


def test_only_what_a_first_gradient_needs(by_import):
    assert len({name for name in by_import if name.partition(".")[0] == "lazygrad"}) <= MOST
    outside = {name.partition(".")[0] for name in by_import} | by_import
    assert not outside & NEEDLESS


def test_a_first_gradient_imports_nothing_more(by_import):
    program = "import lazygrad as lg; x = lg.parameter([3.0]); lg.gradient((x * x).sum(), x)"
    assert loaded(program) - by_import <= {"weakref"}


def test_numpys_namespace_is_not_walked():
    found = loaded("import lazygrad.numpy as np; np.tanh; np.array; np.linalg.norm")
    assert not found & {"numpy.f2py", "numpy.testing", "numpy.polynomial", "unittest"}


@pytest.mark.parametrize("name", sorted(lg._LATER))
def test_each_part_can_be_imported_first(name):
    names = lg._LATER[name] or (name[1:],)
    program = f"import lazygrad as lg; assert all(callable(getattr(lg, n)) or getattr(lg, n) for n in {names!r})"
    assert any(module.startswith(f"lazygrad{name}") for module in loaded(program))


def test_the_contents_say_once_at_run_time_what_they_say_to_type_checkers():
    tree = ast.parse(Path(lg.__file__).read_text())
    (checking,) = [node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    static = set()
    for line in checking.body:
        assert isinstance(line, ast.ImportFrom)
        home = "." * line.level + (line.module or "")
        static |= {(f".{alias.name}", alias.name) if home == "." else (home, alias.name) for alias in line.names}
    late = {(home, name) for home, names in lg._LATER.items() for name in names or (home[1:],) if name[0] != "_"}
    places = {".testing._checks": ".testing"}  # the package offers it, too
    assert static == {(places.get(home, home), name) for home, name in late}
    assert {name for _, name in late} <= set(lg.__all__) <= set(dir(lg))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'lazygrad' has no attribute 'gradeint'"):
        lg.gradeint  # noqa: B018
