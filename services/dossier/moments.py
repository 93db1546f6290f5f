"""What `asOf` and `knownAt` mean as moments: the end of a civil day in Amsterdam, or the moment itself."""

from datetime import date, datetime, timedelta

from services.dossier.domain.days import days_after, midnight
from services.foundation.problems import BAD_REQUEST, FieldError, Problem


def until(name: str, text: str | None) -> datetime | None:
    """The first moment that no longer counts. A date includes its whole day; a moment includes itself."""
    if text is None:
        return None
    try:
        if len(text) == 10:
            return midnight(days_after(date.fromisoformat(text), 1))
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        message = "Give a day (2025-03-13) or a moment with its offset (2025-03-13T09:30:00Z)."
        raise Problem(BAD_REQUEST, errors=[FieldError(f"?{name}", message)])
    return moment + timedelta(microseconds=1)
