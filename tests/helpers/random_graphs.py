"""Random graphs as recipes, and an engine that knows nothing of lazygrad's rules.

A recipe is a list of steps. Built, each step is one node; evaluated, it is plain NumPy on arrays that may be
complex, so that every derivative follows from a complex step (exact to rounding: no difference is taken).
The rules a gradient may run and the values it may read are found by brute force over ``node.inputs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import lazygrad as lg
from lazygrad.ops._declare import op
from lazygrad.ops._op import Op
from lazygrad.ops._rule import OUT

# -- the ops: on nodes, on complex arrays, and what a derivative by each input has to read ---------------


def real(x: Any) -> Any:
    return np.real(x)


def _logsumexp(x: Any, axis: Any) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis))


def _softmax(x: Any) -> Any:
    e = np.exp(x)
    return e / np.sum(e, axis=-1, keepdims=True)


def _max(x: Any, axis: Any) -> Any:
    if axis is None:
        return x.reshape(-1)[np.argmax(real(x))]
    return np.take_along_axis(x, np.expand_dims(np.argmax(real(x), axis=axis), axis), axis).squeeze(axis)


class Kind(NamedTuple):
    """How one op is built and evaluated; `reads` has a row for each input, None where no derivative flows."""

    on_nodes: Callable[..., Any]
    on_arrays: Callable[..., Any]
    reads: tuple[tuple[int, ...] | None, ...]


def _both(function: Callable[..., Any], *reads: tuple[int, ...] | None) -> Kind:
    return Kind(function, function, reads)


KINDS: dict[str, Kind] = {
    "add": _both(lambda x, y: x + y, (), ()),
    "subtract": _both(lambda x, y: x - y, (), ()),
    "multiply": _both(lambda x, y: x * y, (1,), (0,)),
    "divide": _both(lambda x, y: x / y, (1,), (1, OUT)),
    "negative": _both(lambda x: -x, ()),
    "matmul": _both(lambda x, y: x @ y, (1,), (0,)),
    "tanh": _both(np.tanh, (OUT,)),
    "exp": _both(np.exp, (OUT,)),
    "sin": _both(np.sin, (0,)),
    "cos": _both(np.cos, (0,)),
    "sigmoid": Kind(lg.ops.sigmoid, lambda x: 1 / (1 + np.exp(-x)), ((OUT,),)),
    "log": _both(np.log, (0,)),
    "sqrt": _both(np.sqrt, (OUT,)),
    "pow": _both(lambda x, n: x**n, (0,)),
    "sum": _both(lambda x, axis: np.sum(x, axis=axis), ()),
    "mean": _both(lambda x, axis: np.mean(x, axis=axis), ()),
    "max": Kind(lambda x, axis: x.max(axis=axis), _max, ((0, OUT),)),
    "logsumexp": Kind(lg.ops.logsumexp, _logsumexp, ((0, OUT),)),
    "softmax": Kind(lg.ops.softmax, _softmax, ((OUT,),)),
    "greater": Kind(lambda x, y: x > y, lambda x, y: real(x) > real(y), (None, None)),
    "where": _both(np.where, None, (0,), (0,)),
    "maximum": Kind(np.maximum, lambda x, y: np.where(real(x) > real(y), x, y), ((0, 1), (1, 0))),
    "relu": Kind(lg.ops.relu, lambda x: np.where(real(x) > 0, x, 0 * x), ((OUT,),)),
    "absolute": Kind(abs, lambda x: x * np.sign(real(x)), ((0,),)),
    "reshape": _both(lambda x, shape: x.reshape(shape), ()),
    "transpose": _both(lambda x: x.T, ()),
    "slice": _both(lambda x, key: x[key], ()),
    "take": Kind(lambda x, k: x[k], lambda x, k: x[real(k).astype(int)], ((1,), None)),
    "concatenate": _both(lambda *xs: np.concatenate(xs), (), (), ()),
}


class Step(NamedTuple):
    """One node: a leaf that holds `value`, or an op applied to earlier steps."""

    kind: str  # "parameter", "constant" or a key of KINDS
    inputs: tuple[int, ...] = ()
    static: tuple[tuple[str, Any], ...] = ()
    value: Any = None


Recipe = list[Step]


def build(recipe: Sequence[Step]) -> list[lg.Node]:
    """One node a step."""
    nodes: list[lg.Node] = []
    for step in recipe:
        if step.kind == "parameter":
            nodes.append(lg.parameter(step.value))
        elif step.kind == "constant":
            nodes.append(lg.constant(step.value))
        else:
            inputs = [nodes[k] for k in step.inputs]
            node = KINDS[step.kind].on_nodes(*inputs, **dict(step.static))
            assert [id(j) for j in node.inputs] == [id(j) for j in inputs], "a step must be one node"
            nodes.append(node)
    return nodes


# -- the independent engine --------------------------------------------------------------------------------


def evaluate(recipe: Sequence[Step], nudged: int = -1, by: Any = 0) -> list[Any]:
    """Return the values of all steps, that of step `nudged` moved by `by`."""
    values: list[Any] = []
    for k, step in enumerate(recipe):
        if step.kind in KINDS:
            value = KINDS[step.kind].on_arrays(*[values[j] for j in step.inputs], **dict(step.static))
        else:
            value = np.asarray(step.value)
        values.append(value + by if k == nudged else value)
    return values


def derivative(recipe: Sequence[Step], target: int, wrt: int, cotangent: Any = 1.0) -> Any:
    """sum(cotangent * target) differentiated by every element of step `wrt`, by complex steps."""
    shape = np.shape(evaluate(recipe[: wrt + 1])[wrt])
    result = np.zeros(shape)
    tiny = 1e-100
    for where in np.ndindex(*shape):
        by = np.zeros(shape, complex)
        by[where] = 1j * tiny
        result[where] = np.sum(cotangent * evaluate(recipe[: target + 1], wrt, by)[target].imag) / tiny
    return result


# -- brute force over inputs -------------------------------------------------------------------------------


class Expected(NamedTuple):
    """The work of a query when the memo is empty: sets of step numbers, edges as (consumer, position)."""

    edges: set[tuple[int, int]]
    adjoints: set[int]
    values: set[int]
    reads: dict[tuple[int, int], set[int]]


def is_float(recipe: Sequence[Step], nodes: Sequence[lg.Node], consumer: int, position: int) -> bool:
    """Return whether a derivative flows along that edge."""
    row = KINDS[recipe[consumer].kind].reads
    return (
        row[min(position, len(row) - 1)] is not None
        and nodes[consumer].dtype.kind == "f"
        and nodes[consumer].inputs[position].dtype.kind == "f"
    )


def find_expected_work(recipe: Sequence[Step], nodes: Sequence[lg.Node], target: int, wrt: Iterable[int]) -> Expected:
    """Return the work of a gradient, told from ``node.inputs`` alone by trying every edge until nothing changes."""
    number = {node.serial: k for k, node in enumerate(nodes)}
    all_edges = [
        (c, position, number[j.serial])
        for c, node in enumerate(nodes)
        for position, j in enumerate(node.inputs)
        if is_float(recipe, nodes, c, position)
    ]
    up: set[int] = set(wrt)
    down = {target}
    for grow, start, stop in ((up, 2, 0), (down, 0, 2)):
        size = -1
        while size != len(grow):
            size = len(grow)
            grow.update(edge[stop] for edge in all_edges if edge[start] in grow)
    between = up & down
    edges = {(c, position) for c, position, j in all_edges if c in between and j in between}
    reads: dict[tuple[int, int], set[int]] = {}
    for c, position in edges:
        row = KINDS[recipe[c].kind].reads
        read = row[min(position, len(row) - 1)] or ()
        reads[c, position] = {c if r == OUT else recipe[c].inputs[r] for r in read}
    values = with_ancestors(recipe, set().union(*reads.values()))
    return Expected(edges, between - {target}, values, reads)


def with_ancestors(recipe: Sequence[Step], wanted: set[int]) -> set[int]:
    """Return the steps that are computed so that those wanted are known: no leaves."""
    found: set[int] = set()
    todo = list(wanted)
    while todo:
        k = todo.pop()
        if k not in found and recipe[k].inputs:
            found.add(k)
            todo.extend(recipe[k].inputs)
    return found


def dependents(recipe: Sequence[Step], leaf: int) -> set[int]:
    """Return the steps whose value changes with that leaf."""
    found = {leaf}
    for k, step in enumerate(recipe):
        if not found.isdisjoint(step.inputs):
            found.add(k)
    return found


# -- random recipes ----------------------------------------------------------------------------------------

_UNARY = ("negative", "tanh", "sin", "cos", "sigmoid", "exp", "pow", "relu", "absolute")
_BINARY = ("add", "subtract", "multiply", "multiply", "add", "maximum", "where", "divide")
_REDUCTIONS = ("sum", "mean", "max", "logsumexp")
_ARRAY = (*_REDUCTIONS, "softmax", "reshape", "transpose", "slice", "take", "concatenate", "matmul")
_SHAPES = ((), (3,), (2, 3), (3, 2), (1, 3), (2, 1))


class Grower:
    """Grows a recipe step by step, and keeps values tame: at most 4, and away from kinks."""

    def __init__(self, seed: int, arrays: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.arrays = arrays
        self.recipe: Recipe = []
        self.values: list[Any] = []
        self.unused: dict[int, None] = {}  # parameters and floats that nothing is built on yet

    def leaf(self, kind: str, value: Any) -> int:
        self.recipe.append(Step(kind, value=value))
        self.values.append(np.asarray(value))
        if kind == "parameter":
            self.unused[len(self.recipe) - 1] = None
        return len(self.recipe) - 1

    def step(self, kind: str, *inputs: int, **static: Any) -> int:
        """Add a step; where its value would be large, a tanh of each large input comes first."""
        with np.errstate(all="ignore"):
            value = np.asarray(KINDS[kind].on_arrays(*[self.values[k] for k in inputs], **static))
        self.recipe.append(Step(kind, inputs, tuple(static.items())))
        self.values.append(value)
        k = len(self.recipe) - 1
        for j in inputs:
            self.unused.pop(j, None)
        if value.dtype.kind == "f":
            self.unused[k] = None
        if value.dtype.kind == "f" and value.size and np.abs(value).max() > 4:
            return self.step("tanh", self.step("multiply", k, self.leaf("constant", 1 / np.abs(value).max())))
        return k

    def random_leaf(self, kind: str = "parameter") -> int:
        shape = _SHAPES[self.rng.integers(len(_SHAPES))] if self.arrays else ()
        return self.leaf(kind, self.rng.normal(size=shape))

    def pick(self, fits: Callable[[Any], bool] = lambda value: True, otherwise: tuple[int, ...] = (2, 3)) -> int:
        """Return a float step that fits, unused ones more often; a new constant of shape `otherwise` if none does."""
        found = [k for k, v in enumerate(self.values) if v.dtype.kind == "f" and fits(v)]
        unused = [k for k in found if k in self.unused]
        if unused and self.rng.random() < 0.5:
            found = unused
        if not found:
            return self.leaf("constant", self.rng.normal(size=otherwise))
        return found[self.rng.integers(len(found))]

    def partner(self, x: int) -> int:
        """Return a step that broadcasts with `x`, perhaps `x` itself."""
        shape = self.values[x].shape

        def fits(value: Any) -> bool:
            return all(m == n or 1 in (m, n) for m, n in zip(reversed(value.shape), reversed(shape), strict=False))

        return x if self.rng.random() < 0.15 else self.pick(fits)

    def away_from_kink(self, difference: Any) -> bool:
        return bool(np.all(np.abs(difference) > 1e-3))

    def grow(self) -> int:
        """Add an op of a random kind."""
        rng = self.rng
        names = (*_UNARY, *_BINARY, *(_ARRAY if self.arrays else ()))
        kind = names[rng.integers(len(names))]
        if kind in _UNARY:
            return self.unary(kind, self.pick())
        if kind in _BINARY:
            x = self.pick()
            return self.binary(kind, x, self.partner(x))
        return self.array(kind)

    def unary(self, kind: str, x: int) -> int:
        if kind in ("relu", "absolute") and not self.away_from_kink(self.values[x]):
            kind = "sin"
        return self.step(kind, x, **({"n": int(self.rng.integers(2, 4))} if kind == "pow" else {}))

    def binary(self, kind: str, x: int, y: int) -> int:
        if kind == "divide":  # by something positive, so that log and sqrt may come in too
            positive = self.step("add", self.step("pow", y, n=2), self.leaf("constant", 1.5))
            choice = ("sqrt", "log", None)[self.rng.integers(3)]
            positive = self.step("add", self.step(choice, positive), self.leaf("constant", 1.0)) if choice else positive
            return self.step("divide", x, positive)
        if kind in ("maximum", "where") and not self.away_from_kink(self.values[x] - self.values[y]):
            kind = "add"
        if kind == "where":
            return self.step("where", self.step("greater", x, y), *((x, y) if self.rng.random() < 0.5 else (y, x)))
        return self.step(kind, x, y)

    def array(self, kind: str) -> int:
        rng = self.rng
        x = self.pick(lambda v: v.ndim > 0 and v.size > 0)
        shape = self.values[x].shape
        axis = None if rng.random() < 0.4 else int(rng.integers(len(shape)))
        if kind == "max":
            ordered = np.sort(self.values[x], axis=axis)
            kind = "max" if self.away_from_kink(np.diff(ordered, axis=-1 if axis is None else axis)) else "mean"
        if kind in _REDUCTIONS:
            return self.step(kind, x, axis=axis)
        if kind == "reshape":
            return self.step(kind, x, shape=(self.values[x].size,) if len(shape) > 1 else (*shape, 1))
        if kind == "slice":
            first = slice(0, int(rng.integers(1, shape[0] + 1))) if rng.random() < 0.5 else int(rng.integers(shape[0]))
            return self.step(kind, x, key=(first,))
        if kind == "take":
            return self.step(kind, x, self.leaf("constant", rng.integers(0, shape[0], size=3)))
        if kind == "concatenate":
            others = [self.pick(lambda v: v.ndim == len(shape) and v.shape[1:] == shape[1:]) for _ in range(2)]
            return self.step(kind, x, *others)
        if kind == "matmul":
            return self.step(kind, x, self.pick(lambda v: v.ndim > 0 and v.shape[-2:][0] == shape[-1], shape[-1:]))
        return self.step(kind, x)  # softmax, transpose

    def loss(self) -> int:
        """Add a scalar step over most of what nothing was built on."""
        x = None
        for k in [k for k in self.unused if self.rng.random() < 0.8] or [self.pick()]:
            y = self.step("sum", k, axis=None) if self.values[k].shape else self.step("tanh", k)
            x = y if x is None else self.step("add" if self.rng.random() < 0.5 else "multiply", x, y)
        assert x is not None
        return x


class RandomDag(NamedTuple):
    """A recipe with some of its steps singled out: the leaves, the losses and the values to expect."""

    recipe: Recipe
    parameters: list[int]
    losses: list[int]
    values: list[Any]


def random_dag(seed: int, arrays: bool) -> RandomDag:
    """Shared nodes, x * x, branches that lead nowhere, several losses; leaves made before and between."""
    grower = Grower(seed, arrays)
    rng = grower.rng
    parameters = [grower.random_leaf() for _ in range(int(rng.integers(1, 4)))]
    grower.random_leaf("constant")
    losses = []
    for _ in range(int(rng.integers(1, 4))):
        for _ in range(int(rng.integers(2, 8))):
            grower.grow()
        if rng.random() < 0.4:
            parameters.append(grower.random_leaf())
            grower.binary("add", parameters[-1], grower.partner(parameters[-1]))
        losses.append(grower.loss())
    return RandomDag(grower.recipe, parameters, losses, grower.values)


# -- ops that watch or fail ---------------------------------------------------------------------------------


def make_watched_op(
    name: str = "watched",
    function: Callable[[Any], Any] = np.negative,
    rule: Callable[..., Any] = lambda g: -g,
    before: Callable[[str], None] = lambda what: None,
) -> Op:
    """Return an op of one input that calls `before("value")` or `before("rule")` first."""

    def value(x: Any) -> Any:
        before("value")
        return function(x)

    def vjp(g: Any) -> Any:
        before("rule")
        return rule(g)

    return op(name, value, shape=lambda x: (x.shape, x.dtype), vjp={"x": vjp}, register=False)


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two answers, perhaps nested, are the same bytes in the same structure."""
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same_bits(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same_bits, a, b))
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
