"""What may start with which settings, decided before anything listens: invented and real people never meet."""

from typing import Final

from services.foundation.settings import Settings

LOOPBACK: Final = ("127.0.0.1", "::1")


class NotStarted(Exception):
    """With these settings nothing starts; each reason says what to do."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))


def demand_sandbox(settings: Settings, host: str) -> None:
    """Raises NotStarted unless everything here is for invented people on this machine alone."""
    if reasons := against_sandbox(settings, host):
        raise NotStarted(reasons)


def demand_serve(settings: Settings) -> None:
    """Raises NotStarted unless an installation for real people may start."""
    if reasons := against_serve(settings):
        raise NotStarted(reasons)


def against_sandbox(settings: Settings, host: str) -> list[str]:
    reasons = []
    if settings.issuer is not None:
        reasons.append(
            "DRAAD_ISSUER is set, and a sandbox has an issuer of its own: unset it, "
            "or run `draad serve` for real people."
        )
    if not settings.embedded:
        reasons.append(
            "DRAAD_DATABASE_URL is set, and a sandbox keeps its invented people in a database of its own: unset it "
            "(and DRAAD_KEYS_DATABASE_URL), or run `draad serve` for real people."
        )
    if settings.public_url is not None:
        reasons.append("DRAAD_PUBLIC_URL is set, and a sandbox is for this machine alone: unset it.")
    if host not in LOOPBACK:
        reasons.append(
            f"A sandbox listens on {LOOPBACK[0]} or {LOOPBACK[1]} only: whoever reaches it can be anyone in it."
        )
    if settings.kafka:
        reasons.append("DRAAD_KAFKA is set, and that is the bus of real people: unset it, or name one by --kafka.")
    return reasons


def against_serve(settings: Settings) -> list[str]:
    missing = [
        name
        for name, value in (
            ("DRAAD_ISSUER (who issues the tokens of callers)", settings.issuer),
            ("DRAAD_AUDIENCE (what those tokens are for)", settings.audience),
            ("a root key in DRAAD_ROOT_KEY_FILE (made with `openssl rand -base64 32`)", settings.root_key),
        )
        if value is None
    ]
    reasons = []
    if missing:
        reasons.append(
            f"`draad serve` is for real people and does not start without {_in_words(missing)}; "
            "to look around with invented people run `draad sandbox`, which needs no settings."
        )
    return reasons


def _in_words(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
