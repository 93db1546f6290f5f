"""Small stories of which an invented life is composed, each in its own order."""
