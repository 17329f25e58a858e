"""What CI runs, by name: ``nox -l`` lists the sessions, ``nox -s lint types`` runs two of them."""

import re

import nox

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
NIGHTLY = "https://pypi.anaconda.org/scientific-python-nightly-wheels/simple"
# The lowest NumPy is the one that pyproject.toml allows, but for Pythons that it was not built for.
(LOWEST,) = [
    match[1]
    for requirement in nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    if (match := re.fullmatch(r"numpy>=([\d.]+)", requirement))
]
FIRST_BUILT = {"3.14": "2.3.2"}

nox.needs_version = ">=2025.2"
nox.options.sessions = ["lint", "types", "docs"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, docstrings, spelling, and what the rooms import."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check the package's own types, and those that a user's script sees."""
    session.install("-e", ".[dev,test]")
    session.run("mypy")
    session.run("python", "-m", "pytest", "tests/typing")


@nox.session(python=PYTHONS)
@nox.parametrize("numpy", ["lowest", "newest"])
def tests(session: nox.Session, numpy: str) -> None:
    """Run the tests with the lowest NumPy that is allowed, or the newest; arguments go to pytest."""
    session.install("-e", ".[test]")
    if numpy == "lowest":
        session.install(f"numpy=={FIRST_BUILT.get(str(session.python), LOWEST + '.*')}")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def deep(session: nox.Session) -> None:
    """Run the tests that the default run leaves out: deep graphs, and long runs."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "-m", "deep or soak", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """Run the tests with what will be the next NumPy."""
    session.install("-e", ".[test]")
    session.install("--pre", "--upgrade", "--extra-index-url", NIGHTLY, "numpy")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def hosts(session: nox.Session) -> None:
    """Run the adapters of the light hosts, and the hosts' own tests on nodes."""
    session.install("-e", ".[test,hosts]")
    session.run("python", "-m", "pytest", "tests/backend", "tests/plugins", "lazygrad/plugins", "lazygrad/backend")
    for suite in ("einops", "mici", "pymanopt", "autograd"):
        session.run("python", f"tests/hosts/{suite}_suite.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Run the examples of the pages, and see that what they name is there."""
    session.install("-e", ".[test]")
    pages = ["tests/project/test_docs.py", "tests/project/test_readme.py", "README.md"]
    session.run("python", "-m", "pytest", *pages)


@nox.session
def changelog(session: nox.Session) -> None:
    """Show what the next release would say; with a branch as argument, check that a fragment came with the change."""
    session.install("-e", ".", "towncrier>=24.8")
    session.run("towncrier", "build", "--draft", "--version", "next")
    if session.posargs:
        session.run("towncrier", "check", "--compare-with", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Run the benchmarks once, small; arguments go to them (``nox -s benchmarks -- --help``)."""
    session.install("-e", ".[test]")
    session.run("python", "tests/benchmarks", *(session.posargs or ["--quick", "--rounds", "1"]))
