"""The README's commands run, and the two that install are those that CI runs (its Python is run as doctests)."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines()]
INSTALLS = [c for c in COMMANDS if "pip install" in c]


def test_the_readme_names_the_two_commands_and_ci_runs_them():
    assert len(INSTALLS) == 2
    ci = (ROOT / ".ci" / "run").read_text()
    for command in INSTALLS:
        assert command in ci


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in INSTALLS])
def test_command(command):
    words = shlex.split(command)
    assert words[0] == "python"
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
