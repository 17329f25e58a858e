"""Ops that give nan or inf where all is finite, and checks of what is found there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.ops._declare import op

__all__ = [
    "bad_rule",
    "bad_second",
    "bad_value",
    "catch_record",
    "check_edge",
    "check_value",
    "flat",
    "get_value",
    "identity_op",
    "rules_run",
]

rules_run: list[str] = []


def identity_op(name: str, function: Any, rule: Any) -> Any:
    return op(name, function, shape=lambda x: (x.shape, x.dtype), vjp={"x": rule}, register=False)


def note_run(g: Any) -> Any:
    rules_run.append("flat")
    return g * np.nan


bad_value = identity_op("bad_value", lambda x: x * np.nan, lambda g: g)
bad_rule = identity_op("bad_rule", lambda x: x + 0.0, lambda g: g * np.inf)
flat = identity_op("flat", np.ones_like, note_run)  # one everywhere; its derivative is nan
bad_second = identity_op("bad_second", lambda x: x + 0.0, lambda g, x: g * flat(x))


def get_value(i: lg.Node) -> Any:
    return i.value


def catch_record(ask: Any, *args: Any) -> Any:
    """Return the record that `errstate` raises while a question is answered."""
    with lg.errstate(nonfinite="raise"), pytest.raises(lg.NonFiniteError) as error:
        ask(*args)
    return error.value.found


def check_value(found: Any, place: lg.Node) -> None:
    assert (found.kind, found.node, found.op) == ("value", place, "bad_value")
    assert [one.finite for one in found.inputs] == [True]
    assert found.output.nans == place.size


def check_edge(found: Any, place: lg.Node) -> None:
    assert (found.kind, found.node, found.input, found.argnum) == ("contribution", place, place.inputs[0], 0)
    assert all(one.finite for one in found.inputs)
    assert not found.output.finite
