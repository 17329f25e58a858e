"""The battery of checks that every op has to pass, each a function of one case: public in `lazygrad.testing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from .._derivatives.adjoint_node import AdjointNode
from .._derivatives.tangents import Tangents
from .._graph.leaf import constant, parameter
from .._graph.node import Node, NodeOrArray
from .._graph.settings import check_function, check_instance
from .._graph.shapes import unit_array
from .._graph.types import Array, DTypeLike, Function, Shape
from .._query.differentiator import Differentiator
from .._query.gradient import gradient
from ..ops._op import Op
from ..ops._rule import BLOCKED, OUT, UNDEFINED, ZERO, pass_on

__all__ = [
    "CHECKS",
    "Case",
    "Point",
    "central_difference",
    "check_inference",
    "check_jvp",
    "check_point",
    "check_second_order",
    "check_value",
    "check_vjp",
    "draw_direction",
    "has_rule",
    "inner_product",
    "make_generator",
    "sample_units",
]

STEP = 1e-3  # of the central differences; kinks must be further away than twice this


def _as_floats(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(np.asarray(v, dtype=float) for v in values)


def _as_numpy_returns(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return arrays, with NumPy's scalars for 0-d, as its functions return them."""
    return tuple(np.asarray(v)[()] for v in values)


@attrs.frozen(eq=False)
class Case:
    """One call of an op: its inputs, its statics, and the function in NumPy that it has to agree with.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> case = Case(lg.ops.softmax, lambda x, axis: np.exp(x) / np.exp(x).sum(axis), [np.zeros(2)], {"axis": -1})
    >>> leaves, node = case.build()
    >>> node.value
    array([0.5, 0.5])
    >>> CHECKS["vjp"](case)
    """

    __module__ = "lazygrad.testing"

    op: Callable[..., Any]  # an op, or a function of nodes
    reference: Callable[..., Any]  # on the same arrays and statics, in NumPy
    inputs: tuple[Any, ...] = attrs.field(converter=_as_numpy_returns)
    static: Mapping[str, Any] = {}
    order: int = 2  # of derivative there is; 0 for none

    @property
    def wrt(self) -> list[int]:
        """Return the numbers of the inputs that have a derivative."""
        rules = self.op.vjp if isinstance(self.op, Op) else [pass_on]
        return [k for k, x in enumerate(self.inputs) if x.dtype.kind in "fc" and has_rule(rules, k)]

    def build(self, inputs: Sequence[Any] | None = None) -> tuple[list[Node], Node]:
        """Return leaves for the inputs, and the op's node."""
        arrays = self.inputs if inputs is None else inputs
        leaves = [(parameter if np.asarray(a).dtype.kind in "fc" else constant)(a) for a in arrays]
        return leaves, self.op(*leaves, **self.static)

    def cast(self, dtype: DTypeLike) -> Case:
        """Return the same case with its float inputs in another dtype."""
        unsigned = np.dtype(dtype).kind == "u"
        cast = [(np.abs(x) if unsigned else x).astype(dtype) if x.dtype.kind == "f" else x for x in self.inputs]
        if np.dtype(dtype).kind == "f":
            cast = [x.astype(np.result_type(dtype, 1j)) if x.dtype.kind == "c" else x for x in cast]
        return attrs.evolve(self, inputs=cast)

    def function(self, *inputs: object) -> Array:
        """Return the result of the op's own function on arrays."""
        return self.op(*inputs, **self.static)


def has_rule(rules: Sequence[object], k: int) -> bool:
    """Return whether derivatives flow through the k-th input; the last rule serves all inputs of a starred name."""
    rule = rules[min(k, len(rules) - 1)]
    return rule is not BLOCKED and rule is not ZERO and rule is not UNDEFINED


def _assert_close(actual: Any, expected: Any, rtol: float = 1e-7, atol: float = 1e-8) -> None:
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def make_generator() -> np.random.Generator:
    """Return the generator that all checks draw from, with a fixed seed: a failure can be repeated."""
    return np.random.default_rng(20240611)


def central_difference(
    function: Function, point: Sequence[NodeOrArray], k: int, direction: Any, step: float = STEP
) -> Array:
    """Return the derivative of a function at `point` along a direction of its k-th argument, to fourth order."""

    def evaluate_at(steps: int) -> Any:
        moved = list(point)
        moved[k] = point[k] + steps * step * direction
        return np.asarray(function(*moved))

    near, far = (evaluate_at(n) - evaluate_at(-n) for n in (1, 2))
    return (8 * near - far) / (12 * step)


def inner_product(a: object, b: object) -> Any:
    """Return the inner product; of complex numbers the real part, without conjugation, as gradients have it."""
    return np.sum(np.asarray(a) * np.asarray(b)).real


def draw_direction(rng: np.random.Generator, like: Any) -> Array:
    """Return a random direction in the space of an array or node."""
    d = rng.normal(size=like.shape)
    return d + 1j * rng.normal(size=like.shape) if like.dtype.kind == "c" else d


