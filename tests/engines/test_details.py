"""What each engine does at its limits: how many paths, which order, how many rules, how exact."""

import importlib

import numpy as np
import pytest

import lazygrad as lg
from lazygrad._errors import LazygradError

HOME = importlib.import_module("lazygrad.engines.paths")  # the package gives the function that name


def test_as_many_paths_as_allowed_are_followed(monkeypatch):
    x = lg.parameter(1.0)
    y = x + x
    L = y + y
    monkeypatch.setattr(HOME, "MOST", 4)
    assert lg.gradient(L, x, engine="paths") == 4.0
    monkeypatch.setattr(HOME, "MOST", 3)
    with pytest.raises(LazygradError, match="4 paths lead"):
        lg.gradient(L, x, engine="paths")


def test_children_goes_up_by_the_first_parent_first():
    p, q = lg.parameter(1.0), lg.parameter(2.0)
    with lg.record() as report:
        lg.gradient(np.sin(p) * np.cos(q), [p, q], engine="children")
    visited = [i if i.is_leaf else i.op.name for i in report.adjoints.computed]
    assert visited[0::2] == ["sin", "cos"]
    assert visited[1] is p
    assert visited[3] is q


@pytest.mark.parametrize(("start", "passes"), [([1.0, 3.0], 2), ([1.0 + 2.0j, 3.0], 4)])
def test_forward_runs_its_rules_once_for_each_direction(start, passes):
    z = lg.parameter(np.array(start))
    with lg.record() as report:
        lg.gradient(abs(z * z).sum(), z, engine="forward")
    assert report.rules_run == passes * 4  # two of the product, one each of the absolute value and the sum


@pytest.mark.parametrize("size", [1e-10, 1.0, 1e10])
def test_differences_are_as_exact_for_small_slopes_as_for_large(size):
    x = lg.parameter(0.7)
    found = lg.gradient(size * np.exp(x), x, engine="numeric")
    np.testing.assert_allclose(found, size * np.exp(0.7), rtol=1e-10)
