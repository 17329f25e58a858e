"""A script for the command line: it builds a graph at top level and asks nothing itself.

Run it with ``python -m lazygrad examples/cli.py --wrt W1 W3 --trace --stats``.
"""

import numpy as np

import lazygrad as lg

rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 5)), rng.integers(0, 3, size=16)

W1 = lg.parameter(rng.normal(size=(5, 8)))
W2 = lg.parameter(rng.normal(size=(8, 8)))
W3 = lg.parameter(rng.normal(size=(8, 3)))

h1 = np.tanh(x @ W1)
h2 = np.tanh(h1 @ W2)
L = lg.ops.cross_entropy(h2 @ W3, y).mean() + 1e-3 * (W3**2).sum()
