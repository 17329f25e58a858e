"""The op of a node: value, shape and rules; what it builds when called, and what a node asks of it."""

from __future__ import annotations

import functools
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from sys import getrefcount
from typing import Any, ClassVar, overload

import attrs
import numpy as np

from .._errors import NotDifferentiableError, RangeError, ShapeError
from .._graph.leaf import CONSTANT, as_leaf_array, copy_frozen, make_leaf
from .._graph.node import NO_STATIC, Node, build, label
from .._graph.settings import describe
from .._graph.shapes import broadcast
from .._graph.types import Array, ArrayLike, DType
from ._rule import BLOCKED, UNDEFINED, ZERO, Rule, input_name

__all__ = [
    "OPS",
    "OfEachOp",
    "Op",
    "Signature",
    "as_node",
    "as_nodes",
    "count_requests",
    "declare_all",
    "freeze",
    "op_named",
    "unknown_setting",
]

Signature = tuple[tuple[int, ...], DType]


def unknown_setting(name: str, value: Node) -> TypeError:
    """Return the error for a node in the place of an argument that says what is done, such as an axis."""
    return TypeError(
        f"{name}= must be known when a node is built, and has no derivative: pass plain numbers, not {value!r}"
    )


class OfEachOp:
    """An attribute that each op has for itself, with another value or none on the class; for `help` and editors."""

    def __init__(self, of_op: Callable[[Op], Any], of_class: str | None = None) -> None:
        self.of_op, self.of_class = of_op, of_class

    def __get__(self, op: Op | None, owner: type) -> Any:
        if op is not None:
            return self.of_op(op)
        if self.of_class is None:
            raise AttributeError
        return self.of_class


def _call_of(op: Op) -> inspect.Signature:
    """Return the signature of a call: the inputs, then the statics with their defaults."""
    starred = op.inputs[-1][0] == "*"
    named: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    inputs = [inspect.Parameter(name, named) for name in op.inputs[: -1 if starred else None]]
    if starred:
        inputs.append(inspect.Parameter(op.inputs[-1][1:], inspect.Parameter.VAR_POSITIONAL))
        named = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([*inputs, *[inspect.Parameter(k, named, default=v) for k, v in op.statics.items()]])


