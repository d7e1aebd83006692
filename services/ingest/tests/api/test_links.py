"""A link opens one document, for a while, as long as whoever made it may see it; and nothing else."""

import asyncio
import base64
import contextlib
from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from chassis import platform
from chassis.clock import now
from chassis.delivery import Delivery
from contracts.envelope import decode, wrap
from contracts.identity import SessionRevoked
from contracts.ingest import AuditRecorded
from ingest.factory import wire
from ingest.main import create_app
from ingest.models import ACCESS
from ingest.service.links import Link, LinkSigner


@pytest.fixture
async def shared(ingest, words):
    """A class's document: the class's people, and what they ask about."""
    school = await ingest.open_school()
    document_id = await ingest.put(
        words(40), person=school.teacher, class_id=school.class_id, shared=True, name="강의.txt"
    )
    return school, document_id


@pytest.fixture
def link(client):
    async def make(person, document_id, **body) -> str:
        answer = await client.ask(person, "POST", f"/documents/{document_id}/links", json=body)
        assert answer.status_code == 201, answer.text
        assert (answer.headers["location"], answer.headers["cache-control"]) == (answer.json()["url"], "no-store")
        return answer.json()["url"]

    return make


async def test_a_link_serves_the_file_without_a_token(client, shared, link, words) -> None:
    school, document_id = shared
    url = await link(school.student, document_id)
    whole = await client.http.get(url)
    part = await client.http.get(url, headers={"Range": "bytes=3-8"})
    own = await client.ask(school.student, "HEAD", f"/documents/{document_id}/content")

    assert (whole.status_code, whole.content) == (200, words(40))
    assert (part.status_code, part.content) == (206, words(40)[3:9])
    named = ("content-disposition", "etag", "content-security-policy", "cache-control", "x-content-type-options")
    for answer in (whole, await client.http.head(url)):
        assert {name: answer.headers[name] for name in named} == {name: own.headers[name] for name in named}


@pytest.mark.parametrize(
    ("body", "seconds"), [({}, 300), ({"expires_in_seconds": 1}, 1), ({"expires_in_seconds": 3600}, 3600)]
)
async def test_how_long_it_lasts(client, person, ingest, words, body, seconds) -> None:
    document_id = await ingest.put(words(30), person=person)
    made = (await client.ask(person, "POST", f"/documents/{document_id}/links", json=body)).json()
    link = LinkSigner(base64.b64encode(bytes(32)).decode())

    assert seconds - 5 < (datetime.fromisoformat(made["expires_at"]) - now()).total_seconds() <= seconds
    if seconds > 5:
        assert link.open(made["url"].rpartition("/")[2]).document_id == document_id


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in_seconds": 0},
        {"expires_in_seconds": 3601},
        {"expires_in_seconds": -5},
        {"expires_in_seconds": "300"},
        {"expires_in_seconds": 1e99},
        {"expires": 5},
        [],
    ],
)
async def test_a_wrong_wish_is_refused(client, person, ingest, words, problem, body) -> None:
    document_id = await ingest.put(words(30), person=person)

    problem(await client.ask(person, "POST", f"/documents/{document_id}/links", json=body), 422, "validation_failed")


async def test_who_may_make_one(client, shared, another, problem, person) -> None:
    _, document_id = shared
    for each in (document_id, uuid4()):
        problem(await client.ask(another(), "POST", f"/documents/{each}/links", json={}), 404, "document_not_found")


def _made(signer: LinkSigner, **facts) -> str:
    values = {"document_id": uuid4(), "user_id": uuid4(), "session_id": uuid4(), "token_epoch": 0}
    return signer.sign(Link(**values | {"expires_at": now() + timedelta(minutes=5)} | facts))


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_what_is_no_link_of_ours_is_answered_alike(client, shared, link, problem, settings, language) -> None:
    school, document_id = shared
    good = (await link(school.student, document_id)).rpartition("/")[2]
    ours = LinkSigner(settings.link_signing_key.get_secret_value())
    theirs = LinkSigner(base64.b64encode(b"k" * 32).decode())
    mine = {"document_id": document_id, "user_id": school.student.user_id}
    raw = base64.urlsafe_b64decode(good + "==")
    flipped = [
        base64.urlsafe_b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).rstrip(b"=").decode()
        for at in range(len(raw))
    ]
    wrong = [
        *flipped,
        *("x", good[:-1], good + "A", good + "=", good.lower(), "A" * 130, "가나다", "%20"),
        _made(theirs, **mine),
        _made(ours, **mine, expires_at=now() - timedelta(seconds=1)),
        _made(ours, document_id=document_id, user_id=uuid4()),
        _made(ours, user_id=school.student.user_id),
    ]
    answers = []
    for token in wrong:
        answer = await client.http.get(f"/files/{token}", headers={"Accept-Language": language})
        body = problem(answer, 404, "link_not_valid")
        answers.append({name: body[name] for name in ("title", "detail", "status", "type")})

    assert all(each == answers[0] for each in answers)
    assert ("새 링크" in answers[0]["detail"]) == (language == "ko")
    assert (await client.http.get(f"/files/{good}")).status_code == 200
    too_long = await client.http.get(f"/files/{'A' * 300}")
    assert too_long.status_code == 422


