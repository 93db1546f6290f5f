"""Fresh databases for the tests of this folder; the other folders with a database import the same fixtures."""

import pytest

from tests.database import database, databases, server, urls
from tests.kafka import kafka, secured_nodes

__all__ = ["database", "databases", "kafka", "secured_nodes", "server", "urls"]


@pytest.fixture
def forgetting_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus in PostgreSQL looks at each publication for what it kept long enough, and not once an hour."""
    monkeypatch.setattr("services.foundation.bus.postgres.FORGET_EVERY", -1.0)
