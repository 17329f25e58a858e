"""The command `check`: gradients against differences."""

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.testing._leaves import check_leaf
from tests.helpers.random_graphs import same_bits

LEAVES = """
    import numpy as np
    import lazygrad as lg

    wrong = lg.primitive(np.sin, vjp=lambda g, x: g * np.cos(x) * np.array([1.0, 1.0, 1.5]), shape="x", name="wrong")
    a = lg.parameter([0.1, 0.2, 0.3])
    b = lg.parameter(np.float32([[1.0, -2.0], [3.0, 40.0]]))
    c = lg.parameter(2.0 + 0.5j)
    lg.parameter(1.0)
    params = {"scale": lg.parameter(1e3)}
    data = lg.constant([1.0, 2.0, 3.0])
    count = lg.constant([1, 2])
    h = np.sin(a) * data
    L = (h * params["scale"]).sum() + np.tanh(b).sum() + abs(c * c) ** 2 + lg.parameter(0.5) * 2
    bad = wrong(a).sum() + 3 * data.sum()
    free = lg.parameter([1.0, 2.0])
    nan = np.log(free - 1).sum()
"""


def verdicts(shown):
    """Return the last word of each leaf's row."""
    lines = shown.split("\n\n")[0].splitlines()
    return {line.split()[0]: line.split()[-1] for line in lines[2:]}


def test_check_all_parameters_below_the_loss(script, command):
    status, shown, _ = command("check", script(LEAVES))
    assert status == 0
    found = verdicts(shown)
    unnamed = [name for name in found if name.startswith("leaf#")]
    assert len(unnamed) == 1
    assert {name: found[name] for name in found if name not in unnamed} == dict.fromkeys("abc", "ok") | {"scale": "ok"}
    assert shown.endswith("\n\n5 of 5 gradients agree\n")


def test_check_finds_a_wrong_gradient_and_where(script, command):
    status, shown, complaint = command("check", script(LEAVES), "--loss", "bad", "--wrt", "a", "data", "free")
    assert (status, complaint) == (3, "")
    assert verdicts(shown) == {"a": "WRONG", "data": "ok", "free": "ok"}
    (line,) = [line for line in shown.splitlines() if line.startswith("a ")]
    assert line.split()[5] == "a[2]"
    assert [float(number) for number in line.split()[6:8]] == pytest.approx([1.5 * np.cos(0.3), np.cos(0.3)])
    assert shown.endswith("\n\n2 of 3 gradients agree; wrong: a\n")
    assert command("check", script(LEAVES), "--loss", "bad", "--wrt", "a", "--tolerance", "0.5")[0] == 0


def test_check_what_is_not_finite_is_wrong(script, command):
    with np.errstate(all="ignore"):
        assert command("check", script(LEAVES), "--loss", "nan")[0] == 3


def test_check_tries_some_elements_of_large_leaves(script, command):
    text = "import lazygrad as lg, numpy as np\nW = lg.parameter(np.ones((30, 30)))\nL = (W * W).sum()\n"
    for words, checked in (((), 50), (("--elements", "7"), 7)):
        status, shown, _ = command("check", script(text), *words)
        assert status == 0
        assert f"{checked} of 900" in shown


def test_check_leaves_the_leaves_as_they_were(script):
    x = lg.parameter([1.0, 2.0])
    y = lg.parameter(3.0)
    L = (x * x).sum() * y
    before = x.value, y.value, L.value
    for leaf in (x, y):
        assert check_leaf(L, leaf, lg.gradient(L, leaf)).agrees
    assert same_bits((x.value, y.value, L.value), before)
    broken = lg.primitive(lambda v: 1 / 0 if v[0] > 1.00001 else v, vjp=lambda g: g, shape="v")
    M = broken(x).sum()
    assert M.value == 3.0
    with pytest.raises(ZeroDivisionError):
        check_leaf(M, x, np.ones(2))
    assert same_bits(x.value, before[0])


def test_check_refuses_what_it_cannot_set(script, command):
    path = script(LEAVES)
    assert "check sets leaves, but h is computed" in command("check", path, "--wrt", "h")[2]
    assert "its dtype is int64" in command("check", path, "--wrt", "count")[2]
    assert "no parameter leads to L" in command("check", script("import lazygrad as lg\nL = lg.constant(1.0) * 2"))[2]
    for words in (("--eps", "0"), ("--elements", "-3"), ("--tolerance", "x")):
        status, _, complaint = command("check", path, *words)
        assert status == 2
        assert words[0] in complaint
