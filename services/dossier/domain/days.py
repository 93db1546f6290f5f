"""Civil days in Amsterdam, and the moments at which they begin (state.md §1)."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def civil_day(moment: datetime) -> date:
    return moment.astimezone(AMSTERDAM).date()


def midnight(day: date) -> datetime:
    """00:00 of a civil day, in UTC."""
    return datetime.combine(day, time(), AMSTERDAM).astimezone(UTC)


def days_after(day: date, days: int) -> date:
    """The civil day so many days later; beyond the calendar there is only its last day."""
    return date.max if (date.max - day).days < days else day + timedelta(days)


def months_after(day: date, months: int) -> date:
    """The same day of the month so many months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def day_in(value: Any) -> date | None:
    """A date field of an event, absent or as the schema lets it in."""
    return date.fromisoformat(value) if isinstance(value, str) else None


def day_named(data: Mapping[str, Any], name: str) -> date:
    """A date field that the schema requires, and so lets nothing else into."""
    return date.fromisoformat(data[name])


def moment_in(value: str) -> datetime:
    """A timestamp field of an event; the schema guarantees an offset."""
    return datetime.fromisoformat(value)
