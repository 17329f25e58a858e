"""PyMC as a host: the posterior is that of its own model, and samplers of blocks compute what their block reaches."""

import re
import subprocess
import sys
import warnings
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg

with warnings.catch_warnings():  # what it warns of when it is imported is not ours
    warnings.simplefilter("ignore")
    pm = pytest.importorskip("pymc")

import pytensor
import pytensor.tensor as pt

from lazygrad.plugins.pytensor import LazyOp, function

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
Y = X @ [1.0, -2.0] + 0.5 + rng.normal(size=60)
PYTHON = pytensor.compile.mode.Mode(linker="vm", optimizer="fast_run").excluding("fusion")


@pytest.fixture(autouse=True)
def linker():
    """Nothing is compiled, and nothing fused that NumPy computes."""
    with pytensor.config.change_flags(mode=PYTHON, cxx=""):
        yield


def log_likelihood(a, b):
    """Return the log density of a regression."""
    of_a, of_b = X @ a, np.tanh(b) + b
    of_a.name, of_b.name = "of a", "of b"
    z = of_a + of_b
    return -0.5 * np.sum((Y - z) ** 2)


def model(potential=None):
    """Return the regression, native or with our potential."""
    with pm.Model() as made:
        a = pm.Normal("a", 0, 2, shape=2)
        b = pm.Normal("b", 0, 2)
        if potential is None:
            pm.Normal("y", pt.dot(X, a) + (pt.tanh(b) + b), 1.0, observed=Y)
        else:
            pm.Potential("y", potential(a, b))
    return made


def sampled(made, draws, blocked=False, seed=3):
    """Draws of one chain, a row for each."""
    with made:
        step = [pm.NUTS([made["a"]]), pm.NUTS([made["b"]])] if blocked else pm.NUTS()
        trace = pm.sample(
            draws,
            tune=draws,
            chains=1,
            cores=1,
            step=step,
            progressbar=False,
            random_seed=seed,
            compute_convergence_checks=False,
        )
    return np.column_stack([trace.posterior["a"].values[0], trace.posterior["b"].values[0]])


def posterior():
    """Means and standard deviations, summed over a grid."""
    n = 41
    axes = np.linspace(0, 2, n), np.linspace(-3, -1, n), np.linspace(-0.5, 1, n)
    a, c, b = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    z = np.outer(X[:, 0], a) + np.outer(X[:, 1], c) + np.tanh(b) + b
    log = -0.5 * ((Y[:, None] - z) ** 2).sum(0) - (a**2 + c**2 + b**2) / 8
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    points = np.column_stack([a, c, b])
    mean = weights @ points
    return mean, np.sqrt(weights @ (points - mean) ** 2)


@pytest.mark.parametrize("blocked", [False, True])
def test_the_posterior_is_that_of_the_native_model(blocked):
    ours, native = sampled(model(function(log_likelihood)), 250, blocked), sampled(model(), 250, blocked)
    np.testing.assert_allclose(ours, native, atol=1e-4)  # the same numbers are drawn, so the same way is taken
    mean, deviation = posterior()
    np.testing.assert_allclose((ours.mean(0) - mean) / deviation, 0, atol=0.35)
    np.testing.assert_allclose(ours.std(0) / deviation, 1, atol=0.25)


@pytest.fixture
def asked(monkeypatch):
    """Return what PyTensor asks: of which point, and by which input (None: for the value)."""
    found = []
    perform = LazyOp.perform

    def noted(self, node, inputs, storage):
        by = self.steps[0][2][0] if self.steps else None
        found.append((inputs[0].tobytes(), inputs[1].tobytes(), by))
        perform(self, node, inputs, storage)

    monkeypatch.setattr(LazyOp, "perform", noted)
    return found


def runs(series):
    """How often a series changes, its start included."""
    return sum(1 for _ in groupby(series))


def test_blocked_nuts_computes_what_its_block_reaches(asked):
    potential = function(log_likelihood, points=1)
    with lg.record() as report:
        sampled(model(potential), 40, blocked=True)
    points = [(a, b) for a, b, _ in asked]
    values = Counter(node.name for node in report.values.computed)
    assert values["of a"] == runs(a for a, _ in points)  # not once for each point: not while b moves
    assert values["of b"] == runs(b for _, b in points)
    assert values["of a"] + values["of b"] < 1.3 * runs(points)
    adjoints = Counter(node.name for node in report.adjoints.computed if node.op is None)
    by_point = [{by for *_, by in group} for _, group in groupby(asked, key=lambda ask: ask[:2])]
    assert adjoints == {"a": sum(0 in by for by in by_point), "b": sum(1 in by for by in by_point)}
    assert sum({0, 1} <= by for by in by_point) < 0.1 * len(by_point)  # where one block begins as the other ended


def test_two_points_are_kept(asked):
    potential = function(log_likelihood)
    with lg.record() as report:
        sampled(model(potential), 40, blocked=True)
    points = [(a, b) for a, b, _ in asked]
    assert len(set(points)) <= potential.statistics.misses < runs(points)  # a rejected step returns to its start
    assert potential.statistics.hits == len(points) - potential.statistics.misses
    values = Counter(node.name for node in report.values.computed)
    assert values["of a"] <= 2 * runs(a for a, _ in points)  # in each of the two graphs
    assert values["of b"] <= 2 * runs(b for _, b in points)


def test_each_block_has_its_own_rules():
    potential = function(log_likelihood)
    made = model(potential)
    slope = made.logp_dlogp_function([made["a"]], ravel_inputs=True)
    slope.set_extra_values({"b": np.array(0.5)})
    with lg.record() as report:
        for k in range(10):
            slope(np.array([k, 1.0]))
    values = Counter(node.name for node in report.values.computed)
    assert (values["of a"], values["of b"]) == (10, 2)  # in each of the two graphs once
    assert [node.name for node in report.adjoints.computed if node.op is None] == ["a"] * 10
    assert not [node for node in report.adjoints.computed if node.name == "of b"]


@pytest.mark.filterwarnings("ignore:`find_MAP`:FutureWarning")
def test_find_map():
    with model(function(log_likelihood)):
        ours = pm.find_MAP(progressbar=False)
    with model():
        native = pm.find_MAP(progressbar=False)
    for name in ("a", "b"):
        np.testing.assert_allclose(ours[name], native[name], atol=1e-6)


def test_find_hessian():
    at = {"a": np.array([0.5, -1.0]), "b": np.array(0.3)}
    ours, native = (
        pm.find_hessian(at, model=made, negate_output=False) for made in (model(function(log_likelihood)), model())
    )
    np.testing.assert_allclose(ours, native, rtol=1e-10)


def test_the_example():
    example = Path(__file__).parents[2] / "examples" / "pymc_blocked.py"
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    asked, points = map(int, re.search(r"^questions: +(\d+), of them new points (\d+)$", done.stdout, re.M).groups())
    readings, solved = map(int, re.findall(r"^(?:readings|linear).*: +(\d+)", done.stdout, re.M))
    by_a, by_b = map(int, re.search(r"(\d+) by conductivity, (\d+) by sensors$", done.stdout, re.M).groups())
    assert asked >= 2 * points
    assert readings == points
    assert solved < 0.6 * points
    assert by_a + by_b < 1.1 * points
    for true, found, spread in re.findall(r"true \[(.*)\], found \[(.*)\] \+- \[(.*)\]$", done.stdout, re.M):
        true, found, spread = (np.array(numbers.split(), float) for numbers in (true, found, spread))
        assert np.all(abs(found - true) < 4 * spread)
