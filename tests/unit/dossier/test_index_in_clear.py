"""What stands in clear beside an entry names registered parties, and nothing else."""

from services.dossier.domain.index import NOBODY, IndexFacts, of_registered


def test_a_word_that_is_no_party_becomes_nobody() -> None:
    facts = IndexFacts(
        relation=frozenset({"shop", "de bakker om de hoek"}),
        addressee="de huisarts",
        party="niemand",
        applicant="niemand",
        offered_to="niemand",
    )
    assert of_registered(facts, {"shop"}) == IndexFacts(relation=frozenset({"shop", NOBODY}), addressee=NOBODY)


def test_registered_parties_stay_and_nothing_stays_nothing() -> None:
    facts = IndexFacts(relation=frozenset({"shop"}), addressee="shop", party="shop", party_person="bob")
    assert of_registered(facts, {"shop"}) == facts
    assert of_registered(IndexFacts(), {"shop"}) == IndexFacts()
