"""Whose document it is decides what there is: somebody else's is exactly like none."""

from uuid import UUID, uuid4

import pytest

from contracts.ingest import DocumentDeleted
from contracts.org_partner import EnrollmentEnded

ROUTES = [("GET", ""), ("DELETE", ""), ("GET", "/events")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_somebody_elses_document_is_not_there(
    client, ingest, person, another, words, problem, language, method, path
) -> None:
    document_id = await ingest.put(words(30), person=person)
    answers = [
        await client.ask(another(), method, f"/documents/{each}{path}", language) for each in (document_id, uuid4())
    ]

    foreign, missing = (problem(answer, 404, "document_not_found") for answer in answers)
    varying = {"instance", "request_id"}
    assert {k: v for k, v in foreign.items() if k not in varying} == {
        k: v for k, v in missing.items() if k not in varying
    }
    assert ("찾을 수 없습니다" in foreign["detail"]) == (language == "ko")
    assert (await client.ask(person, "GET", f"/documents/{document_id}")).status_code == 200
    assert await ingest.sql.events(document_id, DocumentDeleted) == []


async def test_a_class_of_others_is_not_there(client, ingest, another, words, problem, stored) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    before = stored()
    for person in (another(), other.teacher, other.student):
        for query in ({}, {"visibility": "class"}):
            answer = await client.upload(person, words(30), class_id=school.class_id, **query)
            problem(answer, 404, "class_not_found")

    assert stored() == before


async def test_a_closed_class_takes_nothing_more_and_is_still_read(client, ingest, words, problem) -> None:
    school = await ingest.open_school()
    shared = (await client.upload(school.teacher, words(30), class_id=school.class_id, visibility="class")).json()[
        "document_id"
    ]
    await ingest.tell(school.closed())

    answer = await client.upload(school.teacher, words(31, seed=2), class_id=school.class_id)
    problem(answer, 404, "class_not_found")
    assert (await client.ask(school.student, "GET", f"/documents/{shared}")).status_code == 200


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_student_may_not_share_with_the_class(client, ingest, words, problem, language) -> None:
    school = await ingest.open_school()
    answer = await client.upload(
        school.student, words(30), class_id=school.class_id, visibility="class", language=language
    )

    body = problem(answer, 403, "sharing_refused")
    assert ("강사만" in body["detail"]) == (language == "ko")


async def test_who_sees_what_in_a_class(client, ingest, another, words) -> None:
    school = await ingest.open_school()
    place = {"class_id": school.class_id}
    shared = await ingest.put(words(30), person=school.teacher, shared=True, **place)
    private = await ingest.put(words(31, seed=2), person=school.teacher, **place)
    homework = await ingest.put(words(32, seed=3), person=school.student, **place)

    async def seen(person) -> set[UUID]:
        listed = {UUID(item["document_id"]) for item in (await _list(client, person))["items"]}
        read = {
            document_id
            for document_id in (shared, private, homework)
            if (await client.ask(person, "GET", f"/documents/{document_id}")).status_code == 200
        }
        assert listed == read
        return read

    assert await seen(school.teacher) == {shared, private}
    assert await seen(school.student) == {shared, homework}
    assert await seen(another()) == set()


async def test_a_class_member_may_see_and_not_delete(client, ingest, words, problem) -> None:
    school = await ingest.open_school()
    shared = await ingest.put(words(30), person=school.teacher, shared=True, class_id=school.class_id)

    for language, said in (("ko", "올린 사람만"), ("en", "Only the person")):
        answer = await client.ask(school.student, "DELETE", f"/documents/{shared}", language)
        assert said in problem(answer, 403, "not_the_owner")["detail"]
    assert (await client.ask(school.teacher, "GET", f"/documents/{shared}")).json()["state"] == "uploaded"


async def test_whoever_leaves_the_class_loses_its_documents(client, ingest, words, problem) -> None:
    school = await ingest.open_school()
    shared = await ingest.put(words(30), person=school.teacher, shared=True, class_id=school.class_id)
    (seat,) = await ingest.sql.rows(
        "SELECT membership_id FROM ingest.memberships WHERE user_id = %s", school.student.user_id
    )
    ended = EnrollmentEnded(
        **school.ids,
        class_id=school.class_id,
        enrollment_id=seat["membership_id"],
        student_id=uuid4(),
        user_id=school.student.user_id,
        version=2,
        ended_at="2026-11-22T09:00:00Z",
    )
    assert (await client.ask(school.student, "GET", f"/documents/{shared}")).status_code == 200
    await ingest.tell(ended)

    problem(await client.ask(school.student, "GET", f"/documents/{shared}"), 404, "document_not_found")
    assert (await _list(client, school.student))["items"] == []


async def _list(client, person) -> dict:
    return (await client.ask(person, "GET", "/documents")).json()
