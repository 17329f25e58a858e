"""What users write is no statement of generated source: names are comments, strings literals, the rest objects."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

import lazygrad as lg

ran: list[str] = []


class Hostile(str):
    """A string that writes itself as a call."""

    def __repr__(self) -> str:
        return (
            "__import__('tests.compile.test_generated_source').compile.test_generated_source.ran.append('x') or 'edge'"
        )


class Axis(enum.IntEnum):
    """An integer that writes itself as no Python."""

    ROWS = 0


@pytest.mark.parametrize("mode", ["edge", np.str_("edge"), Hostile("edge")], ids=["str", "np.str_", "hostile"])
def test_strings_among_the_statics_of_an_op(mode: Any) -> None:
    x = lg.parameter([1.0, 2.0])
    padded = np.pad(x, 1, mode=mode)
    step = lg.compile((padded * padded).sum(), wrt=[x], inputs=[x])
    np.testing.assert_array_equal(step([3.0, 4.0])[1][0], [12.0, 16.0])
    assert ran == []


def test_integers_that_are_more_than_integers() -> None:
    x = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
    total = np.cumsum(x, axis=Axis.ROWS)
    step = lg.compile((total * [[1.0, 1.0], [10.0, 10.0]]).sum(), wrt=[x], inputs=[x])
    np.testing.assert_array_equal(step(np.ones((2, 2)))[1][0], [[11.0, 11.0], [10.0, 10.0]])


NAMES = ["a\0b", "\ud800", '"""', "a\nran.append('x')", "a\r\x0c\u2028b", "\\", "'''\\"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_leaves_and_nodes(name: str) -> None:
    x = lg.parameter([1.0, 2.0], name=name)
    y = np.sin(x) * x
    y.name = name
    total = y.sum()
    total.name = name
    value, (gradient,) = lg.compile(total, wrt=[x], inputs=[x])([0.5, 1.0])
    expected = lg.parameter([0.5, 1.0])
    np.testing.assert_allclose(gradient, lg.gradient((np.sin(expected) * expected).sum(), expected), rtol=1e-15)
    assert value.shape == ()
    assert ran == []
