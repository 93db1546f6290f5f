"""Why something is not recorded: the rule that says so, where it hurts, and what to do instead."""


class Refusal(Exception):
    """The message says what to do; it never holds a value of the event."""

    def __init__(self, message: str, *, rule: str | None = None, pointers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.pointers = pointers

    @property
    def pointer(self) -> str | None:
        """The first field that the refusal is about, as a JSON pointer into the event."""
        return self.pointers[0] if self.pointers else None


class UnknownDossier(Refusal):
    """There is no such dossier, as far as this caller may know."""

    def __init__(self) -> None:
        super().__init__("There is no such dossier.")


class NotAllowed(Refusal):
    """The caller may know the dossier, but may not do this in it."""


class RuleBroken(Refusal):
    """The event breaks a rule of the domain."""


class AgainstState(Refusal):
    """What has happened so far forbids it."""
