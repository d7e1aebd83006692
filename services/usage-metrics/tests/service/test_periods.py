from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.errors import Invalid
from usage_metrics.service.periods import month_of, period_of

# 15:00 UTC is midnight in Seoul.
BEFORE_MIDNIGHT = datetime(2026, 11, 22, 14, 59, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


def test_without_days_it_is_the_last_thirty_in_seoul():
    assert period_of(None, None, now=BEFORE_MIDNIGHT).last == date(2026, 11, 22)
    period = period_of(None, None, now=AFTER_MIDNIGHT)
    assert (period.first, period.last) == (date(2026, 10, 25), date(2026, 11, 23))


def test_both_days_are_inside():
    period = period_of(date(2026, 11, 1), date(2026, 11, 1), now=AFTER_MIDNIGHT)

    assert period.starts == datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
    assert period.ends - period.starts == timedelta(days=1)


def test_366_days_fit_and_367_do_not():
    first = date(2026, 1, 1)
    assert period_of(first, first + timedelta(days=365), now=AFTER_MIDNIGHT).last == date(2027, 1, 1)

    with pytest.raises(Invalid) as caught:
        period_of(first, first + timedelta(days=366), now=AFTER_MIDNIGHT)
    assert (caught.value.code, caught.value.values) == ("period_too_long", {"days": 367, "limit": 366})


def test_a_first_day_after_the_last_is_refused():
    with pytest.raises(Invalid) as caught:
        period_of(date(2026, 11, 2), date(2026, 11, 1), now=AFTER_MIDNIGHT)
    assert caught.value.code == "period_reversed"


@pytest.mark.parametrize(("day", "last"), [(date(2026, 12, 5), 31), (date(2028, 2, 29), 29), (date(2026, 2, 1), 28)])
def test_a_month_is_its_first_to_its_last_day(day, last):
    period = month_of(day)

    assert (period.first, period.last) == (day.replace(day=1), day.replace(day=last))
