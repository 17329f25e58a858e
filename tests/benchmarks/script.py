"""What every benchmark script does with its questions."""

from __future__ import annotations

from harness import Question, Table, arguments, compare, save, versions  # isort: skip  (pins the threads)

from argparse import Namespace
from collections.abc import Callable, Iterable

import ours
import peers


def script(description: str | None, questions: Callable[[bool], Iterable[Question]]) -> None:
    """Time all questions of a family, one after the other, and print their tables."""
    options = arguments(description)
    print(versions(*(peers.PACKAGES if options.peers else ())))
    save(tables(questions(options.quick), options), options.json)


def tables(questions: Iterable[Question], options: Namespace) -> list[Table]:
    """Time questions, with all candidates that are wanted."""
    found: list[Table] = []
    for question in questions:
        if options.only not in question.title:
            continue
        others = peers.candidates(question) if options.peers else []
        table = compare(question, [*ours.candidates(question), *others], options)
        for note in question.notes:
            table.notes.append(note(question))
            print(f"  {table.notes[-1]}")
        found.append(table)
    return found
