"""Sums of products over shared axes: einsum, and the functions that are einsum in other words.

All products of two arrays are one op, `contract`, written in einsum's letters: ``ab,bc->ac``. Every letter is in at
least two of its three terms, so the rule of an input is the same op with the terms exchanged. Einsum allows more, a
letter twice in a term or in one term alone; `collapse` takes care of that before.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from string import ascii_letters, ascii_lowercase, ascii_uppercase
from typing import Any

import attrs

from .._errors import ShapeError
from .._graph.node import Node
from .._graph.types import Function
from .._graph.types import both as np
from ._contraction import contract_arrays
from ._declare import function, linear, op, result_dtype
from ._guards import guard_of, guard_product, strong_multiply
from ._op import Op, Signature, as_node
from .linear import reshape, transpose

__all__ = ["as_operand", "collapse", "contract", "contract_all", "einsum", "uncollapse"]


def as_operand(value: object) -> Node:
    """Return a node for an argument; a plain number is an array like any other, as in these functions of NumPy's."""
    return value if isinstance(value, Node) else as_node(np.asarray(value))


def _sizes(terms: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """Return the length of each letter's axis."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            raise ValueError(f"{len(term)} axes are named by {term!r}, but there are {len(shape)}")
        for letter, n in zip(term, shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise ValueError(f"axes of {sizes[letter]} and of {n} elements do not go together (as {letter!r})")
    return sizes


def _unique(term: str) -> str:
    return "".join(dict.fromkeys(term))


# -- one operand: diagonals, sums, transpositions --------------------------------------------------


def _collapse_shape(x: Node, subscripts: str) -> Signature:
    term, out = subscripts.split("->")
    sizes = _sizes((term,), (x.shape,))
    return tuple([sizes[letter] for letter in out]), x.dtype


def _uncollapse(g: Any, subscripts: str, shape: tuple[int, ...]) -> Any:
    term, out = subscripts.split("->")
    letters = _unique(term)
    g = g.transpose([out.index(letter) for letter in letters if letter in out])
    g = g[tuple([slice(None) if letter in out else None for letter in letters])]
    if letters == term:
        return np.broadcast_to(g, shape)
    full = np.zeros(shape, g.dtype)
    np.einsum(f"{term}->{letters}", full)[...] = g
    return full


def _takes_diagonal(node: Node) -> bool:
    term = node._static["subscripts"].split("->")[0]
    return len(set(term)) < len(term)


collapse: Op = linear(
    "collapse",
    lambda x, subscripts: np.einsum(subscripts, x),
    shape=_collapse_shape,
    transpose=lambda g, x_shape, subscripts: uncollapse(g, subscripts=subscripts, shape=x_shape),
    statics={"subscripts": "->"},
    selects={"vjp": _takes_diagonal},
    doc="Take the diagonal along axes of one letter and sum over the letters not in the output: einsum of one operand.",
)

uncollapse: Op = linear(
    "uncollapse",
    _uncollapse,
    shape=lambda g, subscripts, shape: (shape, g.dtype),
    transpose=lambda g, subscripts: collapse(g, subscripts=subscripts),
    statics={"subscripts": "->", "shape": ()},
    selects={"jvp": _takes_diagonal},
    doc="Repeat x along the axes that `collapse` sums, on the diagonal it takes, among zeros: its transpose.",
)


# -- two operands ----------------------------------------------------------------------------------


def _contract_shape(x: Node, y: Node, subscripts: str) -> Signature:
    terms, out = subscripts.split("->")
    sizes = _sizes(terms.split(","), (x.shape, y.shape))
    dtype = x.dtype if x.dtype is y.dtype else result_dtype(np.multiply, x.dtype, y.dtype)
    return tuple([sizes[letter] for letter in out]), dtype


@functools.lru_cache(maxsize=4096)
def _exchange(subscripts: str) -> tuple[str, str]:
    """Return the contractions of the output with y that gives x, and of x with the output that gives y."""
    terms, out = subscripts.split("->")
    x, y = terms.split(",")
    return f"{out},{y}->{x}", f"{x},{out}->{y}"


def _join(x: Any, y: Any, subscripts: str, times: Function, side: str) -> Any:
    """Return a contraction with the guard that `times` has; `side` tells which factor is the adjoint."""
    if times is operator.mul:
        return contract(x, y, subscripts=subscripts)
    return guarded_contract(x, y, subscripts=subscripts, side="both" if times is strong_multiply else side)


guarded_contract: Op = op(
    "guarded_contract",
    lambda x, y, subscripts, side: guard_product(lambda a, b: contract_arrays(a, b, subscripts), x, y, side),
    shape=lambda x, y, subscripts, side: _contract_shape(x, y, subscripts),
    vjp={
        "x": lambda g, y, subscripts, side: _join(g, y, _exchange(subscripts)[0], guard_of(side, "x"), "x"),
        "y": lambda g, x, subscripts, side: _join(x, g, _exchange(subscripts)[1], guard_of(side, "y"), "y"),
    },
    jvp={
        "x": lambda t, y, subscripts, side: _join(t, y, subscripts, guard_of(side, "x"), "x"),
        "y": lambda t, x, subscripts, side: _join(x, t, subscripts, guard_of(side, "y"), "y"),
    },
    inputs="x y",
    statics={"subscripts": ",->", "side": "x"},
    selects="vjp",
    doc="Return what contract does, with 0 times anything as 0 where the factor on that side, or either, is exactly 0.",
)

contract: Op = op(
    "contract",
    contract_arrays,
    shape=_contract_shape,
    vjp={
        "x": lambda g, y, subscripts, times: _join(g, y, _exchange(subscripts)[0], times, "x"),
        "y": lambda g, x, subscripts, times: _join(x, g, _exchange(subscripts)[1], times, "y"),
    },
    jvp={
        "x": lambda t, y, subscripts: contract(t, y, subscripts=subscripts),
        "y": lambda t, x, subscripts: contract(x, t, subscripts=subscripts),
    },
    inputs="x y",
    statics={"subscripts": ",->"},
    doc="Compute einsum of two operands, where each letter is in at least two of the three terms, and once in each.",
)


# -- any number ------------------------------------------------------------------------------------

Changes = tuple[tuple[Op, Mapping[str, Any]], ...]  # ops of one input to apply in turn, with their statics


@attrs.frozen
class _Program:
    """A contraction of operands of certain shapes: what to do to each, which pairs to join, what to do at last."""

    first: tuple[Changes, ...]
    pairs: tuple[tuple[int, Changes, int, Changes, Mapping[str, Any]], ...]  # operands by number, then the results
    last: Changes


def _apply_changes(x: Node, changes: Changes) -> Node:
    for change, static in changes:
        x = change.on_nodes((x,), static)
    return x


def _plan_collapse(term: str, out: str) -> Changes:
    if term == out:
        return ()
    if len(term) == len(out):
        return ((transpose, {"axes": tuple([term.index(c) for c in out])}),)
    return ((collapse, {"subscripts": f"{term}->{out}"}),)


def _lengths(terms: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """Return the length of each letter's axis; an axis of length 1 in another operand is repeated."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for c, n in _sizes((term,), (shape,)).items():
            if sizes.setdefault(c, n) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                raise ValueError(f"axes of {sizes[c]} and of {n} elements do not go together (as {c!r})")
    return sizes


@functools.lru_cache(maxsize=4096)
def _program(terms: tuple[str, ...], out: str, shapes: tuple[tuple[int, ...], ...], path: Any) -> _Program:
    sizes = _lengths(terms, shapes)
    first: list[Changes] = []
    left: list[tuple[int, str]] = []  # the number and the letters of what is not yet joined
    for k, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        kept = "".join([c for c, n in zip(term, shape, strict=True) if n == sizes[c]])
        once = _unique(kept)
        # An axis of length 1 that is to be repeated is left out: the product repeats it.
        without: Changes = ((reshape, {"shape": tuple([sizes[c] for c in kept])}),) if kept != term else ()
        first.append(without + (_plan_collapse(kept, once) if kept != once else ()))
        left.append((k, once))
    if path is None:
        path = [range(len(left))]
        if len(left) > 2:  # NumPy's order; it looks at shapes alone
            dummies = [np.broadcast_to(0.0, tuple([sizes[c] for c in term])) for _, term in left]
            path = np.einsum_path(",".join([term for _, term in left]) + f"->{out}", *dummies, optimize="greedy")[0][1:]
    pairs = []
    for places in path:
        group = [left[k] for k in places]
        left = [each for k, each in enumerate(left) if k not in places]
        while len(group) > 1:
            (i, x), (k, y), *group = group
            wanted = {*out, *"".join([term for _, term in (*group, *left)])}
            own_x = "".join([c for c in x if c in y or c in wanted])
            own_y = "".join([c for c in y if c in x or c in wanted])
            joined = "".join([c for c in _unique(own_x + own_y) if c in wanted]) if group or left else out
            static = {"subscripts": f"{own_x},{own_y}->{joined}"}
            pairs.append((i, _plan_collapse(x, own_x), k, _plan_collapse(y, own_y), static))
            group.insert(0, (len(terms) + len(pairs) - 1, joined))
        left += group
    if len(left) != 1:
        raise ValueError(f"the path {path!r} does not join all operands")
    return _Program(tuple(first), tuple(pairs), _plan_collapse(left[0][1], out))


def contract_all(operands: Sequence[Node], terms: tuple[str, ...], out: str, path: object = None) -> Node:
    """Return the sum of products of nodes over the axes whose letters are not in `out`.

    Parameters
    ----------
    operands
        Nodes.
    terms
        A letter for each axis of each operand. Axes of one letter have one length, or length 1.
    out
        The letters of the result's axes, each once.
    path
        Which operands to join first, as `numpy.einsum_path` says it; by default its greedy order.
    """
    program = _program(terms, out, tuple([x.shape for x in operands]), path)
    dtype = operands[0].dtype
    if any(x.dtype is not dtype for x in operands):  # a product of some must not be less exact than that of all
        dtype = np.result_type(*[x.dtype for x in operands])
        operands = [x if x.dtype == dtype else x.astype(dtype) for x in operands]
    values = [_apply_changes(x, changes) for x, changes in zip(operands, program.first, strict=True)]
    for i, of_x, k, of_y, static in program.pairs:
        values.append(contract.on_nodes((_apply_changes(values[i], of_x), _apply_changes(values[k], of_y)), static))
    return _apply_changes(values[-1], program.last)


# -- einsum ----------------------------------------------------------------------------------------

_LETTERS = ascii_uppercase + ascii_lowercase  # for the numbers in a list of axes, in NumPy's order


def _split_arguments(operands: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Return subscripts and operands, from either of the forms that einsum takes."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]

    def letters(axes: Sequence[Any]) -> str:
        return "".join(["..." if k is Ellipsis else _LETTERS[operator.index(k)] for k in axes])

    pairs = len(operands) // 2
    text = ",".join([letters(axes) for axes in operands[1 : 2 * pairs : 2]])
    out = f"->{letters(operands[-1])}" if len(operands) % 2 else ""
    return text + out, operands[: 2 * pairs : 2]


@functools.lru_cache(maxsize=4096)
def _read(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """Read the letters of each operand's axes and of the output's, with letters for the dots and the output written."""
    inputs, arrow, out = subscripts.partition("->")
    written = inputs.split(",")
    if len(written) != len(ndims):
        raise ValueError(f"the subscripts name {len(written)} operands, but there are {len(ndims)}")
    spare = [c for c in ascii_letters if c not in subscripts]
    dots = 0
    terms: list[str] = []
    for term, ndim in zip(written, ndims, strict=True):
        before, ellipsis, after = term.partition("...")
        count = ndim - len(before) - len(after)
        if count < 0 or (count and not ellipsis):
            raise ValueError(f"{term!r} does not name the axes of an operand with {ndim}")
        dots = max(dots, count)
        terms.append(before + "".join(spare[:count][::-1]) + after)  # dots are counted from the last
    broadcast = "".join(spare[:dots][::-1])
    names = "".join(written).replace("...", "")
    if not arrow:
        out = broadcast + "".join(sorted(c for c in set(names) if names.count(c) == 1))
    elif dots and "..." not in out:
        raise ValueError("the output has no place (`...`) for the axes that the dots of the operands stand for")
    else:
        out = out.replace("...", broadcast, 1)
    if wrong := [c for c in names if c not in ascii_letters]:
        raise ValueError(f"{wrong[0]!r} is no letter")
    if wrong := [c for c in out if out.count(c) > 1 or (c not in names and c not in broadcast)]:
        raise ValueError(f"{wrong[0]!r} is in the output twice, or in no operand")
    return tuple(terms), out


@function(np.einsum)
def einsum(*operands: object, optimize: Any = False) -> Node:
    """Return sums of products in Einstein's notation, as `numpy.einsum` means it.

    Parameters
    ----------
    *operands
        Subscripts and then the operands; or each operand followed by a list of axes, and at last one for the output.
        Letters may repeat within an operand, dots stand for axes to broadcast, and axes of length 1 broadcast.
    optimize
        A path, as `numpy.einsum_path` gives it. Several operands are always joined pair by pair, so other values
        change nothing.

    Returns
    -------
    Node.

    Raises
    ------
    ShapeError
        If the subscripts do not fit the operands.

    Examples
    --------
    >>> import lazygrad as lg, numpy as np
    >>> x = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
    >>> trace = np.einsum("ii", x)
    >>> lg.gradient(trace, x)
    array([[1., 0.],
           [0., 1.]])
    """
    subscripts, values = _split_arguments(operands)
    nodes = [as_operand(x) for x in values]
    try:
        terms, out = _read(subscripts, tuple([len(x.shape) for x in nodes]))
        given = isinstance(optimize, (list, tuple)) and optimize and optimize[0] == "einsum_path"
        path = tuple([tuple(places) for places in optimize[1:]]) if given and len(nodes) > 1 else None
        return contract_all(nodes, terms, out, path)
    except ValueError as error:
        shapes = ", ".join([str(x.shape) for x in nodes])
        raise ShapeError(f"einsum({subscripts!r}, {shapes}): {error}") from None


@function(np.einsum_path)
def einsum_path(*operands: object, optimize: object = "greedy") -> tuple[list[object], str]:
    """Return the order in which einsum would join its operands; it looks at shapes alone."""
    values = [np.broadcast_to(x.dtype.type(0), x.shape) if isinstance(x, Node) else x for x in operands]
    return np.einsum_path(*values, optimize=optimize)
