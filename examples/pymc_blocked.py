"""Blocked NUTS in PyMC, on a model written with NumPy: while one block moves, what the other reaches stays computed.

A rod of two materials is heated; its temperature solves a linear system that depends on the materials' conductivities.
Sensors read it with an offset and a drift along the rod. PyMC samples conductivities and sensors in turn. A solution
is computed when a conductivity has changed, and not when an offset has; and the rules that lead to the
conductivities do not run while the sensors are sampled.

Run it with ``python examples/pymc_blocked.py``, after ``pip install "lazygrad[pymc]"``; it takes some ten seconds.
"""

import logging
from collections import Counter

import numpy as np

try:
    import pymc as pm
    import pytensor
except ImportError:
    raise SystemExit('This example needs PyMC: pip install -e ".[pymc]"') from None
import lazygrad as lg
from lazygrad.plugins.pytensor import function

NODES, SENSORS, NOISE = 80, 30, 0.05
POSITIONS = np.linspace(-1, 1, NODES)
PLACES = np.linspace(5, NODES - 5, SENSORS).astype(int)


def stiffness(elements):
    """Return the matrix of a chain of springs, of which only some are there; both ends are held."""
    ends = np.eye(NODES + 1, NODES) - np.eye(NODES + 1, NODES, -1)
    return ends[elements].T @ ends[elements]


LEFT, RIGHT = stiffness(slice(0, NODES // 2)), stiffness(slice(NODES // 2, None))
HEAT = np.full(NODES, 8 / NODES**2)


def expected(conductivity, sensors):
    """Return what the sensors should read."""
    k = np.exp(conductivity)
    temperature = np.linalg.solve(k[0] * LEFT + k[1] * RIGHT, HEAT)
    reading = temperature[PLACES] + (sensors[0] + sensors[1] * POSITIONS[PLACES])
    if isinstance(temperature, lg.Node):
        temperature.name, reading.name = "temperature", "reading"
    return reading


def main():
    """Draw from the posterior, and show what was asked and what was computed."""
    rng = np.random.default_rng(0)
    truth = {"conductivity": np.array([0.5, -0.5]), "sensors": np.array([0.1, -0.2])}
    observed = expected(**truth) + NOISE * rng.normal(size=SENSORS)

    def log_likelihood(conductivity, sensors):
        return -0.5 * np.sum(((expected(conductivity, sensors) - observed) / NOISE) ** 2)

    potential = function(log_likelihood, points=1)  # NUTS asks for value and gradient at once, then moves on
    with pm.Model():
        conductivity = pm.Normal("conductivity", 0, 1, shape=2)
        sensors = pm.Normal("sensors", 0, 1, shape=2)
        pm.Potential("readings", potential(conductivity, sensors))
        # What PyTensor itself computes here are two priors, for which it need not compile anything.
        with pytensor.config.change_flags(linker="vm", cxx=""), lg.record() as report:
            logging.getLogger("pymc").setLevel(logging.ERROR)
            blocks = [pm.NUTS([conductivity]), pm.NUTS([sensors])]
            trace = pm.sample(
                100, tune=100, chains=1, cores=1, step=blocks, random_seed=1, progressbar=False,
                compute_convergence_checks=False,
            )  # fmt: skip

    for name, value in truth.items():
        draws = trace.posterior[name].values[0]
        print(f"{name:12} true {value}, found {draws.mean(0).round(2)} +- {draws.std(0).round(2)}")

    asked, values = potential.statistics, Counter(node.name for node in report.values.computed)
    adjoints = Counter(node.name for node in report.adjoints.computed)
    print(f"\nquestions:               {sum(asked.calls.values()):6}, of them new points {asked.misses}")
    print(f"readings computed:       {values['reading']:6}, one for each new point")
    print(f"linear systems solved:   {values['temperature']:6} for temperatures")
    print(f"gradients of the blocks: {adjoints['conductivity']:6} by conductivity, {adjoints['sensors']} by sensors")


if __name__ == "__main__":
    main()
