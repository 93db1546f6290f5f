"""`python -m bench` measures append and read over HTTP; `--write` puts the table into README.md, never by hand.

One part alone: `rules` an append with and without them, `refold` a long dossier, `idle` the clock that has nothing to
do, `caseload` a contact person's list, `feed` a reader that catches up, `webhooks` what one process sends, `latency`
from an event that is posted to its webhook, `bus` the relay over Kafka.
"""

import argparse
import asyncio
import logging
import os
import platform
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bench import bus, caseload, feed, idle, latency, refold, webhooks
from bench.http import ROUNDS, run, run_rules, table
from services.foundation import telemetry

README = Path(__file__).resolve().parents[1] / "README.md"
PARTS: Mapping[str, Callable[[int], Coroutine[Any, Any, str]]] = {
    "rules": lambda _: _rules(),
    "refold": lambda _: refold.run(),
    "idle": lambda _: idle.run(),
    "caseload": lambda _: caseload.run(),
    "feed": feed.run,
    "webhooks": lambda _: webhooks.run(),
    "latency": lambda _: latency.run(),
    "bus": lambda _: bus.run(),
}
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


async def _rules() -> str:
    return table(await run_rules())


def main() -> int:
    cli = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("part", nargs="?", choices=("http", *PARTS), default="http", help="one part alone")
    cli.add_argument("--events", type=int, default=100_000, help="in the feed")
    cli.add_argument("--write", action="store_true", help="put the table into README.md")
    arguments = cli.parse_args()
    telemetry.configure(level=logging.WARNING)
    if arguments.part != "http":
        sys.stdout.write(uvloop.run(PARTS[arguments.part](arguments.events)) + "\n")
        return 0
    told = _told(table(asyncio.run(run())))
    sys.stdout.write(told + "\n")
    if arguments.write:
        before, _, rest = README.read_text("utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}\n{told}\n{END}{after}", "utf-8")
    return 0


def _told(measured: str) -> str:
    when = datetime.now(UTC).date().isoformat()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return (
        f"{measured}\n\nMedian of {ROUNDS} rounds, ours and the baseline in turn, in one run of `make bench` on {when} "
        f"({machine}); client, application and database share those cores. The ratio is of requests a second, round by "
        "round, with its lowest and highest: 1 would be as fast as the bare endpoint."
    )


if __name__ == "__main__":
    sys.exit(main())
