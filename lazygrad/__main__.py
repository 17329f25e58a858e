"""The command line: run a script that builds a graph, and ask for some of its gradients, or about them.

Usage::

    python -m lazygrad [run] SCRIPT --wrt W1 W3 [--loss L] [--trace] [--stats] [--save grads.npz] [-- ARGUMENTS]
    python -m lazygrad explain | draw | html | stats | check SCRIPT ...
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from . import __version__, trace_sources
from ._cli import commands as _commands
from ._cli.script import Names, ScriptError, UsageError, complain, replace_main, run, show_failure
from ._graph.settings import describe

__all__ = ["main"]

FAILED, USAGE = 1, 2  # exit statuses

ABOUT = """\
Nodes are called by their variable (W1), their key or place in a top-level dict or list (params['W1'] or just W1;
layers[0]), or their own name (node.name). Arguments after -- are passed to the script.

exit status:
  0  all is well
  1  the script raised, or its graph could not be evaluated
  2  the command makes no sense: no such script, option, name or derivative; a file that cannot be written
  3  check: a gradient is wrong
"""

EXAMPLES = {
    "run": ("train.py --wrt W1 W3 --trace --stats", "gradients, and what they cost"),
    "explain": ("train.py --wrt W1 --analyze", "planned against actual"),
    "draw": ("train.py --wrt W1 -o graph.svg", "a picture"),
    "html": ("train.py --wrt W1 -o report.html", "a page for the browser"),
    "stats": ("train.py --wrt W1 --json", "numbers for a program"),
    "check": ("train.py", "all gradients against differences"),
}


def list_examples(*names: str) -> str:
    """Write an example line for each command."""
    return "\n".join(
        ["examples:", *[f"  lazygrad {name:7} {EXAMPLES[name][0]:37} {EXAMPLES[name][1]}" for name in names]]
    )


# -- options ---------------------------------------------------------------------------------------


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the options of all commands."""
    raw = argparse.RawDescriptionHelpFormatter
    version = argparse.ArgumentParser(add_help=False)
    version.add_argument("--version", action="version", version=f"lazygrad {__version__}", help="print it, and stop")
    parser = argparse.ArgumentParser(
        prog="lazygrad",
        formatter_class=raw,
        description="Run a script that builds a graph at top level, and ask for gradients of its loss, or about them.\n"
        "`lazygrad SCRIPT ...` is `lazygrad run SCRIPT ...`; `lazygrad COMMAND --help` tells more.",
        epilog=f"{list_examples(*EXAMPLES)}\n\n{ABOUT}",
        parents=[version],
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add_command(name: str, text: str, wrt: str = "", alone: Any = lambda options: False) -> Any:
        sub = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"{list_examples(name)}\n\n{ABOUT}",
            formatter_class=raw,
            parents=[version],
        )
        sub.set_defaults(action=getattr(_commands, name), alone=alone)
        sub.add_argument("script", metavar="SCRIPT", help="a Python file")
        shown = "the nodes to differentiate by" + (f" (default: {wrt})" if wrt else "")
        sub.add_argument("--wrt", metavar="NAME", nargs="+", required=not wrt, default=[], help=shown)
        sub.add_argument("--loss", metavar="NAME", help="the node to differentiate (default: L, or else loss)")
        return sub

    one = add_command("run", "Print gradients, and what they cost.")
    one.add_argument("--trace", action="store_true", help="print the derivatives computed and read, step by step")
    one.add_argument("--stats", action="store_true", help="print what the queries asked of the memo and computed")
    one.add_argument("--save", metavar="FILE", help="write the gradients to a NumPy .npz file, under their names")
    one.add_argument("--html", metavar="FILE", help="write a page that shows the graph and replays the queries")
    one.add_argument("--progress", action="store_true", help="show a bar while gradients are computed (needs tqdm)")
    one.add_argument(
        "--nonfinite", choices=("raise", "warn"), help="stop, or warn, where finite numbers give nan or inf"
    )

    one = add_command("explain", "Print what gradients would compute, read and cost.")
    one.add_argument("--analyze", action="store_true", help="compute them, and print planned against actual")

    one = add_command(
        "draw",
        "Draw the graph, with what the gradients computed.",
        wrt="none: the graph as the script left it",
        alone=lambda options: not options.output,
    )
    one.add_argument(
        "--format", choices=_commands.FORMATS, help="default: the suffix of FILE, else dot; svg and png need pygraphviz"
    )
    one.add_argument("-o", "--output", metavar="FILE", help="where to write it (default for text: print it)")

    one = add_command("html", "Write a page that shows the graph and replays the queries.")
    one.add_argument("-o", "--output", metavar="FILE", default="report.html", help="the page (default: report.html)")

    one = add_command("stats", "Print what the queries asked of the memo and computed.", alone=lambda o: o.json)
    one.add_argument("--json", action="store_true", help="as JSON, and nothing else")
    one.add_argument("--table", action="store_true", help="and what the memo holds afterwards")

    one = add_command(
        "check",
        "Compare gradients with numeric ones: set leaves, evaluate.",
        wrt="all parameters below the loss",
    )
    one.add_argument("--eps", type=parse_positive, help="the step of the differences (default: by the dtype)")
    one.add_argument("--tolerance", type=parse_positive, help="how far apart the two may be (default: by the dtype)")
    one.add_argument("--elements", type=parse_count, metavar="N", default=50, help="of larger leaves try so many (50)")
    return parser


def parse_positive(text: str) -> float:
    """Read a number above zero."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid positive value: {text!r}") from None
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def parse_count(text: str) -> int:
    """Read a whole number above zero."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid count value: {text!r}") from None
    return int(parse_positive(str(number)))


# -- the command line --------------------------------------------------------------------------------


def carry_out(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run the script, and carry out the command on its nodes."""
    with replace_main(options.script, arguments) as module:
        # Where the answer shall be all that is on stdout, what the script prints goes to stderr.
        with trace_sources(), redirect_stdout(sys.stderr if options.alone(options) else sys.stdout):
            names = Names(run(module, options.script))
        names.collect()
        return int(options.action(options, names))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        The arguments; those of the process by default.

    Returns
    -------
    The exit status: 0; 1 if the script raised or its graph could not be evaluated; 2 if the command makes no
    sense (no such script, name or derivative); 3 if a gradient that was to be checked is wrong.
    """
    if argv is not None and not (isinstance(argv, (list, tuple)) and all(isinstance(word, str) for word in argv)):
        raise TypeError(f"the arguments of the command line are strings, in a list, not {describe(argv)}")
    given = list(sys.argv[1:] if argv is None else argv)
    end = given.index("--") if "--" in given else len(given)
    words = given[:end]
    if words and words[0] not in (*EXAMPLES, "-h", "--help", "--version"):
        words.insert(0, "run")
    options = build_parser().parse_args(words)
    try:
        status = carry_out(options, given[end + 1 :])
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads our output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        sys.stdout.flush()
        complain(str(error))
        return USAGE
    except ScriptError as error:
        sys.stdout.flush()
        show_failure(error)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
