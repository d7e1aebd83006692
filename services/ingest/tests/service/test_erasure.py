"""An anonymised user: everything of theirs goes, is reported once and in full, and nothing of it comes back."""

import asyncio
from uuid import UUID, uuid4

import pytest

from chassis import dead_letters
from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Unauthenticated, Unavailable
from chassis.fate import Attempt, Verdict
from contracts.envelope import decode, encode, wrap
from contracts.ingest import ChunksEmbedded, DocumentDeleted, PersonalDataErased
from contracts.rag import ProjectCreated
from contracts.tenancy import Tenant
from ingest.errors import STORAGE_UNAVAILABLE
from ingest.service.uploads import UploadService


@pytest.fixture
def erase(ingest):
    async def erased(user_id: UUID, delivery: Delivery | None = None) -> None:
        await ingest.wired.erasure.erase(user_id, once=delivery or Delivery("ingest-erase_user", uuid4()))

    return erased


@pytest.fixture
def reports(sql):
    async def told(user_id: UUID) -> list[PersonalDataErased]:
        query = """SELECT payload::text AS body FROM ingest.outbox WHERE subject = %s
            AND payload->'data'->>'user_id' = %s ORDER BY id"""
        rows = await sql.rows(query, PersonalDataErased.type, str(user_id))
        return [event for row in rows if isinstance(event := decode(row["body"].encode()).data, PersonalDataErased)]

    return told


@pytest.fixture
async def library(ingest, words, stand_in):
    """A teacher with a document in every state of its life, and others beside them."""
    school = await ingest.open_school()
    teacher = {"person": school.teacher}
    ids = {
        "ready": await ingest.put(words(300), **teacher, name="비밀 일기.txt"),
        "shared": await ingest.put(words(301, seed=2), **teacher, class_id=school.class_id, shared=True),
        "listed": await ingest.put(words(302, seed=3), **teacher),
        "waiting": await ingest.put(words(303, seed=4), **teacher),
        "failed": await ingest.put(words(304, seed=5), **teacher),
        "another's": await ingest.put(words(305, seed=6), person=school.student, class_id=school.class_id),
    }
    for name in ("ready", "shared", "listed", "another's"):
        await ingest.process(ids[name], stand_in())
    await ingest.fail(ids["failed"])
    await ingest.share(school.lists(ids["listed"], version=1))
    for person in (school.teacher, school.teacher, school.student):
        made = ProjectCreated(project_id=uuid4(), tenant=Tenant(user_id=person.user_id), version=1, created_at=now())
        await ingest.wired.shelves.project(made, once=ingest.delivery("project_shelves"))
    return school, ids


async def gone(ingest, stored, document_id: UUID) -> None:
    row = await ingest.sql.document(document_id)
    assert (row["state"], row["title"], row["sha256"], row["dedupe_key"]) == ("deleted", "", "", None)
    assert await ingest.sql.chunks(document_id) == []
    assert await ingest.vectors(document_id) == 0
    assert not [path for path in stored() if str(document_id) in path]
    assert len(await ingest.sql.events(document_id, DocumentDeleted)) == 1
    assert await ingest.sql.rows("SELECT 1 FROM ingest.document_shares WHERE document_id = %s", document_id) == []


async def test_everything_of_the_user_goes_and_nothing_of_others(ingest, library, erase, reports, stored) -> None:
    school, ids = library
    own = [each for name, each in ids.items() if name != "another's"]
    chunks = sum([len(await ingest.sql.chunks(each)) for each in own])
    await erase(school.teacher.user_id)

    for document_id in own:
        await gone(ingest, stored, document_id)
    assert (await ingest.sql.document(ids["another's"]))["state"] == "ready"
    assert await ingest.vectors(ids["another's"]) > 0
    assert await ingest.found_by(f"user:{school.teacher.user_id}") == set()
    assert await ingest.found_by(school.scope) == set()
    roles = "SELECT user_id FROM ingest.memberships WHERE org_id = %s"
    assert await ingest.sql.rows(roles, school.org_id) == [{"user_id": school.student.user_id}]
    (report,) = await reports(school.teacher.user_id)
    assert report.erased == {
        "user.documents": 5,
        "user.chunks": chunks,
        "ingest.memberships": 1,
        "ingest.shelves": 2,
        "ingest.dead_letters": 0,
        "ingest.uploads": 0,
    }
    assert (report.remaining, chunks > 3) == (0, True)


async def test_whoever_has_nothing_is_reported_too(erase, reports, another) -> None:
    user_id = another().user_id
    await erase(user_id)

    (report,) = await reports(user_id)
    assert (set(report.erased.values()), report.remaining) == ({0}, 0)


async def test_twice_told_is_reported_once(ingest, library, erase, reports) -> None:
    school, _ = library
    delivery = Delivery("ingest-erase_user", uuid4())
    await erase(school.teacher.user_id, delivery)
    with pytest.raises(AlreadyHandled):
        await erase(school.teacher.user_id, delivery)
    await erase(school.teacher.user_id)

    assert len(await reports(school.teacher.user_id)) == 1


