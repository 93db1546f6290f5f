"""What does a dossier of 500 events cost to refold, from opened entries to all that is due?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from statistics import median
from time import process_time

import orjson

from services.dossier.domain.entries import Entry
from services.dossier.domain.evolution import fold
from services.dossier.domain.numbers import BY_DEFAULT
from services.dossier.store.changes import grants_of
from services.dossier.trajectory.history import history_of
from services.dossier.trajectory.rulebook import all_due
from tests.oracle.lives import compose
from tests.oracle.product import EMPLOYERS, entries_of
from tests.oracle.stories.composer import PARTICIPANT

EVENTS = 500
ROUNDS = 15
AIM_MS = 10


async def run() -> str:
    """Processor time of this process, so that what else runs here matters less; the baseline reads the same as JSON."""
    dossier = a_dossier(EVENTS)
    bodies = [orjson.dumps(dict(entry.data)) for entry in dossier]
    baseline = measured(lambda: [orjson.loads(body) for body in bodies])
    whole, folded = measured(lambda: refolded(dossier)), measured(lambda: fold(dossier))
    return (
        f"{EVENTS} events, {refolded(dossier)} moments due: {whole:.1f} ms (aim < {AIM_MS}), of which the fold "
        f"{folded:.1f} ms; reading their bodies as JSON {baseline:.2f} ms; median of {ROUNDS}"
    )


def refolded(entries: Sequence[Entry]) -> int:
    grants = grants_of(fold(entries), EMPLOYERS, BY_DEFAULT).values()
    return len(all_due(history_of(entries, entries[-1].recorded_at, PARTICIPANT, grants), BY_DEFAULT))


def a_dossier(events: int) -> list[Entry]:
    """Lives from the seed told as one, each with ids of its own: denser than a dossier would be."""
    told: list[Entry] = []
    for seed in count():
        told += [_apart(entry, seed) for entry in entries_of(compose(seed).events) if seed == 0 or _joins(entry)]
        if len(told) >= events:
            break
    whole = [told[0], *sorted(told[1:events], key=lambda entry: entry.recorded_at)]
    return [replace(entry, sequence=number) for number, entry in enumerate(whole, 1)]


def _joins(entry: Entry) -> bool:
    return not entry.name.startswith("dossier.")


def _apart(entry: Entry, seed: int) -> Entry:
    named = {key for key in entry.data if key.endswith("_id") and key != "event_id"}
    return replace(entry, data={**entry.data, **{key: f"{entry.data[key]}-{seed}" for key in named}})


def measured(act: Callable[[], object]) -> float:
    """Milliseconds, the median."""
    act()
    took = []
    for _ in range(ROUNDS):
        begun = process_time()
        act()
        took.append(1_000 * (process_time() - begun))
    return median(took)
