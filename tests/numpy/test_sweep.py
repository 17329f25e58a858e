"""A sweep over NumPy's whole public namespace: what becomes of every callable that is given nodes.

It makes a right node, or a right result without a derivative, or a TypeError that names it: never an array of
objects, never an array of floats that has lost its graph. Nothing is listed here but arguments; which functions
there are and what they give is asked of NumPy.
"""

from __future__ import annotations

import contextlib
import copy
import io
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.guards import enter_transform
from lazygrad.ops._declare import MEANINGS
from tests.cases.namespace import ARRAYS, CALLABLES, FORMS, MORE, Call
from tests.helpers.op_checks import central_difference, draw_direction, inner_product

# -- what is expected of some ---------------------------------------------------------------------

QUANTILES = ("np.quantile", "np.nanquantile", "np.percentile", "np.nanpercentile")

# Where more is possible with nodes: the values that NumPy looks at are not known yet, or its limit is an accident.
LENIENT = {
    *("np.digitize", "np.histogram", "np.histogram2d", "np.histogramdd", "np.clip", "np.compress", "np.extract"),
    *("np.lexsort", "np.polyder", "np.polyint", "np.polyval", "np.ravel_multi_index", "np.unravel_index", "np.unwrap"),
    *("np.fft.fftshift", "np.fft.ifftshift", "np.linalg.tensorinv", "np.argsort"),
    *QUANTILES,  # whose levels may turn out to be none
}
# Where less is: these take vectors alone, or axes that there are, and an error of shapes says so.
NARROW = {
    "np.polyadd",
    "np.polydiv",
    "np.polysub",
    "np.polyval",
    "np.linalg.multi_dot",
    "np.roll",
    "np.apply_over_axes",
}
REAL_IF_POSSIBLE = {"np.linalg.eig", "np.linalg.eigvals"}  # depends on values, which are not known yet
# Counts, in bins that end where the last data are; and levels at an element, where the slope jumps.
ROUGH = ("np.histogram2d", "np.histogramdd", *QUANTILES)


