"""Announcements whose tenant and document disagree: not found, and nothing changes."""

from uuid import uuid4

import pytest

from chassis.errors import Invalid, NotFound
from contracts.org_partner import ClassOpened


@pytest.fixture
async def case(ingest, words):
    """A document of one school's class, its announcement, and every wrong one."""
    school, other = await ingest.open_school(), await ingest.open_school()
    document_id = await ingest.put(words(30), person=school.teacher, class_id=school.class_id)
    event = await ingest.sql.announced(document_id)
    forged = [event.model_copy(update={"tenant": each}) for each in other.wrong_tenants(event.tenant)]
    return document_id, event, [*forged, event.model_copy(update={"document_id": uuid4()})]


async def test_a_forged_announcement_finds_no_document_and_changes_nothing(ingest, case) -> None:
    document_id, event, forged = case
    before = await ingest.sql.document(document_id)
    for each in forged:
        with pytest.raises(NotFound, match="document_not_found") as refusal:
            await ingest.wired.queue.admit(each)
        assert not refusal.value.retryable, "it is buried, and not tried again"

    await ingest.wired.queue.admit(event)
    assert await ingest.sql.document(document_id) == before


async def test_a_personal_document_belongs_to_no_org(ingest, words, person) -> None:
    school = await ingest.open_school()
    document_id = await ingest.put(words(30), person=person)
    event = await ingest.sql.announced(document_id)
    place = {**school.ids, "class_id": school.class_id}
    for update in (place, {"user_id": school.teacher.user_id}, {"org_id": school.org_id}):
        forged = event.model_copy(update={"tenant": event.tenant.model_copy(update=update)})
        with pytest.raises(NotFound):
            await ingest.wired.queue.admit(forged)

    assert (await ingest.sql.document(document_id))["state"] == "uploaded"


async def test_a_class_is_not_taken_to_another_org(ingest) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    facts = {"course_id": uuid4(), "name": "가로챈 반", "opened_at": "2026-11-22T09:00:00Z"}
    with pytest.raises(Invalid, match="tenant_contradicted"):
        await ingest.tell(ClassOpened(**other.ids, class_id=school.class_id, version=9, **facts))

    query = "SELECT org_id, version FROM ingest.classes WHERE class_id = %s"
    assert await ingest.sql.rows(query, school.class_id) == [{"org_id": school.org_id, "version": 1}]
