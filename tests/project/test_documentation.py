"""Every public name tells what it is in a sentence and shows it in an example that runs."""

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import numpy as np
import pytest

import lazygrad as lg
from lazygrad._functions.primitive import Primitive
from lazygrad.numpy import _operators, _protocols
from lazygrad.ops._declare import find_meaning
from lazygrad.ops._op import Op

MODULES = [
    "lazygrad",
    "lazygrad.backend",
    "lazygrad.compat.autograd",
    "lazygrad.engines",
    "lazygrad.inspect",
    "lazygrad.numpy",
    "lazygrad.ops",
    "lazygrad.paths",
    "lazygrad.scipy",
    "lazygrad.scipy.integrate",
    "lazygrad.scipy.linalg",
    "lazygrad.scipy.signal",
    "lazygrad.scipy.special",
    "lazygrad.scipy.stats",
    "lazygrad.testing",
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _names(module: ModuleType) -> list[str]:
    public = vars(module).get("__all__") or [name for name in vars(module) if not name.startswith("_")]
    return sorted(public)  # NumPy's own list has another order in each process


def _ours(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Return the functions, classes and ops of ours that a module offers; exceptions need no example."""
    for name in _names(module):
        with contextlib.suppress(AttributeError):  # names of NumPy's that this version of it has no more
            found = getattr(module, name)
            is_error = inspect.isclass(found) and issubclass(found, BaseException)
            is_ours = str(getattr(found, "__module__", "")).split(".")[0] == "lazygrad"
            if callable(found) and is_ours and not is_error:
                yield name, found


def _modules() -> Iterator[ModuleType]:
    """Return the public modules, those of distributions among them."""
    for module_name in MODULES:
        with contextlib.suppress(ModuleNotFoundError):  # SciPy is an extra
            module = importlib.import_module(module_name)
            yield module
            if module_name == "lazygrad.scipy.stats":
                found = [info.name for info in pkgutil.iter_modules(module.__path__)]
                yield from [vars(module)[name] for name in found if name[0] != "_"]


def _public() -> list[Any]:
    """Each public object once, under the first of its names."""
    found: dict[int, Any] = {}
    for module in _modules():
        for name, thing in _ours(module):
            full = f"{module.__name__}.{name}"
            found.setdefault(id(thing), pytest.param(thing, id=full))
    return list(found.values())


def _found_by_doctest(thing: Any) -> bool:
    """Whether `--doctest-modules` runs the examples: of classes and functions, where they were written."""
    function = inspect.unwrap(thing)
    home = vars(sys.modules[function.__module__])
    return inspect.isclass(function) or (inspect.isfunction(function) and function.__globals__ is home)


PUBLIC = _public()
OTHERS = [param for param in PUBLIC if not _found_by_doctest(param.values[0])]


def test_the_walk_meets_functions_classes_and_ops() -> None:
    ids = {str(param.id) for param in PUBLIC}
    assert {"lazygrad.gradient", "lazygrad.Node", "lazygrad.ops.relu", "lazygrad.testing.check_op"} <= ids
    assert {type(param.values[0]) for param in OTHERS} >= {Op}


@pytest.mark.parametrize("thing", PUBLIC)
def test_says_what_it_is_and_shows_it(thing: Any) -> None:
    text = inspect.getdoc(thing)
    assert text, "no docstring"
    first = text.split("\n\n")[0]
    assert first.endswith("."), f"the first line is no sentence: {first}"
    assert "\n" not in first, f"the first sentence is longer than a line: {first}"
    assert ">>> " in text, "no example"


@pytest.mark.parametrize("thing", OTHERS)
def test_examples_run(thing: Any) -> None:
    """Doctest does not find ops, nor functions that are made by functions."""
    name = thing.name.rpartition(".")[2] if isinstance(thing, Op) else thing.__name__
    examples = doctest.DocTestParser().get_doctest(
        inspect.getdoc(thing) or "", {"lg": lg, "np": np, name: thing}, name, None, None
    )
    out = io.StringIO()
    failed, tried = doctest.DocTestRunner(optionflags=FLAGS).run(examples, out=out.write)
    assert tried > 0
    assert not failed, out.getvalue()


# -- what `help` and editors are told ----------------------------------------------------------------


def test_ops_have_their_own_text_and_the_class_has_its() -> None:
    assert str(lg.ops.relu.__doc__).startswith("Return max(x, 0)")
    assert inspect.getdoc(lg.ops.relu) == lg.ops.relu.doc
    assert str(Op.__doc__).startswith("A function that nodes are computed by")
    assert str(Primitive.__doc__).startswith("An op declared by a user")


def test_primitives_have_the_text_of_the_function() -> None:
    @lg.primitive(vjp=lambda g, x, scale: g * scale)
    def scaled(x: Any, *, scale: float = 2.0) -> Any:
        """Scale an array."""
        return x * scale

    assert scaled.__doc__ == "Scale an array."
    assert str(inspect.signature(scaled)) == "(x, scale=2.0)"


@pytest.mark.parametrize(
    ("op", "call"),
    [
        (lg.ops.softmax, "(x, axis=-1)"),
        (lg.ops.sum, "(x, axis=None, keepdims=False)"),
        (lg.ops.matmul, "(x, y)"),
        (lg.ops.concatenate, "(*xs, axis=0)"),
    ],
    ids=repr,
)
def test_the_signature_of_an_op_tells_inputs_and_statics(op: Op, call: str) -> None:
    assert str(inspect.signature(op)) == op.signature() == call


def test_the_signature_is_that_of_the_call() -> None:
    x = np.arange(6.0).reshape(2, 3)
    bound = inspect.signature(lg.ops.softmax).bind(x, 0)
    assert np.array_equal(lg.ops.softmax(*bound.args, **bound.kwargs), lg.ops.softmax(x, axis=0))


def test_the_class_of_ops_keeps_the_signature_of_its_constructor() -> None:
    assert list(inspect.signature(Op).parameters)[:2] == ["name", "function"]


@pytest.mark.parametrize("module_name", MODULES)
def test_names_are_listed_once(module_name: str) -> None:
    names = _names(pytest.importorskip(module_name))
    assert len(names) == len(set(names))


def test_ops_offer_their_names_and_nothing_else() -> None:
    assert dir(lg.ops) == sorted(lg.ops.__all__)
    assert all(callable(getattr(lg.ops, name)) for name in lg.ops.__all__)
    assert {"relu", "softmax", "conv2d", "max_pool2d", "matmul", "exp"} <= set(lg.ops.__all__)


# -- the stub of what other modules install on `Node` -------------------------------------------------


def _stub() -> dict[str, ast.AST]:
    """Return the members that the stub declares."""
    path = Path(lg.__file__).with_name("_graph") / "node_methods.pyi"
    classes = [item for item in ast.parse(path.read_text()).body if isinstance(item, ast.ClassDef)]
    (declared,) = [item for item in classes if item.name == "NodeMethods"]
    members: dict[str, ast.AST] = {}
    for item in declared.body:
        if isinstance(item, ast.FunctionDef):
            members[item.name] = item
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            members[item.target.id] = item
    return members


def _installed() -> dict[str, Any]:
    """Return the members of `Node` that are not written in its class, nor made by attrs."""

    @attrs.define(eq=False, repr=False)
    class Bare:
        pass

    (written,) = [
        item
        for item in ast.parse(inspect.getsource(sys.modules["lazygrad._graph.node"])).body
        if isinstance(item, ast.ClassDef) and item.name == "Node"
    ]
    own = {item.name for item in written.body if isinstance(item, ast.FunctionDef)} | set(lg.Node.__slots__)
    own |= {"__annotations__", *vars(Bare)}
    return {name: member for name, member in vars(lg.Node).items() if name not in own}


REFUSED = {*_operators.REFUSED, *_protocols.REFUSED_METHODS, *_protocols.MEMORY}
# Refused but for integers inside a transform: `int(node)` and `np.asarray(node)` are to be flagged.
UNTOLD = {"__array__", "__index__", "__int__"}
REFUSED |= {f"__i{name}__" for name in _operators.IN_PLACE}


def test_the_stub_lists_what_is_installed_on_node() -> None:
    """All but what only refuses, and what every object has: editors are to offer the rest."""
    declared, installed = set(_stub()), set(_installed())
    assert {"value", "at", "reshape", "__add__"} <= installed
    assert declared - installed - set(dir(object)) == set()
    assert installed - REFUSED - UNTOLD - set(dir(object)) - declared == set()


def _parameters(stub: ast.FunctionDef) -> set[str]:
    """Return the names that arguments can be given by."""
    return {a.arg for a in (*stub.args.args, *stub.args.kwonlyargs)} - {"self"}


METHODS = sorted(name for name, item in _stub().items() if isinstance(item, ast.FunctionDef) and name[0] != "_")


@pytest.mark.parametrize("name", [name for name in METHODS if inspect.isfunction(vars(lg.Node)[name])])
def test_the_stub_tells_the_arguments_of_methods(name: str) -> None:
    stub = _stub()[name]
    assert isinstance(stub, ast.FunctionDef)
    if name in _protocols.FORWARDED:  # they take what NumPy's function takes on nodes
        _, *others = inspect.signature(find_meaning(getattr(np, name))).parameters.values()
        positional = {a.arg for a in stub.args.posonlyargs} - {"self"}
        expected = {p.name for p in others if p.name != "out"}
        assert len(expected) == len(_parameters(stub)) + len(positional)
        assert positional or _parameters(stub) == expected
    else:
        own = [p for p in inspect.signature(vars(lg.Node)[name]).parameters.values() if p.kind is not p.VAR_POSITIONAL]
        assert _parameters(stub) == {p.name for p in own} - {"self"}
