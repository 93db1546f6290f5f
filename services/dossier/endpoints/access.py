"""Over HTTP: who has access, who looked, and the one act that stops everything that can be stopped."""
