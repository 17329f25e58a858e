"""Checks for nan and inf while nodes are computed."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.invariants import check_invariants
from tests.helpers.planted_births import catch_record, get_value, identity_op


def logarithm() -> tuple[lg.Node, lg.Node]:
    x = lg.parameter([1.0, 0.0], name="x")
    return x, np.log(x).sum()


def test_a_warning_names_the_place_once_and_the_numbers_go_on() -> None:
    x, L = logarithm()
    with lg.errstate(nonfinite="warn"), pytest.warns(lg.NonFiniteWarning) as caught:
        found = [L.value, *lg.gradient(L, x)]
    assert found == [-np.inf, 1.0, np.inf]
    first, second = [str(w.message).splitlines()[0] for w in caught]
    assert first.startswith("the value of log#")
    assert second.startswith("the contribution of log#")
    assert {w.filename for w in caught} == {__file__}


def test_what_only_follows_from_a_birth_is_not_warned_of() -> None:
    x = lg.parameter(1000.0, name="x")
    L = np.exp(x)
    L.name = "L"
    with lg.errstate(nonfinite="warn"), pytest.warns(lg.NonFiniteWarning) as caught:
        assert lg.gradient(L, x) == np.inf  # its rule reads L through a stand-in
    assert [str(w.message).splitlines()[0] for w in caught] == [
        "the value of L (op exp) is inf, and its inputs are finite"
    ]
    x = lg.parameter(0.0, name="x")
    h = x * 2.0
    root = np.sqrt(h)
    h.name, root.name = "h", "root"
    L = root + x * 3.0  # one contribution to dL/dx is finite, the other follows from dL/dh
    with lg.errstate(nonfinite="warn"), pytest.warns(lg.NonFiniteWarning) as caught:
        assert lg.gradient(L, x) == np.inf
    assert [str(w.message).splitlines()[0] for w in caught] == [
        "the contribution of root (op sqrt) to dL/dh is inf, and what its rule reads is finite"
    ]


def test_numpy_warns_elsewhere_as_ever() -> None:
    _, L = logarithm()
    with (
        lg.errstate(nonfinite="warn"),
        lg.errstate(nonfinite="ignore"),
        pytest.warns(RuntimeWarning, match="divide by zero"),
    ):
        assert L.value == -np.inf
    with lg.errstate(nonfinite="warn"), pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(1))


def test_blocks_nest_and_the_innermost_counts() -> None:
    with lg.errstate(nonfinite="raise"):
        with lg.errstate(nonfinite="ignore"), np.errstate(divide="ignore"):
            assert logarithm()[1].value == -np.inf
        with lg.errstate(nonfinite="warn"), pytest.warns(lg.NonFiniteWarning):
            assert logarithm()[1].value == -np.inf
        with pytest.raises(lg.NonFiniteError):
            get_value(logarithm()[1])
    with np.errstate(divide="ignore"):
        assert logarithm()[1].value == -np.inf


def test_what_raised_is_not_kept_nor_reported_and_the_graph_goes_on() -> None:
    x, L = logarithm()
    for _ in range(2):
        with lg.record() as report, lg.errstate():
            with lg.record() as inner, pytest.raises(lg.NonFiniteError, match="the value of log"):
                get_value(L)
            assert report.values.computed == inner.values.computed == ()
    x.set([1.0, np.e])
    with lg.errstate():
        assert L.value == 1.0
    check_invariants([x, L])


def test_inside_function_transforms() -> None:
    def root(x: Any) -> Any:
        return np.sum(np.sqrt(x))

    zero = np.zeros(2)
    for transformed in (lg.grad(root), lg.value_and_grad(root), lg.grad(lambda x: lg.grad(root)(x + 1.0)[0] / x[1])):
        assert catch_record(transformed, zero).kind in ("contribution", "value")
    with lg.errstate():
        assert lg.grad(root)(np.ones(2)).tolist() == [0.5, 0.5]
    with np.errstate(divide="ignore"):
        assert lg.grad(root)(zero).tolist() == [np.inf, np.inf]


def test_other_threads_are_not_watched() -> None:
    _, L = logarithm()
    found: list[Any] = []

    def ask() -> None:
        with warnings.catch_warnings(), np.errstate(divide="ignore"):
            found.append(L.value)

    with lg.errstate():
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert found == [-np.inf]


def test_an_op_that_raises_leaves_numpys_settings_alone() -> None:
    def fails(x: Any) -> Any:
        raise OSError("no")

    broken = identity_op("broken", fails, lambda g: g)
    before = np.geterr()
    with lg.errstate(), pytest.raises(OSError, match="no"):
        get_value(broken(lg.parameter(1.0)))
    assert np.geterr() == before


def test_modes_and_errors() -> None:
    with pytest.raises(ValueError, match="'raise', 'warn' or 'ignore', not 'print'"):
        lg.errstate(nonfinite="print")  # type: ignore[arg-type]
    assert issubclass(lg.NonFiniteError, lg.LazygradError)
    assert issubclass(lg.NonFiniteError, FloatingPointError)
    _, L = logarithm()
    with lg.errstate(), pytest.raises(lg.NonFiniteError) as error:
        get_value(L)
    assert error.value.found.node is L.inputs[0]
    assert str(error.value) == str(error.value.found)


def test_a_block_keeps_the_watchers_that_were_opened_since_it_was_made() -> None:
    block = lg.errstate(nonfinite="raise")
    x = lg.parameter(4.0)
    with lg.record() as report, block:
        root = np.sqrt(x)
        assert root.value == 2.0
    assert report.values.computed == (root,)
