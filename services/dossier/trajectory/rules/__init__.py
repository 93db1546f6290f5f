"""The rules over time, each named for what it watches: pure functions from a history to what would become due."""
