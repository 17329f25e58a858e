"""Every example runs without a warning, and prints what it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
ELSEWHERE = {"pymc_blocked.py", "torch_module.py"}  # run and checked by the tests of their hosts
EXAMPLES = sorted({path.name for path in FOLDER.glob("*.py")} - ELSEWHERE)


def tomassoli(out):
    """His steps, in his order: dL/dc is computed once and read once; other nodes are absent."""
    traces = """\
dL/dW1 -> table[W1]
  dg/dW1
  dL/dg -> table[g]

dL/dW2 -> table[W2]
  dc/dW2
  dL/dc -> table[c]
    db/dc
    dL/db -> table[b]

dL/dW3 -> table[W3]
  de/dW3
  dL/de -> table[e]
    dc/de
    dL/dc <- table[c]
"""
    printed = re.findall(r"^ *d\w+/d\w+(?: (?:->|<-) table\[\w+\])?$", out, re.M)
    assert printed == [line for line in traces.splitlines() if line]
    assert (out.count("dL/dc -> table[c]"), out.count("dL/dc <- table[c]")) == (1, 1)
    for absent in "afdx":
        assert f"table[{absent}]" not in out
    # The derivatives by hand: g = 6, e = 2, c = -2, b = -10.
    assert re.findall(r"^dL/dW\d = .*$", out, re.M) == ["dL/dW1 = -20", "dL/dW2 = 60", "dL/dW3 = -120"]
    assert "\nvalues computed: g, e, c, b, L\n" in out
    assert re.search(r"^nobody needs d: .*not computed>$", out, re.M)
    assert "\nderivatives: g, W1, b, c, W2, e, W3\n" in out
    assert "\nnew values:  0\n" in out


def collins(out):
    """Return the numbers of examples 1 to 5, and the network of figure 1.4."""
    assert "\nE = (u1, u3), (u2, u3), (u2, u4), (u3, u4)\n" in out
    assert "\nu4 = 15, on the way u3 = 5\n" in out
    assert re.findall(r"^J (u\d->u\d) = (\d+)$", out, re.M) == [
        ("u1->u3", "1"),
        ("u2->u3", "1"),
        ("u2->u4", "5"),
        ("u3->u4", "3"),
    ]
    assert re.findall(r"^P(\d) = (\d+)$", out, re.M) == [("4", "1"), ("3", "3"), ("2", "8"), ("1", "3")]
    assert "\nthrough u3: 3\nthrough u4: 5\nP2 = 3 + 5 = 8\n" in out
    agrees = re.findall(r"^do/d(\w+) of shape \(.*\) agrees with the central difference$", out, re.M)
    assert agrees == ["W", "b", "V", "gamma"]
    assert "\ndo/dgamma agrees with softmax(l) - e_y\n" in out
    assert "DIFFERS" not in out
    assert "\ndoes a derivative flow from y to o? False\nNotDifferentiableError: " in out


def digits(out):
    """More than 95 % of the test images are recognised, and each query computes only what is new."""
    (accuracy,) = re.findall(r"^test accuracy: (.*)$", out, re.M)
    assert float(accuracy) > 0.95
    values = re.findall(r"^  values computed: +(.*)$", out, re.M)
    adjoints = re.findall(r"^  adjoints computed: +(.*)$", out, re.M)
    assert [set(names.split(", ")) for names in values] == [
        {"s1", "z1", "h1", "s2", "z2", "h2", "s3", "z3"},
        {"none"},
        {"none"},
        {"none"},
        {"s3", "z3"},
    ]
    assert [set(names.split(", ")) for names in adjoints] == [
        {"z3", "s3", "W3", "b3"},
        {"h2", "z2", "s2", "W2", "b2"},
        {"h1", "z1", "s1", "W1", "b1"},
        {"none"},
        {"z3", "s3", "W3"},
    ]
    assert len(re.findall(r"^  \d+ rules run", out, re.M)) == 5


def cli(out):
    """Check that it only builds a graph; the README's command asks for gradients."""
    assert out == ""


def attribution(out):
    """Every way through and around the six blocks is one path, and all of them together are the gradient."""
    assert "\npaths: 64\n" in out
    assert "\nall 64 contributions sum to the gradient: True\n" in out
    assert "\nall shares sum to 1.000000\n" in out
    norms = [float(norm) for norm in re.findall(r"^  norm (\S+), share", out, re.M)]
    assert len(norms) == 8
    assert norms[:5] == sorted(norms[:5], reverse=True)
    assert norms[5:] == sorted(norms[5:], reverse=True)
    assert len(set(re.findall(r"^  norm .*: (through .*|around all blocks)$", out, re.M))) == 5
    shares = [float(share) for share in re.findall(r"^  \d blocks: +(\S+)%$", out, re.M)]
    assert len(shares) == 7
    assert abs(sum(shares) - 100) < 1
    assert out.count("of 3.4e+30 paths") == 3


