"""Graphs for the tests of pictures and pages."""

from __future__ import annotations

import numpy as np

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from lazygrad.inspect._model import Box, Picture

__all__ = ["HOSTILE", "build_hostile", "build_layers", "build_long_chain", "build_tangled", "build_wide", "find_box"]

HOSTILE = [
    'a"b', "new\nline", "ünï ☃ 漢字", "</script><script>window.hacked = 1</script>", "#quot;", "`tick`", "[x](y)",
    "back\\slash", "\\N", '{"a"}', "a|b", "%% c", "end", "$$x^2$$", "a;b", "<img src=x onerror='window.hacked = 1'>",
    "- x", "_i_ **b**", "\x00\x1b\ud800", "&amp;", "&lt;b&gt;", "{{data}}", "<!--<script>", "%s{}", "x" * 300,
]  # fmt: skip


def find_box(found: Picture, node: lg.Node) -> Box:
    return found.boxes[found.place[node.serial]]


def build_layers(count: int) -> tuple[lg.Node, dict[str, lg.Node]]:
    """Return a network whose parameters are named by layer."""
    h = lg.constant(np.ones((3, 2)), name="data")
    parameters = {}
    for k in range(count):
        W, b = lg.parameter(np.eye(2), name=f"net/layer{k}/W"), lg.parameter(np.ones(2), name=f"net/layer{k}/b")
        parameters |= {W.name: W, b.name: b}
        h = np.tanh(h @ W + b)
    L = (h * h).sum()
    L.name = "L"
    return L, parameters


def build_hostile() -> tuple[lg.Node, list[lg.Node], lg.Report]:
    """Return a graph whose leaves are called what names should not be."""
    leaves = [lg.parameter(1.0 + k, name=name) for k, name in enumerate(HOSTILE)]
    L = leaves[0]
    for leaf in leaves[1:]:
        L = L * leaf
    L.name = '"L"\\'
    with lg.record() as report:
        lg.gradient(L, leaves[3])
    return L, leaves, report


def build_wide(count: int) -> tuple[lg.Node, lg.Node]:
    x = lg.parameter(0.5, name="x")
    L = np.sin(x)
    for k in range(count // 4):
        L = L + np.sin(x * (k + 0.5))
    return L, x


def build_tangled(count: int) -> tuple[lg.Node, lg.Node]:
    rng = np.random.default_rng(3)
    nodes = [lg.parameter(0.1, name=f"p{k}") for k in range(30)]
    while len(nodes) < count:
        a, b = (nodes[len(nodes) - 1 - int(k)] for k in rng.integers(0, 30, size=2))
        nodes.append((a * b, a + b, np.sin(a))[int(rng.integers(3))])
    L = nodes[-1]
    for node in nodes[-30:-1]:
        L = L + node
    return L, ancestors(L)[0]


def build_long_chain(count: int) -> tuple[lg.Node, lg.Node]:
    L = x = lg.parameter(0.5, name="x")
    for _ in range(count // 2):
        L = np.tanh(L * 0.9)
    L.name = "L"
    return L, x
