"""A signal: under a grant that covers it, and only by who may read what it is about; an employer reads none."""

from dataclasses import replace
from typing import Any

from services.dossier.domain.consent import Grant
from services.dossier.gate.decision import Subject
from tests.unit.dossier.gate.cases import (
    CARLA,
    HETTY,
    MOMENT,
    NOOR,
    PAUL,
    PIETER,
    a_grant,
    an_entry,
    given,
    raised,
    the_owner,
)

CONTACT = an_entry("contact-moment.held")


def a_signal(about: Subject | None = CONTACT, **facts: Any) -> Subject:
    """Of the class of what it is about, written by the platform."""
    class_ = "work" if about is None else about.privacy_class
    return an_entry("signal.raised", by="platform", privacy_class=class_, about=about, **facts)


def test_the_participant_and_a_delegate_read_it_whole() -> None:
    the_owner().may_read(a_signal(), because="own_dossier")
    given(NOOR).as_delegate().may_read(a_signal(), because="delegate")


def test_a_grant_that_covers_the_signal_and_what_it_is_about_opens_it() -> None:
    given(CARLA, a_grant(CARLA)).may_read(a_signal(), "work", because="grant")
    given(CARLA, a_grant(CARLA)).is_told_of(a_signal())


def test_without_a_grant_it_is_not_there() -> None:
    given(CARLA).may_not_read(a_signal(), "no_grant")
    given(CARLA, a_grant(CARLA, "contact")).may_not_read(a_signal(), "about_unreadable")


def test_a_grant_to_all_but_signals_opens_none() -> None:
    narrow = a_grant(CARLA, event_types=("nl.dossier.contact-moment.held",))
    given(CARLA, narrow).may_not_read(a_signal(), "not_covered")
    given(CARLA, narrow).is_not_told_of(a_signal(), "not_covered")


def test_a_grant_to_signals_alone_opens_none_of_what_it_does_not_cover() -> None:
    signals = a_grant(CARLA, event_types=("nl.dossier.signal.*",))
    given(CARLA, signals).may_not_read(a_signal(), "about_unreadable")


def test_who_wrote_what_it_is_about_still_needs_a_grant_that_covers_the_signal() -> None:
    writer = given(PIETER, a_grant(PIETER, "contact"))
    writer.may_read(CONTACT, because="own_entry")
    writer.may_not_read(a_signal(), "not_covered")


def test_what_is_about_something_sensitive_is_as_sensitive() -> None:
    about = raised(CONTACT)
    signal = a_signal(about)
    given(CARLA, a_grant(CARLA, "work")).may_not_read(signal, "about_unreadable")
    given(CARLA, a_grant(CARLA, "work", "health-sensitive")).may_read(signal)


def test_what_is_about_the_wrong_person_is_closed_with_it() -> None:
    withheld = a_signal(replace(CONTACT, is_withheld=True))
    given(CARLA, a_grant(CARLA)).may_not_read(withheld, "about_unreadable")
    the_owner().may_read(withheld)


def test_a_signal_about_nothing_that_is_known_is_for_the_participant_alone() -> None:
    given(CARLA, a_grant(CARLA)).may_not_read(a_signal(None), "about_unreadable")
    the_owner().may_read(a_signal(None))


def test_an_employer_reads_none_not_even_about_its_own_work() -> None:
    for employer in (HETTY, PAUL):
        assert employer.organisation is not None
        job = an_entry("placement.started", by=employer.organisation, relation=frozenset((employer.organisation,)))
        reads = given(employer, a_grant(employer))
        reads.may_read(job)
        reads.may_not_read(a_signal(job), "prohibited")
        reads.is_not_told_of(a_signal(job), "prohibited")


def test_about_a_grant_it_is_for_the_contact_person_and_the_party_named() -> None:
    granted = an_entry("consent.granted", by=None, privacy_class="identity", party="uwv")
    signal = a_signal(granted)
    whole: Grant = a_grant(CARLA, "identity")
    given(CARLA, whole).may_not_read(signal, "about_unreadable")
    given(CARLA, whole).as_contact_person().may_read(signal)
    given(PIETER, a_grant(PIETER, "identity")).may_read(signal)


def test_who_comes_later_reads_it_and_is_not_called() -> None:
    """A signal calls to act when it is raised; a grant that opens the history calls nobody to what is past."""
    signal = a_signal()
    before, after = (a_grant(CARLA, valid_from=signal.occurred_at + step) for step in (-MOMENT, MOMENT))
    given(CARLA, before).is_told_of(signal)
    given(CARLA, after).may_read(signal)
    given(CARLA, after).is_not_told_of(signal, "no_subscription_granted")
