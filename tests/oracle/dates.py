"""Days as state.md §1 counts them: civil days in Amsterdam, and working days with the Dutch holidays."""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def day_of(moment: datetime) -> date:
    return moment.astimezone(AMSTERDAM).date()


def days(count: int) -> timedelta:
    return timedelta(days=count)


def weeks(count: int) -> timedelta:
    return timedelta(days=7 * count)


@cache
def date_in(text: str) -> date:
    """A date field, or the civil day of a timestamp field."""
    return date.fromisoformat(text) if len(text) == len("2025-01-01") else day_of(datetime.fromisoformat(text))


@cache
def easter(year: int) -> date:
    """The Gregorian computus, as tables of the church have it."""
    golden, century = year % 19, year // 100
    correction = (century - century // 4 - (8 * century + 13) // 25 + 19 * golden + 15) % 30
    moon = correction - (correction // 28) * (1 - (29 // (correction + 1)) * ((21 - golden) // 11))
    weekday = (year + year // 4 + moon + 2 - century + century // 4) % 7
    step = moon - weekday
    month = 3 + (step + 40) // 44
    return date(year, month, step + 28 - 31 * (month // 4))


@cache
def holidays(year: int) -> frozenset[date]:
    sunday = easter(year)
    kings_day = date(year, 4, 27) if date(year, 4, 27).weekday() != 6 else date(year, 4, 26)
    liberation = {date(year, 5, 5)} if year % 5 == 0 else set()
    movable = {sunday + days(n) for n in (-2, 0, 1, 39, 49, 50)}  # Good Friday to Whit Monday
    fixed = {date(year, 1, 1), date(year, 12, 25), date(year, 12, 26), kings_day}
    return frozenset(movable | fixed | liberation)


@cache
def working_day_after(day: date, count: int) -> date:
    """The count-th working day after a day."""
    while count > 0:
        day += days(1)
        if day.weekday() < 5 and day not in holidays(day.year):
            count -= 1
    return day
