"""Asia/Seoul, in which people plan and read; everywhere else time is UTC."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

# No daylight saving time since 1988, and no time zone data that an image may lack.
SEOUL = timezone(timedelta(hours=9), "Asia/Seoul")

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def local(moment: datetime) -> datetime:
    return moment.astimezone(SEOUL)


def _written(value: Any) -> Any:
    # pydantic reads numbers as seconds since 1970, which nobody means here.
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value):
        return value
    raise ValueError("write a date and time as 2026-03-02T09:00:00+09:00")


def _placed(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else datetime.combine(moment.date(), moment.time(), SEOUL)
    # Compared before it is converted, because the ends of time cannot be.
    if not _FIRST <= aware < _LAST:
        raise ValueError("write a date between the years 2000 and 2200")
    return aware.astimezone(UTC)


# With an offset, or without one as Seoul's clocks show it.
SeoulTimeIn = Annotated[datetime, BeforeValidator(_written), AfterValidator(_placed)]
SeoulTimeOut = Annotated[datetime, PlainSerializer(lambda moment: local(moment).isoformat(), return_type=str)]
