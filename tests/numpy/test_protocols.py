"""Nodes among arrays and numbers: operators, NumPy's functions, indexing, and what is refused."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._graph.guards import enter_transform
from lazygrad.numpy._operators import COMPARISONS, OPERATORS
from tests.helpers.op_checks import same

ARRAY = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
SQUARE = np.array([[1.0, 2.0], [3.0, 5.0]])

BITWISE = ("and", "or", "xor", "lshift", "rshift")
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(operator, name) for name in (OPERATORS | COMPARISONS) if name not in ("divmod", *BITWISE)
}


@pytest.fixture
def x() -> lg.Node:
    return lg.parameter(ARRAY)


# -- operators -------------------------------------------------------------------------------------

OTHERS = [
    SQUARE[1],
    SQUARE,
    SQUARE.astype(int),
    np.array(2.0),
    np.array(2),
    np.float64(2),
    np.float32(2),
    np.int64(2),
    np.int32(2),
    np.bool_(True),
    2,
    2.5,
    True,
    [[1.0, 2.0], [3.0, 4.0]],
    [1, 2],
    (1.0, 2.0),
]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_operators_take_arrays_and_numbers_on_either_side(name: str, other: Any) -> None:
    """Always a node, never an array of objects."""
    call, x = BINARY[name], lg.parameter(SQUARE)
    if name == "matmul" and np.ndim(other) == 0:
        for pair in ((x, other), (other, x)):
            with pytest.raises(lg.ShapeError, match="0-d"):
                call(*pair)
        return
    same(call(x, other), call(SQUARE, other))
    # An operator of a list or tuple with a node is NumPy's with an array, except that `list < node` is `node > list`.
    same(call(other, x), call(np.asarray(other) if isinstance(other, (list, tuple)) else other, SQUARE))


def test_operators_between_nodes_and_of_one_node(x: lg.Node) -> None:
    y = lg.parameter(ARRAY + 1)
    for name in BINARY:
        if name != "matmul":
            same(BINARY[name](x, y), BINARY[name](ARRAY, ARRAY + 1))
    same(x @ y.T, ARRAY @ (ARRAY + 1).T)
    same(-x, -ARRAY)
    same(abs(-x), ARRAY)
    assert +x is x


@pytest.mark.parametrize("name", BITWISE)
@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8, float])
def test_operators_on_bits(name: str, dtype: Any) -> None:
    call, a = getattr(operator, f"__{name}__"), np.array([3, 1, 0]).astype(dtype)
    for other in (a[::-1], a[0], 2, lg.constant(a)):
        plain = other.value if isinstance(other, lg.Node) else other
        try:
            expected = call(a, plain), call(plain, a)
        except TypeError:
            with pytest.raises(TypeError):
                call(lg.constant(a), other)
            continue
        same(call(lg.constant(a), other), expected[0])
        same(call(other, lg.constant(a)), expected[1])


def test_inversion_and_divmod(x: lg.Node) -> None:
    same(~lg.constant([True, False]), [False, True])
    same(~lg.constant([5, -1]), [-6, 0])
    with pytest.raises(TypeError):
        ~x  # noqa: B018
    for found, expected in (
        (divmod(x, 2.5), divmod(ARRAY, 2.5)),
        (divmod(7.5, x), divmod(7.5, ARRAY)),
        (divmod(x, x[::-1]), divmod(ARRAY, ARRAY[::-1])),
    ):
        same(found[0], expected[0])
        same(found[1], expected[1])


DTYPES = [bool, np.int32, np.int64, np.float32, np.float64]
NUMBERS = [True, 2, 2.0]


def operands(dtype: Any) -> list[tuple[Any, Any]]:
    """(for lazygrad, for NumPy): a 2 x 2 leaf and a 0-d one; or a Python number."""
    if isinstance(dtype, type):
        arrays = [np.array([[1, 2], [3, 1]]).astype(dtype), np.ones((), dtype)[()]]
        return [(lg.constant(a), a) for a in arrays]
    return [(dtype, dtype)]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("first", [*DTYPES, *NUMBERS], ids=str)
@pytest.mark.parametrize("second", [*DTYPES, *NUMBERS], ids=str)
def test_dtypes_are_promoted_as_numpy_does(name: str, first: Any, second: Any) -> None:
    for x, a in operands(first):
        for y, b in operands(second):
            if not (isinstance(x, lg.Node) or isinstance(y, lg.Node)) or (
                name == "matmul" and not (np.ndim(a) and np.ndim(b))
            ):
                continue
            try:
                expected = BINARY[name](a, b)
            except TypeError:
                with pytest.raises(TypeError):
                    BINARY[name](x, y)
                continue
            same(BINARY[name](x, y), expected)


def test_integers_out_of_range_are_refused_as_numpy_does() -> None:
    for x in (np.array([1], np.int32), lg.constant(np.array([1], np.int32))):
        with pytest.raises(OverflowError, match="out of bounds for int32"):
            x + 2**40


@pytest.mark.parametrize("other", ["a", None, {}, object()], ids=lambda other: type(other).__name__)
def test_operands_of_another_kind_are_refused(x: lg.Node, other: Any) -> None:
    for name in BINARY:
        if name in ("eq", "ne"):
            assert BINARY[name](x, other) is (name == "ne")  # Python's own answer: another object
            continue
        for pair in ((x, other), (other, x)):
            if name == "mod" and pair[0] == "a":  # text is formatted
                continue
            with pytest.raises(TypeError):
                BINARY[name](*pair)


@pytest.mark.parametrize("other", [np.array([None, 1, 2]), np.ma.array([1.0, 2.0, 3.0])], ids=repr)
def test_arrays_that_a_node_cannot_hold_are_refused(x: lg.Node, other: Any) -> None:
    for pair in ((x, other), (other, x)):
        with pytest.raises(TypeError, match=r"cannot hold|would cut it off from its graph"):
            operator.add(*pair)


def test_gradients_flow_from_either_side(x: lg.Node) -> None:
    two = np.full((2, 3), 2.0)
    for L in (two * x, x * two, np.float64(2) * x, x * 2, [[2.0]] * x):
        np.testing.assert_array_equal(lg.gradient(L.sum(), x), two)


# -- NumPy's functions -----------------------------------------------------------------------------

Calls = tuple[Callable[[Any, Any], Any], ...]  # of the function and its array


def plain(f: Any, x: Any) -> Any:
    return f(x)


def two(f: Any, x: Any) -> Any:
    return f(x, ARRAY[::-1] - 1.5)


def reversed_two(f: Any, x: Any) -> Any:
    return f(ARRAY[::-1] + 1, x)


REDUCTION: Calls = (
    plain,
    lambda f, x: f(x, axis=0),
    lambda f, x: f(x, 1),
    lambda f, x: f(x, axis=-1, keepdims=True),
    lambda f, x: f(x, axis=(0, 1)),
)
ELEMENTWISE = [np.sign, np.absolute, np.fabs, np.negative, np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh]
ARITHMETIC = [np.add, np.subtract, np.multiply, np.divide, np.power]
COMPARISON = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]
CALLS: dict[Any, Calls] = {
    **dict.fromkeys((*ELEMENTWISE, np.positive, np.square, np.shape, np.ndim, np.size, np.ravel), (plain,)),
    **{f: (two, reversed_two, lambda f, x: f(x, 2), lambda f, x: f(2.0, x)) for f in (*ARITHMETIC, *COMPARISON)},
    **{
        f: (two, reversed_two, lambda f, x: f(x, 2), lambda f, x: f(2.0, x), lambda f, x: f(x, np.float64(2)))
        for f in (np.maximum, np.minimum)
    },
    **dict.fromkeys((np.sum, np.mean, np.max, np.amax, np.min, np.amin), REDUCTION),
    **{
        f: (lambda f, x: f(x, ARRAY.T), lambda f, x: f(ARRAY.T, x), lambda f, x: f(x, ARRAY[0]))
        for f in (np.matmul, np.dot)
    },
    **dict.fromkeys((np.ones_like, np.zeros_like), (plain,)),
    np.reshape: (lambda f, x: f(x, (3, 2)), lambda f, x: f(x, -1)),
    np.transpose: (plain, lambda f, x: f(x, (1, 0)), lambda f, x: f(x, axes=(-1, 0))),
    np.swapaxes: (lambda f, x: f(x, 0, 1), lambda f, x: f(x, -1, 0)),
    np.broadcast_to: (lambda f, x: f(x, (4, 2, 3)),),
    np.expand_dims: tuple(lambda f, x, k=k: f(x, k) for k in (0, 1, 2, -1, -3, (0, 1), (-1, 0))),
    np.where: (
        lambda f, x: f(ARRAY > 2, x, 0),
        lambda f, x: f(x > 2, -1.0, x),
        lambda f, x: f([True, False, True], x, ARRAY),
    ),
    np.concatenate: (
        lambda f, x: f([x, ARRAY]),
        lambda f, x: f((ARRAY[:, :1], x), axis=1),
        lambda f, x: f([x, x], axis=None),
    ),
    np.stack: (
        lambda f, x: f([x, ARRAY]),
        lambda f, x: f((ARRAY, x), axis=-1),
    ),
}
METADATA = {np.shape, np.ndim, np.size, np.ones_like, np.zeros_like}


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_numpy_functions_on_nodes(function: Any) -> None:
    for call in CALLS[function]:
        for array in (ARRAY, ARRAY.astype(np.float32)):
            found, expected = call(function, lg.parameter(array)), call(function, array)
            if function in METADATA:
                np.testing.assert_array_equal(found, expected)
                assert np.asarray(found).dtype == np.asarray(expected).dtype
            else:
                same(found, expected)


@pytest.mark.parametrize("k", [-4, 3])
def test_expand_dims_out_of_range(x: lg.Node, k: int) -> None:
    with pytest.raises((ValueError, IndexError), match="axis"):
        np.expand_dims(x, k)


# -- refused, with a hint --------------------------------------------------------------------------


def in_place(x: lg.Node) -> None:
    buffer = np.zeros((2, 3))
    buffer += x


def operator_in_place(change: Any) -> Callable[[lg.Node], Any]:
    return lambda x: change(x, 1)


def store(x: lg.Node) -> None:
    buffer = np.zeros((2, 3))
    buffer[...] = x


def store_row(x: lg.Node) -> None:
    buffer = np.zeros((2, 3))
    buffer[0] = x[0]


def assign(x: lg.Node) -> None:
    x[0] = 1.0  # type: ignore[index]


LOOK = r"; to look at the numbers?, outside of the differentiated function, there is "
STORED = r"`np\.stack`.*`lazygrad\.numpy\.array`.*`x = x\.at\[i\]\.set\(node\)`$"
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "out=": (lambda x: np.add(x, 1, out=np.zeros((2, 3))), "assign the result"),
    "buffer += node": (in_place, "assign the result"),
    "buffer[...] = node": (store, STORED),
    "buffer[0] = node": (store_row, STORED),
    "node[0] = 1": (assign, "build a new one"),
    "np.array(node)": (lambda x: np.array(x), "np.concatenate"),
    "np.array([node])": (lambda x: np.array([x, x]), "np.concatenate"),
    "object array": (lambda x: np.array([x.sum()], dtype=object), "np.concatenate"),
    "np.asarray(node)": (lambda x: np.asarray(x.sum()), rf"take the node itself.*{LOOK}`\.item\(\)`"),
    "float": (lambda x: float(x.sum()), rf"`np\.sin` for `math\.sin`.*{LOOK}`\.item\(\)`"),
    "int": (lambda x: int(x.sum()), rf"`np\.trunc` .*{LOOK}`\.item\(\)`"),
    "complex": (lambda x: complex(x.sum()), rf"`\.astype\(complex\)` keeps the graph.*{LOOK}`\.item\(\)`"),
    "math": (lambda x: math.sin(x.sum()), r"`math\.sin` of <sum .* call `np\.sin`, which keeps the graph$"),
    "index": (lambda x: range(lg.constant(3)), rf"`lazygrad\.constant\(array\)\[node\]`.*{LOOK}`\.item\(\)`"),
    "index of an array": (lambda x: ARRAY[lg.constant(0)], rf"to index .*constant\(array\)\[node\].*{LOOK}"),
    "tuple times a number": (lambda x: (1.0, 2.0) * x.sum(), rf"{LOOK}`\.item\(\)`"),
    "mask of an array": (lambda x: ARRAY[x > 2], rf"to index .*constant\(array\)\[node\].*{LOOK}"),
    "array @= node": (lambda x: operator.imatmul(np.eye(3), x.T), r"np\.matmul cannot write into"),
    "slice": (lambda x: x[lg.constant(1) :], rf"a slice or a shape takes plain numbers{LOOK}`\.item\(\)`"),
    "bool": (lambda x: bool(x.sum() > 0), rf"`np\.where` to choose by it{LOOK}`\.item\(\)`"),
    "if": (lambda x: 1 if x.sum() > 0 else 2, "np.where"),
    "chained comparison": (lambda x: 0 < x.sum() < 1, "np.where"),
    "in": (lambda x: 1.0 in x, "compare by value"),
    "in a list": (lambda x: x in [lg.parameter(1.0)], "truth value"),
    "node += 1": (operator_in_place(operator.iadd), r"write `x = x \+ y`"),
    "node @= matrix": (operator_in_place(operator.imatmul), "write `x = x @ y`"),
    "node |= 1": (operator_in_place(operator.ior), r"write `x = x \| y`"),
    "a ufunc without a meaning": (lambda x: np.isnat(x), r"np\.isnat is not defined on nodes.*`lazygrad\.primitive`$"),
    "a function without a meaning": (lambda x: np.i0(x, 1, 2), "positional argument"),
    "a function of another namespace": (
        lambda x: np.polynomial.polynomial.polyvander(x, 1),
        "cut it off",
    ),
    "printing": (lambda x: np.array_str(x), rf"np\.array_str is not defined on nodes.*{LOOK}`\.value`"),
    "ufunc.at": (lambda x: np.add.at(np.zeros(3), [0], x), r"np\.add\.at is not defined on nodes"),
    "ufunc.at a node": (lambda x: np.add.at(x, [0], 1), r"np\.add\.at is not defined on nodes"),
    "ufunc.reduceat": (lambda x: np.add.reduceat(x, [0]), r"np\.add\.reduceat is not defined on nodes"),
    "ufunc.reduce of where=": (
        lambda x: np.add.reduce(ARRAY, where=x),
        r"np\.add\.reduce on nodes does not take where",
    ),
    "ufunc.reduce with initial=": (lambda x: np.hypot.reduce(x, initial=1), r"np\.hypot\.reduce .* not take initial="),
    "ufunc.reduce into": (lambda x: np.add.reduce(x, out=np.zeros(3)), r"np\.add\.reduce cannot write"),
    "ufunc.accumulate with dtype=": (
        lambda x: np.add.accumulate(x, dtype=int),
        r"np\.add\.accumulate .*dtype=",
    ),
    "where=": (lambda x: np.add(x, 1, where=ARRAY > 2), "np.add on nodes does not take where="),
    "where= a node": (lambda x: np.add(ARRAY, 1, where=x), "np.add on nodes does not take where="),
    "ufunc dtype=": (lambda x: np.add(x, 1, dtype=np.float32), r"np\.add on nodes does not take dtype=.*astype"),
    "out= of a function": (lambda x: np.cumsum(x, out=np.zeros(6)), r"np\.cumsum cannot write"),
    "keyword": (lambda x: np.linalg.multi_dot([x, x.T], out=ARRAY), r"np\.linalg\.multi_dot cannot write"),
    "casting=": (lambda x: np.concatenate([x, x], casting="no"), r"np\.concatenate on nodes does not take casting="),
    "a list where NumPy calls nobody": (
        lambda x: np.median([x, x]),
        r"np\.median does not take a node here",
    ),
    "inside NumPy": (lambda x: np.tri(x), r"np\.tri does not take a node here"),
    "memory": (lambda x: x.flags, rf"no `\.flags`{LOOK}`\.value`"),
    "asked for by NumPy": (lambda x: np.isfortran(x), r"np\.isfortran"),
    "from_dlpack": (lambda x: np.from_dlpack(x), rf"`lazygrad\.plugins` .*{LOOK}`\.value`"),
    "format": (lambda x: f"{x.sum():.3f}", rf"{LOOK}`\.item\(\)`"),
    "len of 0-d": (lambda x: len(x.sum()), "0-d"),
    "iteration over 0-d": (lambda x: list(x.sum()), "0-d"),
    "mask node": (lambda x: x[x > 2], "np.where"),
    "parameter of a node": (lambda x: lg.parameter(x), r"node\.value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_hint(x: lg.Node, name: str) -> None:
    call, hint = REFUSED[name]
    with pytest.raises(TypeError, match=hint):
        call(x)


def test_an_element_of_an_array_is_not_assigned_silently(x: lg.Node) -> None:
    """NumPy turns our TypeError into its own ValueError here, but nothing is cut off from the graph."""
    buffer = np.zeros(3)
    with pytest.raises((TypeError, ValueError)):
        buffer[0] = x.sum()
    assert not buffer.any()


def test_augmented_assignment_of_numbers(x: lg.Node) -> None:
    """What has no axes is a number that NumPy's `+=` does not change, either: the name stands for another one."""
    total: Any = 0.0
    for k in range(2):
        total += x[k].sum()
        total *= 2
    same(total, ARRAY[0].sum() * 4 + ARRAY[1].sum() * 2)
    first = total
    total += ARRAY
    same(total, 54 + ARRAY)
    same(first, 54.0)


# -- the truth of a node, and text -----------------------------------------------------------------


def test_the_truth_of_a_node_inside_a_transform(x: lg.Node) -> None:
    with enter_transform():
        assert x.sum() > 0
        assert not x.sum() < 0
        with pytest.raises(ValueError, match="ambiguous"):
            bool(x > 0)
    with pytest.raises(TypeError, match="truth value"):
        bool(x.sum() > 0)


def test_text(x: lg.Node) -> None:
    assert f"{x}" == str(x) == repr(x)
