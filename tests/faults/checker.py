"""The one checker: compares event table, outbox, bus, deliveries, feeds and receivers, and counts what must not be."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from tests.faults.partner import Arrival
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
    pulled, sent = (f"/v1/subscriptions/{id}/deliveries" for id in (told.subscription, told.webhook))
    with suppress(AssertionError):  # then it is lost, and counted below
        until(lambda: not told.system.fetch(_WAITING, [told.webhook, told.other_webhook]))
        until(lambda: len(told.pages(pulled)) >= everything and len(told.pages("/v1/feed")) >= everything)
    bus = told.system.published()
    whole = Verdict(sum(map(len, stored.values()))) + _of_outbox(told)
    for life in told.dossiers:
        ids = stored[life.dossier]
        whole += _of_events(ids, told.acknowledged[life.dossier])
        whole += _of_bus(ids, [str(orjson.loads(value)["id"]) for key, value in bus if key == life.dossier])
        whole += _of_withdrawal(told, life)
        whole += _of_withdrawn_webhook(told, life, ids)
    for path in (pulled, sent, "/v1/feed"):
        whole += _of_told(due, told.pages(path))
    replayed = {item["event"]["id"] for item in told.pages(sent) if item.get("replay")}
    return whole + of_received(due, told.system.partner.of(told.hook), replayed)


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
        replayed = {item["event"]["id"] for item in by_dossier[dossier] if item.get("replay")}
        numbers = [int(item["event"]["sequence"]) for item in by_dossier[dossier]]
        found += _of_lane(ids, got, numbers, replayed)
    return found


def of_received(due: Mapping[str, Sequence[str]], kept: Sequence[Arrival], replayed: Set[str]) -> Verdict:
    """A receiver drops what comes again under an id that it knows: what is left has each event once, in its order."""
    new = _but_for_what_is_known(kept)
    found = Verdict(0)
    for dossier, ids in due.items():
        lane = [one for one in new if one.dossier == dossier]
        found += _of_lane(ids, [one.event for one in lane], [one.number for one in lane], replayed)
    return found


def of_withdrawn(stored: Sequence[str], notice: str, before: Sequence[Arrival], after: Sequence[Arrival]) -> Verdict:
    """Of one dossier, `before` and `after` the withdrawal was acknowledged; `notice` of it is all that may follow.

    What was under way when access ended is not sent again, so a number may be missing here.
    """
    numbers = [one.number for one in _but_for_what_is_known([*before, *after])]
    return Verdict(
        0,
        lost=int(notice not in {one.event for one in [*before, *after]}),
        disordered=int(numbers != sorted(set(numbers))),
        leaked=sum(one.event not in stored[: stored.index(notice)] for one in before if one.event != notice)
        + sum(one.event != notice for one in after),
    )


def _but_for_what_is_known(kept: Sequence[Arrival]) -> list[Arrival]:
    known: dict[str, Arrival] = {}
    for one in kept:
        known.setdefault(one.webhook_id, one)
    return list(known.values())


def _of_lane(due: Sequence[str], got: Sequence[str], numbers: Sequence[int], replayed: Set[str]) -> Verdict:
    """What came of one dossier, as it came; what was `replayed` stands where the grant is that opened it."""
    live = [one for one in got if one not in replayed]
    return Verdict(
        0,
        lost=len(set(due) - set(got)),
        doubled=sum(times - 1 for times in Counter(got).values()),
        disordered=int(live != [one for one in due if one in set(live)])
        + int(numbers != list(range(1, len(numbers) + 1))),
    )


def _of_withdrawal(told: Told, life: Life) -> Verdict:
    """Pieter: nothing after the acknowledgement but the notice, nothing that came after it, and nothing to read."""
    revoked = [row["sequence"] for row in told.system.fetch(_REVOKED, UUID(life.dossier))]
    delivered = told.delivered(life, told.withdrawn_from)
    late = [number for number, _ in delivered if number > told.withdrawn_at[life.dossier]]
    later = [sequence for _, sequence in delivered if sequence > revoked[0]]
    readable = life.get(life.events, "pieter").status_code == 200
    notices = sum(sequence == revoked[0] for number, sequence in delivered if number in late)
    return Verdict(0, leaked=len(later) + max(0, len(late) - notices) + int(readable))


def _of_withdrawn_webhook(told: Told, life: Life, stored: Sequence[str]) -> Verdict:
    revoked = told.system.fetch(_REVOKED, UUID(life.dossier))[0]["sequence"]
    arrived, until_then = told.system.partner.arrived, told.sent_until[life.dossier]
    before, after = (
        [one for one in some if one.hook == told.other_hook and one.dossier == life.dossier]
        for some in (arrived[:until_then], arrived[until_then:])
    )
    return of_withdrawn(stored, stored[revoked - 1], before, after)


_WAITING = "select from notifications.lanes where subscription_id = any($1::uuid[]) and is_waiting"
_REVOKED = """
    select sequence from dossier.index_entries where dossier_id = $1 and type = 'nl.dossier.consent.revoked'
"""
