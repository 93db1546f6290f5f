"""The one checker: compares event table, outbox, bus, deliveries and feeds, and counts what must not be."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from tests.faults.system import until
from tests.faults.told import Told
from tests.lives import Life

NOTICE = 1  # of the withdrawal itself, which reaches whoever it takes access from


@dataclass(frozen=True)
class Verdict:
    """Of `events` that were stored. A repeat on the bus is allowed, and dropped by its reader."""

    events: int
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    leaked: int = 0
    again_on_bus: int = 0

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(*(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)))

    @property
    def counts(self) -> tuple[int, ...]:
        return (self.events, self.lost, self.doubled, self.disordered, self.leaked, self.again_on_bus)

    @property
    def is_clean(self) -> bool:
        return self.lost == self.doubled == self.disordered == self.leaked == 0


def verdict(told: Told) -> Verdict:
    """Once everything that is on its way has arrived."""
    stored = _stored(told)
    due = _without_what_is_between_others(told, stored)
    everything = sum(map(len, due.values()))
    deliveries = f"/v1/subscriptions/{told.subscription}/deliveries"
    with suppress(AssertionError):  # then it is lost, and counted below
        until(lambda: len(told.pages(deliveries)) >= everything and len(told.pages("/v1/feed")) >= everything)
    bus = told.system.published()
    whole = Verdict(sum(map(len, stored.values()))) + _of_outbox(told)
    for life in told.dossiers:
        ids = stored[life.dossier]
        whole += _of_events(ids, told.acknowledged[life.dossier])
        whole += _of_bus(ids, [str(orjson.loads(value)["id"]) for key, value in bus if key == life.dossier])
        whole += _of_withdrawal(told, life)
    for path in (deliveries, "/v1/feed"):
        whole += _of_told(due, told.pages(path))
    return whole


def _stored(told: Told) -> Mapping[str, list[str]]:
    rows = told.system.fetch(
        "select dossier_id, event_id from dossier.events where dossier_id = any($1) order by dossier_id, sequence",
        [UUID(life.dossier) for life in told.dossiers],
    )
    stored: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        stored[str(row["dossier_id"])].append(str(row["event_id"]))
    return stored


def _without_what_is_between_others(told: Told, stored: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    """What noor grants pieter and takes from him is not for mieke to know."""
    query = (
        "select event_id from dossier.index_entries join dossier.events using (dossier_id, sequence) where party = $1"
    )
    theirs = {str(row["event_id"]) for row in told.system.fetch(query, told.reader.key("uwv"))}
    return {dossier: [one for one in ids if one not in theirs] for dossier, ids in stored.items()}


def _of_events(stored: Sequence[str], acknowledged: Sequence[str]) -> Verdict:
    """A writer posts one after another, so they stand as they were acknowledged; two grants were not counted."""
    kept = [one for one in stored if one in set(acknowledged)]
    return Verdict(
        0,
        lost=len(set(acknowledged) - set(stored)),
        doubled=len(stored) - len(set(stored)) + max(0, len(stored) - len(acknowledged) - 2),
        disordered=int(kept != list(acknowledged)),
    )


def _of_outbox(told: Told) -> Verdict:
    rows = told.system.fetch("select position, published_at from dossier.outbox order by position")
    positions = [row["position"] for row in rows]
    return Verdict(
        0,
        lost=sum(row["published_at"] is None for row in rows),
        disordered=int(positions != list(range(1, len(rows) + 1))),
    )


def _of_bus(stored: Sequence[str], published: Sequence[str]) -> Verdict:
    """What comes again comes after its first time: so the first times are in order."""
    first = list(dict.fromkeys(published))
    return Verdict(
        0,
        lost=len(set(stored) - set(first)),
        disordered=int([one for one in first if one in set(stored)] != [one for one in stored if one in set(first)]),
        again_on_bus=len(published) - len(first),
    )


def _of_told(stored: Mapping[str, Sequence[str]], items: Sequence[dict[str, Any]]) -> Verdict:
    found = Verdict(0)
    by_dossier: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        by_dossier[item["event"]["subject"].removeprefix("dossier/")].append(item)
    for dossier, ids in stored.items():
        got = [item["event"]["id"] for item in by_dossier[dossier]]
        live = [item["event"]["id"] for item in by_dossier[dossier] if not item.get("replay")]
        numbers = [int(item["event"]["sequence"]) for item in by_dossier[dossier]]
        found += Verdict(
            0,
            lost=len(set(ids) - set(got)),
            doubled=sum(times - 1 for times in Counter(got).values()),
            disordered=int(live != [one for one in ids if one in set(live)])
            + int(numbers != list(range(1, len(numbers) + 1))),
        )
    return found


def _of_withdrawal(told: Told, life: Life) -> Verdict:
    """Pieter: nothing after the acknowledgement but the notice, nothing that came after it, and nothing to read."""
    revoked = [row["sequence"] for row in told.system.fetch(_REVOKED, UUID(life.dossier))]
    delivered = told.delivered(life, told.withdrawn_from)
    late = [number for number, _ in delivered if number > told.withdrawn_at[life.dossier]]
    later = [sequence for _, sequence in delivered if sequence > revoked[0]]
    readable = life.get(life.events, "pieter").status_code == 200
    notices = sum(sequence == revoked[0] for number, sequence in delivered if number in late)
    return Verdict(0, leaked=len(later) + max(0, len(late) - notices) + int(readable))


_NAMING = """
    select event_id from dossier.index_entries join dossier.events using (dossier_id, sequence) where party = $1
"""
_REVOKED = """
    select sequence from dossier.index_entries where dossier_id = $1 and type = 'nl.dossier.consent.revoked'
"""
