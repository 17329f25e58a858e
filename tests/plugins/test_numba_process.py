"""Numba's machines and the process around them: threads, calls within calls, what is installed and on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg
from tests.helpers.random_graphs import same_bits

pytest.importorskip("numba")
from lazygrad.plugins import numba as plugin
from tests.helpers.numba_questions import form

# -- threads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (2000,)])
def test_threads_share_a_question(shape):
    x, y = lg.parameter(np.zeros(shape)), lg.parameter(np.zeros(shape))
    z = x
    for _ in range(50):
        z = np.sin(z) + y * 0.1
    step = lg.compile(np.sum(z), wrt=[x, y], inputs=[x, y], backend="numba")
    points = [(np.full(shape, 0.1 * k), np.full(shape, 1 - 0.1 * k)) for k in range(8)]
    expected = [step(*p) for p in points]
    wrong = []

    def work(k):
        for _ in range(40):
            value, gradients = step(*points[k])
            if not same_bits([value, *gradients], [expected[k][0], *expected[k][1]]):
                wrong.append(k)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert not wrong
    assert step.statistics.calls == 8 + 8 * 40


def test_a_call_within_a_call(monkeypatch):
    x = lg.parameter(1.0)
    step = lg.compile(np.sin(x) * x, wrt=x, inputs=[x], backend="numba")
    expected = [step(0.25), step(0.5)]
    run, within = plugin.machine.run_numbers, []

    def interrupted(*args):
        wrong = run(*args)
        if not within:
            within.append(None)
            within[0] = again(0.5)
        return wrong

    monkeypatch.setattr(plugin.machine, "run_numbers", interrupted)
    again = lg.compile(np.sin(x) * x, wrt=x, inputs=[x], backend="numba")
    assert same_bits([again(0.25), within[0]], expected)
    assert again.statistics.calls == 2


# -- what is installed, and what is on disk ----------------------------------------------------------------------


def test_without_numba_there_is_an_error_that_helps(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("lazygrad.plugins") and "numba" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    x = lg.parameter(1.0)
    with pytest.raises(ImportError, match=r"lazygrad\[jit\]"):
        lg.compile(np.sin(x), inputs=[x], backend="numba")
    with pytest.raises(ImportError, match=r"lazygrad\[jit\]"):
        lg.compile(np.sin, wrt=0, backend="numba")
    monkeypatch.setattr("lazygrad._schedule.schedule.find_spec", lambda name: None)
    y = x
    for _ in range(2500):
        y = np.sin(y)
    assert lg.compile(y, inputs=[x])(0.0) == 0.0


def test_auto_takes_numba_for_what_is_long():
    x = lg.parameter(1.0)
    y = x
    for _ in range(2500):
        y = np.sin(y) + 0.1
    assert isinstance(form(lg.compile(y, inputs=[x])), plugin.Numbers)
    assert not isinstance(form(lg.compile(np.sin(x), inputs=[x])), plugin.Numbers)
    assert not isinstance(form(lg.compile(y, inputs=[x], backend="numpy")), plugin.Numbers)


SCRIPT = """
import lazygrad as lg, numpy as np
x = lg.parameter(1.0)
step = lg.compile(np.sin(x), wrt=x, inputs=[x], backend="numba")
assert step(0.0)[1] == 1.0
from lazygrad.plugins._numba import machine
stats = machine.run_numbers.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), machine.__file__)
"""


def test_the_next_process_does_not_compile_again(tmp_path):
    """Even where nothing can be written beside the package: then numba keeps it in the user's cache."""
    package = tmp_path / "site" / "lazygrad"
    shutil.copytree(Path(lg.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "plugins" / "_numba" / "__pycache__").write_text("no directory can be made here")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(package.parent), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        hits, misses, where = done.stdout.split()
        assert where.startswith(str(package))
        found.append((int(hits), int(misses)))
    assert found == [(0, 1), (1, 0)]
