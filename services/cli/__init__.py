"""`draad` on the command line: parses, calls a root, says what to do when something is in the way."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from services.cli import deliveries, invented, operating, rules
from services.cli.trouble import exit_status

app = typer.Typer(
    name="draad",
    help=(
        "One dossier, owned by the person it is about, running unbroken through every organisation that helps.\n\n"
        "To look around: `draad demo`. To build on it: `draad sandbox`. For real people: `draad migrate`, then "
        "`draad parties import`, then `draad serve`. Each says what it needs: `draad COMMAND --help`."
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
invented.add_to(app)
operating.add_to(app)
rules.add_to(app)
deliveries.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"draad {version('draad')}")
        except PackageNotFoundError:  # run from a clone that was never installed
            typer.echo("draad, not installed")
        raise typer.Exit


@app.callback()
def draad(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Ends the process: 0 done or told to stop, 1 not possible, 2 asked wrongly, 70 a fault of Draad's own."""
    try:
        app(prog_name="draad")
    except KeyboardInterrupt:
        sys.exit(0)
    except Exception as error:  # the outermost place of all: what nobody caught becomes a sentence
        sys.exit(exit_status(error))
