"""`lazygrad.compile`: a question that is asked again and again, as straight-line code.

The first call with arguments of certain shapes and dtypes makes a schedule for them (`_schedule`), the next ones run
it. A schedule is checked, never replayed blind: other shapes or dtypes, or a branch of a function that goes another
way, get a schedule of their own; a bounded number is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict, Unpack, overload

import attrs
import numpy as np

from .._derivatives.followed import Followed, is_same_zero
from .._errors import ShapeError
from .._functions.call import name_of
from .._graph.invalidate import update
from .._graph.leaf import count_reforms
from .._graph.node import Node, label
from .._graph.settings import check_flag, describe
from .._graph.traverse import ancestors
from .._graph.trees import Tree, flatten, leaves
from .._graph.turns import as_one_question, lock
from .._graph.types import Array, Structure
from .._query.checks import K, W, check_node, check_target, check_wrt, map_nodes, resolve_names
from .._query.differentiator import differentiator
from .._schedule.schedule import BACKENDS, load_numba
from .of_functions import CompiledFunction
from .specialised import FLOAT, Compiled, Specialization, as_input

__all__ = ["compile"]


@attrs.define(eq=False, repr=False)
class CompiledNodes(Compiled[Any]):
    """A question about nodes: values of targets, and gradients, for other values of some leaves."""

    targets: Tree = attrs.field(kw_only=True)
    given: Tree = attrs.field(kw_only=True)
    wrt: Any = attrs.field(kw_only=True)
    inputs: list[Node] = attrs.field(kw_only=True)
    names: list[str | None] = attrs.field(kw_only=True)
    _plain: bool = attrs.field(init=False)  # whether it is one target by a list of nodes

    def __attrs_post_init__(self) -> None:
        nodes = self.wrt.__class__ is list and all(isinstance(i, Node) for i in self.wrt)
        self._plain = self.targets.single and nodes
        self._specialize([(i.shape, i.dtype) for i in self.inputs], [])

    def __reduce__(self) -> Any:
        question = self.targets.like(self.targets.leaves), self.wrt, self.given.like(self.inputs)
        return partial(self.remake, **self.options, specializations=self.limit), question

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Return the values of the targets, and their gradients, for these values of the inputs."""
        inputs = self.inputs
        if named or len(args) != len(inputs):  # what is left out is of one state with all that is read from the graph
            return as_one_question(inputs, lambda: self(*self._fill_in(args, named)))
        statistics = self.statistics
        statistics.calls += 1
        if self._version != count_reforms():
            self._review()
        specialization = self._last or self._specialize([(i.shape, i.dtype) for i in inputs], [])
        for value, (shape, dtype) in zip(args, specialization.kinds, strict=True):
            if value.__class__ is not np.ndarray or value.shape != shape or value.dtype is not dtype or not shape:
                break
        else:  # as it mostly is
            return self._arrange(specialization.run(args, statistics))
        values = []
        alike = True
        for value, (shape, dtype), leaf in zip(args, specialization.kinds, inputs, strict=True):
            if dtype is FLOAT and not shape and value.__class__ in (float, FLOAT.type):
                values.append(FLOAT.type(value))
            else:
                values.append(self._convert(len(values), value, leaf))
                alike = alike and values[-1].shape == shape and values[-1].dtype == dtype
        if not alike:
            specialization = self._specialize([(v.shape, v.dtype) for v in values], values)
        return self._arrange(specialization.run(values, statistics))

    def _convert(self, k: int, value: Any, leaf: Node) -> Any:
        try:
            return as_input(value, leaf)
        except (TypeError, ValueError) as error:
            name = self.names[k] or label(leaf)
            raise type(error)(f"the value of input {name!r} of {self!r}: {error}") from None

    def _arrange(self, results: list[Array]) -> Any:
        count = len(self.targets.leaves)
        if self._plain:
            return results[0], results[1:]
        values = self.targets.like(results[:count])
        if self.wrt is None:
            return values
        following = iter(results[count:])
        gradients = [map_nodes(self.wrt, lambda _: next(following)) for _ in range(count)]
        return values, self.targets.like(gradients)

    def _fill_in(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
        if len(args) > len(self.inputs):
            raise TypeError(f"{self!r} takes {len(self.inputs)} inputs, but got {len(args)}")
        values = [*args, *[i._value for i in self.inputs[len(args) :]]]  # the rest keep the values of their leaves
        for name, value in named.items():
            if name not in self.names:
                known = ", ".join(n for n in self.names if n) or "none has a name"
                raise TypeError(f"{self!r} has no input named {name!r}: {known}")
            if self.names.count(name) > 1:
                raise TypeError(f"{self!r} has {self.names.count(name)} inputs named {name!r}: give them by position")
            k = self.names.index(name)
            if k < len(args):
                raise TypeError(f"{self!r} got a value for its input {name!r} twice")
            values[k] = value
        return tuple(values)

    def _specialize(self, kinds: list[Any], values: Sequence[Any]) -> Specialization:
        """Return the specialisation for these shapes and dtypes, made if it is new."""
        with lock:
            key = tuple(kinds)
            known = self._specializations.get(key)
            if known is None:
                made = (
                    self._specialize_graph()
                    if kinds == [(i.shape, i.dtype) for i in self.inputs]
                    else self._specialize_copy(values)
                )
                self._store(key, made)
                self._last = made
            else:
                self._last = known[0]
            return self._last

    def _list_roots(self, targets: Sequence[Node], wrt: Any) -> list[Node]:
        roots = list(targets)
        if wrt is not None:
            for target in targets:
                adjoint = differentiator(target).adjoint
                roots += leaves(map_nodes(wrt, adjoint))
        return roots

    def _still_asks(self, specialization: Specialization) -> bool:
        """Return whether a specialisation is still for the nodes that the question asks for.

        The memo of a target forgets its adjoints when a leaf takes another shape, even if it goes back to the first.
        """
        if specialization.twins:
            return True
        roots = self._list_roots(self.targets.leaves, self.wrt)
        return all(i is j or is_same_zero(i, j) for i, j in zip(roots, specialization.roots, strict=True))

    def _specialize_graph(self) -> Specialization:
        roots = self._list_roots(self.targets.leaves, self.wrt)
        return Specialization(roots, self.inputs, [(i.shape, i.dtype) for i in self.inputs], self.options)

    def _specialize_copy(self, values: Sequence[Any]) -> Specialization:
        """Return a specialisation for other shapes or dtypes, on a copy of the graph whose leaves take these values."""
        memo: dict[int, Any] = {}
        originals = self.targets.leaves
        targets, wrt, inputs = copy.deepcopy((originals, self.wrt, self.inputs), memo)
        try:
            update(dict(zip(inputs, values, strict=True)))
        except ShapeError as error:
            shapes = ", ".join(f"{i.name or label(i)} {np.shape(v)}" for i, v in zip(self.inputs, values, strict=True))
            raise ShapeError(f"{self!r} does not fit inputs of shapes {shapes}: {error}") from None
        below = [i for target in originals for i in ancestors(target) if i.op is None]
        twins = {memo[id(i)].serial: i for i in below}
        kinds = [(i.shape, i.dtype) for i in inputs]
        followed = Followed.below(self._list_roots(originals, self.wrt), but=self.inputs)
        roots = self._list_roots(targets, wrt)
        return Specialization(roots, inputs, kinds, self.options, twins=twins, followed=followed)


class Options(TypedDict, total=False):
    """The options of `compile`."""

    backend: str
    exact: bool
    specializations: int


@overload
def compile(
    targets: Node, wrt: Node | str, inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[tuple[Array, Array]]: ...


@overload
def compile(
    targets: Node, wrt: list[W], inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[tuple[Array, list[Array]]]: ...


@overload
def compile(
    targets: Node, wrt: tuple[W, ...], inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[tuple[Array, tuple[Array, ...]]]: ...


@overload
def compile(
    targets: Node, wrt: Mapping[K, W], inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[tuple[Array, dict[K, Array]]]: ...


@overload
def compile(
    targets: Node, wrt: None = None, inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[Array]: ...


@overload
def compile(
    targets: list[Node], wrt: None = None, inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[list[Array]]: ...


@overload
def compile(
    targets: tuple[Node, ...], wrt: None = None, inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[tuple[Array, ...]]: ...


@overload
def compile(
    targets: Mapping[K, Node], wrt: None = None, inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[dict[K, Array]]: ...


@overload
def compile(
    targets: Callable[..., object], wrt: int, inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[tuple[Array, Any]]: ...


@overload
def compile(
    targets: Callable[..., object], wrt: Sequence[int], inputs: Structure = ..., **options: Unpack[Options]
) -> Compiled[tuple[Array, tuple[Any, ...]]]: ...


@overload
def compile(
    targets: Callable[..., object] | Sequence[object] | Mapping[K, object],
    wrt: Structure = ...,
    inputs: Structure = ...,
    **options: Unpack[Options],
) -> Compiled[Any]: ...


def compile(
    targets: Structure,
    wrt: Structure = None,
    inputs: Structure = (),
    *,
    backend: str = "auto",
    exact: bool = False,
    specializations: int = 8,
) -> Compiled[Any]:
    """Return a callable that answers one question for other values of its inputs, without a walk of the graph.

    Parameters
    ----------
    targets
        A node, or a list, tuple or dict of nodes; adjoints (`lazygrad.adjoint`) are nodes, too. Or a function of
        arrays, as for `lazygrad.grad`.
    wrt
        Nodes (or names) to differentiate the targets by, which are then single numbers; of a function, which
        positional arguments (an int or several). None for values alone.
    inputs
        The leaves that get other values with each call: a leaf, or a list, tuple or dict of them. All others are
        read from the graph, as they are at the time of the call. Of a function, its arguments are the inputs.
    backend
        ``"numpy"``, ``"numba"`` (extra ``jit``) for graphs of numbers, and arrays of one precision with elementwise
        ops, sums over axes and small products of matrices (the first use compiles for some ten seconds, and keeps that
        on disk; what numba does not know is NumPy's all the same), or ``"auto"``: numba, where it is installed, for
        programs of 2 000 rows and more.
    exact
        Whether results must be those of the memo walk bit for bit (but for the sign of a nan). Otherwise three things
        may differ in the last bits: sums of large arrays and over rows are added up in another order, functions of
        single numbers are those of Python's `math`, and numba has functions of its own. (Scalings by two numbers of
        which one is a power of two are one, too, which shows in the last bits of subnormal numbers alone.)
    specializations
        How many schedules are kept: one for each combination of shapes and dtypes, and for each way that the branches
        of a function go.

    Returns
    -------
    Callable that takes the values of the inputs by position or name (an input left out keeps the value of its leaf),
    and returns the values of the targets, read-only and in the structure of `targets`; with `wrt` a pair
    ``(values, gradients)``. It has ``.statistics`` and, once called, ``.schedule`` with its ``.source``.

    Raises
    ------
    TypeError
        If an input is no leaf or `wrt` is given and a target is no single float; from a call, if there are too
        many arguments, or one has an unknown name.
    ShapeError
        From a call, if the graph does not fit the shapes of the arguments.
    ValueError
        If no backend has that name.

    Notes
    -----
    The nodes that the memo would compute (and no others) become one straight line of steps, made once for each
    combination of shapes and dtypes. The graph, its memo and the values of its leaves stay as they are. In a function
    what depends on other things than its arguments is looked at when it is first called; a branch on a value is
    checked with each call.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> W, x = lg.parameter([[1.0, 2.0]], name="W"), lg.constant([1.0, 1.0], name="x")
    >>> step = lg.compile(np.sum(np.tanh(W @ x)), wrt=W, inputs=[W, x])
    >>> value, dW = step([[0.0, 0.0]], [1.0, 2.0])
    >>> value, dW
    (array(0.), array([[1., 2.]]))
    >>> step(W=[[0.0, 1.0]])[1]
    array([[0.41997434, 0.41997434]])
    >>> fast = lg.compile(lambda w, x: np.sum((w * x) ** 2), wrt=0)
    >>> fast(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    (array(5.), array([2., 4.]))
    """
    if backend not in BACKENDS:
        raise ValueError(f"no backend is named {backend!r}: there are {', '.join(BACKENDS)}")
    if backend == "numba":
        load_numba(backend)  # or an error that says what to install
    if isinstance(specializations, bool) or not isinstance(specializations, int) or specializations < 1:
        raise ValueError(f"specializations must be a whole number from 1 on, not {specializations!r}")
    options = {"backend": backend, "exact": check_flag(exact, "exact")}
    if callable(targets) and not isinstance(targets, Node):
        if leaves(inputs):
            raise TypeError("the inputs of a function are its arguments: compile it without `inputs`")
        whole = [isinstance(k, (int, np.integer)) for k in (wrt if isinstance(wrt, (tuple, list)) else [wrt])]
        if wrt is not None and not all(whole):
            raise TypeError(f"wrt of a function names positional arguments, an int or several, not {wrt!r}")
        return CompiledFunction(name_of(targets), options, specializations, function=targets, argnums=wrt)  # type: ignore[arg-type]
    tree = flatten(targets)
    if not tree.leaves:
        raise ValueError(f"compile takes a node, nodes or a function, but {describe(targets)} holds none")
    for target in tree.leaves:
        check_node(target)
    if wrt is not None:
        wrt = resolve_names(wrt, tree.leaves[0]) if tree.leaves else wrt
        map_nodes(wrt, check_wrt)
        for target in tree.leaves:
            check_target(target)
    named = tree.leaves and any(isinstance(i, str) for i in leaves(inputs))
    given = flatten(resolve_names(inputs, tree.leaves[0]) if named else inputs)
    names = [i.name if isinstance(i, Node) else None for i in given.leaves]
    if isinstance(inputs, Mapping) and len(inputs) == len(given.leaves):
        names = [str(name) for name in inputs]
    for leaf in given.leaves:
        if check_node(leaf).op is not None:
            raise TypeError(f"an input must be a leaf, whose value is given, not {leaf!r}, which is computed")
    if len({id(leaf) for leaf in given.leaves}) < len(given.leaves):
        raise TypeError("an input is named twice")
    name = ", ".join([label(target) for target in tree.leaves[:3]])
    return CompiledNodes(
        name, options, specializations, targets=tree, wrt=wrt, given=given, inputs=given.leaves, names=names
    )


Compiled.remake = staticmethod(compile)
