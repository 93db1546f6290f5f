"""`draad` on the command line: parses, calls a root, says what to do when something is in the way."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    name="draad",
    help="One dossier, owned by the person it is about, running unbroken through every organisation that helps.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
console = Console(stderr=True, highlight=False)


@app.callback()
def draad() -> None:
    """One dossier, one thread."""


@app.command()
def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen on 127.0.0.1; 0 takes a free one.")
    ] = 8700,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder.")] = None,
) -> None:
    """Run the whole system with invented people and a clock that can be set."""
    from services.foundation import telemetry
    from services.roots import sandbox as root

    telemetry.configure(level=logging.WARNING)
    asyncio.run(root.sandbox(port, data, lambda found: console.print(f"ready: {found.url}")))


def main() -> None:
    app()


if __name__ == "__main__":
    sys.exit(app())
