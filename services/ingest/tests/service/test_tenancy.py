"""ingest's own projection of who is in which class."""

import pytest

from chassis.delivery import AlreadyHandled


async def test_a_fact_is_projected_once_and_marked_with_it(ingest, another) -> None:
    school = await ingest.open_school()
    delivery = ingest.delivery()
    await ingest.wired.tenancy.project(school.closed(), once=delivery)
    with pytest.raises(AlreadyHandled):
        await ingest.wired.tenancy.project(school.closed(), once=delivery)

    query = "SELECT is_open, version FROM ingest.classes WHERE class_id = %s"
    assert await ingest.sql.rows(query, school.class_id) == [{"is_open": False, "version": 9}]
    marks = "SELECT consumer FROM ingest.inbox WHERE event_id = %s"
    assert await ingest.sql.rows(marks, delivery.event_id) == [{"consumer": delivery.consumer}]


async def test_an_opening_that_comes_after_the_closing_opens_nothing(ingest, another) -> None:
    school = await ingest.open_school()
    await ingest.tell(school.closed(), *school.facts())

    query = "SELECT is_open FROM ingest.classes WHERE class_id = %s"
    assert await ingest.sql.rows(query, school.class_id) == [{"is_open": False}]
