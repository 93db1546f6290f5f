"""Asks a receiver whether it wants webhooks from here, and how many (CloudEvents webhook, section 4; NL GOV)."""

from dataclasses import dataclass
from typing import Final

from services.notifications.webhooks.lines import Lines, NoAnswer, request
from services.notifications.webhooks.outcomes import Outcome, answered
from services.notifications.webhooks.walls import NoEndpoint, Walls

RATE: Final = 6000  # a minute, at most


@dataclass(frozen=True)
class Agreement:
    """`rate`: so many a minute and no more; None: as many as there are."""

    outcome: Outcome
    rate: int | None = None


async def agreed(lines: Lines, walls: Walls, url: str, origin: str) -> Agreement:
    """Accepted only when the receiver names our origin, or anyone's: so nobody is made the target of another."""
    asked = {"WebHook-Request-Origin": origin, "WebHook-Request-Rate": str(RATE)}
    try:
        target = walls.target(url)
        line = await lines.to(target)
        await line.write(request("OPTIONS", target, asked))
        answer = await line.answer()
    except NoEndpoint:  # what walls let through may be set otherwise later
        return Agreement(Outcome("unsafe"))
    except NoAnswer as none:
        return Agreement(Outcome(none.reason))
    outcome = answered(answer.status)
    allowed = [each.strip().lower() for each in answer.headers.get("webhook-allowed-origin", "").split(",")]
    if outcome.is_accepted and not {"*", origin.lower()} & set(allowed):
        return Agreement(Outcome("not_allowed", answer.status))
    said = answer.headers.get("webhook-allowed-rate", "*").strip()
    is_number = said.isascii() and said.isdigit() and 0 < int(said[:9]) < RATE
    return Agreement(outcome, int(said[:9]) if is_number else None)
