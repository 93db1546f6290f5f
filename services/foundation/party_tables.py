"""Tables of the parties: organisations, people and machine clients, and which tokens mean them."""

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, Table, Text

from services.foundation.metadata import metadata

organisations = Table(
    "organisations",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sources", ARRAY(Text), nullable=False),
    Column("issuer", Text),
    Column("claim_values", ARRAY(Text), nullable=False),
    CheckConstraint("issuer is not null or cardinality(claim_values) = 0", name="claims_of_an_issuer"),
)

participant_issuers = Table(
    "participant_issuers",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("sources", ARRAY(Text), nullable=False),
    Column("clients", ARRAY(Text), nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("key", Text, primary_key=True),
    Column("organisation", Text, ForeignKey(organisations.c.key)),
    Column("roles", ARRAY(Text), nullable=False),
    Column("sources", ARRAY(Text), nullable=False),
    Column("name", Text),
    Column("email", Text),
    CheckConstraint(
        "organisation is not null or (name is null and email is null)", name="a_participant_has_no_name_here"
    ),
    Index("ix_people_organisation", "organisation"),
)

subjects = Table(
    "subjects",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("person", Text, ForeignKey(people.c.key), nullable=False),
    Index("ix_subjects_person", "person"),
)

machines = Table(
    "machines",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("organisation", Text, ForeignKey(organisations.c.key), nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
)