def engines(out):
    """All engines agree; the sweeps visit everything, lazy what lies between; paths refuses 3^30 paths."""
    blocks = re.split(r"\n\n", out.strip())
    tables = [dict(re.findall(r"^(lazy|sweep|children|forward|paths|numeric) +(.*)$", b, re.M)) for b in blocks]
    last_layer, everything, questions, layered, deep = tables
    for table in (last_layer, everything, layered, deep):
        rows = {name: line.split() for name, line in table.items() if not line.startswith("refused")}
        assert all(float(row[-1]) < 1e-9 for row in rows.values())
    assert last_layer["lazy"].split()[:3] == ["8", "10", "11"]
    for table in (last_layer, everything):
        for engine in ("sweep", "children"):
            assert table[engine].split()[:3] == ["21", "29", "32"]
    assert everything["lazy"].split()[:3] == ["8", "26", "29"]
    assert questions == {"lazy": "29 rules,   8 forward values", "sweep": "96 rules,  21 forward values"}
    assert [layered[engine].split()[2] for engine in ("lazy", "sweep", "paths")] == ["67", "70", "2,185"]
    assert deep["paths"].startswith("refused: 205,891,132,094,649 paths lead from x to L;")
    assert "\ndL/dx = 205891132094649, and 3^30 = 205891132094649\n" in out


def pymanopt_product(out):
    """Unknown scores are predicted to the noise, and each forward value is computed once at each point."""
    known, unknown = (float(error) for error in re.findall(r"^error on .*: +(\S+)$", out, re.M))
    assert 0.05 < known < unknown < 0.15
    (calls,) = re.findall(r"^calls: +(\d+) ", out, re.M)
    (points,) = re.findall(r"^points: +(\d+)$", out, re.M)
    assert int(calls) > 10 * int(points)
    assert re.search(rf"^forward values: \d+, and each computed {points} times$", out, re.M)


def jax_perturbed(out):
    """Each question runs what it needs and was not there: one gradient's rules, one layer for a changed block."""
    assert re.findall(r"^(by .*|the .*?): (\d.*|nothing)$", out, re.M) == [
        ("the value", "2 layer"),
        ("by the last block alone", "1 by weights"),
        ("by both blocks", "1 by input, 1 by weights"),
        ("by the data", "1 by input"),
        ("by both blocks, again", "nothing"),
        ("the last block's", "1 by weights, 2 layer"),
    ]
    ((gradients, layers),) = re.findall(r"^30 steps: (\d+) by weights, (\d+) layer$", out, re.M)
    assert (int(gradients), int(layers)) == (29, 30)  # the first point was known; the first layer came once
    first, last = re.findall(r"^loss: (\S+) -> (\S+)$", out, re.M)[0]
    assert float(last) < 0.5 * float(first)
    assert out.endswith("is that of JAX itself: True\n")


def dask_shards(out):
    """Only what has changed and what is asked for moves; neither another place nor a killed worker changes a bit."""
    assert "\ndL/dW3: 13 tasks; dL/dW1: 19; both: 20\n" in out
    assert out.count(": bit for bit as computed here: True\n") == 2
    moved = re.findall(r"^(.+?): +(\S+) KiB out, +(\S+) KiB back$", out, re.M)
    both = {name: (float(there), float(back)) for name, there, back in moved}
    block, everything = 2 * 128 * 10 * 8 / 1024, 2 * (64 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10) * 8 / 1024
    assert both["W3 changes, dL/dW3"] == (block, block)
    assert both["all parameters change, all"] == (round(everything, 1), round(everything, 1))
    assert both["the same questions again"] == (0, 0)
    assert "\nas in one process, bit for bit: True\nwith a worker killed half-way:  True\n" in out
    assert "\nshards built again:             True\n" in out


def scipy_minimize(out):
    """Forward values are points times nodes, of as many calls; products of all kinds end at the minimum."""
    lines = re.findall(r"^(\S+) +(\d+) +(\d+) +(\d+)% +([\d,]+) +([\d,]+)$", out, re.M)
    assert len(lines) == 2 * 9
    for _, calls, points, share, computed, each in lines:
        nodes = int(each.replace(",", "")) / int(calls)
        assert int(computed.replace(",", "")) == nodes * int(points)
        assert float(share) == pytest.approx(100 * (1 - int(points) / int(calls)), abs=0.51)
        assert float(share) > 35
    assert float(re.search(r"^trust-ncg: (\S+) after", out, re.M)[1]) < 1e-6
    assert float(re.search(r"^least squares: (\S+) in", out, re.M)[1]) < 1e-6
    assert "; tanh ran 0 times\n" in out


CHECKS = {
    "attribution.py": attribution,
    "cli.py": cli,
    "collins.py": collins,
    "dask_shards.py": dask_shards,
    "digits.py": digits,
    "engines.py": engines,
    "jax_perturbed.py": jax_perturbed,
    "pymanopt_product.py": pymanopt_product,
    "scipy_minimize.py": scipy_minimize,
    "tomassoli.py": tomassoli,
}
HOSTS = {  # what an example is for, and may not be there
    "dask_shards.py": "distributed",
    "jax_perturbed.py": "jax",
    "pymanopt_product.py": "pymanopt",
    "scipy_minimize.py": "scipy",
}


def test_every_example_has_a_check():
    assert sorted(CHECKS) == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name):
    if name in HOSTS:
        pytest.importorskip(HOSTS[name])
    command = [sys.executable, "-W", "error", str(FOLDER / name)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    CHECKS[name](done.stdout)


def test_digits_tells_what_to_install(tmp_path):
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError('hidden by the test')\n")
    program = f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r}); runpy.run_path({str(FOLDER / 'digits.py')!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == 'This example needs scikit-learn: pip install -e ".[examples]"\n'