@attrs.define(eq=False, repr=False)
class Op:
    """A function that nodes are computed by, with its derivatives; calling it builds a node.

    Called on arrays alone it computes at once, so that a rule written with ops serves both readings.
    """

    __doc__ = OfEachOp(lambda op: op.doc, __doc__)
    __signature__ = OfEachOp(_call_of)

    name: str
    function: Callable[..., Any]  # on arrays and NumPy scalars
    infer_from: Callable[..., Signature]  # on nodes: the output's shape and dtype
    inputs: tuple[str, ...]
    statics: Mapping[str, Any]  # name -> default
    vjp: tuple[Rule | None, ...]
    jvp: tuple[Rule | None, ...]
    doc: str = ""
    numpy: tuple[Callable[..., Any], ...] = ()  # the NumPy functions that become this op on nodes
    is_adjoint: ClassVar[bool] = False
    runs_outside: ClassVar[bool] = False  # whether its function is the user's, and runs without the lock
    mirrors: ClassVar[Node | None] = None
    is_mirror: ClassVar[bool] = False
    composite: bool = False  # its function can be read on nodes, as rules can
    pointwise: bool = False  # each element of the output depends on one element of each input
    keeps_float: bool = False  # two floats of one dtype in, that dtype out
    fully_open: bool = False  # every input has a rule: spares discovery a look
    plain: int = -1  # how many inputs it takes, if it takes nothing else
    edge_rules: tuple[tuple[Any, int], ...] = ()  # (rule, argnum) of each input, shared by all nodes of the op
    guarded_rules: tuple[tuple[Any, int], ...] = ()  # as they read for masked adjoints; empty if that is no other way

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> Any:
        if OPS.get(self.name) is self:
            return op_named, (self.name,)
        return super().__reduce__()

    def __deepcopy__(self, memo: object) -> Op:
        return self

    # -- building ---------------------------------------------------------------------------------

    @overload
    def __call__(self, x: Node, /, *others: object, **statics: object) -> Node: ...
    @overload
    def __call__(self, x: ArrayLike, y: Node, /, *others: object, **statics: object) -> Node: ...
    @overload
    def __call__(self, x: ArrayLike, y: ArrayLike, z: Node, /, *others: object, **statics: object) -> Node: ...
    @overload
    def __call__(self, /, *arrays: ArrayLike, **statics: object) -> Array: ...
    @overload
    def __call__(self, /, *operands: object, **statics: object) -> Any: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == self.plain:
            inputs, static = args, NO_STATIC
        else:
            inputs, static = self.bind(args, kwargs)
        for value in inputs:
            if isinstance(value, Node):
                return self.on_nodes(inputs, static)
        try:
            return self.function(*inputs, **static)
        except (AttributeError, TypeError, OverflowError) as error:
            return self._call_with_arrays(inputs, static, error)

    def _call_with_arrays(self, inputs: Sequence[object], static: Mapping[str, object], error: Exception) -> Any:
        """Call the function again with lists and numbers turned into arrays; raise what says that they are none."""
        if all(isinstance(x, (np.ndarray, np.generic)) for x in inputs):
            raise error
        arrays = [x if isinstance(x, (np.ndarray, np.generic)) else np.asarray(x) for x in inputs]
        for x, array in zip(inputs, arrays, strict=True):
            if array.dtype.kind not in "biufc":
                raise TypeError(f"{self.name} takes arrays of numbers and nodes, not {describe(x)}") from None
        return self.function(*arrays, **static)

    def bind(self, args: tuple[object, ...], kwargs: dict[str, object]) -> tuple[tuple[object, ...], dict[str, object]]:
        """Split the arguments of a call into inputs and statics."""
        count = len(args) if self.inputs[-1][0] == "*" else len(self.inputs)
        inputs = list(args[:count])
        inputs += [kwargs.pop(name) for name in self.inputs[len(inputs) :] if name in kwargs]
        static = {**self.statics, **dict(zip(self.statics, args[count:], strict=False)), **kwargs}
        static = {
            k: tuple(v) if isinstance(v, (list, np.ndarray)) else v for k, v in static.items()
        }  # a list or array may be changed by the caller later
        if len(static) > len(self.statics) or len(args) > count + len(self.statics):
            unknown = [f"`{name}`" for name in static if name not in self.statics] or ["so many arguments"]
            raise TypeError(f"{self.name} does not take {', '.join(unknown)} on a node; it takes {self.signature()}")
        if len(inputs) < len(self.inputs) and self.inputs[-1][0] != "*":
            raise TypeError(f"{self.name} takes {self.signature()}, but got only {len(inputs)} inputs")
        for name, value in static.items():
            if isinstance(value, Node):
                raise unknown_setting(f"{self.name}: {name}", value)
            if value.__class__ is tuple:
                for item in value:
                    if isinstance(item, Node):
                        raise unknown_setting(f"{self.name}: {name}", item)
        return tuple(inputs), static

    def signature(self) -> str:
        """Return the call as text."""
        return str(self.__signature__)

    def on_nodes(self, inputs: Sequence[object], static: Mapping[str, object]) -> Node:
        """Build the node for these inputs, at least one of which is a node."""
        nodes = as_nodes(inputs)
        shape, dtype = self.infer_checked(nodes, static)
        return build(self, nodes, static or NO_STATIC, shape, dtype)

    def single(self, x: Node) -> Node:
        """Build the node of one node without statics: the shortest way, for ufuncs."""
        if self.keeps_float and x._dtype.kind == "f":
            return build(self, (x,), NO_STATIC, x._shape, x._dtype)
        return self.on_nodes((x,), NO_STATIC)

    def build_binary(self, x: Node, y: Node) -> Node:
        """Build the node of two nodes without statics: the shortest way, for the operators."""
        dtype = x._dtype
        if dtype is y._dtype and self.keeps_float and dtype.kind == "f":
            shape = x._shape
            if shape == y._shape or not y._shape:
                return build(self, (x, y), NO_STATIC, shape, dtype)
            return build(self, (x, y), NO_STATIC, self.broadcast_shapes(x, y), dtype)
        shape, dtype = self.infer_checked((x, y), NO_STATIC)
        return build(self, (x, y), NO_STATIC, shape, dtype)

    def broadcast_shapes(self, x: Node, y: Node) -> tuple[int, ...]:
        """Return the shape two operands broadcast to; an error of ours names op, inputs and shapes."""
        try:
            return broadcast(x._shape, y._shape)
        except ValueError:
            return self.infer_checked((x, y), NO_STATIC)[0]

    def infer_checked(self, nodes: tuple[Node, ...], static: Mapping[str, object]) -> Signature:
        """Infer shape and dtype of the output; an error of ours names op, inputs and shapes."""
        try:
            return self.infer_from(*nodes, **static)
        except (ValueError, IndexError, OverflowError) as error:
            shown = ", ".join(f"{label(n)} {n.shape}" for n in nodes)
            extra = "".join(f", {k}={describe(v)}" for k, v in static.items() if v is not None)
            kind: type[Exception] = ShapeError if isinstance(error, ValueError) else IndexError
            if isinstance(error, OverflowError):
                kind = RangeError
            raise kind(f"{self.name}({shown}{extra}): {error}") from None

    def set_edge_rules(self) -> None:
        """Set the pairs that adjoints consist of, from the rules."""
        self.edge_rules = tuple([(rule, k) for k, rule in enumerate(self.vjp)])
        guarded = tuple([(None if rule is None else rule.reading(True), k) for k, rule in enumerate(self.vjp)])
        self.guarded_rules = guarded if guarded != self.edge_rules else ()

    # -- what a node asks of its op ---------------------------------------------------------------

    def infer(self, node: Node) -> Signature:
        """Infer shape and dtype of `node` from its inputs as they are now."""
        return self.infer_checked(node._inputs, node._static)

    def numbers(self, node: Node) -> list[tuple[Node, Array]]:
        """Return the plain numbers among the inputs, and their values in the dtype that the other inputs give them."""
        plain = [j for j in node._inputs if j._op is None and "number" in j._static]
        others = [j._dtype for j in node._inputs if j._op is not None or "number" not in j._static]
        like = np.result_type(*others) if others else None
        return [(j, as_node(j._static["number"], like)._value) for j in plain]

    def run(self, node: Node) -> Array:
        """Compute the value of `node` from the values of its inputs: a^i = f^i(a^j, j in pa(i))."""
        inputs = node._inputs
        for j in inputs:
            if j.__class__ is not Node:  # an adjoint, whose memo counts its requests
                count_requests(inputs)
                break
        if node._static is not NO_STATIC:
            value = self.function(*[j._value for j in inputs], **node._static)
        elif len(inputs) == 2:
            value = self.function(inputs[0]._value, inputs[1]._value)
        else:
            value = self.function(*[j._value for j in inputs])
        return freeze(value)

    def rule(self, argnum: int) -> Rule | None:
        """Return the vjp rule of one input; the last one serves all inputs of a starred name."""
        rules = self.vjp
        return rules[argnum] if argnum < len(rules) else rules[-1]

    def jvp_rule(self, argnum: int) -> Rule | None:
        """Return the jvp rule of one input; the last one serves all inputs of a starred name."""
        rules = self.jvp
        return rules[argnum] if argnum < len(rules) else rules[-1]

    def passes_derivative(self, node: Node, argnum: int) -> bool:
        """Return whether a derivative flows from `node` to one of its inputs."""
        rule = self.rule(argnum)
        return rule is not BLOCKED and rule is not ZERO

    def blocks(self, node: Node, argnum: int) -> bool:
        """Return whether nothing should flow to one of the inputs, as for labels."""
        return self.rule(argnum) is BLOCKED

    def count_request(self) -> None:
        """Count a request by the caller; only adjoints do."""

    def contribution(
        self, node: Node, argnum: int, adjoint: Node, memo: object, inputs: list[Node], masked: bool = False
    ) -> tuple[Rule, int]:
        """Return the edge from `node` to one input as (rule, argnum); what the rule is called on goes into `inputs`."""
        pairs = (masked and self.guarded_rules) or self.edge_rules
        rule, _ = pair = pairs[argnum] if argnum < len(pairs) else (pairs[-1][0], argnum)
        if rule is UNDEFINED or rule is None:
            name = input_name(node, argnum)
            raise NotDifferentiableError(
                f"op {self.name!r} has no derivative by its input {name!r} ({node._inputs[argnum]!r}), "
                f"which the gradient needs at {node!r}: declare a rule for it, or `ZERO` if it is constant"
            )
        inputs.append(adjoint)
        for k in rule.reads:  # (a comprehension costs more for the one or two there are)
            inputs.append(node if k < 0 else node._inputs[k])  # noqa: PERF401
        if rule.rest is not None:
            inputs += node._inputs[rule.rest :]
        return pair