async def test_a_run_that_was_cut_off_is_finished_and_counted_in_full(
    ingest, library, erase, reports, stored, monkeypatch
) -> None:
    school, ids = library
    chunks = sum([len(await ingest.sql.chunks(each)) for name, each in ids.items() if name != "another's"])
    storage, deleted = ingest.wired.deletion._storage, []
    delete = storage.delete

    async def give_out(key: str) -> int:
        if len(deleted) == 2:
            raise Unavailable(STORAGE_UNAVAILABLE)
        deleted.append(key)
        return await delete(key)

    monkeypatch.setattr(storage, "delete", give_out)
    delivery = Delivery("ingest-erase_user", uuid4())
    with pytest.raises(Unavailable):
        await erase(school.teacher.user_id, delivery)
    assert await reports(school.teacher.user_id) == []
    monkeypatch.undo()
    # The sweep may take up a part of it meanwhile.
    begun = """SELECT document_id FROM "user".documents WHERE owner_id = %s AND state = 'deleting'"""
    (half,) = await ingest.sql.rows(begun, school.teacher.user_id)
    await ingest.wired.deletion.erase(half["document_id"])
    await erase(school.teacher.user_id, delivery)

    (report,) = await reports(school.teacher.user_id)
    assert (report.erased["user.documents"], report.erased["user.chunks"]) == (5, chunks)
    assert (report.erased["ingest.memberships"], report.remaining) == (1, 0)
    for name, document_id in ids.items():
        if name != "another's":
            await gone(ingest, stored, document_id)


async def test_what_was_deleted_before_is_not_counted_as_erased(ingest, library, erase, reports) -> None:
    school, ids = library
    await ingest.wired.deletion.delete(school.teacher.principal, ids["ready"])
    await erase(school.teacher.user_id)

    assert (await reports(school.teacher.user_id))[0].erased["user.documents"] == 4


async def test_a_document_in_the_hands_of_a_worker_goes_as_well(
    ingest, person, words, stand_in, erase, reports, stored
) -> None:
    document_id = await ingest.put(words(2000), person=person)
    embedder = stand_in(hangs_after=2)
    processing = ingest.processing(embedder, chunk_tokens=40)
    task = asyncio.create_task(processing.process(document_id))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    await erase(person.user_id)
    embedder.go_on.set()
    await task

    await gone(ingest, stored, document_id)
    assert await ingest.sql.events(document_id, ChunksEmbedded) == []
    (report,) = await reports(person.user_id)
    assert (report.erased["user.documents"], report.erased["user.chunks"] > 0, report.remaining) == (1, True, 0)


async def test_an_upload_that_ends_after_the_erasure_leaves_nothing(
    ingest, person, words, erase, stored, monkeypatch
) -> None:
    """It began while the session was still good."""
    before, admit = stored(), UploadService._admit

    async def erase_first(self, *arguments):
        await erase(person.user_id)
        return await admit(self, *arguments)

    monkeypatch.setattr(UploadService, "_admit", erase_first)
    with pytest.raises(Unauthenticated, match="session_ended"):
        await ingest.put(words(30), person=person)

    assert stored() == before
    assert await ingest.sql.rows('SELECT 1 FROM "user".documents WHERE owner_id = %s', person.user_id) == []


async def test_uploads_and_the_erasure_at_once_leave_nothing(ingest, person, words, erase, stored) -> None:
    """Either the upload was first, and is erased, or it is refused."""
    before = stored()
    uploads = [ingest.put(words(30, seed=n), person=person) for n in range(8)]
    ends = await asyncio.gather(*uploads, erase(person.user_id), return_exceptions=True)

    assert all(isinstance(end, UUID | Unauthenticated | None) for end in ends), ends
    assert stored() == before
    query = """SELECT 1 FROM "user".documents WHERE owner_id = %s AND state <> 'deleted'"""
    assert await ingest.sql.rows(query, person.user_id) == []


async def test_what_org_partner_tells_late_of_an_erased_user_leaves_no_trace(ingest, erase, another) -> None:
    school, person = await ingest.open_school(), another()
    await erase(person.user_id)
    await ingest.tell(school.granted(person))
    assert await ingest.sql.rows("SELECT 1 FROM ingest.memberships WHERE user_id = %s", person.user_id) == []

    await erase(school.student.user_id)
    await ingest.tell(*school.facts()[2:])
    query = "SELECT 1 FROM ingest.memberships WHERE user_id = %s"
    assert await ingest.sql.rows(query, school.student.user_id) == []


async def test_titles_go_from_the_dead_letters_too(ingest, library, erase, reports) -> None:
    school, ids = library
    announced = await ingest.sql.announced(ids["ready"])
    assert announced.title == "비밀 일기.txt"
    bodies = [encode(wrap(announced, event_id=uuid4(), time=now())).decode(), f"none, of {school.teacher.user_id}"]
    async with ingest.wired.database.transaction() as session:
        for number, body in enumerate(bodies):
            attempt = Attempt("INGEST", 4_000 + number, 1, last=True)
            facts = {"consumer": "ingest-process_document", "subject": "x", "verdict": Verdict("defect", "?")}
            await dead_letters.bury(session, body=body.encode(), attempt=attempt, **facts)
    await erase(school.teacher.user_id)

    (report,) = await reports(school.teacher.user_id)
    assert report.erased["ingest.dead_letters"] == 2
    kept = await ingest.sql.rows("SELECT body FROM ingest.dead_letters WHERE stream_seq >= 4000 ORDER BY stream_seq")
    event = decode(kept[0]["body"].encode()).data
    assert (event.title, event.document_id, kept[1]["body"]) == ("", ids["ready"], "")
