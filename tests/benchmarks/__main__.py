"""Run all families, each in a process of its own, and print the table of the README."""

from __future__ import annotations

from harness import Row, Table, arguments, duration, load, save, versions  # isort: skip  (pins the threads)

import datetime
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from peers import PACKAGES, PEERS

FAMILIES = {
    "W1": "one_parameter",
    "W2": "ten_queries",
    "W3": "changed_layer",
    "W4": "training_step",
    "W5": "scalar_graph",
    "W6": "long_chain",
    "W7": "pruned_forward",
    "W8": "elementwise",
    "W9": "layered",
}
COLUMNS = {
    "set + gradient": ("memo",),
    "graph rebuilt": ("transform", "rebuilt"),
    "compiled": ("compiled", "function"),
    "compiled, numba": ("numba",),
}


def best(table: Table, kinds: Sequence[str]) -> Row | None:
    """The fastest of the rows of some kinds."""
    found = [row for row in table.rows if row.kind in kinds and row.ratio is not None]
    return min(found, key=lambda row: row.ratio or 0, default=None)


def cell(row: Row | None) -> str:
    """A ratio, whether it reaches its target, and the times of set-up and first answer."""
    if row is None or row.ratio is None:
        return "-"
    verdict = "" if row.target is None else f" {'✓' if row.met else '✗'} {row.target:.2f}"
    return f"{row.ratio:.2f}{verdict} [{duration(row.setup)}, {duration(row.first)}]"


def markdown(tables: Sequence[Table]) -> str:
    """The table of the README."""
    lines = [
        f"| work | {' | '.join(COLUMNS)} | peers |",
        "|---" * (len(COLUMNS) + 2) + "|",
    ]
    for table in tables:
        others = [
            f"{row.name} {cell(row) if row.ratio is not None else row.note}" for row in table.rows if row.kind in PEERS
        ]
        by_hand = next(row for row in table.rows if row.kind == "hand")
        cells = [cell(best(table, kinds)) for kinds in COLUMNS.values()]
        lines.append(
            f"| {table.family} {table.title} ({duration(by_hand.seconds)}) | {' | '.join(cells)} "
            f"| {', '.join(others) or '-'} |"
        )
    return "\n".join(lines)


def ahead(tables: Sequence[Table]) -> list[str]:
    """Where a peer is faster than the best of ours."""
    found = []
    for table in tables:
        ours = best(table, [kind for kinds in COLUMNS.values() for kind in kinds])
        peers = [row for row in table.rows if row.kind in PEERS and row.ratio is not None]
        if ours is None:
            continue
        faster = [f"{row.name} {row.ratio:.2f}" for row in peers if (row.ratio or 0) < (ours.ratio or 0)]
        if faster:
            found.append(f"{table.family} {table.title}: {', '.join(faster)}; {ours.name} {ours.ratio:.2f}")
    return found


def missed(tables: Sequence[Table]) -> list[str]:
    """The targets that are not reached, and by how much."""
    return [
        f"{table.family} {table.title}: {row.name} {row.ratio:.2f}, {row.ratio / row.target:.2f} times the target"
        for table in tables
        for row in table.rows
        if row.met is False and row.ratio and row.target
    ]


def main() -> int:
    """Run the scripts; what fails is named at the end."""
    options = arguments(__doc__)
    given = ["--rounds", str(options.rounds), "--only", options.only]
    given += [flag for flag in ("--quick", "--peers") if getattr(options, flag[2:])]
    here = Path(__file__).parent
    tables: list[Table] = []
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for family, name in FAMILIES.items():
            written = Path(folder) / f"{name}.json"
            command = [sys.executable, str(here / f"{name}.py"), *given, "--json", str(written)]
            if subprocess.run(command, check=False).returncode or not written.exists():
                failed.append(f"{family} ({name})")
            else:
                tables += load(written)
    save(tables, options.json)
    print(f"\n{datetime.date.today()}, {versions('attrs', 'numba', *(PACKAGES if options.peers else ()))}\n")
    print(markdown(tables))
    for title, found in (("Where a peer is ahead", ahead(tables)), ("Targets missed", missed(tables))):
        print(f"\n{title}:")
        print("\n".join(f"- {line}" for line in found) or "- nowhere")
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
