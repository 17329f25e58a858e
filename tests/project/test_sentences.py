"""Every docstring of the package begins with a sentence that can be read alone."""

import ast
import re
from pathlib import Path

import pytest

import lazygrad as lg

PACKAGE = Path(lg.__file__).parent
FILES = [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))]
# Words that no imperative begins with, and those that point at something outside the sentence.
NO_VERBS = (
    "A|All|An|As|Each|For|From|How|If|In|It|Its|No|Of|One|Some|Such|The|There|This|When|Where|Whether|Which|Who|With"
)
POINTERS = "Do that|Likewise|That|The same|These|Those|What|Whether or not"
RIDDLES = re.compile(r"\b(lest|likewise|by turns|whatever)\b")


def docstrings(file):
    """Return (line, whether it is a function's, docstring) of everything in a file."""
    tree = ast.parse((PACKAGE / file).read_text("utf-8"))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    found = [(getattr(n, "lineno", 1), isinstance(n, kinds[2:]), ast.get_docstring(n)) for n in nodes]
    return [(line, verbs, text) for line, verbs, text in found if text]


def faults(verbs, text):
    """Return what is wrong with the first sentence, or with the words, of a docstring."""
    first = text.split("\n\n")[0]
    found = []
    if re.match(rf"({POINTERS})\b", first):
        found.append("points at something outside the sentence")
    if verbs and (re.match(rf"({NO_VERBS})\b", first) or not re.match(r"[A-Z][a-z]+\b", first)):
        found.append("begins with no verb")
    if verbs and re.match(r"[A-Z][a-z]+(ed|es|ss?es)\b", first):
        found.append("is no imperative")
    if not first.rstrip().endswith((".", "::", "?", ":")):
        found.append("does not end")
    if riddle := RIDDLES.search(re.sub(r'"[^"]*"', "", text)):  # the seeds may say it
        found.append(f"says {riddle[0]!r}")
    return found


@pytest.mark.parametrize("file", FILES)
def test_sentences(file):
    wrong = [
        f"{file}:{line} {'; '.join(bad)}: {t.splitlines()[0]}"
        for line, v, t in docstrings(file)
        if (bad := faults(v, t))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("verbs", "text", "fault"),
    [
        (True, "That count.", "points at"),
        (True, "Whether it is there.", "begins with no verb"),
        (True, "Returned the sum.", "is no imperative"),
        (True, "x, doubled.", "begins with no verb"),
        (False, "What came of it.", "points at"),
        (False, "A number of nodes", "does not end"),
        (True, "Return the sum, whatever it is.", "says 'whatever'"),
    ],
)
def test_the_check_sees(verbs, text, fault):
    assert any(fault in found for found in faults(verbs, text))
