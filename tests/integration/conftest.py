"""Fresh databases for the tests of this folder; the other folders with a database import the same fixtures."""

from tests.database import database, databases, server, urls

__all__ = ["database", "databases", "server", "urls"]
