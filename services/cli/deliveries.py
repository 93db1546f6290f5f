"""The commands about deliveries: what stands still on its way out, letting it go on, and webhooks that fail."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from services.cli.afterwards import say
from services.cli.operating import Data, running, settings_of_here, step

deliveries = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="What stands still on its way out.")


def add_to(app: typer.Typer) -> None:
    deliveries.command()(parked)
    deliveries.command()(resume)
    deliveries.command()(webhooks)
    deliveries.callback()(_deliveries)
    app.add_typer(deliveries, name="deliveries")


def _deliveries() -> None:
    """What stands still on its way out."""


def parked(data: Data = None) -> None:
    """List what stands still on its way out, by ids alone.

    A lane is one subscription in one dossier: it stands still when a delivery meets a fault. A dossier stands still
    at the notifier when an entry cannot be applied (poison), or one before it is not there (gap). All others go on,
    and what stands still loses nothing. What each means, and what to do: docs/watching.md. It ends with 1 when there
    is anything. Needs the databases, also while `draad serve` runs.

    Example:

        draad deliveries parked
    """
    from services.roots import deliveries as root

    console, settings = Console(highlight=False), settings_of_here()
    found = running(lambda: root.standing_still(settings, data, step))
    if found is None:
        return
    for lane in found.lanes:
        of = f"lane of subscription {lane.subscription_id} in dossier {lane.dossier_id}"
        say(console, f"{of}: since {_moment(lane.since)}, {lane.reason}")
    for one in found.dossiers:
        entries = f"{one.entries} parked from sequence {one.first}"
        say(console, f"dossier {one.dossier_id}: since {_moment(one.since)}, {one.reason}, {entries}")
    for record in found.records:
        where = f"partition {record.partition}, offset {record.offset}"
        say(console, f"record that is no entry: {where}, since {_moment(record.since)}, undecodable")
    if found.lanes or found.dossiers or found.records:
        raise typer.Exit(1)
    say(console, "Nothing stands still.")


def resume(
    dossiers: Annotated[
        list[UUID] | None, typer.Argument(help="Their ids; without any, all that stands still.")
    ] = None,
    data: Data = None,
) -> None:
    """Let what stands still go on, in order: entries at the notifier, and lanes.

    For whoever took the cause away; nothing is lost by trying too early, because what still fails stands still
    again, and then it ends with 1. Entries are applied here, lanes by the processes that serve them, which are waited
    for a few seconds. Records that are no entry stay as they are. Needs the databases, also while `draad serve` runs.

    Example, one dossier, and all that stands still:

        draad deliveries resume b576c882-785f-5125-bb1a-fc7275e7acc3
        draad deliveries resume
    """
    from services.roots import deliveries as root

    console, settings = Console(highlight=False), settings_of_here()
    told = running(lambda: root.let_go_on(settings, dossiers or [], data, step))
    if told is None:
        return
    lanes = told.lanes
    say(console, f"Dossiers at the notifier: {told.went_on} went on, {told.still} stand still again.")
    untried = f", {lanes.untried} not tried yet (do `draad serve lanes` and `webhooks` run?)" if lanes.untried else ""
    say(console, f"Lanes: {lanes.went_on} went on, {lanes.still} stand still again{untried}.")
    if told.still or lanes.still:
        raise typer.Exit(1)


def webhooks(data: Data = None) -> None:
    """List the webhooks to which nothing goes, or little, and whose they are.

    Paused: it failed for five days, and goes on when its owner asks for a replay. Retired: its receiver said 410,
    and it goes on when its owner opens it again. Draad does not tell them: you do. It ends with 1 when there is any of
    these. Degraded: it fails, is tried with one lane at a time, and goes on by itself. Pending: its receiver has not
    agreed yet. Nothing is dropped meanwhile. Needs the databases, also while `draad serve` runs.

    Example:

        draad deliveries webhooks
    """
    from services.roots import deliveries as root

    console, settings = Console(highlight=False), settings_of_here()
    found = running(lambda: root.webhooks_unwell(settings, data, step))
    if found is None:
        return
    for one in found:
        whose = ", ".join(
            f"{kind} {key}" for kind, key in (("organisation", one.organisation), ("person", one.person)) if key
        )
        stands = f"{one.state} since {_moment(one.since)}" if one.since else one.state
        why = f", {one.reason}" if one.reason else ""
        waits = f"{one.waiting} {'dossier waits' if one.waiting == 1 else 'dossiers wait'}"
        say(console, f"webhook of subscription {one.subscription_id} at {one.host}: {stands}{why}; {waits}; {whose}")
    if any(one.needs_its_owner for one in found):
        raise typer.Exit(1)
    if not found:
        say(console, "All webhooks go.")


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
