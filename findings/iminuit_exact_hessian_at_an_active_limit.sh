#!/usr/bin/env bash
# iminuit 2.33.0: an exact Hessian turns a valid minimum at an active limit into an invalid one.
#
# The minimum of (x - 2)^2 + (y - 1)^2 + x y over 0 <= x <= 1.5 lies at the limit x = 1.5. With the exact gradient alone
# MIGRAD finds it and says valid. With the exact Hessian as well, it ends at the same place after more than three times
# as many calls and says that the minimum is not valid, although nothing that it was given is wrong: Minuit transforms
# a limited parameter, and the curvature in the transformed one vanishes at the limit.
# This script fails as soon as that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q "iminuit==2.33.0" "numpy==2.4.6"
"$folder/env/bin/python" - <<'PY'
import numpy as np
from iminuit import Minuit, __version__


def f(p):
    return (p[0] - 2) ** 2 + (p[1] - 1) ** 2 + p[0] * p[1]


def gradient(p):
    return np.array([2 * (p[0] - 2) + p[1], 2 * (p[1] - 1) + p[0]])


def hessian(p):
    return np.array([[2.0, 1.0], [1.0, 2.0]])


def minimise(**more):
    m = Minuit(f, [0.0, 0.0], grad=gradient, **more)
    m.limits[0] = (0, 1.5)
    m.migrad()
    print(f"iminuit {__version__}, {sorted(more) or 'gradient alone'}: valid={m.valid}, at {np.round(m.values, 4)}, {m.nfcn} calls")
    return m


alone, exact = minimise(), minimise(hessian=hessian)
assert alone.valid and not exact.valid
assert np.allclose(alone.values, exact.values, atol=1e-3)
assert exact.nfcn > 2 * alone.nfcn
PY
