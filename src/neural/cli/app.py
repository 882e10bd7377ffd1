"""All commands put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

import neural
from neural.cli import answers, bench, demo, doctor, exports, look, plots, predict, train
from neural.cli.answers import REFUSED, answered, complain

# What the options are refused with: its name has moved between versions of typer.
Misused: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
NOT_WRAPPED = "\b\n"  # what click leaves as it is
EPILOG = """\b
From a table to a model in another program:
  neural train flowers.csv --target species
  neural evaluate run new-flowers.csv
  neural export run flowers.onnx
"""

app = typer.Typer(
    name="neural",
    rich_markup_mode=None,  # plain text: errors in one line, help that can be piped
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 110},
    epilog=EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"neural {neural.__version__}")
        raise typer.Exit


@app.callback()
def _neural(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Dense neural networks for tables: train, predict, evaluate, export."""


COMMANDS: tuple[tuple[Callable[..., Any], tuple[str, ...]], ...] = (
    (
        train.train,
        (
            "neural train flowers.csv --target species",
            "neural train houses.csv -t price --drop address --category zip --out houses",
            "zcat big.csv.gz | neural train - -t label --hidden 128,64",
            "neural train run/run.toml --seed 1 --out another",
        ),
    ),
    (
        predict.predict,
        ("neural predict run new.csv --keep --out predicted.csv", "cat new.csv | neural predict run - | head"),
    ),
    (predict.evaluate, ("neural evaluate run new.csv", "neural evaluate run new.csv --at-least accuracy=0.9")),
    (
        doctor.doctor,
        ("neural doctor run flowers.csv", "neural doctor model.neural flowers.csv --test new.csv --claim 0.02"),
    ),
    (look.inspect, ("neural inspect run", "neural inspect model.neural --json")),
    (exports.export, ("neural export run model.onnx", "neural export run model.c && neural verify model.c")),
    (exports.verify, ("neural verify model.c",)),
    (
        plots.plot,
        (
            "neural plot run",
            "neural plot run/history.csv --log --out curves.svg",
            "neural plot run --data new.csv --out mistakes.png",
        ),
    ),
    (bench.bench, ("neural bench", "neural bench --repeats 21 --json")),
)
for function, examples in COMMANDS:
    app.command(epilog=NOT_WRAPPED + "\n  ".join(("Examples:", *examples)))(answered(function))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def _demo(context: typer.Context) -> int:
    return demo.main(["demo", *context.args])


app.registered_commands[-1].name, app.registered_commands[-1].help = "demo", demo.HELP


@app.command()
@answered
def playground(
    port: Annotated[int, typer.Option(min=0, max=65535, help="On localhost; 0 takes a free one.")] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Serve a page on which networks learn before one's eyes."""
    from neural.playground import serve

    serve(port=port, open_browser=browser)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    answers.prepare_streams()
    command = typer.main.get_command(app)
    try:
        return int(command.main(list(arguments), prog_name="neural", standalone_mode=False) or 0)
    except Misused as error:
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message(), err=True)
            return REFUSED
        path = context.command_path if context is not None else "neural"
        text = error.format_message().rstrip(".")
        return complain(f"{text}{'' if text.endswith('?') else '.'} See: {path} --help")
    except typer.Abort:
        return complain("Stopped.", REFUSED)
