"""A picture as a flowchart in Mermaid's language, which code hosts and notebooks draw."""

from __future__ import annotations

import re

from ._dot import ADJOINT, PATH, VALUE, make_printable, shorten
from ._model import UNTOUCHED, Box, Picture

__all__ = ["write_mermaid"]

_BRACKETS = {"parameter": ("([", "])"), "constant": ("[", "]"), "fold": ("[[", "]]")}
_PLAIN = frozenset(" _-.,/()×…+*=:'")  # and letters and digits; all else is written by number


def write_mermaid(picture: Picture) -> str:
    """Write the picture as a Mermaid flowchart."""
    lines = ["flowchart TB"]
    lines += [f"  n{k}{_write_shape(box)}" for k, box in enumerate(picture.boxes)]
    lines += [f"  n{a} --> n{b}" for a, b in picture.edges]
    path = [str(n) for n, on_path in enumerate(picture.edges.values()) if on_path]
    if path:
        lines.append(f"  linkStyle {','.join(path)} stroke:{PATH},stroke-width:3px")
    for state, fill in VALUE.items():
        lines += _write_class(
            f"value_{state}", f"fill:{fill},color:#0f172a", [box.value == state for box in picture.boxes]
        )
    for state, colour in ADJOINT.items():
        style = f"stroke:{colour},stroke-width:{1 if state == UNTOUCHED else 3}px"
        lines += _write_class(f"adjoint_{state}", style, [box.adjoint == state for box in picture.boxes])
    lines += _write_class("asked", "font-weight:bold", [box.asked or box.target for box in picture.boxes])
    return "\n".join(lines) + "\n"


def _write_class(name: str, style: str, members: list[bool]) -> list[str]:
    """Write the lines that give some boxes a style."""
    found = [f"n{k}" for k, is_one in enumerate(members) if is_one]
    return [f"  classDef {name} {style}", f"  class {','.join(found)} {name}"] if found else []


def _write_shape(box: Box) -> str:
    left, right = _BRACKETS.get(box.kind, ("(", ")"))
    return f'{left}"{"<br/>".join([_escape(shorten(line)) for line in (box.title, box.note) if line])}"{right}'


def _escape(text: str) -> str:
    """Write by number every character of a text that could mean something to Mermaid or HTML."""
    text = re.sub(r"\$(?=\$)", "$\u200b", make_printable(text))  # two in a row would begin a formula, however written
    return "".join(["<br/>" if c == "\n" else c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text])
