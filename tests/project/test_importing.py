"""What ``import lazygrad`` loads: counted, not timed. `tests/benchmarks/importing.py` times it."""

import ast
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg
import lazygrad.numpy
import lazygrad.ops.fourier
from lazygrad._graph.later import import_later

MOST = 75  # modules of our own; 50 when this was written, 190 before
NEEDLESS = {
    *("numpy.f2py", "numpy.testing", "numpy.polynomial", "numpy.ma", "numpy.random", "numpy.char", "numpy.ctypeslib"),
    *("unittest", "subprocess", "socket", "email", "concurrent", "tempfile", "json", "html", "argparse", "pathlib"),
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


def run(program):
    """Run a program in a fresh process in which warnings are errors; return what it prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout.split()


# -- whatever comes first ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        "import lazygrad.numpy",
        "import lazygrad.ops.fourier",
        "import lazygrad._graph.node",
        "import lazygrad._derivatives.copies",
        "import lazygrad._schedule.plans",
        "import lazygrad._functions.reverse",
        "import lazygrad.engines.sweep",
        "import lazygrad.inspect, lazygrad.testing",
        "import lazygrad.plugins.flat",
        "from lazygrad import *",
        "from lazygrad.ops import *",
    ],
)
def test_nodes_know_operators_whatever_is_imported_first(first):
    program = (
        "import lazygrad as lg, numpy\n"
        "x = lg.parameter([1.0, 2.0])\n"
        "y = 2 * x + numpy.tanh(x) * x.at[0].get() + numpy.fft.ifft(numpy.fft.fft(x)).real\n"
        "assert lg.gradient(y.sum(), x).shape == lg.grad(lambda x: (x * x).sum())(x.value).shape\n"
        "print(*y.value.round(3))"
    )
    assert run(f"{first}\n{program}") == ["3.762", "6.964"]


@pytest.mark.parametrize("host", ["lazygrad.scipy.special", "lazygrad.scipy.stats", "lazygrad.plugins.scipy"])
def test_nodes_know_operators_when_scipys_functions_are_imported_first(host):
    pytest.importorskip("scipy")
    assert run(f"import {host}, lazygrad as lg; print((2 * lg.parameter(3.0)).value)") == ["6.0"]


def test_pickles_are_loaded_before_anything_else(tmp_path):
    x = lg.parameter([1.0, 2.0], name="x")
    L = (lg.ops.relu(x) * np.fft.fft(x).real + np.convolve(x, x)[1]).sum()
    made = lg.primitive(np.negative, name="made")
    kept = [x, L, lg.adjoint(L, x), lg.ops.relu, lg.ops.cumsum, np.cumsum(x), lg.grad, lg.hessian, lg.errstate, made]
    for number, thing in enumerate(kept[:-1]):
        file = tmp_path / f"{number}.pickle"
        file.write_bytes(pickle.dumps(thing))
        program = f"import pickle, pathlib; print(pickle.loads(pathlib.Path({str(file)!r}).read_bytes()))"
        assert run(program), thing
    program = "import pickle, sys; x, L, g = pickle.loads(bytes.fromhex(sys.argv[1])); print(*(g + 0 * x * L).value)"
    done = [sys.executable, "-c", program, pickle.dumps(tuple(kept[:3])).hex()]
    found = subprocess.run(done, capture_output=True, text=True, check=True).stdout.split()
    np.testing.assert_allclose([float(word) for word in found], lg.gradient(L, x))


def test_threads_import_parts_at_once():
    names = [f"lg.{name}" for name in lg.__all__] + ["np.linalg.norm", "np.array", "np.fft", "np.supported", "np.ma"]
    program = f"""
import sys, threading
names = {names!r} + ["lg.ops.conv2d", "lg.ops.relu", "lg.ops.fourier", "lg.ops.pick"]
start, wrong = threading.Barrier(len(names)), []
def ask(name):
    start.wait()
    try:
        import lazygrad as lg, lazygrad.numpy as np
        eval(name)
        x = lg.parameter([1.0, 2.0])
        assert lg.gradient((x * np.cumsum(x)).sum(), x).tolist() == [4.0, 5.0]
    except BaseException as error:
        wrong.append((name, error))
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
"""
    assert run(program) == ["[]"]


# -- a package with late parts looks like any other --------------------------------------------------------


def test_star_imports_bring_all_names():
    listed = "print(*sorted(name for name in set(module.__all__) if globals().get(name) is not getattr(module, name)))"
    for package in ("lazygrad", "lazygrad.ops", "lazygrad.paths", "lazygrad.engines"):
        assert run(f"from {package} import *; import {package} as module; {listed}") == []
    # NumPy loads testing, f2py and others at this
    assert run(f"from lazygrad.numpy import *; import lazygrad.numpy as module; {listed}") == []


@pytest.mark.parametrize("package", ["lazygrad", "lazygrad.ops", "lazygrad.numpy", "lazygrad._report"])
def test_tools_that_look_at_a_package_see_its_parts(package):
    module = importlib.import_module(package)
    members = dict(inspect.getmembers(module))
    assert set(getattr(module, "__all__", ())) <= set(members)
    assert not hasattr(module, "__wrapped__")
    assert not hasattr(module, "no_such_name")
    assert getattr(module, "no_such_name", 3) == 3
    with pytest.raises(ImportError, match="cannot import name 'no_such_name' from"):
        exec(f"from {package} import no_such_name")


def test_help_lists_what_is_not_imported_yet():
    words = run("import lazygrad, pydoc; print(pydoc.plain(pydoc.render_doc(lazygrad)))")
    shown = {word.partition("(")[0] for word in words}
    assert {"value_and_grad", "jacobian_plan", "errstate"} <= shown


def test_a_reload_keeps_nodes_and_names():
    program = """
import importlib, lazygrad as lg, lazygrad.numpy as np, lazygrad.ops as ops
x, before = lg.parameter([1.0]), (lg.Node, lg.grad, np.array, np.linalg, ops.relu, ops.tanh)
for module in (lg, np, ops): importlib.reload(module)
assert before == (lg.Node, lg.grad, np.array, np.linalg, ops.relu, ops.tanh)
print(lg.gradient((x * lg.parameter([2.0])).sum(), x), lg._engine.names().count("sweep"))
"""
    assert run(program) == ["[2.]", "1"]


def test_submodules_are_ours_where_there_are_ours():
    program = """
import lazygrad.numpy as np, numpy
first = [np.linalg.__name__, np.fft.__name__, np.random.__name__, np.ma.__name__, np.testing.__name__]
import lazygrad.numpy.linalg, lazygrad.numpy.fft
from lazygrad.numpy import linalg
print(*first, np.linalg is linalg, numpy.linalg.__name__, np.linalg.norm.__wrapped__ is numpy.linalg.norm)
"""
    ours = [f"lazygrad.numpy.{name}" for name in ("linalg", "fft", "random")]
    assert run(program) == [*ours, "numpy.ma", "numpy.testing", "True", "numpy.linalg", "True"]


def test_numpys_names_are_numpys_but_for_those_that_take_nodes():
    ours = {*lazygrad.numpy._OURS, "full_like", "isscalar", "vectorize", "linalg", "fft", "random", "r_", "c_"}
    names = [name for name in np.__all__ if name not in ours]
    taking = [name for name in names if isinstance(getattr(np, name), (np.ufunc, type(np.sum)))]
    assert {"sum", "maximum", "where", "concatenate"} < set(taking)
    wrapped = {name: getattr(lazygrad.numpy, name).__wrapped__ for name in taking}  # which take lists of nodes, too
    assert [name for name in names if wrapped.get(name, getattr(lazygrad.numpy, name)) is not getattr(np, name)] == []
    assert [name for name in ours if getattr(lazygrad.numpy, name) is getattr(np, name)] == []


def test_modules_of_ops_are_found_without_an_import_of_their_own():
    modules = [found.name for found in pkgutil.iter_modules(lg.ops.__path__) if not found.name.startswith("_")]
    program = f"import lazygrad as lg; print(*[getattr(lg.ops, name).__name__ for name in {modules!r}])"
    assert run(program) == [f"lazygrad.ops.{name}" for name in modules]


def test_a_name_goes_before_the_module_of_that_name():
    get = import_later("lazygrad", {".engines": ("sweep", "engines_of_nobody"), "._query.gradient": ("gradient",)})
    assert (get("sweep"), get("engines"), get("gradient")) == (lg.engines.sweep, lg.engines, lg.gradient)
    with pytest.raises(AttributeError, match="engines_of_nobody"):
        get("engines_of_nobody")
    with pytest.raises(AttributeError, match="module 'lazygrad' has no attribute 'gradeint'"):
        get("gradeint")


def test_leaves_are_made_while_a_thread_imports_masked_arrays():
    program = """
import sys, types, lazygrad as lg
sys.modules["numpy.ma"] = types.ModuleType("numpy.ma")  # as it is at the beginning of its import
print(lg.parameter([1.0]).value)
"""
    assert run(program) == ["[1.]"]


def test_dir_of_numpys_names_lists_what_is_not_imported_yet():
    names = run("import lazygrad.numpy as np; print(*dir(np))")
    assert {"array", "linalg", "supported", "tanh", "testing", "vectorize"} <= set(names)
