"""`python -m bench` measures append and read over HTTP; `--write` puts the table into README.md, never by hand.

`python -m bench bus` measures the relay over Kafka instead, `python -m bench feed` a reader that catches up.
"""

import argparse
import asyncio
import logging
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import bus, feed
from bench.http import ROUNDS, run, table
from services.foundation import telemetry

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def main() -> int:
    cli = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("part", nargs="?", choices=("http", "bus", "feed"), default="http", help="one part alone")
    cli.add_argument("--events", type=int, default=100_000, help="in the feed")
    cli.add_argument("--write", action="store_true", help="put the table into README.md")
    arguments = cli.parse_args()
    telemetry.configure(level=logging.WARNING)
    if arguments.part != "http":
        measured = bus.run() if arguments.part == "bus" else feed.run(arguments.events)
        sys.stdout.write(asyncio.run(measured) + "\n")
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
