"""Reads of values: allowed inside a transform alone, and noted where the graph serves other values."""

from __future__ import annotations

import contextlib
import threading

import pytest

import lazygrad as lg
from lazygrad._graph.guards import enter_transform, guards, inside_transform, record_guards
from lazygrad._graph.value import read_guarded


def test_each_read_is_noted_with_its_answer() -> None:
    x = lg.parameter(2.0)
    positive = x > 0
    with record_guards() as noted:
        assert inside_transform()
        assert bool(positive)
        assert x.item() == 2.0
        assert read_guarded(x, lambda value: value + 1) == 3.0
    assert [(node.serial, answer) for node, _, answer in noted] == [
        (positive.serial, True),
        (x.serial, 2.0),
        (x.serial, 3.0),
    ]
    assert [interpret(node._value) for node, interpret, _ in noted] == [True, 2.0, 3.0]


def test_nothing_is_noted_elsewhere() -> None:
    x = lg.parameter(2.0)
    assert guards() is None
    with enter_transform():
        assert inside_transform()
        assert guards() is None
        assert bool(x > 0)
    assert not inside_transform()
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 0)


def test_a_block_inside_another_notes_for_itself_and_both_end_with_an_error() -> None:
    x = lg.parameter(2.0)
    with record_guards() as outer:
        x.item()
        with contextlib.suppress(ZeroDivisionError), record_guards() as inner:
            x.item()
            raise ZeroDivisionError
        assert len(inner) == 1
        x.item()
    assert len(outer) == 2
    assert guards() is None
    assert not inside_transform()


def test_a_transform_whose_function_fails_is_over() -> None:
    x = lg.parameter(2.0)
    with contextlib.suppress(ZeroDivisionError), enter_transform():
        raise ZeroDivisionError
    assert not inside_transform()
    with contextlib.suppress(ZeroDivisionError), record_guards():
        raise ZeroDivisionError
    assert not inside_transform()
    assert guards() is None
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 0)


def test_another_thread_is_in_no_transform() -> None:
    seen: list[object] = []
    with record_guards():
        thread = threading.Thread(target=lambda: seen.append((inside_transform(), guards())))
        thread.start()
        thread.join()
    assert seen == [(False, None)]
