"""Scripts run as Python runs them, and what becomes of unusual gradients and pipes."""

import os
import subprocess
import sys
import textwrap

import numpy as np

from tests.helpers.command_line import MODEL, get_answer, read_rows


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
    stdout = get_answer(path, "--wrt", "W", "--", "--stats", "7", cwd=elsewhere)
    first, second, table = stdout.split("\n", 2)
    assert first == f"['--stats', '7'] {path} True True"
    assert second == "True {'x': 2}"
    assert read_rows(table)["dL/dW"].split()[3:] == ["12"] * 4


def test_unconnected_and_empty_gradients(script, tmp_path):
    text = textwrap.dedent(MODEL) + "none = lg.parameter(np.zeros((0, 3)))\nL = L + none.sum()\n"
    saved = tmp_path / "g.npz"
    table = read_rows(get_answer(script(text), "--wrt", "unused", "none", "--save", saved))
    assert table["dL/dunused"].endswith("zero: no path leads to L")
    assert table["dL/dnone"].endswith("empty")
    with np.load(saved) as arrays:
        assert arrays["unused"].tolist() == [0.0, 0.0]
        assert arrays["none"].shape == (0, 3)


def test_a_reader_that_has_enough(script):
    words = [sys.executable, "-m", "lazygrad", script(MODEL), "--wrt", "W1", "--stats"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
