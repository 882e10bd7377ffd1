"""The command ``neural``: arguments and printing, nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import neural
from neural.errors import DataUnavailable, NeuralError

STOPPED, REFUSED, FAILED = 130, 2, 1  # exit codes: by Ctrl-C, with a reason, by a check of the full run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (those of the process if None) and return its exit code.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    neural ...
    0
    """
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
    playground = commands.add_parser(
        "playground",
        help="put a network together and watch it train, in the browser",
        description="Serve a page on this machine on which a network is put together, trained and taken apart. "
        "Nothing leaves the machine. Ctrl-C ends it.",
    )
    playground.add_argument("--port", type=_port, default=8765, metavar="N", help="0 takes a free one (default: 8765)")
    playground.add_argument("--no-browser", action="store_true", help="do not open the page")
    playground.set_defaults(run=_playground)
    verify = commands.add_parser(
        "verify",
        help="run the test rows of an exported file",
        description="Run an exported file (.c, .js, .mjs, .onnx, .py) on the test rows in it and compare with the "
        "network's own outputs. It runs the file: give only files that you trust. Exit code 1 if they differ.",
    )
    verify.add_argument("file", metavar="FILE")
    verify.set_defaults(run=_verify)
    return parser


def _seed(text: str) -> int:
    seed = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= seed < 2**31:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {2**31 - 1}, got {text!r}")
    return seed


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {2**16 - 1}, got {text!r}")
    return port


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


def _playground(arguments: argparse.Namespace) -> int:
    from neural import playground

    playground.serve(arguments.port, open_browser=not arguments.no_browser)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from neural.export import verify

    try:
        proof = verify(arguments.file)
    except ValueError as error:  # a suffix of no kind that is exported
        raise NeuralError(str(error)) from None
    print(f"{proof.path}: {proof}. {'Passed' if proof.passed else 'FAILED'}.")
    return 0 if proof.passed else FAILED


if __name__ == "__main__":
    sys.exit(main())
