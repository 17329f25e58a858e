"""Run all families, each in a process of its own, and print the table of the README."""

from __future__ import annotations

from harness import Row, Table, arguments, duration, load, save, versions  # isort: skip  (pins the threads)

import datetime
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from peers import PACKAGES, PEERS
from script import tables

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
    "W10": "guards",
}
COLUMNS = {
    "set + gradient": ("memo",),
    "graph rebuilt": ("transform", "rebuilt"),
    "compiled": ("compiled",),
    "compiled, numba": ("numba",),
}


def best(table: Table, kinds: Sequence[str]) -> Row | None:
    """Return the fastest of the rows of some kinds."""
    found = [row for row in table.rows if row.kind in kinds and row.ratio is not None]
    return min(found, key=lambda row: row.ratio or 0, default=None)


def cell(row: Row | None) -> str:
    """Return a ratio, whether it reaches its target, and the times of set-up and first answer."""
    if row is None or row.ratio is None:
        return "-"
    verdict = "" if row.target is None else f" {'✓' if row.met else '✗'} {row.target:.2f}"
    return f"{row.ratio:.2f}{verdict} [{duration(row.setup)}, {duration(row.first)}]"


def markdown(measured: Sequence[Table]) -> str:
    """Return the table of the README."""
    lines = [
        f"| work | {' | '.join(COLUMNS)} | peers |",
        "|---" * (len(COLUMNS) + 2) + "|",
    ]
    for table in measured:
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


def ahead(measured: Sequence[Table]) -> list[str]:
    """Where a peer is faster than the best of ours."""
    found = []
    for table in measured:
        ours = best(table, [kind for kinds in COLUMNS.values() for kind in kinds])
        peers = [row for row in table.rows if row.kind in PEERS and row.ratio is not None]
        if ours is None:
            continue
        faster = [f"{row.name} {row.ratio:.2f}" for row in peers if (row.ratio or 0) < (ours.ratio or 0)]
        if faster:
            found.append(f"{table.family} {table.title}: {', '.join(faster)}; {ours.name} {ours.ratio:.2f}")
    return found


def missed(measured: Sequence[Table]) -> list[str]:
    """Return the targets that are not reached, and by how much."""
    return [
        f"{table.family} {table.title}: {row.name} {row.ratio:.2f}, {row.ratio / row.target:.2f} times the target"
        for table in measured
        for row in table.rows
        if row.met is False and row.ratio and row.target
    ]


def family(name: str, options: Namespace) -> list[Table] | None:
    """Return the tables of one script, which runs in a process of its own: what it leaves in caches slows no other."""
    if options.quick:  # nobody looks at the times
        return tables(import_module(name).questions(True), options)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "tables.json"
        command = [sys.executable, str(Path(__file__).parent / f"{name}.py"), "--json", str(written)]
        command += ["--rounds", str(options.rounds), "--only", options.only, *(["--peers"] if options.peers else [])]
        failed = subprocess.run(command, check=False).returncode
        return None if failed else load(written)


def main() -> int:
    """Run the scripts; what fails is named at the end."""
    options = arguments(__doc__)
    found: list[Table] = []
    failed = []
    for label, name in FAMILIES.items():
        some = family(name, options)
        if some is None:
            failed.append(f"{label} ({name})")
        found += some or []
        save(found, options.json)
    print(f"\n{datetime.date.today()}, {versions('attrs', 'numba', *(PACKAGES if options.peers else ()))}\n")
    print(markdown(found))
    for title, lines in (("Where a peer is ahead", ahead(found)), ("Targets missed", missed(found))):
        print(f"\n{title}:")
        print("\n".join(f"- {line}" for line in lines) or "- nowhere")
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
