"""The command line as its tests call it: scripts, processes, and what they print."""

import subprocess
import sys

import numpy as np

__all__ = ["CONTAINERS", "MODEL", "compute_expected", "get_answer", "get_refusal", "read_rows", "run"]

MODEL = """
    import numpy as np
    import lazygrad as lg

    W1 = lg.parameter([[1.0, 2.0], [3.0, 4.0]])
    W2 = lg.parameter([0.5, -1.0])
    W3 = lg.parameter(np.float32(3.0))
    h = np.tanh([0.1, 0.2] @ W1)
    s = h * W2
    L = s.sum() * W3
    unused = lg.parameter([1.0, 2.0])
    labels = lg.constant([0, 1])
    count = 7
"""

CONTAINERS = """
    import lazygrad as lg

    params = {"W1": lg.parameter([1.0, 2.0]), "W2": lg.parameter([3.0, 4.0])}
    layers = [lg.parameter([5.0, 6.0]), {"W1": lg.parameter([7.0, 8.0])}]
    hidden = params["W2"] * layers[0]
    hidden.name = "product"
    total = params["W1"] * hidden * layers[1]["W1"]
    del hidden
    loss = total.sum()
"""


def run(*arguments, command=(sys.executable, "-W", "error", "-m", "lazygrad"), cwd=None):
    """Run the command line."""
    words = [*command, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, encoding="utf-8", cwd=cwd, timeout=120, check=False)


def get_answer(*arguments, **options):
    """Run the command line, which must succeed without a word on stderr, and return what it printed."""
    done = run(*arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def get_refusal(*arguments, status=2, **options):
    """Run the command line, which must fail, and return what it complained of."""
    done = run(*arguments, **options)
    assert done.returncode == status, done.stderr
    if status == 2:
        assert "Traceback" not in done.stderr
    return done.stderr


def read_rows(stdout):
    """Return the lines of the table of gradients, by title."""
    head, *lines = stdout.split("\n\n")[0].splitlines()
    assert head.split() == ["gradient", "shape", "dtype", "norm", "min", "mean", "max"]
    return {line.split()[0]: line for line in lines}


def compute_expected():
    """Compute the gradients of MODEL by hand."""
    x, W1, W2, W3 = np.array([0.1, 0.2]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -1.0]), 3.0
    h = np.tanh(x @ W1)
    return {"W1": np.outer(x, W3 * W2 * (1 - h * h)), "W2": W3 * h, "W3": np.float32((h * W2).sum())}
