"""A client that leaves in the middle, and servers that are away: nothing of the upload stays."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ingest.config import MIB
from ingest.main import create_app

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


def scope(client, person) -> dict:
    headers = client.headers(person) | {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "1000000"}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/documents",
        "raw_path": b"/documents",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


@pytest.fixture
def documents_of(ingest):
    async def count(person) -> int:
        query = 'SELECT 1 FROM "user".documents WHERE owner_id = %s'
        return len(await ingest.sql.rows(query, person.user_id))

    return count


@pytest.mark.parametrize("sent", [0, 1000, 300_000, 900_000])
async def test_a_client_that_leaves_leaves_nothing(client, person, stored, documents_of, sent) -> None:
    before = stored()
    body = (HEAD + b"a" * sent)[: sent or 20]
    messages = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]
    answered = []

    async def receive() -> dict:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: dict) -> None:
        answered.append(message)

    await client.app(scope(client, person), receive, send)

    assert answered[0]["status"] == 422
    assert json.loads(answered[1]["body"])["code"] == "upload_broken"
    assert stored() == before
    assert await documents_of(person) == 0


async def test_a_request_that_is_cancelled_leaves_nothing(client, person, stored, documents_of) -> None:
    before = stored()
    asked = asyncio.Event()
    messages = iter([HEAD + b"a" * 500_000])

    async def receive() -> dict:
        piece = next(messages, None)
        if piece is None:
            asked.set()
            await asyncio.sleep(60)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(_: dict) -> None:
        raise AssertionError("nobody is there any more")

    task = asyncio.create_task(client.app(scope(client, person), receive, send))
    await asyncio.wait_for(asked.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        if stored() == before:
            break
        await asyncio.sleep(0.02)

    assert stored() == before
    assert await documents_of(person) == 0


@pytest.fixture
async def away(settings, signer, wired, tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Path]]:
    """The HTTP door over a storage folder that a test can take away."""
    folder = tmp_path / "objects"
    app = create_app(settings.model_copy(update={"storage_url": folder.as_uri()}))
    app.state.verifier = signer.verifier
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://ingest") as http,
    ):
        yield http, folder


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("size", [100, MIB], ids=["small", "large"])
async def test_a_storage_that_is_away(client, away, person, problem, documents_of, language, size) -> None:
    http, folder = away
    shutil.rmtree(folder)
    folder.write_text("no folder any more")
    files = {"file": ("a.txt", b"a" * size)}
    answer = await http.post("/documents", files=files, headers=client.headers(person, language))

    body = problem(answer, 503, "storage_unavailable")
    assert ("저장소" in body["detail"]) == (language == "ko")
    assert await documents_of(person) == 0


async def test_a_database_that_is_away(client, settings, signer, person, problem, tmp_path) -> None:
    lost = settings.model_copy(
        update={
            "database_url": "postgresql+psycopg://ingest:x@127.0.0.1:1/growfit",
            "storage_url": (tmp_path / "objects").as_uri(),
        }
    )
    app = create_app(lost)
    app.state.verifier = signer.verifier
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as http:
        answer = await http.post("/documents", files={"file": ("a.txt", b"some text")}, headers=client.headers(person))
        ready = await http.get("/ready")
        health = await http.get("/health")
    await app.state.wired.database.close()

    problem(answer, 503, "database_unavailable")
    assert answer.headers["retry-after"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert (ready.status_code, health.status_code) == (503, 200)
    assert ready.json()["problems"]


async def test_the_doors_of_operation(client) -> None:
    ready = await client.http.get("/ready")
    metrics = await client.http.get("/metrics")

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert 'growfit_http_requests_total{method="GET",route="/ready",service="ingest",status="200"}' in metrics.text
