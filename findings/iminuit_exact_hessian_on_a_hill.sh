#!/usr/bin/env bash
# iminuit 2.33.0: an exact Hessian with a negative diagonal at the start needs `g2`, which is said to have no effect.
#
# f = sum((x^2 - 1)^2) is started at [0.1, 0.2], where its exact Hessian is diagonal and negative. Given the gradient and
# that Hessian, MIGRAD raises TypeError: 'NoneType' object is not callable: it falls back on a function for the second
# derivatives that was never given. Passing their function as `g2` cures it, though iminuit warns that the Hessian
# overrides g2 and that passing g2 has no effect.
# This script fails as soon as that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "iminuit==2.33.0" "numpy==2.4.6"
"$folder/env/bin/python" - <<'PY'
import warnings

import numpy as np
from iminuit import Minuit, __version__


def f(x):
    return ((x**2 - 1) ** 2).sum()


def gradient(x):
    return 4 * x * (x**2 - 1)


def diagonal(x):
    return 12 * x**2 - 4


def hessian(x):
    return np.diag(diagonal(x))


start = np.array([0.1, 0.2])
try:
    Minuit(f, start, grad=gradient, hessian=hessian).migrad()
    raise SystemExit("no error: the behaviour has changed")
except TypeError as error:
    print(f"iminuit {__version__}, gradient and Hessian: TypeError: {error}")
    assert "'NoneType' object is not callable" in str(error)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    m = Minuit(f, start, grad=gradient, hessian=hessian, g2=diagonal)
    m.migrad()
print(f"iminuit {__version__}, and g2: valid={m.valid}, at {np.round(m.values, 3)}; warned: {[str(w.message) for w in said]}")
assert m.valid and any("no effect" in str(w.message) for w in said)
PY
