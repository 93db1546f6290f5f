"""Business time: one function that answers it, and the row with which a sandbox sets it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "foundation_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sandbox_clock",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("now", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_sandbox_clock_single")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_sandbox_clock")),
        schema="foundation",
    )
    # plpgsql, because a VOLATILE plpgsql function is never inlined: its query has a snapshot of its own, so the
    # moment it answers is never older than a lock that its caller waited for.
    op.execute(
        """
        create function foundation.now() returns timestamptz
        language plpgsql volatile parallel unsafe as $$
        begin
            return coalesce((select clock.now from foundation.sandbox_clock as clock), clock_timestamp());
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function foundation.now()")
    op.drop_table("sandbox_clock", schema="foundation")
