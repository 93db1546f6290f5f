"""What may be recorded: one file per family of rules."""