def count_requests(inputs: Sequence[Node]) -> None:
    """Let each adjoint among the inputs of a computation count one request."""
    first = None
    for j in inputs:
        if j.__class__ is not Node and j is not first:
            if first is not None:  # several: each once
                for other in {id(k): k for k in inputs if k.__class__ is not Node and k is not first}.values():
                    other.op.count_request()
                return
            first = j
            j.op.count_request()


def freeze(value: Array) -> Array:
    """Return the value as the memo keeps it: a read-only array, or for 0-d a NumPy scalar."""
    if value.__class__ is np.ndarray:
        if not value.shape:
            return value[()]
        if value.base is not None:
            value = _seal(value)
        value.flags.writeable = False
        return value
    if isinstance(value, np.generic):
        return value
    return freeze(np.array(value, subok=False))


def _seal(value: Array) -> Array:
    """Make a view read-only with the array it is a view of, or copy it where somebody else holds that array."""
    base: Any = value.base
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            if getrefcount(base) > 3:  # the view, this variable and the call itself make three
                return value.copy()
            base.flags.writeable = False
        base = base.base
    return value if base is None else value.copy()


OPS: dict[str, Op] = {}  # name -> op, filled by the declarations at import and only read afterwards


def op_named(name: str) -> Op:
    """Return the op declared under a name, importing SciPy's ops when one of them is meant."""
    if name.startswith("scipy.") and name not in OPS:
        import_module(f"lazygrad.{name.rpartition('.')[0]}")
    if name not in OPS:
        declare_all()
    return OPS[name]


