"""Public classes say where users find them, and pickles name them there."""

from __future__ import annotations

import importlib
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lazygrad as lg

PACKAGES = (
    "lazygrad",
    "lazygrad.backend",
    "lazygrad.paths",
    "lazygrad.testing",
    "lazygrad.inspect",
    "lazygrad.engines",
)


def list_public_classes(package: str) -> list[type]:
    """Return the classes of ours that a public package offers."""
    module = importlib.import_module(package)
    names = vars(module).get("__all__") or [name for name in dir(module) if name[0] != "_"]
    found = [getattr(module, name) for name in names]
    return [c for c in found if isinstance(c, type) and c.__module__.partition(".")[0] == "lazygrad"]


@lg.primitive(vjp=lambda g, x: g * x, shape="x")
def halve_square(x: Any) -> Any:
    return x * x / 2


def build_pickled_graphs() -> dict[str, Any]:
    """Return what people pickle: nodes of every kind, and what holds them."""
    x = lg.parameter(np.arange(1.0, 4.0), name="x")
    y = np.sin(x)[1:] * 2 + halve_square(x)[:2]
    L = (y * y).sum()
    return {
        "leaf": x,
        "node": L,
        "adjoint": lg.adjoint(L, x),
        "second order": lg.adjoint(lg.adjoint(L, x)[0], x),
        "differentiator": lg.differentiator(L),
        "with a cotangent": lg.Differentiator(y, cotangent=np.ones(2)),
        "primitive": halve_square,
    }


def list_modules(pickled: bytes) -> set[str]:
    """Return the modules that a pickle names."""
    strings: list[str] = []
    memo: list[str] = []
    found = set()
    argument: Any
    for op, argument, _ in pickletools.genops(pickled):
        if "UNICODE" in op.name:
            strings.append(argument)
        elif op.name == "MEMOIZE":
            memo.append(strings[-1] if strings else "")
        elif op.name in ("BINGET", "LONG_BINGET"):
            strings.append(memo[argument])
        elif op.name == "STACK_GLOBAL":
            found.add(strings[-2])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_public_class_says_the_package_it_is_used_from(package: str) -> None:
    classes = list_public_classes(package)
    assert classes
    for c in classes:
        assert c.__module__ in PACKAGES, c
        assert getattr(sys.modules[c.__module__], c.__name__) is c
        assert c.__module__ == package or package != "lazygrad", f"{c} is offered by lazygrad"
        assert pickle.loads(pickle.dumps(c)) is c


def test_an_error_is_shown_under_its_public_name() -> None:
    assert repr(lg.ShapeError) == "<class 'lazygrad.ShapeError'>"
    assert repr(lg.Node) == "<class 'lazygrad.Node'>"
    with pytest.raises(lg.ShapeError) as caught:
        lg.parameter([1.0, 2.0]) + np.ones(3)
    assert caught.exconly().startswith("lazygrad.ShapeError: ")


@pytest.mark.parametrize("what", build_pickled_graphs())
def test_a_pickle_names_no_private_module(what: str) -> None:
    modules = list_modules(pickle.dumps(build_pickled_graphs()[what]))
    assert modules, "the reading of pickles finds what it is to find"
    assert {m for m in modules if m.partition(".")[0] == "lazygrad"} <= {"lazygrad", "lazygrad.ops"}


def test_pickles_load_in_a_fresh_process(tmp_path: Path) -> None:
    """Nothing but the pickle is there: not even lazygrad is imported before."""
    graphs = build_pickled_graphs()
    with np.printoptions(precision=17):
        expected = repr([graphs[k].value for k in ("leaf", "node", "adjoint", "second order")])
        expected += repr(graphs["with a cotangent"].gradient("x"))
    classes = [c for package in PACKAGES for c in list_public_classes(package)]
    file = tmp_path / "graphs.pickle"
    file.write_bytes(pickle.dumps((classes, graphs)))
    code = (
        f"import pickle\n"
        f"classes, graphs = pickle.loads(open({str(file)!r}, 'rb').read())\n"
        f"import numpy as np\n"
        f"np.set_printoptions(precision=17)\n"
        f"print(repr([graphs[k].value for k in ('leaf', 'node', 'adjoint', 'second order')])"
        f" + repr(graphs['with a cotangent'].gradient('x')))\n"
        f"print(len(classes), graphs['differentiator'].target is graphs['node'])\n"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout == f"{expected}\n{len(classes)} True\n", done.stderr