def sample_units(x: Any, rng: np.random.Generator, most: int = 50) -> Iterator[tuple[Shape, Array]]:
    """Yield index and unit array of all elements, or of `most` drawn ones; of complex ones in both directions."""
    for k in rng.permutation(x.size)[:most] if x.size > most else range(x.size):
        index = tuple(int(n) for n in np.unravel_index(k, x.shape))
        for size in (1, 1j) if x.dtype.kind == "c" else (1,):
            yield index, unit_array(x.shape, x.dtype, k, size)


# -- value, shape and dtype ------------------------------------------------------------------------


def _evaluate(found: Any) -> Any:
    """Return the value of a node, and anything else as it is."""
    return found.value if isinstance(found, Node) else found


def check_value(case: Case) -> None:
    """Check that the value is NumPy's, on nodes and on arrays alike."""
    expected = case.reference(*case.inputs, **case.static)
    loose = 1e-6 if np.asarray(expected).dtype in (np.float32, np.complex64) else 1e-13
    _assert_close(_evaluate(case.build()[1]), expected, rtol=10 * loose, atol=loose)
    _assert_close(case.function(*case.inputs), expected, rtol=10 * loose, atol=loose)


def check_inference(case: Case) -> None:
    """Check that shape and dtype known at build are those of the value, and NumPy's."""
    expected = np.asarray(case.reference(*case.inputs, **case.static))
    _, node = case.build()
    if not isinstance(node, Node):  # what is known without values, such as a shape
        node = np.asarray(node)
    known = (node.shape, node.dtype)
    assert (_evaluate(node).shape, _evaluate(node).dtype) == known
    assert (expected.shape, expected.dtype) == known


# -- first derivatives -----------------------------------------------------------------------------


def _draw_cotangents(node: Node) -> list[Any]:
    """Return a random cotangent, and one with exact zeros in it (rules may guard them)."""
    rng = make_generator()
    full = draw_direction(rng, node)
    return [full, full * rng.integers(0, 2, node.shape)]


def check_vjp(case: Case) -> None:
    """Check that the gradient agrees with central differences, along random directions of each input."""
    leaves, node = case.build()
    rng = make_generator()
    for w in _draw_cotangents(node):
        for k, found in zip(case.wrt, gradient(node, [leaves[k] for k in case.wrt], cotangent=w), strict=True):
            assert found.__class__ is np.ndarray
            assert (found.shape, found.dtype) == (leaves[k].shape, leaves[k].dtype)
            for _ in range(2):
                d = draw_direction(rng, leaves[k])
                _assert_close(
                    inner_product(found, d), inner_product(w, central_difference(case.function, case.inputs, k, d))
                )


def _apply_jvp_rule(case: Case, leaves: Sequence[Any], node: Node, k: int, tangent: Any, *, on_nodes: bool) -> Any:
    """Apply the jvp rule of the k-th input to a tangent, reading arrays or nodes as it declares."""
    assert isinstance(case.op, Op)
    rule = case.op.jvp_rule(k)
    assert rule is not None
    reads = [node if r == OUT else leaves[r] for r in rule.reads]
    reads += [] if rule.rest is None else leaves[rule.rest :]
    reads = reads if on_nodes else [r.value[()] for r in reads]
    return rule.function(tangent, *reads, **rule.meta(node, k))


def check_jvp(case: Case) -> None:
    """Check the jvp of every input with a vjp: the directional derivative, and the adjoint of the vjp."""
    leaves, node = case.build()
    rng = make_generator()
    w, _ = _draw_cotangents(node)
    pulled = gradient(node, [leaves[k] for k in case.wrt], cotangent=w)
    for k, g in zip(case.wrt, pulled, strict=True):
        t = np.asarray(draw_direction(rng, leaves[k]))
        if isinstance(case.op, Op):
            assert has_rule(case.op.jvp, k), f"{case.op} has a vjp by input {k}, but no jvp"
            tangent = np.broadcast_to(_apply_jvp_rule(case, leaves, node, k, t[()], on_nodes=False), node.shape)
        else:
            pushed_on = Tangents({leaves[k]: constant(t)}).of(node)
            tangent = np.zeros(node.shape) if pushed_on is None else pushed_on.value
        _assert_close(tangent, central_difference(case.function, case.inputs, k, t))
        _assert_close(inner_product(w, tangent), inner_product(g, t), rtol=1e-11, atol=1e-11)


def check_readings(case: Case) -> None:
    """Check that rules give the same on nodes as on arrays: the unfolded adjoint, and the jvp."""
    leaves, node = case.build()
    rng = make_generator()
    for w in _draw_cotangents(node):
        d = Differentiator(node, cotangent=w)
        for k in case.wrt:
            adjoint = d.adjoint(leaves[k])
            if not isinstance(adjoint, AdjointNode) or not adjoint.inputs:  # the argument itself, or no path
                continue
            root, _ = adjoint.op.unfold(adjoint)
            assert (root.shape, root.dtype) == (adjoint.shape, adjoint.dtype)
            _assert_close(root.value, adjoint.value, rtol=1e-13, atol=1e-14)
    for k in case.wrt if isinstance(case.op, Op) else ():
        t = parameter(draw_direction(rng, leaves[k]))
        on_nodes = _apply_jvp_rule(case, leaves, node, k, t, on_nodes=True)
        on_arrays = _apply_jvp_rule(case, leaves, node, k, t.value[()], on_nodes=False)
        assert on_nodes.shape == np.shape(on_arrays)
        _assert_close(on_nodes.value, on_arrays, rtol=1e-13, atol=1e-14)


