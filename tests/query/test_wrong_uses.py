"""Wrong uses by name, each with what its error says; and what is copied so that nobody can change it afterwards."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

import lazygrad as lg
import lazygrad.numpy as lnp
import lazygrad.scipy.special as special
from lazygrad import backend, engines, inspect, paths
from tests.cases.wrong_uses import VALUES, World, nest
from tests.helpers.invariants import check_invariants


@pytest.fixture
def w() -> World:
    return World()


# -- containers without end --------------------------------------------------------------------------

ENDLESS = ("a circular list", "a circular dict", "a list nested 900 deep", "numbers nested 900 deep")
TAKERS: dict[str, Callable[[Any, Any], Any]] = {
    "gradient": lambda w, c: lg.gradient(w.L, c),
    "Differentiator.gradient": lambda w, c: lg.differentiator(w.L).gradient(c),
    "grad": lambda w, c: lg.grad(lambda p: 1.0)(c),
    "what grad gets back": lambda w, c: lg.grad(lambda p: c)(1.0),
    "vjp": lambda w, c: lg.vjp(lambda p: 1.0, c),
    "jvp": lambda w, c: lg.jvp(lambda p: 1.0, c, c),
    "hessian": lambda w, c: lg.hessian(lambda p: 1.0)(c),
    "hessian of a node": lambda w, c: lg.hessian(w.L, c),
    "jacobian of nodes": lambda w, c: lg.jacobian(c, w.x),
    "prepare": lambda w, c: backend.prepare(lambda p: 1.0, c),
    "prepare a node": lambda w, c: backend.prepare(w.L, wrt=c),
    "compile": lambda w, c: lg.compile(c),
    "compile wrt": lambda w, c: lg.compile(w.L, wrt=c),
    "compile inputs": lambda w, c: lg.compile(w.L, inputs=c),
    "check_grads": lambda w, c: lg.check_grads(lambda p: 1.0, (c,)),
    "explain": lambda w, c: inspect.explain(w.L, c),
    "draw": lambda w, c: inspect.draw(w.L, c),
    "compare": lambda w, c: engines.compare(w.L, c),
}


@pytest.mark.parametrize("value", ENDLESS)
@pytest.mark.parametrize("taker", TAKERS)
def test_containers_without_end_are_told(w: World, taker: str, value: str) -> None:
    before = w.answer()
    endless = VALUES[value](w)
    if value == "a circular list":
        del endless[0]  # a number, which is none of the nodes
    with pytest.raises(ValueError, match=r"a (list|dict) contains itself, or containers are nested more than 100 deep"):
        TAKERS[taker](w, endless)
    assert w.answer() == before
    check_invariants(w.watched)


@attrs.define
class Ring:
    """A record that holds itself."""

    other: Any = None


def test_a_record_that_holds_itself(w: World) -> None:
    ring = Ring()
    ring.other = ring
    with pytest.raises(ValueError, match="a Ring contains itself"):
        lg.grad(lambda p: 1.0)(ring)


@pytest.mark.parametrize("value", ENDLESS)
def test_arrays_of_containers_without_end(w: World, value: str) -> None:
    endless = VALUES[value](w)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: lg.parameter(endless),
        lambda: w.x.set(endless),
        lambda: lg.update({w.x: endless}),
        lambda: lg.gradient(w.y, w.x, cotangent=endless),
        lambda: np.stack([w.x, endless]),  # type: ignore[list-item]
        lambda: np.add(w.x, endless),  # type: ignore[call-overload]
        lambda: w.x.sum(axis=endless),
        lambda: w.x.reshape(endless),
    )
    for call in calls:
        with pytest.raises((ValueError, TypeError)):
            call()
    if "dict" not in value:
        with pytest.raises(ValueError, match="contains itself"):
            lnp.array(endless)


def test_a_nesting_of_a_hundred_is_a_nesting(w: World) -> None:
    found = lg.gradient(w.L, nest(99, w.x))
    for _ in range(99):
        (found,) = found
    assert found.shape == (3,)


# -- one sentence each -------------------------------------------------------------------------------

SENTENCES: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "local_jacobian": (lambda w: lg.local_jacobian(3, w.x), TypeError, "expected a node, not int 3"),  # type: ignore[arg-type]
    "why": (lambda w: inspect.why(w.x, 3), TypeError, "report must be a lazygrad.Report, not 3"),  # type: ignore[arg-type]
    "draw": (lambda w: inspect.draw(w.L, w.x, 3), TypeError, "report must be a lazygrad.Report, not 3"),  # type: ignore[arg-type]
    "sum_product": (
        lambda w: paths.sum_product(w.L, w.x, 3),  # type: ignore[arg-type]
        TypeError,
        "semiring must be a lazygrad.paths.Semiring, not 3",
    ),
    "a rule of nothing": (
        lambda w: lg.primitive(np.sin, vjp=lambda: 0),
        TypeError,
        "first one is the adjoint or tangent",
    ),
    "set": (lambda w: w.x.set(), TypeError, r"Node.set\(\) missing 1 required positional argument: 'value'"),
    "huge": (lambda w: w.x * 10**400, lg.RangeError, r"the number 10+\.\.\. does not fit into float64"),
    "huge as NumPy has it": (lambda w: w.x * 10**400, OverflowError, "too large"),
    "huge exponent": (lambda w: w.x**10**400, lg.RangeError, r"pow\(x \(3,\), n=10+\.\.\.\)"),
    "huge bound": (lambda w: np.maximum(w.x, 10**400), lg.RangeError, "the bound 10+"),
    "huge integer": (lambda w: w.n + 10**30, lg.RangeError, "does not fit into int64"),
    "compile nothing": (lambda w: lg.compile([]), ValueError, r"a node, nodes or a function, but \[\] holds none"),
    "exact": (lambda w: lg.compile(w.L, exact="a"), TypeError, "exact must be True or False, not 'a'"),  # type: ignore[call-overload]
    "trace_sources": (lambda w: lg.trace_sources(3), TypeError, "on must be True or False, not 3"),  # type: ignore[arg-type]
    "report": (lambda w: lg.gradient(w.L, w.x, report=3), TypeError, "report must be True or False"),  # type: ignore[call-overload]
    "order": (lambda w: lg.check_grads(np.sin, (1.0,), order=0), ValueError, "order must be at least 1, not 0"),
    "modes": (lambda w: lg.check_grads(np.sin, (1.0,), modes=()), TypeError, "modes are 'fwd', 'rev' or both"),
    "index": (lambda w: w.x[7], IndexError, r"getitem\(x \(3,\), key=\(7,\)\): index 7 is out of bounds"),
    "list of indices": (lambda w: w.x[[0, 7]], IndexError, r"x of shape \(3,\): index 7 is out of bounds for axis 0"),
    "behind others": (lambda w: w.M[..., None, np.array([-4])], IndexError, r"M of shape \(3, 3\): index -4 .* axis 1"),
    "take": (lambda w: np.take(w.M, [[3]], axis=1), IndexError, "index 3 is out of bounds for axis 1 with size 3"),
    "label": (lambda w: lg.ops.cross_entropy(w.M, [0, 1, 3]).value, IndexError, r"labels must lie in 0\.\.2"),
    "logsumexp": (lambda w: special.logsumexp(w.z), TypeError, "complex numbers, of which none is the largest"),
    "log_softmax": (lambda w: lg.ops.log_softmax(w.z), TypeError, "complex numbers, of which none is the largest"),
    "softmax of an array": (lambda w: lg.ops.softmax(w.z.value), TypeError, "complex numbers"),
    "cross_entropy": (lambda w: lg.ops.cross_entropy(w.z, 1), TypeError, "complex numbers"),
    "svm_loss": (lambda w: lg.ops.svm_loss(w.z, 1), TypeError, "complex numbers"),
    "grad of a node": (lambda w: lg.grad(w.L), TypeError, r"of nodes call `lazygrad.gradient\(L, wrt\)`"),
    "jacrev of a node": (lambda w: lg.jacrev(w.L, w.x), TypeError, r"of nodes call `lazygrad.jacobian\(Y, X\)`"),
    "gradient of a function": (lambda w: lg.gradient(np.sin, 2.0), TypeError, r"there are `lazygrad.grad\(f\)`"),  # type: ignore[call-overload]
    "hessian of a node alone": (lambda w: lg.hessian(w.L), TypeError, r"by nodes, `lazygrad.hessian\(L, wrt\)`"),
    "hessian of a function by a node": (lambda w: lg.hessian(np.sin, w.x), TypeError, "nodes differentiate nodes"),
    "jacobian of a function by a node": (lambda w: lg.jacobian(np.sin, w.x), TypeError, "takes nodes"),
    "an engine": (lambda w: engines.sweep(w.L, w.x), TypeError, "an engine takes a list of nodes"),  # type: ignore[call-arg]
    "keepdims": (lambda w: w.M.sum(0, keepdims="a"), TypeError, "keepdims must be True or False"),
    "axis": (lambda w: w.M.sum(True), TypeError, "axis must be None, a whole number or a tuple of them, not True"),
    "ddof": (lambda w: w.M.std(ddof=None), TypeError, "ddof must be a real number"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_one_sentence(w: World, case: str) -> None:
    wrong, kind, text = SENTENCES[case]
    before = w.answer()
    with pytest.raises(kind, match=text):
        wrong(w)
    assert w.answer() == before
    check_invariants(w.watched)


MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
MASK_TAKERS: dict[str, Callable[[Any], Any]] = {
    "cotangent": lambda w: lg.gradient(w.y, w.x, cotangent=MASKED),
    "Differentiator": lambda w: lg.Differentiator(w.y, cotangent=MASKED),
    "tangent": lambda w: lg.jvp(np.sin, np.ones(3), MASKED),
    "pullback": lambda w: lg.vjp(np.sin, np.ones(3))[1](MASKED),
    "operand": lambda w: w.x * MASKED,
    "ufunc": lambda w: np.add(MASKED, w.x),
    "leaf": lambda w: w.x.set(MASKED),
    "index": lambda w: w.x[MASKED.astype(int)],
    "labels": lambda w: lg.ops.pick(w.M, MASKED.astype(int)),
    "value of a primitive": lambda w: lg.primitive(lambda x: MASKED)(w.x),
}


@pytest.mark.parametrize("taker", MASK_TAKERS)
def test_masks_are_not_lost(w: World, taker: str) -> None:
    with pytest.raises(TypeError, match="cannot hold a masked array"):
        MASK_TAKERS[taker](w)


# -- what a user's own op returns --------------------------------------------------------------------

RESULTS: dict[str, tuple[Any, str]] = {
    "a string": ("a", r"dtype <U1, as which NumPy reads 'a'"),
    "None": (None, "dtype object, as which NumPy reads None"),
    "a ragged list": ([[1.0, 2.0], [3.0]], "of which NumPy makes no array"),
    "a dict": ({}, "dtype object"),
}


@pytest.mark.parametrize("result", RESULTS)
def test_results_that_are_no_arrays(w: World, result: str) -> None:
    value, text = RESULTS[result]
    doubled: Callable[..., Any] = lambda x: 2 * x  # noqa: E731
    calls: dict[str, Callable[[], Any]] = {
        "p returned": lambda: lg.primitive(lambda x: value, name="p")(w.x),
        "p returned ": lambda: lg.primitive(lambda x: value, name="p", shape="x")(w.x).value,
        "the rule of 'p' by 'x' returned": lambda: lg.gradient(
            lg.primitive(doubled, vjp=lambda g: value, shape="x", name="p")(w.x).sum(), w.x
        ),
        "the rule of 'p' by 'x' returned ": lambda: lg.jvp(
            lg.primitive(doubled, jvp=lambda t: value, shape="x", name="p"), np.ones(3), np.ones(3)
        ),
        " the rule of 'p' by 'x' returned ": lambda: lg.hessian(
            lambda x: np.sum(lg.primitive(doubled, vjp=lambda g: value, shape="x", name="p")(x))  # type: ignore[call-overload]
        )(np.ones(3)),
    }
    before = w.answer()
    for who, call in calls.items():
        with pytest.raises(TypeError, match=f"{who.strip()} .*{text}"):
            call()
    with pytest.raises(TypeError, match="must return a tuple of lengths"):
        lg.primitive(doubled, shape=lambda x: value, name="p")(w.x)
    assert w.answer() == before


# -- statics that the caller changes afterwards -------------------------------------------------------


def scramble(value: Any) -> None:
    """Change a container and all within it."""
    if isinstance(value, np.ndarray):
        value[...] = 0
    elif isinstance(value, (set, bytearray)):
        value.clear()
    elif isinstance(value, dict):
        for item in value.values():
            scramble(item)
        value.clear()
    elif isinstance(value, (list, tuple)):
        for item in value:
            scramble(item)
        if isinstance(value, list):
            value.clear()


STATICS: dict[str, Any] = {
    "list": [1.0, 2.0],
    "nested list": [[1.0], [2.0]],
    "dict": {"a": [1.0]},
    "set": {1.0, 2.0},
    "array": np.ones(2),
    "tuple of lists": ([1.0], [2.0]),
    "bytearray": bytearray(b"ab"),
}


@pytest.mark.parametrize("shape", ["x", None])
@pytest.mark.parametrize("static", STATICS)
def test_statics_of_a_primitive_are_copied(static: str, shape: str | None) -> None:
    def weigh(x: Any, *, k: Any) -> Any:
        return x * sum(map(ord, repr(k)))

    op = lg.primitive(weigh, vjp=lambda g, k: g * sum(map(ord, repr(k))), shape=shape)
    given = copy.deepcopy(STATICS[static])
    x = lg.parameter([1.0, 2.0])
    expected = op(x, k=copy.deepcopy(given))
    node = op(x, k=given)
    scramble(given)
    x.set([3.0, 4.0])
    if shape is not None:  # (without one, the op is evaluated when it is built)
        assert node.value.tolist() == expected.value.tolist()
    assert lg.gradient(node.sum(), x).tolist() == lg.gradient(expected.sum(), x).tolist()


KEYS: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "x[list]": ([0, 2], lambda x, s: x[s]),
    "x[array]": (np.array([0, 2]), lambda x, s: x[s]),
    "x[mask]": (np.array([True, False, True]), lambda x, s: x[s]),
    "x[:, list]": ([0, 2], lambda x, s: x[:, s]),
    "x.at[list]": ([0, 2], lambda x, s: x.at[s].set(0.0)),
    "axis": ([0, 1], lambda x, s: np.sum(x, axis=tuple(s))),
    "pad": ([[1, 1], [0, 2]], lambda x, s: np.pad(x, s)),
    "repeat": (np.array([1, 2, 1]), lambda x, s: np.repeat(x, s, axis=0)),
    "roll": ([1, 2], lambda x, s: np.roll(x, s, axis=(0, 1))),
    "tensordot": ([[0], [0]], lambda x, s: np.tensordot(x, np.ones((3, 2)), s)),
    "einsum": ([0, 1], lambda x, s: np.einsum(x, s, [0])),
    "split": ([1, 2], lambda x, s: np.split(x, s, axis=0)[1]),
    "insert": ([0, 2], lambda x, s: np.insert(x, s, 7.0, axis=0)),
    "where": (np.array([True, False, True]), lambda x, s: np.where(s, x, 0.0)),
    "quantile": (np.array([0.25, 0.5]), lambda x, s: np.quantile(x, s)),
    "labels": ([0, 1, 2], lambda x, s: lg.ops.cross_entropy(x, s)),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_and_settings_are_copied(case: str) -> None:
    setting, build = KEYS[case]
    x = lg.parameter(np.arange(9.0).reshape(3, 3) + 1)
    expected, given = build(x, copy.deepcopy(setting)), copy.deepcopy(setting)
    node = build(x, given)
    scramble(given)
    for _ in range(2):
        np.testing.assert_array_equal(node.value, expected.value)
        one = np.ones(node.shape)
        found, right = (lg.gradient(i, x, cotangent=one) for i in (node, expected))
        np.testing.assert_array_equal(found, right)
        x.set(x.value[::-1].copy())


def test_a_key_is_copied_when_a_part_is_named() -> None:
    x, key = lg.parameter([1.0, 2.0, 3.0]), [0, 1]
    part = x.at[key]
    key[0] = 2
    assert part.get().value.tolist() == [1.0, 2.0]