async def test_it_ends_with_the_document_and_with_the_seat(client, ingest, shared, link, problem, words) -> None:
    school, document_id = shared
    students, teachers = await link(school.student, document_id), await link(school.teacher, document_id)
    await ingest.sql.rows("UPDATE ingest.memberships SET is_active = false WHERE user_id = %s", school.student.user_id)
    problem(await client.http.get(students), 404, "link_not_valid")
    assert (await client.http.get(teachers)).status_code == 200

    await client.ask(school.teacher, "DELETE", f"/documents/{document_id}")
    for method in ("GET", "HEAD"):
        assert (await client.http.request(method, teachers)).status_code == 404
    problem(await client.http.get(teachers), 404, "link_not_valid")


async def test_it_ends_with_the_session_that_made_it(
    client, ingest, person, words, signer, link, problem, wired
) -> None:
    document_id = await ingest.put(words(30), person=person)
    session_id = uuid4()
    headers = {"Authorization": f"Bearer {signer.token(person.user_id, session_id=session_id)}"}
    url = (await client.http.post(f"/documents/{document_id}/links", json={}, headers=headers)).json()["url"]
    assert (await client.http.get(url)).status_code == 200
    fact = SessionRevoked(user_id=person.user_id, session_id=session_id, token_epoch=0, revoked_at=now())
    event = wrap(fact, event_id=uuid4(), time=now())
    await platform.follower(wired.database, ACCESS.platform)(event, Delivery("ingest-follow_platform", event.id))

    for _ in range(60):
        answer = await client.http.get(url)
        if answer.status_code != 200:
            break
        await asyncio.sleep(0.1)
    problem(answer, 404, "link_not_valid")


async def test_a_new_key_signs_and_the_old_one_is_believed_until_it_is_taken_away(
    client, settings, signer, ingest, person, words, problem
) -> None:
    document_id = await ingest.put(words(30), person=person)
    old, new = settings.link_signing_key.get_secret_value(), base64.b64encode(b"n" * 32).decode()
    path = f"/documents/{document_id}/links"
    opened = {}
    async with contextlib.AsyncExitStack() as stack:
        doors = {}
        for name, keys in {"old": old, "both": f"{new}, {old}", "new": new}.items():
            app = create_app(settings.model_copy(update={"link_signing_key": SecretStr(keys)}))
            app.state.verifier = signer.verifier
            await stack.enter_async_context(app.router.lifespan_context(app))
            http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest")
            doors[name] = type(client)(await stack.enter_async_context(http), app, signer)
        urls = [(await doors[name].ask(person, "POST", path, json={})).json()["url"] for name in ("old", "both")]
        for name, door in doors.items():
            opened[name] = [(await door.http.get(url)).status_code for url in urls]

    assert opened == {"old": [200, 404], "both": [200, 200], "new": [404, 200]}


@pytest.mark.parametrize(
    "key", ["", "short", base64.b64encode(b"k" * 31).decode(), f"{base64.b64encode(b'k' * 32).decode()},"]
)
async def test_a_key_that_is_none_is_refused_at_start(settings, key) -> None:
    with pytest.raises(ValueError, match="LINK_SIGNING_KEY"):
        wire(settings.model_copy(update={"link_signing_key": SecretStr(key)}))


async def test_making_and_using_one_is_audited(client, ingest, shared, link) -> None:
    school, document_id = shared
    url = await link(school.student, document_id)
    for _ in range(3):
        await client.http.get(url, headers={"Range": "bytes=0-3"})
    query = "SELECT payload::text AS body FROM ingest.outbox WHERE payload->'data'->>'target' = %s ORDER BY id"
    entries = [decode(row["body"].encode()).data for row in await ingest.sql.rows(query, f"document/{document_id}")]

    assert all(isinstance(each, AuditRecorded) for each in entries)
    # The uses may lie in two minutes; each is told of once in each.
    actions = [each.action for each in entries]
    assert (actions[0], set(actions[1:])) == ("document.link_made", {"document.link_used"})
    assert len(actions) < 4
    assert {(each.actor_id, each.org_id, each.class_id) for each in entries} == {
        (school.student.user_id, school.org_id, school.class_id)
    }
    assert url.rpartition("/")[2] not in str([each.model_dump() for each in entries])