# -- second derivatives ----------------------------------------------------------------------------


def _contract_adjoints(case: Case, inputs: Sequence[Any], w: Any, vs: Sequence[Any]) -> tuple[list[Node], Node]:
    """Return the leaves, the cotangent last, and the inner product of the adjoints with `vs`."""
    leaves, node = case.build(inputs)
    seed = parameter(w)
    d = Differentiator(node, cotangent=seed)
    total: Any = 0.0
    for k, v in zip(case.wrt, vs, strict=True):
        total = np.real((d.adjoint(leaves[k]) * v).sum()) + total
    return [*leaves, seed], total


def check_second_order(case: Case) -> None:
    """Check that the gradient of the gradient agrees with central differences of the gradient."""
    rng = make_generator()
    vs = [draw_direction(rng, case.inputs[k]) for k in case.wrt]
    for w in _draw_cotangents(case.build()[1]):
        point = [*case.inputs, np.asarray(w)]
        leaves, product = _contract_adjoints(case, case.inputs, w, vs)
        wrt = [*case.wrt, len(case.inputs)]
        for k, second in zip(wrt, gradient(product, [leaves[k] for k in wrt]), strict=True):
            d = draw_direction(rng, point[k])
            seen = central_difference(
                lambda *moved, vs=vs: _contract_adjoints(case, moved[:-1], moved[-1], vs)[1].value, point, k, d
            )
            _assert_close(inner_product(second, d), seen)


# -- float32, and points of special interest -------------------------------------------------------


def check_float32(case: Case) -> None:
    """Check that adjoints and gradients, first and second, of float32 leaves are float32, and near those of float64."""
    found = []
    for dtype in (np.float64, np.float32):
        cast = case.cast(dtype)
        dtypes = [np.result_type(dtype, 1j) if x.dtype.kind == "c" else np.dtype(dtype) for x in case.inputs]
        leaves, node = cast.build()
        assert node.value.dtype == node.dtype
        w = _draw_cotangents(node)[0].astype(node.dtype)
        d = Differentiator(node, cotangent=w)
        vs = [draw_direction(make_generator(), leaves[k]).astype(dtypes[k]) for k in case.wrt]
        for k in case.wrt:
            adjoint = d.adjoint(leaves[k])
            assert adjoint.dtype == adjoint.value.dtype == dtypes[k]
        seconds, product = _contract_adjoints(cast, cast.inputs, w, vs)
        wrt = [seconds[k] for k in case.wrt]
        gradients = [*d.gradient([leaves[k] for k in case.wrt]), *gradient(product, [*wrt, seconds[-1]])[:-1]]
        assert [g.dtype for g in gradients] == 2 * [dtypes[k] for k in case.wrt]
        found.append(gradients)
    for double, single in zip(*found, strict=True):
        _assert_close(single, double, rtol=2e-3, atol=2e-4)


@attrs.frozen(eq=False)
class Point:
    """A kink, tie or edge of the domain, and the gradient decided for it (cotangent 1).

    Examples
    --------
    >>> import lazygrad as lg
    >>> check_point(lg.ops.maximum, Point((1.0, 1.0), (0.5, 0.5)))
    """

    __module__ = "lazygrad.testing"

    inputs: tuple[Any, ...] = attrs.field(converter=_as_floats)
    gradients: tuple[Any, ...]
    static: Mapping[str, Any] = {}


def check_point(op: Function, point: Point) -> None:
    """Check that the gradient at a point is exactly the one decided; AssertionError if not.

    Examples
    --------
    >>> import lazygrad as lg
    >>> check_point(lg.ops.relu, Point((0.0,), (0.0,)))
    >>> check_point(lg.ops.relu, Point((0.0,), (1.0,)))
    Traceback (most recent call last):
        ...
    AssertionError:
    Arrays are not equal
    ...
    """
    check_function(op, "check_point")
    check_instance(point, Point, "point")
    leaves = [parameter(x) for x in point.inputs]
    with np.errstate(divide="ignore"):
        node = op(*leaves, **point.static)
        gradients = gradient(node, leaves, cotangent=np.ones(node.shape))
    for found, expected in zip(gradients, point.gradients, strict=True):
        np.testing.assert_array_equal(found, expected)


CHECKS = {
    "value": check_value,
    "inference": check_inference,
    "vjp": check_vjp,
    "jvp": check_jvp,
    "readings": check_readings,
    "second order": check_second_order,
    "float32": check_float32,
}
