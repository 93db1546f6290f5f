"""What holds of the decision whatever the reader, the grants and the entry: Hypothesis looks for where it does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.dossier.domain.consent import Grant
from services.dossier.gate.decision import Permit, Place, Reader, Subject, decide, decide_delivery
from tests.unit.dossier.gate import restated
from tests.unit.dossier.gate.cases import ALL, LAW, a_grant, an_entry


def looking_at(examples: int) -> settings:
    """The same ones in every run, however slow the machine."""
    return settings(max_examples=examples, derandomize=True, deadline=None)


START = datetime(2025, 1, 1, tzinfo=UTC)
# Few values, so that they meet: edges of windows, the same organisation, the same type.
MOMENTS = st.integers(-2, 4).map(lambda days: START + timedelta(days))
LATER = st.integers(0, 4).map(lambda days: START + timedelta(days))
ORGANISATIONS = st.sampled_from(("oosterlo", "proefpagina"))
KINDS = {"oosterlo": "municipality", "proefpagina": "employer"}
PEOPLE = st.sampled_from(("carla", "hetty"))
CLASSES = st.frozensets(st.sampled_from(ALL))
TYPES = st.sampled_from(
    [
        f"nl.dossier.{name}"
        for name in (
            "consent.requested",
            "consent.granted",
            "consent.revoked",
            "consent.declined",
            "delegate.appointed",
            "copy-recall.requested",
            "referral.made",
            "referral.withdrawn",
            "correction.requested",
            "self-manual.shared",
            "placement.started",
            "intake.completed",
            *(["contact-moment.held", "placement.ended", "scheme.decided"] * 3),
        )
    ]
)
LISTED = TYPES.flatmap(lambda type_: st.sampled_from((type_, type_.rpartition(".")[0] + ".*")))
PURPOSES = st.sampled_from(("guidance", "placement"))

# Situations are made from plain ones, in which there is access, by changing a few things: else almost nothing is open.
GRANT_TERMS: dict[str, st.SearchStrategy[Any]] = {
    "organisation": ORGANISATIONS,
    "person": PEOPLE,
    "classes": CLASSES,
    "event_types": st.lists(LISTED, min_size=1, max_size=3).map(tuple),
    "operations": st.frozensets(st.sampled_from(("read", "emit", "subscribe"))),
    "purpose": PURPOSES,
    "history": st.just("from_grant"),
    "valid_from": MOMENTS,
    "valid_until": MOMENTS,
    "ended_at": MOMENTS,
    "purpose_ends_at": MOMENTS,
}
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "organisation": ORGANISATIONS,
    "relation": st.frozensets(ORGANISATIONS | st.just("nepdoos")),
    "addressee": ORGANISATIONS,
    "party_person": PEOPLE,
    "applicant": ORGANISATIONS,
    "offered_to": ORGANISATIONS,
    "offer_is_open": st.just(False),
    "is_withheld": st.just(True),
    "privacy_class": st.just("health-sensitive"),
}


@st.composite
def changes(draw: st.DrawFn, terms: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(terms)), max_size=3, unique=True))
    return {name: draw(terms[name]) for name in names}


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    reader = Reader(None, draw(ORGANISATIONS), None, "-")
    usual = {"history": draw(st.sampled_from(("all", "from_grant"))), "valid_from": START, "purpose": draw(PURPOSES)}
    classes = draw(st.sampled_from((ALL, ALL, ("work",), ("work", "income"), ("identity", "work"))))
    return a_grant(reader, *classes, **(usual | {"valid_until": START + timedelta(7)} | draw(changes(GRANT_TERMS))))


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    usual = draw(st.sampled_from(("work", "work", "work", "identity", "income", "health-sensitive")))
    facts = draw(changes(FACTS))
    own = facts.pop("privacy_class", usual)
    fields = draw(CLASSES) - {usual, own}
    entry = an_entry("any.thing", by=facts.pop("organisation", None), privacy_class=own, fields=tuple(fields), **facts)
    return replace(
        entry,
        type=draw(TYPES),
        usual_class=usual,
        occurred_at=draw(MOMENTS),
        party=draw(st.none() | ORGANISATIONS),
    )


GRANTS = grants()
SUBJECTS = subjects()
READERS = st.builds(
    lambda person, organisation: Reader(person, organisation, KINDS.get(organisation or ""), "-"),
    st.none() | PEOPLE,
    ORGANISATIONS | ORGANISATIONS | ORGANISATIONS | st.none(),
)
PLACES = st.builds(
    Place,
    is_owner=st.sampled_from((*[False] * 9, True)),
    is_reading_delegate=st.sampled_from((*[False] * 9, True)),
    is_contact_person=st.booleans(),
    grants=st.lists(GRANTS, max_size=3).map(tuple),
)
ASKED_FOR = st.none() | PURPOSES


def opened(
    reader: Reader, place: Place, entry: Subject, now: datetime, purpose: str | None = None
) -> frozenset[str] | None:
    decision = decide(replace(reader, purpose=purpose), place, entry, now, LAW)
    return decision.classes if isinstance(decision, Permit) else None


def is_told(reader: Reader, place: Place, entry: Subject, now: datetime) -> bool:
    return isinstance(decide_delivery(reader, place, entry, now, LAW), Permit)


def is_no_more(less: frozenset[str] | None, more: frozenset[str] | None) -> bool:
    return less is None or (more is not None and less <= more)


@looking_at(600)
@given(READERS, PLACES, SUBJECTS, LATER, ASKED_FOR)
def test_the_decision_is_what_the_design_says(
    reader: Reader, place: Place, entry: Subject, now: datetime, purpose: str | None
) -> None:
    assert opened(reader, place, entry, now, purpose) == restated.reads(reader, place, entry, now, LAW, purpose)


@looking_at(600)
@given(READERS, PLACES, SUBJECTS, LATER)
def test_the_delivery_is_what_the_design_says(reader: Reader, place: Place, entry: Subject, now: datetime) -> None:
    assert is_told(reader, place, entry, now) == restated.is_told(reader, place, entry, now, LAW)


@looking_at(150)
@given(READERS, PLACES, SUBJECTS, LATER, ASKED_FOR, GRANTS)
def test_one_grant_more_never_takes_away(
    reader: Reader, place: Place, entry: Subject, now: datetime, purpose: str | None, one_more: Grant
) -> None:
    """There is no exception: nothing in the decision counts against who holds a grant."""
    richer = replace(place, grants=(*place.grants, one_more))
    assert is_no_more(opened(reader, place, entry, now, purpose), opened(reader, richer, entry, now, purpose))
    assert is_told(reader, place, entry, now) <= is_told(reader, richer, entry, now)


@st.composite
def narrowed(draw: st.DrawFn) -> tuple[Grant, Grant]:
    """A grant, and the same with less: of classes, types, operations, history or time, or for one person only."""
    grant = draw(GRANTS)
    types = grant.event_types
    fewer = tuple(draw(st.lists(st.sampled_from(types), min_size=1))) if types else ()
    less = (
        {"classes": grant.classes & draw(CLASSES)},
        {"event_types": fewer if types else tuple(draw(st.lists(LISTED, min_size=1, max_size=3)))},
        {"operations": grant.operations & draw(st.frozensets(st.sampled_from(("read", "emit", "subscribe"))))},
        {"history": "from_grant"},
        {"valid_until": min(grant.valid_until, draw(MOMENTS))},
        {"valid_from": max(grant.valid_from, draw(MOMENTS))},
        {"ended_at": draw(MOMENTS)} if grant.ended_at is None else {},
        {"purpose_ends_at": draw(MOMENTS)} if grant.purpose_ends_at is None else {},
        {"person": draw(PEOPLE)} if grant.person is None else {},
    )
    return grant, replace(grant, **draw(st.sampled_from(less)))  # type: ignore[arg-type]  # one field of its own type


@looking_at(150)
@given(READERS, PLACES, SUBJECTS, LATER, narrowed())
def test_narrowing_a_grant_never_adds(
    reader: Reader, place: Place, entry: Subject, now: datetime, grants: tuple[Grant, Grant]
) -> None:
    before, after = (replace(place, grants=(*place.grants, grant)) for grant in grants)
    assert is_no_more(opened(reader, after, entry, now), opened(reader, before, entry, now))
    assert is_told(reader, after, entry, now) <= is_told(reader, before, entry, now)


@looking_at(100)
@given(READERS, PLACES, SUBJECTS, LATER, PURPOSES)
def test_naming_a_purpose_never_adds(reader: Reader, place: Place, entry: Subject, now: datetime, purpose: str) -> None:
    assert is_no_more(opened(reader, place, entry, now, purpose), opened(reader, place, entry, now))


@looking_at(150)
@given(READERS.filter(lambda r: KINDS.get(r.organisation or "") in ("employer", "pool")), PLACES, SUBJECTS, LATER)
def test_an_employer_gets_no_health_and_no_income_whatever_the_grants(
    reader: Reader, place: Place, entry: Subject, now: datetime
) -> None:
    """But for what is given back to it, or asked of it; and what is about its own access says nothing of these."""
    stranger = replace(place, is_owner=False, is_reading_delegate=False, is_contact_person=False)
    given_back = reader.organisation in (entry.organisation, entry.applicant, entry.offered_to, entry.party)
    got = opened(reader, stranger, entry, now)
    if got is not None and not given_back:
        assert not got & LAW.forbidden_classes
        is_allowed = entry.relation is None or reader.organisation in entry.relation
        assert entry.addressee or (is_allowed and LAW.employer_may_read(entry.type))


@looking_at(100)
@given(READERS, PLACES, SUBJECTS, LATER)
def test_what_is_opened_is_of_the_entry_and_holds_its_own_class(
    reader: Reader, place: Place, entry: Subject, now: datetime
) -> None:
    got = opened(reader, place, entry, now)
    assert got is None or entry.privacy_class in got <= entry.classes
