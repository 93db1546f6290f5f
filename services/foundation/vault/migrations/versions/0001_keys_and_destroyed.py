"""Wrapped keys, and the append-only list of dossiers whose keys were destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "keys_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dossier_keys",
        sa.Column("dossier_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
        schema="keys",
    )
    op.create_table(
        "class_keys",
        sa.Column(
            "dossier_id", sa.Uuid(), sa.ForeignKey("keys.dossier_keys.dossier_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("class", sa.Text(), primary_key=True),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        schema="keys",
    )
    op.create_table(
        "destroyed",
        sa.Column("dossier_id", sa.Uuid(), primary_key=True),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
        schema="keys",
    )
    op.execute("""
        create function keys.refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'the list of destroyed keys is append-only' using errcode = 'restrict_violation';
        end $$
    """)
    op.execute("""
        create trigger append_only before update or delete or truncate on keys.destroyed
        for each statement execute function keys.refuse_change()
    """)
    op.execute("""
        create function keys.refuse_destroyed() returns trigger language plpgsql as $$
        begin
            if exists (select from keys.destroyed where dossier_id = new.dossier_id) then
                raise exception 'the keys of this dossier were destroyed' using errcode = 'restrict_violation';
            end if;
            return new;
        end $$
    """)
    op.execute("""
        create trigger not_again before insert or update of dossier_id on keys.dossier_keys
        for each row execute function keys.refuse_destroyed()
    """)


def downgrade() -> None:
    op.drop_table("destroyed", schema="keys")
    op.drop_table("class_keys", schema="keys")
    op.drop_table("dossier_keys", schema="keys")
    op.execute("drop function keys.refuse_change()")
    op.execute("drop function keys.refuse_destroyed()")
