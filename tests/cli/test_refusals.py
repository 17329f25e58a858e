"""Refusals of the command line, and its words about a script that raises."""

import re

from tests.helpers.command_line import MODEL, get_refusal


def test_unknown_names_list_the_known_closest_first(script):
    stderr = get_refusal(script(MODEL), "--wrt", "W4")
    assert re.search(r"no node is named 'W4'; known names, closest first: W[123], W[123], W[123], \w", stderr)
    assert "closest first: labels, " in get_refusal(script(MODEL), "--wrt", "W1", "--loss", "label")


def test_a_variable_without_a_node(script):
    stderr = get_refusal(script(MODEL), "--wrt", "count")
    assert "the variable 'count' holds no node, but int (is a `lg.parameter` missing?)" in stderr


def test_the_librarys_own_errors(script):
    assert "a gradient needs a target of one element" in get_refusal(script(MODEL), "--wrt", "W1", "--loss", "h")
    assert "its dtype is int64" in get_refusal(script(MODEL), "--wrt", "W1", "labels")
    assert "has dtype int64" in get_refusal(script(MODEL), "--wrt", "W1", "--loss", "labels")


def test_nothing_is_evaluated_when_one_name_is_wrong(script):
    text = """
        import lazygrad as lg
        x, labels = lg.parameter([[1.0, 2.0]]), lg.constant([5])
        L = lg.ops.svm_loss(x, labels).sum()
    """
    assert "no node is named 'z'" in get_refusal(script(text), "--wrt", "x", "z")
    stderr = get_refusal(script(text), "--wrt", "x", status=1)  # the label is out of range
    assert "Traceback" in stderr
    assert "IndexError: labels must lie in 0..1" in stderr
    assert "lazygrad: the gradient of L could not be evaluated" in stderr


def test_usage(script, tmp_path):
    path = script(MODEL)
    assert "--wrt" in get_refusal(path)
    assert "SCRIPT" in get_refusal("--wrt", "W1")
    assert "COMMAND" in get_refusal()
    assert "cannot read the script" in get_refusal(tmp_path / "missing.py", "--wrt", "W1")
    assert "cannot read the script" in get_refusal(tmp_path, "--wrt", "W1")
    assert "cannot write" in get_refusal(path, "--wrt", "W1", "--save", tmp_path / "missing" / "grads.npz")


def test_a_script_that_raises(script):
    text = """
        import lazygrad as lg
        x = lg.parameter(1.0)

        def build():
            return x / no_such_thing

        L = build()
    """
    path = script(text)
    stderr = get_refusal(path, "--wrt", "x", status=1)
    first, second, *_, error, last = stderr.splitlines()
    assert first == "Traceback (most recent call last):"
    assert second == f'  File "{path}", line 8, in <module>'  # none of our own frames before the user's
    assert error.startswith("NameError: name 'no_such_thing'")
    assert last == f"lazygrad: the script {str(path)!r} raised NameError"
    assert "SyntaxError" in get_refusal(script("L = (\n"), "--wrt", "x", status=1)
    assert "exited: no data" in get_refusal(script("import sys; sys.exit('no data')\n"), "--wrt", "x", status=1)
