"""Fixtures of the command line: scripts in files, and commands in this process."""

import textwrap

import pytest

from lazygrad.__main__ import main


@pytest.fixture
def script(tmp_path):
    """Write a script into the temporary directory; its path."""

    def write(text, name="script.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


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
