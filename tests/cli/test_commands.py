"""The commands beside `run`: explain, stats, draw, html; and what all share, as help and versions.

They run in this process, as a process costs half a second each.
"""

import json
import re
import sys
import textwrap

import pytest

import lazygrad as lg
from tests.helpers.command_line import MODEL, get_answer, read_rows, run

NOISY = textwrap.dedent(MODEL) + "print('hello from the script')\n"


def test_each_command_in_a_process_of_its_own(script, tmp_path):
    path = script(NOISY)
    printed = "hello from the script\n"
    assert get_answer("run", path, "--wrt", "W3").startswith(printed + "gradient")
    assert get_answer("explain", path, "--wrt", "W3").startswith(printed + "dL/dW3: 4 values and 1 adjoint")
    assert "3 of 3 gradients agree\n" in get_answer("check", path)
    done = run("stats", path, "--wrt", "W3", "--json")
    assert (done.returncode, done.stderr) == (0, printed)
    assert json.loads(done.stdout)["rules_run"] == 1
    done = run("draw", path, "--wrt", "W3")
    assert (done.returncode, done.stderr) == (0, printed)
    assert done.stdout.startswith("digraph")
    page = tmp_path / "page.html"
    assert get_answer("html", path, "--wrt", "W3", "-o", page) == f"{printed}wrote {page}\n"
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
    assert list(read_rows(shown)) == ["dL/dW2"]
    assert "dL" in bar
    assert "5/5" in bar


def test_what_needs_a_missing_extra_is_refused(script, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    status, shown, complaint = command(script(MODEL), "--wrt", "W2", "--progress")
    assert (status, shown) == (2, "")
    assert complaint.startswith("lazygrad: lazygrad.progress needs tqdm: pip install")


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
    assert list(read_rows(shown)) == ["dL/dW2"]
    assert shown.endswith(f"\n\nwrote {out}\n")
    assert "<html" in out.read_text(encoding="utf-8")
    status, _, complaint = command(script(MODEL), "--wrt", "W2", "--html", tmp_path / "missing" / "page.html")
    assert status == 2
    assert "No such file or directory" in complaint


def test_containers_that_hold_themselves_are_searched_and_long_lists_are_cut(script, command):
    text = """
        import lazygrad as lg
        loop = []
        loop.append(loop)
        L = x = lg.parameter(0.5)
        for _ in range(30):
            L = L * 2.0
    """
    status, shown, _ = command("stats", script(text), "--wrt", "x")
    assert status == 0
    (adjoints,) = re.findall(r"^adjoints computed: (.*) and 10 more$", shown, re.MULTILINE)
    assert len(adjoints.split(", ")) == 20
