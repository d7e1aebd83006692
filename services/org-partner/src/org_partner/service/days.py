"""Days in Asia/Seoul, in which people ask and settle, as the moments that rows know."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from chassis.clock import now
from chassis.errors import Invalid
from org_partner.errors import DAYS_REVERSED, DAYS_TOO_MANY
from org_partner.schemas.seoul import SEOUL

DEFAULT_DAYS = 30
MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class Days:
    """Both inclusive; the same as moments: `starts` inclusive, `ends` exclusive."""

    first: date
    last: date

    @property
    def starts(self) -> datetime:
        return midnight(self.first)

    @property
    def ends(self) -> datetime:
        return midnight(self.last + timedelta(days=1))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, SEOUL)


def day_of(moment: datetime) -> date:
    return moment.astimezone(SEOUL).date()


def today() -> date:
    return day_of(now())


def days_of(first: date | None, last: date | None) -> Days:
    """Without `last`, until today; without `first`, the last 30 days.

    Raises:
        Invalid: the first day is after the last one, or there are more than 366.
    """
    last = last or today()
    first = first or last - timedelta(days=DEFAULT_DAYS - 1)
    count = (last - first).days + 1
    if count < 1:
        raise Invalid(DAYS_REVERSED, first=first, last=last)
    if count > MAX_DAYS:
        raise Invalid(DAYS_TOO_MANY, days=count, limit=MAX_DAYS)
    return Days(first, last)
