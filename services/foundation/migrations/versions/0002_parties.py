"""Parties: organisations, people and machine clients, and which tokens mean them."""

import sqlalchemy as sa
from alembic import op

revision = "foundation_0002"
down_revision = "foundation_0001"
branch_labels = None
depends_on = None

TEXTS = sa.ARRAY(sa.Text())


def upgrade() -> None:
    op.create_table(
        "organisations",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sources", TEXTS, nullable=False),
        sa.Column("issuer", sa.Text()),
        sa.Column("claim_values", TEXTS, nullable=False),
        sa.CheckConstraint(
            "issuer is not null or cardinality(claim_values) = 0", name=op.f("ck_organisations_claims_of_an_issuer")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_organisations")),
        schema="foundation",
    )
    op.create_table(
        "participant_issuers",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("sources", TEXTS, nullable=False),
        sa.Column("clients", TEXTS, nullable=False),
        sa.PrimaryKeyConstraint("issuer", name=op.f("pk_participant_issuers")),
        schema="foundation",
    )
    op.create_table(
        "people",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text()),
        sa.Column("roles", TEXTS, nullable=False),
        sa.Column("sources", TEXTS, nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.CheckConstraint(
            "organisation is not null or (name is null and email is null)",
            name=op.f("ck_people_a_participant_has_no_name_here"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation"], ["foundation.organisations.key"], name=op.f("fk_people_organisation_organisations")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_people")),
        schema="foundation",
    )
    op.create_index("ix_people_organisation", "people", ["organisation"], schema="foundation")
    op.create_table(
        "subjects",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["foundation.people.key"], name=op.f("fk_subjects_person_people")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_subjects")),
        schema="foundation",
    )
    op.create_index("ix_subjects_person", "subjects", ["person"], schema="foundation")
    op.create_table(
        "machines",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("roles", TEXTS, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation"], ["foundation.organisations.key"], name=op.f("fk_machines_organisation_organisations")
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_machines")),
        schema="foundation",
    )


def downgrade() -> None:
    for table in ("machines", "subjects", "people", "participant_issuers", "organisations"):
        op.drop_table(table, schema="foundation")
