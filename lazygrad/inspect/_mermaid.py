"""A picture as a flowchart in Mermaid's language, which code hosts and notebooks draw."""

from __future__ import annotations

import re

from ._dot import ADJOINT, PATH, VALUE, printable, shortened
from ._model import UNTOUCHED, Box, Picture

__all__ = ["mermaid"]

_BRACKETS = {"parameter": ("([", "])"), "constant": ("[", "]"), "fold": ("[[", "]]")}
_PLAIN = frozenset(" _-.,/()×…+*=:'")  # and letters and digits; all else is written by number


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart."""
    lines = ["flowchart TB"]
    lines += [f"  n{k}{_shape(box)}" for k, box in enumerate(picture.boxes)]
    lines += [f"  n{a} --> n{b}" for a, b in picture.edges]
    path = [str(n) for n, on_path in enumerate(picture.edges.values()) if on_path]
    if path:
        lines.append(f"  linkStyle {','.join(path)} stroke:{PATH},stroke-width:3px")
    for state, fill in VALUE.items():
        lines += _class(f"value_{state}", f"fill:{fill},color:#0f172a", [box.value == state for box in picture.boxes])
    for state, colour in ADJOINT.items():
        style = f"stroke:{colour},stroke-width:{1 if state == UNTOUCHED else 3}px"
        lines += _class(f"adjoint_{state}", style, [box.adjoint == state for box in picture.boxes])
    lines += _class("asked", "font-weight:bold", [box.asked or box.target for box in picture.boxes])
    return "\n".join(lines) + "\n"


def _class(name: str, style: str, members: list[bool]) -> list[str]:
    """The lines that give some boxes a style."""
    found = [f"n{k}" for k, is_one in enumerate(members) if is_one]
    return [f"  classDef {name} {style}", f"  class {','.join(found)} {name}"] if found else []


def _shape(box: Box) -> str:
    left, right = _BRACKETS.get(box.kind, ("(", ")"))
    return f'{left}"{"<br/>".join([_escaped(shortened(line)) for line in (box.title, box.note) if line])}"{right}'


def _escaped(text: str) -> str:
    """The text with all that could mean something to Mermaid or HTML written as numbers."""
    text = re.sub(r"\$(?=\$)", "$\u200b", printable(text))  # two in a row would begin a formula, however written
    return "".join(["<br/>" if c == "\n" else c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text])
