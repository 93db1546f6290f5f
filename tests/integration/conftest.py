"""Fresh databases for the tests of this folder; the other folders with a database import the same fixtures."""

from tests.database import database, databases, server, urls
from tests.kafka import kafka, secured_nodes

__all__ = ["database", "databases", "kafka", "secured_nodes", "server", "urls"]
