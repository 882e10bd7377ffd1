"""The command ``neural demo``, which needs nothing that the experiments do not need: no typer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import neural
from neural.errors import DataUnavailable, NeuralError

HELP = "Train on Fashion-MNIST and moons, and write a report."
STOPPED, REFUSED, FAILED = 130, 2, 1  # exit codes: by Ctrl-C, with a reason, by a check of the full run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (those of the process if None) and return its exit code."""
    try:
        arguments = _parser().parse_args(argv)
        return int(arguments.run(arguments))
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else REFUSED
    except KeyboardInterrupt:
        print("\nStopped. Nothing was written; a report from before is as it was.", file=sys.stderr)
        return STOPPED
    except DataUnavailable as error:
        print(f"neural: {error}".replace("leave folder out", "leave --data out"), file=sys.stderr)
        return REFUSED
    except (NeuralError, OSError, ImportError) as error:
        print(f"neural: {error}", file=sys.stderr)
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="neural", description="Dense neural networks in readable NumPy.")
    parser.add_argument("--version", action="version", version=f"neural {neural.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="train on Fashion-MNIST and moons, and write a report",
        description="Train on Fashion-MNIST and moons as the course assignment did, and write a report. The full run "
        "takes 15 to 20 minutes. Exit code 1 if it misses one of its checks.",
    )
    demo.add_argument("--quick", action="store_true", help="fewer rows and epochs: under a minute")
    demo.add_argument("--out", default="report", metavar="FOLDER", help="where to write (default: report)")
    demo.add_argument("--data", metavar="FOLDER", help="where the four files of Fashion-MNIST are (default: found)")
    demo.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="all random numbers follow from it (default: 0)"
    )
    demo.set_defaults(run=_demo)
    return parser


def _seed(text: str) -> int:
    seed = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= seed < 2**31:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {2**31 - 1}, got {text!r}")
    return seed


def _demo(arguments: argparse.Namespace) -> int:
    from neural import experiments, report, speed
    from neural.datasets import fashion_mnist

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # so that a log file grows as the training does
    report.prepare(arguments.out)
    images = fashion_mnist(arguments.data)
    table = experiments.experiments(arguments.quick)
    speeds = speed.measure(table, images, arguments.seed)
    results = experiments.run_all(table, images, arguments.seed, quick=arguments.quick)
    print(f"\nWriting the report ({results.seconds:.0f} s so far)")
    page = report.write(results, images, arguments.out, speeds)
    failed = [each.check for each in results.checks if not each.passed]
    for check in failed:
        print(f"Check missed: {check.run}, {check.measure}", file=sys.stderr)
    print(f"Open {page}")
    return FAILED if failed else 0
