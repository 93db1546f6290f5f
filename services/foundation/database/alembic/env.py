"""Runs the migrations of one service on the connection that migrations.py hands over."""

from typing import Any, Literal

from alembic import context

attributes = context.config.attributes
metadata = attributes["metadata"]


def own_schema(name: str | None, kind: str, parents: Any) -> bool:
    """Only the schema of this service: its neighbours in the same database have migrations of their own."""
    return kind != "schema" or name == metadata.schema


def no_empty_revision(_context: Any, _revision: Any, directives: list[Any]) -> None:
    if attributes.get("autogenerate") and directives and directives[0].upgrade_ops.is_empty():
        directives.clear()


transactional: Literal[True] = True
context.configure(
    connection=attributes["connection"],
    target_metadata=metadata,
    version_table="alembic_version",
    version_table_schema=metadata.schema,
    include_schemas=True,
    include_name=own_schema,
    transaction_per_migration=transactional,
    compare_server_default=True,
    process_revision_directives=no_empty_revision,
)
with context.begin_transaction():
    context.run_migrations()
