"""The entries of a memo as rows of a table that can be sorted and filtered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import attrs

from .._graph.node import Node, label
from .._graph.types import DType
from .grid import Displayable, Grid, import_optional

__all__ = ["Row", "Table", "make_row"]

COLUMNS = ("node", "kind", "op", "shape", "dtype", "bytes", "state")


@attrs.frozen
class Row:
    """One entry of the memo: a value, or the adjoint of a node."""

    node: Node
    kind: str  # "value" or "adjoint"
    op: str
    shape: tuple[int, ...]
    dtype: DType
    nbytes: int
    state: str  # "fresh", "stale" or "not computed"

    @property
    def stale(self) -> bool:
        """Return whether the entry was there and a leaf below it has been set since."""
        return self.state == "stale"


class Table(Displayable, list[Row]):
    """The rows of `Differentiator.table`, or some of them; prints as a table."""

    def sorted(self, by: str = "nbytes", *, reverse: bool | None = None) -> Table:
        """Return the rows in another order.

        Parameters
        ----------
        by
            ``"name"``, ``"serial"`` or a field of the rows: ``"kind"``, ``"op"``, ``"shape"``, ``"dtype"``,
            ``"nbytes"`` (or ``"bytes"``), ``"state"``.
        reverse
            Whether the largest comes first; by default where that is a number of bytes.

        Examples
        --------
        >>> import lazygrad as lg, numpy as np
        >>> W = lg.parameter(np.ones((100, 2)), name="W")
        >>> L = np.sum(np.tanh(W @ [1.0, 2.0]))
        >>> dW = lg.gradient(L, W)
        >>> [(row.kind, row.op, row.nbytes) for row in lg.differentiator(L).table().sorted()]
        [('adjoint', 'adjoint', 1600), ('value', 'matmul', 800), ('value', 'tanh', 800), ('adjoint', 'adjoint', 800), \
('adjoint', 'adjoint', 800)]
        """
        key = _get_key(by)
        return Table(sorted(self, key=key, reverse=key is _get_nbytes if reverse is None else reverse))

    def where(
        self, *, name: str | None = None, op: str | None = None, kind: str | None = None, state: str | None = None
    ) -> Table:
        """Return the rows that fit all patterns given.

        Parameters
        ----------
        name, op, kind, state
            Shell patterns such as ``"layer1/*"``; `name` is the node's name, or the op and serial that stand for it.

        Examples
        --------
        >>> import lazygrad as lg
        >>> x, y = lg.parameter(1.0, name="enc/x"), lg.parameter(2.0, name="dec/y")
        >>> L = x * y
        >>> lg.gradient(L, [x, y])
        [array(2.), array(1.)]
        >>> print(lg.differentiator(L).table().where(name="enc/*"))
        node   kind     op       shape  dtype    bytes  state
        enc/x  adjoint  adjoint  ()     float64      8  fresh
        """
        rows: Iterable[Row] = self
        for get, pattern in ((_get_name, name), (_get_op, op), (_get_kind, kind), (_get_state, state)):
            if pattern is not None:
                rows = [r for r in rows if fnmatchcase(get(r), pattern)]
        return Table(rows)

    def top(self, n: int, by: str = "nbytes") -> Table:
        """Return the `n` rows with the most bytes, or the largest by another field."""
        return Table(self.sorted(by, reverse=True)[:n])

    @property
    def nbytes(self) -> int:
        """Return the bytes of all rows, counting an array again for each row that shares it."""
        return sum(r.nbytes for r in self)

    def to_pandas(self) -> Any:
        """Return the rows as a `pandas.DataFrame`; pandas is an extra (``pip install "lazygrad[pandas]"``).

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "pandas", "Table.to_pandas")
        return pandas.DataFrame([_list_cells(r) for r in self], columns=COLUMNS)

    def grids(self) -> list[Grid]:
        """Return the table for notebooks and terminals."""
        return [Grid(COLUMNS, [_list_cells(r) for r in self], align="<<<<<><")]

    def __str__(self) -> str:
        return self.grids()[0].text()


def _list_cells(r: Row) -> tuple[Any, ...]:
    return label(r.node), r.kind, r.op, r.shape, str(r.dtype), r.nbytes, r.state


def _get_name(r: Row) -> str:
    return label(r.node)


def _get_op(r: Row) -> str:
    return r.op


def _get_kind(r: Row) -> str:
    return r.kind


def _get_state(r: Row) -> str:
    return r.state


def _get_nbytes(r: Row) -> int:
    return r.nbytes


KEYS: dict[str, Callable[[Row], Any]] = {
    "name": _get_name,
    "serial": lambda r: r.node.serial,
    "kind": _get_kind,
    "op": _get_op,
    "shape": lambda r: (math.prod(r.shape), r.shape),
    "dtype": lambda r: str(r.dtype),
    "nbytes": _get_nbytes,
    "bytes": _get_nbytes,
    "state": _get_state,
}


def _get_key(by: str) -> Callable[[Row], Any]:
    """Return the function that sorts rows by a field."""
    if by not in KEYS:
        raise ValueError(f"rows are sorted by one of {', '.join(KEYS)}, not {by!r}")
    return KEYS[by]


def make_row(node: Node, entry: Node, kind: str) -> Row:
    """Return the row of a value or an adjoint: `entry` holds it, `node` is what it belongs to."""
    state = "fresh" if entry._value is not None else "stale" if entry._stale else "not computed"
    nbytes = 0 if entry._value is None else entry._value.nbytes
    return Row(node, kind, entry.op.name, entry.shape, entry.dtype, nbytes, state)
