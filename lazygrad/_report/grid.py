"""Tables of numbers and names, as aligned text, as HTML for notebooks and for `rich`."""

from __future__ import annotations

import html
import importlib
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, TypeVar

import attrs

__all__ = ["Displayable", "Grid", "format_bytes", "import_optional", "truncate"]

T = TypeVar("T")

SHOWN = 200  # rows of a table in a notebook or a terminal with colours
UNITS = ("B", "kB", "MB", "GB", "TB")


def format_bytes(nbytes: float) -> str:
    """Write a number of bytes in a few characters.

    Examples
    --------
    >>> format_bytes(800), format_bytes(31_800_000)
    ('800 B', '31.8 MB')
    """
    power = 0
    while nbytes >= 1000 and power < len(UNITS) - 1:
        nbytes /= 1000
        power += 1
    return f"{nbytes:.3g} {UNITS[power]}" if power else f"{nbytes:.0f} B"


def import_optional(module: str, extra: str, what: str) -> ModuleType:
    """Import an optional dependency, or raise an ImportError that names the extra it comes with."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f'{what} needs {package}: pip install "lazygrad[{extra}]"') from error


def truncate(items: Sequence[T], most: int) -> tuple[Sequence[T], str]:
    """Return the first items, and a text that says how many more there are."""
    more = len(items) - most
    return items[:most], f"... and {more} more" if more > 0 else ""


@attrs.frozen
class Grid:
    """Rows under a head, below a line of text.

    Parameters
    ----------
    head
        The columns' names.
    rows
        One cell a column each; `str` makes text of them.
    title, foot
        Lines above and below.
    align
        ``<`` or ``>`` for each column; the last one given serves the rest. The first column is to the left.
    """

    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    title: str = ""
    foot: str = ""
    align: str = "<>"

    def find_side(self, column: int) -> str:
        """Return the side on which the text of a column stands: ``<`` or ``>``."""
        return self.align[min(column, len(self.align) - 1)]

    def text(self, narrowest: int = 0) -> str:
        """Return the table as text in aligned columns, each at least `narrowest` wide."""
        cells = [[str(cell) for cell in row] for row in (self.head, *self.rows)] if self.head else []
        widths = [max(narrowest, *map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join([f"{cell:{self.find_side(k)}{w}}" for k, (cell, w) in enumerate(zip(row, widths, strict=True))])
            for row in cells
        ]
        return "\n".join([line.rstrip() for line in (self.title, *lines, self.foot) if line])

    def html(self) -> str:
        """Return the table as HTML."""

        def write_row(tag: str, cells: Sequence[Any]) -> str:
            sides = ["left" if self.find_side(k) == "<" else "right" for k in range(len(cells))]
            tagged = [
                f'<{tag} style="text-align:{side}">{html.escape(str(cell))}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            ]
            return f"<tr>{''.join(tagged)}</tr>"

        rows, more = truncate(self.rows, SHOWN)
        table = ""
        if self.head:
            body = "".join([write_row("td", row) for row in rows])
            table = f"<table><thead>{write_row('th', self.head)}</thead><tbody>{body}</tbody></table>"
        parts = [f"<p>{html.escape(text)}</p>" if text else "" for text in (self.title, more, self.foot)]
        return parts[0] + table + parts[1] + parts[2]

    def rich(self) -> object:
        """Return the table as `rich` shows it."""
        what = "a table in colours"
        group = import_optional("rich.console", "rich", what).Group
        table_of, text_of = (
            import_optional("rich.table", "rich", what).Table,
            import_optional("rich.text", "rich", what).Text,
        )
        rows, more = truncate(self.rows, SHOWN)
        parts: list[Any] = [text_of(self.title, style="bold")] if self.title else []
        if self.head:
            table = table_of()
            for k, name in enumerate(self.head):
                style = "cyan" if k == 0 else "green" if name in ("hits", "hit rate", "reused") else None
                table.add_column(name, justify="left" if self.find_side(k) == "<" else "right", style=style)
            for row in rows:
                table.add_row(*[text_of(str(cell)) for cell in row])
            parts.append(table)
        return group(*parts, *[text_of(text) for text in (more, self.foot) if text])


class Displayable:
    """Something that notebooks and `rich` show as tables."""

    __slots__ = ()

    def grids(self) -> Sequence[Grid]:
        """Return the tables to show."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        """Return the tables as HTML, for notebooks."""
        return f'<div class="lazygrad">{"".join([grid.html() for grid in self.grids()])}</div>'

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        """Yield the tables of `rich`, which calls this where it is installed."""
        for grid in self.grids():
            yield grid.rich()
