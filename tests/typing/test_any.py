"""Public signatures say what they take and return: `Any` is the exception, and bounded."""

import ast
from pathlib import Path

import lazygrad
from lazygrad._graph import types
from lazygrad.numpy import supported

PACKAGE = Path(lazygrad.__file__).parent
STUBS = PACKAGE / "numpy" / "_typed"  # many declarations of a kind, which would thin out what is counted


def public_functions():
    """Yield the file and definition of every function and method without an underscore in its name or its class's.

    Those of private modules count, too; functions inside of functions do not.
    """

    def walk(node, in_class):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                if not child.name.startswith("_"):
                    yield child, in_class
            elif isinstance(child, ast.ClassDef):
                if not child.name.startswith("_"):
                    yield from walk(child, True)
            else:
                yield from walk(child, in_class)

    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]):
        if STUBS not in path.parents:
            for function, in_class in walk(ast.parse(path.read_text()), False):
                yield path.relative_to(PACKAGE), function, in_class


def says_any(annotation):
    if annotation is None:
        return True
    names = [n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)]
    texts = [n.value for n in ast.walk(annotation) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return "Any" in names or any("Any" in text for text in texts)


def parameters(function, in_class):
    a = function.args
    found = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    bound = in_class and not any(ast.unparse(d) == "staticmethod" for d in function.decorator_list)
    return found[1:] if bound else found


def test_less_than_a_tenth_of_public_parameters_are_any():
    found = [p for _, f, in_class in public_functions() for p in parameters(f, in_class)]
    loose = [p for p in found if says_any(p.annotation)]
    assert len(found) > 2000
    assert len(loose) < len(found) / 10, f"{len(loose)} of {len(found)}"


def test_less_than_a_tenth_of_public_returns_are_any():
    found = list(public_functions())
    loose = [f"{path}: {f.name}" for path, f, _ in found if says_any(f.returns)]
    assert len(found) > 1000
    assert len(loose) < len(found) / 10, f"{len(loose)} of {len(found)}"


def test_no_alias_is_another_word_for_any():
    """`Any` may be a parameter of a generic, as in an array of any dtype, but stand for nothing by itself."""
    tree = ast.parse(Path(types.__file__).read_text())
    aliases = [n for n in ast.walk(tree) if isinstance(n, ast.AnnAssign) and ast.unparse(n.annotation) == "TypeAlias"]
    assert len(aliases) > 8
    for alias in aliases:
        parts = [alias.value]
        while parts and isinstance(parts[-1], ast.BinOp):
            union = parts.pop()
            parts += [union.right, union.left]
        assert "Any" not in map(ast.unparse, parts), ast.unparse(alias)


def test_the_face_of_the_package_says_any_only_of_nested_structures():
    """What users call first says `Any` of structures that only they know, and of a number whose dtype is not known."""
    loose = {
        f"{f.name}"
        for path, f, in_class in public_functions()
        if path.as_posix()
        in ("_graph/leaf.py", "_graph/node_methods.pyi", "_query/gradient.py", "_graph/invalidate.py")
        for annotation in [f.returns, *(p.annotation for p in parameters(f, in_class))]
        if says_any(annotation)
    }
    assert loose == {"gradient", "item"}


def test_every_function_that_takes_nodes_is_declared_in_the_stubs():
    declared = set()
    for path in STUBS.glob("*.pyi"):
        prefix = f"{path.stem}." if path.stem in ("linalg", "fft") else ""
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                declared.add(prefix + node.name)
            elif isinstance(node, ast.AnnAssign):
                declared.add(prefix + node.target.id)
    assert set(supported()) <= declared