op_named.__module__ = "lazygrad.ops"  # where pickles look for it, wherever this module moves


@functools.cache
def declare_all() -> None:
    """Import every module of the room, so that the ops that are seldom used are declared, too."""
    for found in pkgutil.iter_modules(sys.modules[__package__].__path__):
        import_module(f"{__package__}.{found.name}")


def as_node(value: Any, like: DType | None = None) -> Node:
    """Return the node itself, or a constant around an array or number.

    A plain number takes the dtype `like`, as in NumPy's promotion, and remembers that it is one: should the
    other operand change its dtype, so will the constant.
    """
    if isinstance(value, Node):
        return value
    if like is not None and value.__class__ in (int, float, complex):
        if like.kind != "f" or value.__class__ is complex:
            like = np.result_type(like, value)
        return Node(None, (), {"leaf": "constant", "number": value}, (), like, value=cast_number(value, like))
    return make_leaf(copy_frozen(as_leaf_array(value, "constant")), CONSTANT)


def cast_number(value: complex, like: DType) -> Any:
    """Return a plain number in a dtype; an error of ours if it is too large."""
    try:
        return like.type(value)
    except OverflowError as error:
        raise RangeError(f"the number {describe(value)} does not fit into {like}: {error}") from None


def as_nodes(values: Sequence[object]) -> tuple[Node, ...]:
    """Return nodes for all values; plain numbers take the dtype NumPy's promotion gives them."""
    dtypes = [v.dtype for v in values if not isinstance(v, (int, float, complex, list, tuple)) and hasattr(v, "dtype")]
    like = dtypes[0] if dtypes else None
    for dtype in dtypes:
        if dtype is not like:
            like = np.result_type(*dtypes)
            break
    return tuple([v if v.__class__ is Node else as_node(v, like) for v in values])
