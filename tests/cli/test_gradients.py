"""The gradients that the command line prints and saves, and the names of nodes and of the loss."""

import os
import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.__main__ import main
from tests.helpers.command_line import CONTAINERS, MODEL, compute_expected, get_answer, get_refusal, read_rows


def test_prints_and_saves_the_gradients_asked_for(script, tmp_path):
    saved = tmp_path / "grads.npz"
    stdout = get_answer(script(MODEL), "--wrt", "W1", "W3", "--save", saved)
    table = read_rows(stdout)
    assert list(table) == ["dL/dW1", "dL/dW3"]
    dW1 = compute_expected()["W1"]
    numbers = [np.linalg.norm(dW1), dW1.min(), dW1.mean(), dW1.max()]
    assert re.split(r"\s{2,}", table["dL/dW1"])[1:3] == ["(2, 2)", "float64"]
    assert table["dL/dW1"].split()[4:] == [f"{number:.4g}" for number in numbers]
    assert table["dL/dW3"].split()[1:3] == ["()", "float32"]
    assert f"saved W1, W3 to {saved}" in stdout
    with np.load(saved) as arrays:
        assert sorted(arrays) == ["W1", "W3"]
        for name in arrays:
            assert arrays[name].dtype == compute_expected()[name].dtype
            np.testing.assert_allclose(arrays[name], compute_expected()[name], rtol=1e-6 if name == "W3" else 1e-14)


def test_the_suffix_of_the_saved_file_may_be_left_out(script, tmp_path):
    assert f"saved W2 to {tmp_path / 'grads.npz'}" in get_answer(
        script(MODEL), "--wrt", "W2", "--save", tmp_path / "grads"
    )
    assert (tmp_path / "grads.npz").is_file()


def test_stats_show_that_only_what_was_asked_for_is_computed(script):
    stdout = get_answer(script(MODEL), "--wrt", "W3", "--stats")
    # dL/dW3 reads the sum and nothing else: no other adjoint is computed, and L itself is not evaluated.
    assert re.search(r"^adjoints computed: W3$", stdout, re.M)
    (values,) = re.findall(r"^values computed: (.*)$", stdout, re.M)
    assert re.fullmatch(r"matmul#\d+, h, s, sum#\d+", values)

    stdout = get_answer(script(MODEL), "--wrt", "W2", "--stats")
    (adjoints,) = re.findall(r"^adjoints computed: (.*)$", stdout, re.M)
    assert re.fullmatch(r"sum#\d+, s, W2", adjoints)  # W1, W3 and h need none
    assert re.search(r"^adjoints +3 +0 +3 +0%$", stdout, re.M)
    assert "3 rules run" in stdout
    assert re.search(r"^CacheInfo\(hits=0, misses=3, maxsize=None, currsize=3\)$", stdout, re.M)


def test_gradients_the_script_has_computed_are_not_computed_again(script):
    stdout = get_answer(script(textwrap.dedent(MODEL) + "lg.gradient(L, W2)\n"), "--wrt", "W1", "W2", "--stats")
    (adjoints,) = re.findall(r"^adjoints computed: (.*)$", stdout, re.M)
    assert re.fullmatch(r"h, matmul#\d+, W1", adjoints)


def test_trace(script):
    stdout = get_answer(script(MODEL), "--wrt", "W2", "h", "--trace")
    assert "\ndL/dW2 -> table[W2]\n  ds/dW2\n  dL/ds -> table[s]\n" in stdout
    assert stdout.endswith("\ndL/dh -> table[h]\n  ds/dh\n  dL/ds <- table[s]\n")
    assert "CacheInfo" not in stdout


def test_without_options_neither_trace_nor_statistics(script):
    assert len(get_answer(script(MODEL), "--wrt", "W1", "W2").splitlines()) == 3


def test_nodes_in_containers_and_by_their_own_name(script, tmp_path):
    names = ['params["W1"]', "W2", "layers[0]", "layers[1]['W1']", "product"]
    saved = tmp_path / "g.npz"
    get_answer(script(CONTAINERS), "--wrt", *names, "--save", saved)
    with np.load(saved) as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == {
            'params["W1"]': [105.0, 192.0],
            "W2": [35.0, 96.0],
            "layers[0]": [21.0, 64.0],
            "layers[1]['W1']": [15.0, 48.0],
            "product": [7.0, 16.0],
        }


def test_a_name_of_two_nodes_is_refused_with_their_places(script):
    stderr = get_refusal(script(CONTAINERS), "--wrt", "W1")
    assert "'W1' is the name of 2 nodes; say which: params['W1'], layers[1]['W1']" in stderr


def test_a_variable_wins_over_a_key_and_a_name(script):
    text = """
        import lazygrad as lg
        x = lg.parameter(2.0, name="y")
        y = lg.parameter(3.0)
        params = {"x": y}
        L = x * x * y
    """
    table = read_rows(get_answer(script(text), "--wrt", "x", "y"))
    assert [line.split()[3] for line in table.values()] == ["12", "4"]


def test_reports_call_a_node_by_its_variable_before_its_key(script):
    text = """
        import lazygrad as lg
        W = lg.parameter(2.0)
        params = {"weight": W, "bias": lg.parameter(1.0)}
        L = params["weight"] * params["bias"]
    """
    stdout = get_answer(script(text), "--wrt", "weight", "bias", "--trace")
    assert stdout.endswith("\n\ndL/dW -> table[W]\n\ndL/dbias -> table[bias]\n")


@pytest.mark.parametrize("command", ["module", "console script"])
def test_both_commands(script, command):
    if command == "console script":
        console = Path(sys.executable).parent / ("lazygrad.exe" if os.name == "nt" else "lazygrad")
        if not console.exists():
            pytest.skip("the package is not installed beside this Python")
        words = (console,)
    else:
        words = (sys.executable, "-m", "lazygrad")
    assert list(read_rows(get_answer(script(MODEL), "--wrt", "W1", command=words))) == ["dL/dW1"]
    assert get_answer("--version", command=words) == f"lazygrad {lg.__version__}\n"


def test_main_can_be_called_and_leaves_no_trace(script, capsys):
    before = sys.modules["__main__"], list(sys.argv), list(sys.path)
    assert main([str(script(MODEL)), "--wrt", "W2"]) == 0
    assert list(read_rows(capsys.readouterr().out)) == ["dL/dW2"]
    assert (sys.modules["__main__"], sys.argv, sys.path) == before


# -- the loss --------------------------------------------------------------------------------------


def test_another_loss(script):
    text = textwrap.dedent(MODEL) + "penalty = (W2 * W2).sum()\n"
    table = read_rows(get_answer(script(text), "--wrt", "W2", "--loss", "penalty"))
    assert table["dpenalty/dW2"].split()[-3:] == ["-2", "-0.5", "1"]


def test_a_loss_by_its_own_name(script):
    text = """
        import lazygrad as lg
        x = lg.parameter(2.0)
        J = x * x
        J.name = "loss"
    """
    assert list(read_rows(get_answer(script(text), "--wrt", "x"))) == ["dloss/dx"]


def test_no_loss(script):
    text = """
        import lazygrad as lg
        x = lg.parameter([2.0])
        J = (x * x).sum()
    """
    stderr = get_refusal(script(text), "--wrt", "x")
    assert "no node is called L or loss; name the loss with --loss. Known scalars: J" in stderr
    assert "leaves no node in a top-level variable" in get_refusal(script("L = 3\n"), "--wrt", "x")
