"""Databases for processes that share them."""

from tests.database import server, urls

__all__ = ["server", "urls"]
