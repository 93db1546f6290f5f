"""`python -m tests.faults` inflicts every fault on a whole system with three nodes of Kafka, and prints one table.

--times 3        how often each
--only TEXT      those with this in their name
--write          put the table into docs/faults.md
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from deploy.kafka.nodes import Nodes, kit
from tests.faults.inflicted import EVERY, Survived, survived
from tests.faults.system import system
from tests.sandboxes import ROOT

PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"


def main() -> int:
    cli = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("--times", type=int, default=3)
    cli.add_argument("--only", default="")
    cli.add_argument("--write", action="store_true")
    asked = cli.parse_args()
    rows = []
    began = time.monotonic()
    with Nodes(kit(), 3) as nodes:
        nodes.start()
        with system(nodes) as whole:
            for fault in EVERY:
                if asked.only in fault.name:
                    rows.append(survived(fault, whole, asked.times))
                    sys.stderr.write(f"{_line(rows[-1])}\n")
    told = f"{table(rows)}\n\n{_how(asked.times, time.monotonic() - began)}"
    sys.stdout.write(told + "\n")
    if asked.write:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{told}\n{END}{after}", "utf-8")
    return 0 if all(row.verdict.is_clean for row in rows) else 1


def table(rows: Sequence[Survived]) -> str:
    head = "| fault | times | events | lost | doubled | out of order | leaked | seconds to recover |"
    return "\n".join([head, "| --- " * 8 + "|", *map(_line, rows)])


def _line(row: Survived) -> str:
    events, lost, doubled, disordered, leaked, _ = row.verdict.counts
    seconds = sorted(row.seconds)
    middle = f"{seconds[len(seconds) // 2]:.1f} ({seconds[0]:.1f}–{seconds[-1]:.1f})"
    return f"| {row.fault} | {row.times} | {events} | {lost} | {doubled} | {disordered} | {leaked} | {middle} |"


def _how(times: int, took: float) -> str:
    when = datetime.now(UTC).date().isoformat()
    return (
        f"By `python -m tests.faults --times {times}` on {when} ({platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}), in {took / 60:.0f} minutes."
    )


if __name__ == "__main__":
    sys.exit(main())
