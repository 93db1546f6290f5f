"""The commands for real people: serve, migrate, parties import, grants register, erasures export and replay."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from services.cli.afterwards import say

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from services.foundation.settings import Settings
    from services.roots.serve import Serving

Done = TypeVar("Done")
Part = Literal["all", "api", "relay", "notifier", "lanes", "webhooks", "clock"]

Data = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the embedded database. Without it: ~/.local/share/draad. Not with DRAAD_DATABASE_URL."
    ),
]
parties = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Who may come in: organisations, people, machine clients."
)
grants = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Access that rests on a legal task.")
erasures = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Erased dossiers stay erased after a restore."
)


def add_to(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(migrate)
    parties.command("import")(import_parties)
    parties.callback()(_parties)
    grants.command("register")(register_grants)
    grants.callback()(_grants)
    erasures.command("export")(export_erasures)
    erasures.command("replay")(replay_erasures)
    erasures.callback()(_erasures)
    app.add_typer(parties, name="parties")
    app.add_typer(grants, name="grants")
    app.add_typer(erasures, name="erasures")


def _parties() -> None:
    """Who may come in: organisations, people, machine clients."""


def _grants() -> None:
    """Access that rests on a legal task."""


def _erasures() -> None:
    """Erased dossiers stay erased after a restore."""


def serve(
    part: Annotated[
        Part, typer.Argument(help="Which part this process is; `all` is one process for one machine.")
    ] = "all",
    host: Annotated[
        str, typer.Option(help="Address to listen on; the world comes in through your TLS proxy.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free one.")] = 8700,
    data: Data = None,
) -> None:
    """Run Draad for real people.

    Needs DRAAD_ISSUER and DRAAD_AUDIENCE (whose tokens, for what), a root key in DRAAD_ROOT_KEY_FILE, and a schema
    that `draad migrate` brought up to date. Without DRAAD_DATABASE_URL and DRAAD_KEYS_DATABASE_URL it runs its own
    PostgreSQL. Whoever may come in is brought by `draad parties import`. All settings: docs/settings.md.

    Parts: `api` answers, `relay` carries entries to the bus, `notifier` finds who might have to be told, `lanes`
    tells them, `clock` records what falls due. One relay works at a time; of the others there may be any number.

    Example:

        (umask 077; openssl rand -base64 32 > root.key)
        export DRAAD_ROOT_KEY_FILE=root.key DRAAD_AUDIENCE=draad
        export DRAAD_ISSUER=https://login.example.org
        draad migrate
        draad serve all
    """
    from services.roots import serve as root

    console, settings = Console(highlight=False), settings_of_here()

    def ready(found: "Serving") -> None:
        where = f"answers at {found.url}" if found.url else "works"
        folder = f", data in {found.folder}" if found.folder else ""
        say(console, f"draad {part} {where}{folder}. Ctrl-C stops it.")

    running(lambda: root.serve(settings, part, host, port, data, ready=ready, progress=step))


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; end with 1 when there is something to do.")
    ] = False,
    data: Data = None,
) -> None:
    """Bring both databases to the schema of this program.

    Needs the databases only: DRAAD_DATABASE_URL and DRAAD_KEYS_DATABASE_URL, or the embedded ones. It may run beside
    processes that serve; done already is quickly done again.

    Example, the second for a pipeline:

        draad migrate
        draad migrate --check
    """
    from services.roots import operating as root

    console, settings = Console(highlight=False), settings_of_here()
    if not check:
        running(lambda: root.bring_up_to_date(settings, data, step))
        say(console, "The schema is that of this program.")
        return
    if services := running(lambda: root.not_up_to_date(settings, data, step)):
        say(console, f"Not at the schema of this program: {', '.join(services)}. Run `draad migrate`.")
        raise typer.Exit(1)
    say(console, "The schema is that of this program.")


def import_parties(
    file: Annotated[Path, typer.Argument(help="JSON: organisations, people, machines, participant_issuers.")],
    data: Data = None,
) -> None:
    """Register who may come in, from a file: all of it or nothing.

    A party that is known already is the same party: sources and subjects are added, roles become those of the file.
    Needs the databases, also while `draad serve` runs; it sees them within seconds.

    Example, `draad parties import parties.json` with in it:

        {"organisations": [
           {"key": "oosterlo", "kind": "municipality", "name": "Oosterlo",
            "sources": ["urn:nld:oin:00000099990000000001:suite"]}],
         "people": [
           {"key": "carla", "organisation": "oosterlo", "roles": ["MUN"],
            "subjects": [{"iss": "https://login.example.org", "sub": "8d2"}]}],
         "machines": [
           {"issuer": "https://login.example.org", "client": "suite",
            "organisation": "oosterlo"}],
         "participant_issuers": [
           {"issuer": "https://citizens.example.org",
            "sources": ["urn:nld:portal"]}]}
    """
    from services.roots import operating as root

    settings = settings_of_here()
    found = running(lambda: root.import_parties(settings, file, data, step))
    if found is not None:
        say(
            Console(highlight=False),
            f"Registered: {found.organisations} organisations, {found.people} people, {found.machines} machine "
            f"clients, {found.participant_issuers} issuers of participants.",
        )


def register_grants(
    file: Annotated[Path, typer.Argument(help="JSON: a list of grants.")],
    data: Data = None,
) -> None:
    """Register access that rests on a legal task: visible to the participant, never shown as withdrawable.

    Each entry is registered whole or not at all, and the same entry again changes nothing; it ends with 1 when one
    was refused. Without `article` the law file gives the one for this kind of organisation and purpose. `from` and
    `until` have an offset. Needs the databases and DRAAD_ROOT_KEY_FILE, also while `draad serve` runs. Every entry
    is in the log.

    Example, `draad grants register grants.json` with in it:

        {"grants": [
           {"dossier": "b576c882-785f-5125-bb1a-fc7275e7acc3",
            "organisation": "oosterlo",
            "article": "Participatiewet art. 7",
            "processing_activity": "https://register.example.org/12",
            "purpose": "guidance",
            "classes": ["identity", "contact", "work"],
            "operations": ["read", "emit", "subscribe"],
            "history": "from_grant",
            "from": "2026-07-01T00:00:00+02:00",
            "until": "2027-07-01T00:00:00+02:00"}]}
    """
    from services.roots import operating as root

    console, settings = Console(highlight=False), settings_of_here()
    entries = running(lambda: root.register_grants(settings, file, data, step)) or []
    for each in entries:
        what = "; ".join(each.refused) or ("registered" if each.is_new else "was registered already")
        say(console, f"{each.place}. {each.grant.organisation} in {each.grant.dossier}: {what}")
    refused = sum(bool(each.refused) for each in entries)
    if refused:
        say(console, f"{refused} of {len(entries)} refused; correct them and run this again.")
        raise typer.Exit(1)


def export_erasures(data: Data = None) -> None:
    """Print the list of erased dossiers: ids and moments, nothing else; keep it outside your backups.

    A backup is older than the erasures after it, so restoring one brings their keys back; with this list, kept
    elsewhere, `draad erasures replay` takes them away again. Needs the key database, also while `draad serve` runs.

    Example, daily:

        draad erasures export > erasures.jsonl
    """
    from services.roots import erasures as root

    settings = settings_of_here()
    for line in running(lambda: root.exported(settings, data, step)) or []:
        typer.echo(line)


def replay_erasures(
    file: Annotated[
        Path | None, typer.Argument(help="A list of `draad erasures export`. Without it: that of the key database.")
    ] = None,
    data: Data = None,
) -> None:
    """After restoring a backup of either database, before serving: erase again what was erased.

    Destroys keys that came back and wipes what could be read of those dossiers. Doing it again changes nothing.
    Needs both databases.

    Example:

        draad erasures replay erasures.jsonl
    """
    from services.roots import erasures as root

    settings = settings_of_here()
    found = running(lambda: root.replayed(settings, file, data, step))
    if found is not None:
        say(
            Console(highlight=False),
            f"Of {found.erasures} erased dossiers the keys of {found.keys} had come back, and the rest of "
            f"{found.dossiers}; they are gone again.",
        )


def settings_of_here() -> "Settings":
    from services.foundation import telemetry
    from services.foundation.settings import Settings

    settings = Settings.from_environment()
    telemetry.configure(level=logging.getLevelNamesMapping()[settings.log_level.upper()])
    return settings


def running(work: "Callable[[], Coroutine[Any, Any, Done]]") -> "Done | None":
    from services.roots.running import until_told

    return until_told(work)


def step(told: str) -> None:
    Console(stderr=True, highlight=False).print(Text(f"{told} ...", style="dim"), soft_wrap=True)
