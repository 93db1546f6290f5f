"""Working days in the Netherlands: neither weekend nor public holiday."""

from datetime import date, timedelta
from functools import cache
from typing import Final

import holidays

MONDAY_TO_FRIDAY: Final = 5
LAST_YEAR: Final = 2199


@cache
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("NL", years=year))


def is_working_day(day: date) -> bool:
    return day.weekday() < MONDAY_TO_FRIDAY and day not in _holidays(day.year)


def working_days_after(day: date, count: int) -> date:
    """The first, second, … working day after this one; the day itself does not count."""
    while count and day.year <= LAST_YEAR:
        day += timedelta(1)
        count -= is_working_day(day)
    return day
