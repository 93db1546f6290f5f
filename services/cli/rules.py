"""The commands about the rules: rehearse other numbers, and see to dossiers whose rule threw."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.cli.afterwards import say
from services.cli.operating import Data, running, settings_of_here, step

rules = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Other numbers, rehearsed; dossiers that wait for a rule."
)


def add_to(app: typer.Typer) -> None:
    rules.command()(rehearse)
    rules.command()(parked)
    rules.command()(resume)
    rules.callback()(_rules)
    app.add_typer(rules, name="rules")


def _rules() -> None:
    """Other numbers, rehearsed; dossiers that wait for a rule."""


def rehearse(
    file: Annotated[Path, typer.Argument(help="JSON: region_code, parameters, and from_on if not tomorrow.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days to look ahead.")] = 7,
    data: Data = None,
) -> None:
    """Show what other numbers would raise in the coming days, raising nothing.

    Per organisation and code: how many signals come as things are, and how many with the numbers of the file, if
    nothing else happens. No dossier is named. Which numbers there are: GET /v1/rules. The file is the `data` of
    the `nl.regio.rule-parameters.set` with which the coordinator of the region sets them.

    Needs the databases and DRAAD_ROOT_KEY_FILE, also while `draad serve` runs.

    Example, `draad rules rehearse change.json` with in it:

        {"region_code": "waterkant",
         "parameters": {"concern_days": 10,
                        "silence_weeks": {"placement": 8}},
         "from_on": "2026-04-01"}
    """
    from services.roots import rules as root

    console, settings = Console(highlight=False), settings_of_here()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Dossiers", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        told = running(lambda: root.rehearse(settings, file, days, data, step, progress))
    if told is None:
        return
    found = told.rehearsed
    say(console, f"{found.dossiers} dossiers of {told.region}, the coming {days} days:")
    table = Table("organisation", "signal")
    for heading in ("as it is", "with the file"):
        table.add_column(heading, justify="right")
    for organisation, code, now, then in found.rows():
        table.add_row(organisation, code, str(now), str(then))
    if table.row_count:
        console.print(table)
    else:
        say(console, "No signal comes, either way.")
    if found.failed:
        say(console, f"Of {found.failed} dossiers nothing can be said: a rule throws. `draad rules parked` lists them.")


def parked(data: Data = None) -> None:
    """List dossiers whose signals wait because a rule throws.

    Their events are stored and their grants end; only their signals wait. The log says which rule it was
    (`dossier_parked`) and where. They are tried again by themselves, at most a quarter of an hour apart, so after an
    update that puts the rule right they go on; `draad rules resume` tries them at once. It ends with 1 when there
    are any. Needs the databases, also while `draad serve` runs.

    Example:

        draad rules parked
    """
    from services.roots import rules as root

    console, settings = Console(highlight=False), settings_of_here()
    found = running(lambda: root.waiting(settings, data, step)) or []
    for each in found:
        again = "now" if each.retry_at is None else each.retry_at.isoformat(timespec="seconds")
        since = each.since.isoformat(timespec="seconds")
        say(console, f"{each.dossier_id}: due since {since}, failed {each.failures} times, tried again {again}")
    if found:
        raise typer.Exit(1)
    say(console, "None.")


def resume(
    dossiers: Annotated[list[UUID] | None, typer.Argument(help="Their ids; without any, all that wait.")] = None,
    data: Data = None,
) -> None:
    """Try dossiers that wait for a rule again, at once.

    Nothing is lost by trying too early: what still throws waits on. Needs the databases, and a `draad serve clock`
    (or `all`) that runs.

    Example, one dossier, and all that wait:

        draad rules resume b576c882-785f-5125-bb1a-fc7275e7acc3
        draad rules resume
    """
    from services.roots import rules as root

    console, settings = Console(highlight=False), settings_of_here()
    count = running(lambda: root.try_again(settings, dossiers or [], data, step))
    say(console, f"{count or 0} tried again by the clock.")
