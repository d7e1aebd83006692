"""What the supervisor sets acts within two seconds, in a door that runs: how large, and of which type."""

import asyncio
import json
import time
from uuid import uuid4

import growfit_documents as documents
import pytest

from chassis import platform
from chassis.clock import now
from chassis.delivery import Delivery
from contracts.envelope import wrap
from contracts.identity import PlatformSettingsChanged
from ingest.config import MIB
from ingest.main import create_app
from ingest.models import ACCESS


@pytest.fixture
async def door(settings, signer, wired, client):
    """A door whose operator allows 4 MiB, as it is wired; a setting is asked for by its own refresh."""
    app = create_app(settings.model_copy(update={"max_upload_bytes": 4 * MIB}))
    app.state.verifier = signer.verifier
    transport = type(client.http._transport)(app)
    async with (
        app.router.lifespan_context(app),
        type(client.http)(transport=transport, base_url="http://ingest") as http,
    ):
        yield type(client)(http, app, signer)


@pytest.fixture
async def set_to(sql, wired):
    """`set_to("api.upload_max_bytes", 5)`: as identity tells it, through the service's own subscriber."""
    follow = platform.follower(wired.database, ACCESS.platform)
    versions = iter(range(1, 100))

    async def told(name: str, value) -> None:
        fact = PlatformSettingsChanged(
            setting_id=uuid4(), name=name, value=value, version=next(versions), changed_at=now()
        )
        event = wrap(fact, event_id=uuid4(), time=now())
        await follow(event, Delivery("ingest-follow_platform", event.id))

    yield told
    await sql.rows("DELETE FROM ingest.platform_settings")


async def acts(ask, expected: int) -> object:
    """The answer, once it is the expected one; the process's copy of the settings may be two seconds old."""
    deadline = time.monotonic() + platform.REFRESH_SECONDS + 1
    while (answer := await ask()).status_code != expected and time.monotonic() < deadline:  # noqa: ASYNC110  time is what acts
        await asyncio.sleep(0.05)
    return answer


async def test_the_largest_upload_follows_the_setting_up_to_what_the_operator_allows(
    door, person, set_to, problem, stored
) -> None:
    def upload(size: int):
        return lambda: door.upload(person, b"a" * size, duplicate="allow")

    assert (await upload(4 * MIB)()).status_code == 202
    problem(await upload(4 * MIB + 1)(), 413, "document_too_large")

    await set_to("api.upload_max_bytes", 2 * MIB)
    body = problem(await acts(upload(2 * MIB + 1), 413), 413, "document_too_large")
    assert (body["limit_mib"], "2 MiB까지" in body["detail"]) == (2, True)
    before = stored()
    problem(await upload(2 * MIB + 1)(), 413, "document_too_large")
    assert stored() == before
    assert (await upload(2 * MIB)()).status_code == 202

    await set_to("api.upload_max_bytes", 1024 * MIB)
    assert (await acts(upload(4 * MIB), 202)).status_code == 202
    problem(await upload(4 * MIB + 1)(), 413, "document_too_large")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_types_follow_the_setting_and_the_refusal_names_them(
    door, person, set_to, problem, stored, language, words
) -> None:
    async def upload(content: bytes, name: str):
        return await door.upload(person, content, name=name, language=language, duplicate="allow")

    text, pdf = words(30), documents.korean_pdf(1, seed=71)
    assert (await upload(text, "a.txt")).status_code == 202
    await set_to("api.allowed_types", ["application/pdf", "text/markdown"])
    body = problem(await acts(lambda: upload(text, "a.txt"), 415), 415, "type_unsupported")
    before = stored()

    assert "PDF (.pdf), Markdown (.md, .markdown)" in body["detail"]
    assert ("올릴 수 있는 형식" in body["detail"]) == (language == "ko")
    assert body["accepted"] == [".markdown", ".md", ".pdf"]
    problem(await upload(text, "이름만"), 415, "type_unsupported")
    assert stored() == before
    assert (await upload(text, "a.md")).status_code == 202
    assert (await upload(pdf, "a.pdf")).status_code == 202


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_where_no_type_is_allowed_nothing_is_taken(door, person, set_to, problem, language, words) -> None:
    await set_to("api.allowed_types", [])
    answer = await acts(lambda: door.upload(person, words(30), duplicate="allow", language=language), 415)

    body = problem(answer, 415, "uploads_closed")
    assert ("문의하세요" in body["detail"]) == (language == "ko")


async def test_what_is_in_the_worker_s_hands_is_not_refused_afterwards(
    ingest, person, set_to, words, stand_in, sql
) -> None:
    document_id = await ingest.put(words(30), person=person)
    await set_to("api.allowed_types", [])
    await set_to("api.upload_max_bytes", MIB)
    stored_settings = await sql.rows("SELECT name, value::text AS value FROM ingest.platform_settings ORDER BY name")
    assert [json.loads(row["value"]) for row in stored_settings] == [[], MIB]

    assert (await ingest.process(document_id, stand_in()))["state"] == "ready"
