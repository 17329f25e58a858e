"""The command line, through real processes: what it prints, saves and returns."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import lazygrad as lg
from lazygrad.__main__ import main
from lazygrad.testing._leaves import check_leaf
from tests.helpers.random_graphs import same_bits

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


@pytest.fixture
def script(tmp_path):
    """Write a script into the temporary directory; its path."""

    def write(text, name="script.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def run(*arguments, command=(sys.executable, "-W", "error", "-m", "lazygrad"), cwd=None):
    """Run the command line."""
    words = [*command, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, encoding="utf-8", cwd=cwd, timeout=120, check=False)


def answer(*arguments, **options):
    """Run the command line, which must succeed without a word on stderr; what it printed."""
    done = run(*arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal(*arguments, status=2, **options):
    """Run the command line, which must fail; what it complained of."""
    done = run(*arguments, **options)
    assert done.returncode == status, done.stderr
    if status == 2:
        assert "Traceback" not in done.stderr
    return done.stderr


def rows(stdout):
    """The lines of the table of gradients, by title."""
    head, *lines = stdout.split("\n\n")[0].splitlines()
    assert head.split() == ["gradient", "shape", "dtype", "norm", "min", "mean", "max"]
    return {line.split()[0]: line for line in lines}


def expected():
    """The gradients of MODEL, by hand."""
    x, W1, W2, W3 = np.array([0.1, 0.2]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -1.0]), 3.0
    h = np.tanh(x @ W1)
    return {"W1": np.outer(x, W3 * W2 * (1 - h * h)), "W2": W3 * h, "W3": np.float32((h * W2).sum())}


def test_prints_and_saves_the_gradients_asked_for(script, tmp_path):
    saved = tmp_path / "grads.npz"
    stdout = answer(script(MODEL), "--wrt", "W1", "W3", "--save", saved)
    table = rows(stdout)
    assert list(table) == ["dL/dW1", "dL/dW3"]
    dW1 = expected()["W1"]
    numbers = [np.linalg.norm(dW1), dW1.min(), dW1.mean(), dW1.max()]
    assert re.split(r"\s{2,}", table["dL/dW1"])[1:3] == ["(2, 2)", "float64"]
    assert table["dL/dW1"].split()[4:] == [f"{number:.4g}" for number in numbers]
    assert table["dL/dW3"].split()[1:3] == ["()", "float32"]
    assert f"saved W1, W3 to {saved}" in stdout
    with np.load(saved) as arrays:
        assert sorted(arrays) == ["W1", "W3"]
        for name in arrays:
            assert arrays[name].dtype == expected()[name].dtype
            np.testing.assert_allclose(arrays[name], expected()[name], rtol=1e-6 if name == "W3" else 1e-14)


def test_the_suffix_of_the_saved_file_may_be_left_out(script, tmp_path):
    assert f"saved W2 to {tmp_path / 'grads.npz'}" in answer(script(MODEL), "--wrt", "W2", "--save", tmp_path / "grads")
    assert (tmp_path / "grads.npz").is_file()


def test_stats_show_that_only_what_was_asked_for_is_computed(script):
    stdout = answer(script(MODEL), "--wrt", "W3", "--stats")
    # dL/dW3 reads the sum and nothing else: no other adjoint is computed, and L itself is not evaluated.
    assert re.search(r"^adjoints computed: W3$", stdout, re.M)
    (values,) = re.findall(r"^values computed: (.*)$", stdout, re.M)
    assert re.fullmatch(r"matmul#\d+, h, s, sum#\d+", values)

    stdout = answer(script(MODEL), "--wrt", "W2", "--stats")
    (adjoints,) = re.findall(r"^adjoints computed: (.*)$", stdout, re.M)
    assert re.fullmatch(r"sum#\d+, s, W2", adjoints)  # W1, W3 and h need none
    assert re.search(r"^adjoints +3 +0 +3 +0%$", stdout, re.M)
    assert "3 rules run" in stdout
    assert re.search(r"^CacheInfo\(hits=0, misses=3, maxsize=None, currsize=3\)$", stdout, re.M)


def test_gradients_the_script_has_computed_are_not_computed_again(script):
    stdout = answer(script(textwrap.dedent(MODEL) + "lg.gradient(L, W2)\n"), "--wrt", "W1", "W2", "--stats")
    (adjoints,) = re.findall(r"^adjoints computed: (.*)$", stdout, re.M)
    assert re.fullmatch(r"h, matmul#\d+, W1", adjoints)


def test_trace(script):
    stdout = answer(script(MODEL), "--wrt", "W2", "h", "--trace")
    assert "\ndL/dW2 -> table[W2]\n  ds/dW2\n  dL/ds -> table[s]\n" in stdout
    assert stdout.endswith("\ndL/dh -> table[h]\n  ds/dh\n  dL/ds <- table[s]\n")
    assert "CacheInfo" not in stdout


def test_without_options_neither_trace_nor_statistics(script):
    assert len(answer(script(MODEL), "--wrt", "W1", "W2").splitlines()) == 3


def test_nodes_in_containers_and_by_their_own_name(script, tmp_path):
    names = ['params["W1"]', "W2", "layers[0]", "layers[1]['W1']", "product"]
    saved = tmp_path / "g.npz"
    answer(script(CONTAINERS), "--wrt", *names, "--save", saved)
    with np.load(saved) as arrays:
        assert {name: arrays[name].tolist() for name in arrays} == {
            'params["W1"]': [105.0, 192.0],
            "W2": [35.0, 96.0],
            "layers[0]": [21.0, 64.0],
            "layers[1]['W1']": [15.0, 48.0],
            "product": [7.0, 16.0],
        }


def test_a_name_of_two_nodes_is_refused_with_their_places(script):
    stderr = refusal(script(CONTAINERS), "--wrt", "W1")
    assert "'W1' is the name of 2 nodes; say which: params['W1'], layers[1]['W1']" in stderr


def test_a_variable_wins_over_a_key_and_a_name(script):
    text = """
        import lazygrad as lg
        x = lg.parameter(2.0, name="y")
        y = lg.parameter(3.0)
        params = {"x": y}
        L = x * x * y
    """
    table = rows(answer(script(text), "--wrt", "x", "y"))
    assert [line.split()[3] for line in table.values()] == ["12", "4"]


def test_reports_call_a_node_by_its_variable_before_its_key(script):
    text = """
        import lazygrad as lg
        W = lg.parameter(2.0)
        params = {"weight": W, "bias": lg.parameter(1.0)}
        L = params["weight"] * params["bias"]
    """
    stdout = answer(script(text), "--wrt", "weight", "bias", "--trace")
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
    assert list(rows(answer(script(MODEL), "--wrt", "W1", command=words))) == ["dL/dW1"]
    assert answer("--version", command=words) == f"lazygrad {lg.__version__}\n"


def test_main_can_be_called_and_leaves_no_trace(script, capsys):
    before = sys.modules["__main__"], list(sys.argv), list(sys.path)
    assert main([str(script(MODEL)), "--wrt", "W2"]) == 0
    assert list(rows(capsys.readouterr().out)) == ["dL/dW2"]
    assert (sys.modules["__main__"], sys.argv, sys.path) == before


# -- the loss --------------------------------------------------------------------------------------


def test_another_loss(script):
    text = textwrap.dedent(MODEL) + "penalty = (W2 * W2).sum()\n"
    table = rows(answer(script(text), "--wrt", "W2", "--loss", "penalty"))
    assert table["dpenalty/dW2"].split()[-3:] == ["-2", "-0.5", "1"]


def test_a_loss_by_its_own_name(script):
    text = """
        import lazygrad as lg
        x = lg.parameter(2.0)
        J = x * x
        J.name = "loss"
    """
    assert list(rows(answer(script(text), "--wrt", "x"))) == ["dloss/dx"]


def test_no_loss(script):
    text = """
        import lazygrad as lg
        x = lg.parameter([2.0])
        J = (x * x).sum()
    """
    stderr = refusal(script(text), "--wrt", "x")
    assert "no node is called L or loss; name the loss with --loss. Known scalars: J" in stderr
    assert "leaves no node in a top-level variable" in refusal(script("L = 3\n"), "--wrt", "x")


# -- refused ---------------------------------------------------------------------------------------


def test_unknown_names_list_the_known_closest_first(script):
    stderr = refusal(script(MODEL), "--wrt", "W4")
    assert re.search(r"no node is named 'W4'; known names, closest first: W[123], W[123], W[123], \w", stderr)
    assert "closest first: labels, " in refusal(script(MODEL), "--wrt", "W1", "--loss", "label")


def test_a_variable_without_a_node(script):
    stderr = refusal(script(MODEL), "--wrt", "count")
    assert "the variable 'count' holds no node, but int (is a `lg.parameter` missing?)" in stderr


def test_the_librarys_own_errors(script):
    assert "a gradient needs a target of one element" in refusal(script(MODEL), "--wrt", "W1", "--loss", "h")
    assert "its dtype is int64" in refusal(script(MODEL), "--wrt", "W1", "labels")
    assert "has dtype int64" in refusal(script(MODEL), "--wrt", "W1", "--loss", "labels")


def test_nothing_is_evaluated_when_one_name_is_wrong(script):
    text = """
        import lazygrad as lg
        x, labels = lg.parameter([[1.0, 2.0]]), lg.constant([5])
        L = lg.ops.svm_loss(x, labels).sum()
    """
    assert "no node is named 'z'" in refusal(script(text), "--wrt", "x", "z")
    stderr = refusal(script(text), "--wrt", "x", status=1)  # the label is out of range
    assert "Traceback" in stderr
    assert "IndexError: labels must lie in 0..1" in stderr
    assert "lazygrad: the gradient of L could not be evaluated" in stderr


def test_usage(script, tmp_path):
    path = script(MODEL)
    assert "--wrt" in refusal(path)
    assert "SCRIPT" in refusal("--wrt", "W1")
    assert "COMMAND" in refusal()
    assert "cannot read the script" in refusal(tmp_path / "missing.py", "--wrt", "W1")
    assert "cannot read the script" in refusal(tmp_path, "--wrt", "W1")
    assert "cannot write" in refusal(path, "--wrt", "W1", "--save", tmp_path / "missing" / "grads.npz")


def test_a_script_that_raises(script):
    text = """
        import lazygrad as lg
        x = lg.parameter(1.0)

        def build():
            return x / no_such_thing

        L = build()
    """
    path = script(text)
    stderr = refusal(path, "--wrt", "x", status=1)
    first, second, *_, error, last = stderr.splitlines()
    assert first == "Traceback (most recent call last):"
    assert second == f'  File "{path}", line 8, in <module>'  # none of our own frames before the user's
    assert error.startswith("NameError: name 'no_such_thing'")
    assert last == f"lazygrad: the script {str(path)!r} raised NameError"
    assert "SyntaxError" in refusal(script("L = (\n"), "--wrt", "x", status=1)
    assert "exited: no data" in refusal(script("import sys; sys.exit('no data')\n"), "--wrt", "x", status=1)


# -- as Python would run it ------------------------------------------------------------------------


def test_the_script_runs_as_python_runs_it(script, tmp_path):
    script("import lazygrad as lg\nW = lg.parameter(2.0)\n", name="beside.py")
    text = """
        import os, pickle, sys
        from beside import W

        class Here:
            pass

        def annotated(x: 1 + 1): ...

        print(sys.argv[1:], sys.argv[0], os.path.isabs(__file__), sys.modules["__main__"].W is W)
        print(type(pickle.loads(pickle.dumps(Here()))) is Here, annotated.__annotations__)
        if __name__ == "__main__":
            L = W * W * W
            sys.exit(0)
    """
    script(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = os.path.join("..", "script.py")
    stdout = answer(path, "--wrt", "W", "--", "--stats", "7", cwd=elsewhere)
    first, second, table = stdout.split("\n", 2)
    assert first == f"['--stats', '7'] {path} True True"
    assert second == "True {'x': 2}"
    assert rows(table)["dL/dW"].split()[3:] == ["12"] * 4


def test_unconnected_and_empty_gradients(script, tmp_path):
    text = textwrap.dedent(MODEL) + "none = lg.parameter(np.zeros((0, 3)))\nL = L + none.sum()\n"
    saved = tmp_path / "g.npz"
    table = rows(answer(script(text), "--wrt", "unused", "none", "--save", saved))
    assert table["dL/dunused"].endswith("zero: no path leads to L")
    assert table["dL/dnone"].endswith("empty")
    with np.load(saved) as arrays:
        assert arrays["unused"].tolist() == [0.0, 0.0]
        assert arrays["none"].shape == (0, 3)


# -- the other commands: in this process, as a process costs half a second each ----------------------


@pytest.fixture
def command(capsys):
    """Run the command line in this process; exit status, stdout and stderr."""

    def run_here(*words):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:  # argparse
            status = end.code
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run_here


NOISY = textwrap.dedent(MODEL) + "print('hello from the script')\n"


def test_each_command_in_a_process_of_its_own(script, tmp_path):
    path = script(NOISY)
    printed = "hello from the script\n"
    assert answer("run", path, "--wrt", "W3").startswith(printed + "gradient")
    assert answer("explain", path, "--wrt", "W3").startswith(printed + "dL/dW3: 4 values and 1 adjoint")
    assert "3 of 3 gradients agree\n" in answer("check", path)
    done = run("stats", path, "--wrt", "W3", "--json")
    assert (done.returncode, done.stderr) == (0, printed)
    assert json.loads(done.stdout)["rules_run"] == 1
    done = run("draw", path, "--wrt", "W3")
    assert (done.returncode, done.stderr) == (0, printed)
    assert done.stdout.startswith("digraph")
    page = tmp_path / "page.html"
    assert answer("html", path, "--wrt", "W3", "-o", page) == f"{printed}wrote {page}\n"
    assert "<html" in page.read_text(encoding="utf-8")


def test_run_is_the_default(script, command):
    path = script(MODEL)
    words = (path, "--wrt", "W2", "--loss", "L")
    assert command(*words) == command("run", *words)
    assert command("run", *words)[0] == 0


def test_help_and_version(command):
    status, shown, _ = command("--help")
    assert status == 0
    for name in ("run", "explain", "draw", "html", "stats", "check"):
        assert f"lazygrad {name}" in shown
        status, of_command, _ = command(name, "--help")
        assert status == 0
        assert f"lazygrad {name}" in of_command.split("examples:")[1]
        for code in (0, 1, 2, 3):
            assert f"\n  {code}  " in of_command.split("exit status:")[1]
        assert command(name, "--version") == (0, f"lazygrad {lg.__version__}\n", "")
    assert command("-h")[1] == shown
    assert command("script.py", "--help")[1] == command("run", "--help")[1]


def test_a_script_that_is_called_like_a_command(script, command, monkeypatch):
    monkeypatch.chdir(script(MODEL, name="check").parent)
    assert command("./check", "--wrt", "W3")[0] == 0


def test_explain_computes_nothing_but_when_told(script, command):
    text = MODEL + "    raised = lg.ops.svm_loss([[1.0, 2.0]] * W2, [5]).sum() + L\n"
    path = script(text)
    status, shown, _ = command("explain", path, "--wrt", "W2", "--loss", "raised")
    assert status == 0
    assert shown.startswith("draised/dW2: ")
    assert "planned/actual" not in shown
    status, _, complaint = command("explain", path, "--wrt", "W2", "--loss", "raised", "--analyze")
    assert status == 1
    assert "labels must lie in 0..1" in complaint
    assert re.search(r"built at \S*script.py:14\n", complaint)
    assert complaint.endswith("lazygrad: the gradient of raised could not be evaluated: IndexError\n")
    status, shown, _ = command("explain", path, "--wrt", "W2", "--analyze")
    assert status == 0
    assert re.search(r"planned/actual: values 2/2, adjoints 3/3, rules 3/3, .*: exact$", shown, re.M)


def test_stats_as_text_and_json_tell_the_same(script, command):
    path = script(MODEL)
    status, shown, _ = command("stats", path, "--wrt", "W2", "--table")
    assert status == 0
    assert re.search(r"^adjoints +3 +0 +3 +0%", shown, re.M)
    assert re.search(r"^adjoints computed: sum#\d+, s, W2$", shown, re.M)
    assert re.search(r"^W2 +adjoint", shown, re.M)
    status, shown, _ = command("stats", path, "--wrt", "W2", "--json")
    told = json.loads(shown)
    assert (told["adjoints"]["misses"], told["rules_run"]) == (3, 3)


def test_nonfinite_names_the_place(script, command):
    text = """
        import numpy as np
        import lazygrad as lg
        x = lg.parameter([0.0, 1.0])
        root = np.sqrt(x)
        L = root.sum()
    """
    path = script(text)
    status, _, complaint = command(path, "--wrt", "x", "--nonfinite", "raise")
    assert status == 1
    assert "the contribution of root (op sqrt) to dL/dx is inf" in complaint
    assert re.search(r"built at \S*script.py:5\n", complaint)
    with pytest.warns(lg.NonFiniteWarning, match="the contribution of root"):
        assert command(path, "--wrt", "x", "--nonfinite", "warn")[0] == 0


def test_progress(script, command):
    pytest.importorskip("tqdm")
    status, shown, bar = command(script(MODEL), "--wrt", "W2", "--progress")
    assert status == 0
    assert list(rows(shown)) == ["dL/dW2"]
    assert "dL" in bar
    assert "5/5" in bar


def test_what_needs_a_missing_extra_is_refused(script, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    status, shown, complaint = command(script(MODEL), "--wrt", "W2", "--progress")
    assert (status, shown) == (2, "")
    assert complaint.startswith("lazygrad: lazygrad.progress needs tqdm: pip install")


def test_a_reader_that_has_enough(script):
    words = [sys.executable, "-m", "lazygrad", script(MODEL), "--wrt", "W1", "--stats"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


# -- pictures and pages ------------------------------------------------------------------------------


def test_draw(script, command, tmp_path):
    path = script(MODEL)
    status, dot, _ = command("draw", path, "--wrt", "W2")
    assert status == 0
    assert dot.startswith("digraph")
    assert "script.py:" in dot  # source lines in tooltips
    status, untouched, _ = command("draw", path)
    assert status == 0
    assert untouched != dot
    status, mermaid, _ = command("draw", path, "--wrt", "W2", "--format", "mermaid")
    assert status == 0
    assert re.match(r"(---.*?---\s*)?(flowchart|graph) ", mermaid, re.S)
    out = tmp_path / "graph.dot"
    assert command("draw", path, "--wrt", "W2", "-o", out) == (0, f"wrote {out}\n", "")
    assert out.read_text(encoding="utf-8").startswith("digraph")
    status, _, complaint = command("draw", path, "--format", "png")
    assert (status, complaint) == (2, "lazygrad: say where to write the png: -o FILE\n")
    for refused in (tmp_path / "missing" / "graph.dot", tmp_path / "nosuffix"):
        assert command("draw", path, "-o", refused)[0] == 2


def test_draw_an_image(script, command, tmp_path):
    pytest.importorskip("pygraphviz")
    path, out = script(MODEL), tmp_path / "graph.svg"
    assert command("draw", path, "--wrt", "W2", "-o", out) == (0, f"wrote {out}\n", "")
    assert "<svg" in out.read_text(encoding="utf-8")
    assert "<svg" in command("draw", path, "--wrt", "W2", "--format", "svg")[1]
    plain = tmp_path / "picture"
    assert command("draw", path, "--format", "png", "-o", plain)[0] == 0
    assert plain.read_bytes().startswith(b"\x89PNG")


def test_run_writes_a_page_beside_the_gradients(script, command, tmp_path):
    out = tmp_path / "page.html"
    status, shown, _ = command(script(MODEL), "--wrt", "W2", "--html", out)
    assert status == 0
    assert list(rows(shown)) == ["dL/dW2"]
    assert shown.endswith(f"\n\nwrote {out}\n")
    assert "<html" in out.read_text(encoding="utf-8")
    status, _, complaint = command(script(MODEL), "--wrt", "W2", "--html", tmp_path / "missing" / "page.html")
    assert status == 2
    assert "No such file or directory" in complaint


# -- check -------------------------------------------------------------------------------------------

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
    """The last word of each leaf's row."""
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
