"""A small network as an objective of one vector, and differences to compare with."""

import numpy as np

import lazygrad as lg

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
P = {"W1": RNG.normal(size=(3, 4)), "b": np.zeros(4), "W2": RNG.normal(size=(4, 2))}


def mlp(p, x=X, y=Y):
    return np.mean((np.tanh(x @ p["W1"] + p["b"]) @ p["W2"] - y) ** 2)


def parameters():
    return {name: lg.parameter(value, name=name) for name, value in P.items()}


def numeric(f, x, h=1e-6):
    units = np.eye(len(x))
    return np.array([(np.asarray(f(x + h * e)) - np.asarray(f(x - h * e))) / (2 * h) for e in units]).T
