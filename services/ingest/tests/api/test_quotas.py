"""A tenant stores as much as the platform allows, exactly, however many upload at once; deleting makes room."""

import asyncio
import time
from uuid import uuid4

import pytest

from chassis import platform
from chassis.clock import now
from chassis.delivery import Delivery
from contracts.envelope import wrap
from contracts.identity import PlatformSettingsChanged
from ingest.models import ACCESS

DOCUMENTS, BYTES, ORG = "documents.max_per_user", "documents.max_bytes_per_user", "documents.max_bytes_per_org"


@pytest.fixture(scope="module")
def versions():
    return iter(range(1, 1000))


@pytest.fixture
async def allow(sql, wired, client, versions):
    """`allow(documents=3, user_bytes=…)`: as identity tells it; it acts at once here."""
    follow = platform.follower(wired.database, ACCESS.platform)
    guards = [wired.access.platform, client.app.state.wired.access.platform]

    async def told(*, documents: int = 0, user_bytes: int = 0, org_bytes: int = 0) -> None:
        for name, value in ((DOCUMENTS, documents), (BYTES, user_bytes), (ORG, org_bytes)):
            facts = {"setting_id": uuid4(), "name": name, "value": value, "version": next(versions)}
            event = wrap(PlatformSettingsChanged(**facts, changed_at=now()), event_id=uuid4(), time=now())
            await follow(event, Delivery("ingest-follow_platform", event.id))
        for guard in guards:
            guard._read_at = time.monotonic() - platform.REFRESH_SECONDS - 1

    yield told
    await sql.rows("DELETE FROM ingest.platform_settings")
    for guard in guards:
        guard._read_at = time.monotonic() - platform.REFRESH_SECONDS - 1


@pytest.fixture
def quota(client):
    async def look(person) -> dict:
        answer = await client.ask(person, "GET", "/documents/quota")
        assert answer.status_code == 200
        return answer.json()

    return look


def text(seed: int, size: int = 1000) -> bytes:
    return (f"{seed} 번째 글입니다. ".encode() * size)[: size - 2] + b"ok"


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_one_document_too_many(client, person, allow, quota, problem, stored, language) -> None:
    await allow(documents=2)
    for seed in range(2):
        assert (await client.upload(person, text(seed))).status_code == 202
    before = stored()
    body = problem(await client.upload(person, text(9), language=language), 409, "quota_documents")

    assert (body["used"], body["limit"], stored()) == (2, 2, before)
    assert ("이미 2개가" in body["detail"]) == (language == "ko")
    assert (await quota(person))["documents"] == {"used": 2, "limit": 2}


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_file_that_does_not_fit_and_one_that_does_to_the_byte(
    client, person, allow, quota, problem, stored, language
) -> None:
    await allow(user_bytes=2500)
    assert (await client.upload(person, text(1))).status_code == 202
    before = stored()
    body = problem(await client.upload(person, text(2, 1501), language=language), 409, "quota_bytes")

    assert (body["used"], body["limit"], body["size_bytes"], stored()) == (1000, 2500, 1501, before)
    assert ("지금 1000바이트" in body["detail"]) == (language == "ko")
    assert (await client.upload(person, text(2, 1500))).status_code == 202
    assert (await quota(person))["bytes"] == {"used": 2500, "limit": 2500}


async def test_deleting_makes_room(client, person, allow, problem, quota) -> None:
    await allow(documents=1)
    document_id = (await client.upload(person, text(1))).json()["document_id"]
    problem(await client.upload(person, text(2)), 409, "quota_documents")
    await client.ask(person, "DELETE", f"/documents/{document_id}")

    assert (await quota(person))["documents"]["used"] == 0
    assert (await client.upload(person, text(2))).status_code == 202


async def test_of_twenty_at_once_as_many_as_fit(client, person, allow, quota, stored) -> None:
    before = len(stored())
    await allow(user_bytes=7_999, documents=100)
    answers = await asyncio.gather(*(client.upload(person, text(seed)) for seed in range(20)))

    assert sorted(answer.status_code for answer in answers) == [202] * 7 + [409] * 13
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"quota_bytes"}
    assert (await quota(person))["bytes"]["used"] == 7000
    assert len(stored()) == before + 7


async def test_an_org_s_is_shared_by_all_in_it(client, ingest, allow, quota, problem, another) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    await allow(org_bytes=5_000)
    people = [school.teacher, school.student] * 5
    answers = await asyncio.gather(
        *(client.upload(person, text(seed), class_id=school.class_id) for seed, person in enumerate(people))
    )
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [409] * 5
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert problem(refused, 409, "quota_org_bytes")["limit"] == 5000

    for person in (school.teacher, school.student):
        assert (await quota(person))["orgs"] == [{"org_id": str(school.org_id), "bytes": {"used": 5000, "limit": 5000}}]
    assert (await quota(other.teacher))["orgs"] == [{"org_id": str(other.org_id), "bytes": {"used": 0, "limit": 5000}}]
    assert (await quota(another()))["orgs"] == []
    assert (await client.upload(school.teacher, text(99))).status_code == 202
    assert (await client.upload(other.teacher, text(98), class_id=other.class_id)).status_code == 202


async def test_without_limits(client, person, allow, quota) -> None:
    await allow()
    assert (await client.upload(person, text(1))).status_code == 202

    assert await quota(person) == {
        "documents": {"used": 1, "limit": None},
        "bytes": {"used": 1000, "limit": None},
        "orgs": [],
    }


async def test_the_defaults_hold(person, quota) -> None:
    assert await quota(person) == {
        "documents": {"used": 0, "limit": 10_000},
        "bytes": {"used": 0, "limit": 20 * 1024**3},
        "orgs": [],
    }


async def test_a_twin_is_a_twin_also_where_nothing_fits(client, person, allow, problem) -> None:
    await allow(user_bytes=1_000)
    assert (await client.upload(person, text(1))).status_code == 202

    problem(await client.upload(person, text(1)), 409, "document_duplicate")


async def test_an_upload_of_several_requests_waits_for_room(client, person, allow, problem) -> None:
    await allow(user_bytes=1_500)
    body = {"file_name": "a.txt", "size_bytes": 1000}
    path = (await client.ask(person, "POST", "/uploads", json=body)).headers["location"]
    document_id = (await client.upload(person, text(1))).json()["document_id"]
    problem(await client.ask(person, "POST", "/uploads", json=body), 409, "quota_bytes")
    last = {"headers": {"Upload-Offset": "0"}, "content": text(2)}
    problem(await client.ask(person, "PATCH", path, **last), 409, "quota_bytes")

    await client.ask(person, "DELETE", f"/documents/{document_id}")
    answer = await client.ask(person, "PATCH", path, headers={"Upload-Offset": "1000"}, content=b"")
    assert (answer.status_code, answer.json()["state"]) == (202, "completed")


async def test_a_bulk_upload_takes_what_fits(client, person, allow) -> None:
    await allow(documents=2)
    parts = [("file", (f"{seed}.txt", text(seed))) for seed in range(4)]
    body = (await client.ask(person, "POST", "/documents/bulk", files=parts)).json()

    assert [each["problem"] and each["problem"]["code"] for each in body["items"]] == [None, None] + [
        "quota_documents"
    ] * 2
