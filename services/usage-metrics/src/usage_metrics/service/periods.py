"""Days in Asia/Seoul, the calendar that usage is asked for and settled in."""

from datetime import date, datetime, time, timedelta, timezone

from chassis.errors import Invalid
from usage_metrics.crud.reach import Period
from usage_metrics.errors import PERIOD_REVERSED, PERIOD_TOO_LONG

# The offset since 1988, before any day that can be asked for; a zone by its name needs files that small images lack.
SEOUL = timezone(timedelta(hours=9), "Asia/Seoul")
DEFAULT_DAYS = 30
MAX_DAYS = 366


def period_of(first: date | None, last: date | None, *, now: datetime) -> Period:
    """Without `last`, until today; without `first`, the last 30 days.

    Raises:
        Invalid: the first day is after the last one, or there are more than 366.
    """
    last = last or now.astimezone(SEOUL).date()
    first = first or last - timedelta(days=DEFAULT_DAYS - 1)
    days = (last - first).days + 1
    if days < 1:
        raise Invalid(PERIOD_REVERSED, first=first, last=last)
    if days > MAX_DAYS:
        raise Invalid(PERIOD_TOO_LONG, days=days, limit=MAX_DAYS)
    return _between(first, last)


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return _between(first, following - timedelta(days=1))


def _between(first: date, last: date) -> Period:
    return Period(first=first, last=last, starts=_midnight(first), ends=_midnight(last + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, SEOUL)