def attempt(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return the result or the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            return call(), None
        except Exception as error:
            return None, error


# -- what is right ---------------------------------------------------------------------------------


class Wrong(AssertionError):
    pass


def check(good: Any, why: str) -> None:
    if not good:
        raise Wrong(why)


def each(found: Any, expected: Any, changed: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Return the parts of a result, beside those of NumPy's."""
    if isinstance(found, np.poly1d):
        found, expected, changed = [p.coeffs if isinstance(p, np.poly1d) else p for p in (found, expected, changed)]
    if isinstance(found, (tuple, list)):
        check(isinstance(expected, (tuple, list)) and len(found) == len(expected), f"{found!r} is not {expected!r}")
        for parts in zip(found, expected, expected if changed is None else changed, strict=True):
            yield from each(*parts)
    else:
        yield found, expected, changed


def check_result(name: str, found: Any, expected: Any, changed: Any) -> None:
    """Check for a node of NumPy's value, shape and dtype, or what is the same for other values or is no float."""
    if isinstance(found, lg.Node):
        array = np.asarray(expected)
        if name in REAL_IF_POSSIBLE and found.dtype.kind == "c":
            array = array.astype(found.dtype)
        check(array.dtype != object, "NumPy makes objects of it")
        check((found.shape, found.dtype) == (array.shape, array.dtype), f"{found!r}, not {array.shape} {array.dtype}")
        value, error = attempt(lambda: found.value)
        check(error is None, f"{found!r} has no value: {error!r}")
        check(np.allclose(value, array, 1e-9, 1e-11, equal_nan=True), f"{value} is not {array}")
        return
    if found is None or isinstance(found, (type, np.dtype, str)):
        check(type(found) is type(expected) and found == expected, f"{found!r} is not {expected!r}")
        return
    array = np.asarray(found)
    check(array.dtype != object or np.asarray(expected).dtype == object, f"an array of objects: {found!r}")
    if array.dtype.kind in "fc":
        check(np.array_equal(expected, changed, equal_nan=True), f"without its graph: {found!r}")
    check(np.array_equal(array, expected), f"{found!r} is not {expected!r}")


def check_error(name: str, f: Any, form: str, error: Exception, numpys: Exception | None) -> None:
    """Return a TypeError that names the function, or the error that NumPy has for arrays, too.

    Where NumPy has a function of C make an array of a node, it asks the node without saying for what.
    """
    if numpys is not None and isinstance(error, (type(numpys), TypeError, ValueError, LookupError)):
        return
    if name in NARROW and isinstance(error, (lg.ShapeError, np.exceptions.AxisError)):
        return
    check(isinstance(error, TypeError), f"{error!r}, where NumPy has {numpys!r}")
    text = str(error)
    of_c = isinstance(f, (type, types.BuiltinFunctionType))
    short = name.removeprefix("lazygrad.numpy.")
    names = (name, f"np.{short}", name.rpartition(".")[0] + "." + getattr(f, "__name__", name))
    check(of_c or any(n in text for n in names) or ("[" in form and "cut it off" in text), f"nameless: {text}")


def check_gradient(name: str, call: Call, arrays: Sequence[Any], nodes: Sequence[lg.Node], k: int, node: Any) -> None:
    """Check that the gradient is what differences see, along symmetric directions (as some read half of a matrix)."""
    rng = np.random.default_rng(5)
    w = draw_direction(rng, node)

    def moved(*xs: Any) -> Any:
        result = call(CALLABLES[name][1], *xs)
        return [part for part, *_ in each(result, result, result)][k]

    if name in ROUGH:
        return
    try:
        gradients = lg.gradient(node, list(nodes), cotangent=w, unconnected="zero")
    except lg.NotDifferentiableError:
        return
    for j, gradient in enumerate(gradients):
        d = rng.normal(size=np.shape(arrays[j]))
        d = d + d.T if d.ndim == 2 else d
        seen = inner_product(w, central_difference(moved, arrays, j, d))
        if np.isfinite(seen):
            found = inner_product(gradient, d)
            check(np.isclose(found, seen, 1e-5, 1e-6), f"gradient by input {j}: {found} is not {seen}")


def outcome(name: str, form: str, call: Call, arrays: Sequence[Any], inside: bool) -> bool:
    """Try one call; whether it gave a result, which is right."""
    f, reference = CALLABLES[name]
    nodes = [lg.parameter(a) for a in arrays]
    with enter_transform() if inside else contextlib.nullcontext():
        expected, numpys = attempt(lambda: call(reference, *copy.deepcopy(arrays)))  # (some write into them)
        found, error = attempt(lambda: call(f, *nodes))
        if error is not None:
            check_error(name, f, form, error, numpys)
            return False
        if numpys is not None:
            if "dtype from an array" in str(numpys):  # a node has a dtype, too, and NumPy takes anything that has one
                return False
            parts = [part for part, *_ in each(found, found, None)]
            if any(isinstance(part, (lg.Node, np.ndarray)) for part in parts):
                check(name in LENIENT, f"NumPy raises {numpys!r}, not {found!r}")
            return False
        changed, _ = attempt(lambda: call(reference, *[a * 1.03 for a in arrays]))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for k, parts in enumerate(list(each(found, expected, changed))):
                check_result(name, *parts)
                node = parts[0]
                if isinstance(node, lg.Node) and node.dtype.kind in "fc" and np.isfinite(node.value).all():
                    check_gradient(name, call, arrays, nodes, k, node)
    return True


def tried(name: str, inside: bool) -> Iterator[tuple[str, bool, str]]:
    """Every call that is tried, whether it gave a result, and what is wrong with it."""
    forms = FORMS | {f"more {k}": call for k, call in enumerate(MORE.get(name, ()))}
    for form, call in forms.items():
        for kind, arrays in ARRAYS.items():
            try:
                yield f"{form} {kind}", outcome(name, form, call, arrays, inside), ""
            except Wrong as wrong:
                yield f"{form} {kind}", False, str(wrong)


@pytest.mark.parametrize("inside", [False, True], ids=["", "inside a transform"])
@pytest.mark.parametrize("name", CALLABLES)
def test_every_callable_is_right_or_refuses(name: str, inside: bool) -> None:
    results = list(tried(name, inside))
    assert {call: wrong for call, _, wrong in results if wrong} == {}
    f, _ = CALLABLES[name]
    if inside and f.__hash__ is not None and f in MEANINGS:
        assert any(right for _, right, _ in results), f"{name} is defined on nodes, but no call that was tried is one"
