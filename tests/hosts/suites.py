"""The ground of the runners of hosts' own test-suites: where the tests come from, and how they are run.

A runner is one file: a pytest plug-in that points the host at lazygrad, and the tests that are expected to fail, each
with the reason. The tests themselves are the host's, as it distributes them; none is copied here. A test that is
expected to fail and does not, or is not there, is a failure of the run, so that the lists stay true.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import pkgutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Answered", "alias", "main"]


def alias(name: str, real: str) -> None:
    """Let `name`, and what is below it, be imported as the package `real` and what is below that."""
    package = importlib.import_module(real)
    sys.modules[name] = package
    for found in pkgutil.walk_packages(package.__path__, real + "."):
        sys.modules[name + found.name[len(real) :]] = importlib.import_module(found.name)


def download(requirement: str, directory: Path) -> Path:
    """Download the source distribution of a release, unpack it, and return its directory."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps"]
    subprocess.run([*pip, "-d", str(directory), requirement], check=True)
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(directory, filter="data")
    return directory / archive.name.removesuffix(".tar.gz")


class Expected:
    """The plug-in that marks what is expected to fail, and wants at least so many tests to pass."""

    def __init__(self, failures: Mapping[str, str], at_least: int, whole: bool) -> None:
        self.failures = failures
        self.at_least = at_least
        self.whole = whole  # whether all tests are run, not some that were asked for
        self.passed = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        missing = set(self.failures)
        for item in items:
            name = f"{item.path.name}::{item.nodeid.split('::', 1)[1]}"
            for known in (name, name.split("[")[0]):
                if known in self.failures:
                    missing.discard(known)
                    item.add_marker(pytest.mark.xfail(reason=self.failures[known], strict=True))
        if self.whole and missing:
            raise pytest.UsageError(f"expected to fail, but not there: {sorted(missing)}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed += report.when == "call" and report.outcome == "passed"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.whole and exitstatus == pytest.ExitCode.OK and self.passed < self.at_least:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print(f"\n{self.passed} tests passed, where {self.at_least} are expected to")


class Answered:
    """The plug-in that counts what lazygrad is asked: a suite that passes without it has not been pointed at it."""

    def __init__(self) -> None:
        self.questions = 0

    def count(self, owner: Any, *names: str) -> None:
        """Count the calls of functions of a module, or methods of a class."""
        for name in names:
            setattr(owner, name, self._count_calls(getattr(owner, name)))

    def _count_calls(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def count_and_call(*args: Any, **kwargs: Any) -> Any:
            self.questions += 1
            return function(*args, **kwargs)

        return count_and_call

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.write_line(f"{self.questions} questions answered by lazygrad")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.questions and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def main(
    requirement: str,
    tests: Sequence[str],
    point_at_lazygrad: Callable[[Answered], None],
    *plugins: Any,
    failures: Mapping[str, str] = {},
    at_least: int = 1,
    installed: str = "",
) -> int:
    """Run a host's test-suite; the exit code is 0 only if nothing fails but what is expected to.

    Parameters
    ----------
    requirement
        The release, such as ``autograd==1.9.1``.
    tests
        Files and directories, below the source distribution.
    point_at_lazygrad
        Called before pytest starts, in the process that it runs in: lets the host find lazygrad, and says what is to
        be counted.
    plugins
        pytest plug-ins of this suite.
    failures
        What is expected to fail: file and test (with or without its parameters) -> reason.
    at_least
        How many tests must pass.
    installed
        The package that brings the tests along when it is installed; then nothing is downloaded.
    """
    parser = argparse.ArgumentParser(description=f"Run the tests of {requirement} on lazygrad.", allow_abbrev=False)
    parser.add_argument("--source", type=Path, help="the unpacked source distribution (else it is downloaded)")
    options, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as directory:
        if options.source is not None:
            source = options.source.resolve()
        elif installed:
            source = Path(importlib.import_module(installed).__path__[0])
        else:
            source = download(requirement, Path(directory))
        answered = Answered()
        point_at_lazygrad(answered)
        sys.path.insert(0, str(source))
        settings = ["-q", "-c", "/dev/null", "-p", "no:cacheprovider", "--rootdir", str(source), "-W", "ignore"]
        paths = [str(source / test) for test in tests]
        whole = not any(word in ("-k", "--deselect", "--lf") for word in rest)
        ours = [Expected(failures, at_least, whole), *([answered] if whole else [])]
        return int(pytest.main([*settings, *paths, *rest], plugins=[*plugins, *ours]))
