"""Setting several leaves at once: all or nothing."""

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.invariants import check_invariants


def batch(n: int, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    X, y = lg.constant(rng.normal(size=(n, 3))), lg.constant(rng.integers(0, 2, size=n))
    W = lg.parameter(np.arange(6.0).reshape(3, 2) / 10)
    loss = lg.ops.cross_entropy(X @ W, y).mean()
    return {"X": X, "y": y, "W": W, "loss": loss}


def test_shapes_that_only_fit_together() -> None:
    g, other = batch(4), batch(2, seed=1)
    lg.gradient(g["loss"], g["W"])
    with pytest.raises(lg.ShapeError, match="cross_entropy") as caught:
        g["X"].set(other["X"].value)
    assert "lazygrad.update" in caught.value.__notes__[0]
    lg.update({g["X"]: other["X"].value, g["y"]: other["y"].value})
    assert lg.gradient(g["loss"], g["W"]).tobytes() == lg.gradient(other["loss"], other["W"]).tobytes()
    check_invariants(g.values())


def test_nothing_changes_where_one_does_not_fit() -> None:
    g = batch(4)
    before = {name: node.value.copy() for name, node in g.items()}
    dW = lg.gradient(g["loss"], g["W"]).copy()
    for wrong in ({g["X"]: np.ones((2, 3)), g["y"]: [0, 1, 1]}, {g["X"]: np.ones((4, 3)), g["W"]: np.array([1, 2])}):
        with pytest.raises((lg.ShapeError, TypeError)):
            lg.update(wrong)
        for name, node in g.items():
            assert node.value.tobytes() == before[name].tobytes()
        assert lg.gradient(g["loss"], g["W"]).tobytes() == dW.tobytes()
        check_invariants(g.values())


def test_equal_values_and_stale_sets() -> None:
    g = batch(4)
    lg.gradient(g["loss"], g["W"])
    lg.update({leaf: leaf.value for leaf in (g["X"], g["y"], g["W"])})
    with lg.record() as report:
        lg.gradient(g["loss"], g["W"])
    assert report.rules_run == report.values.misses == 0
    lg.update({g["W"]: g["W"].value + 1, g["X"]: g["X"].value})
    with lg.record() as report:
        lg.gradient(g["loss"], g["W"])
    assert len(report.values.computed) == 1  # X @ W; the labels and X have not changed


def test_only_leaves() -> None:
    g = batch(4)
    with pytest.raises(TypeError, match="only leaves can be set"):
        lg.update({g["W"]: np.zeros((3, 2)), g["loss"]: 1.0})
    assert g["W"].value.any()
