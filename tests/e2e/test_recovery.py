"""A process is killed in the middle of a document. The document ends ready, with nothing doubled and nothing lost."""

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from growfit_documents import korean_pdf
from httpx import HTTPError

from growfit_local.client import ApiError, Client
from growfit_local.people import Academy
from growfit_local.stack import Stack

PAGES = 24
SECONDS = 120


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recovery") / "book.pdf"
    path.write_bytes(korean_pdf(PAGES, seed=77))
    return path


@pytest.fixture(scope="module")
def undisturbed(make_academy: Any, pdf: Path) -> dict[str, Any]:
    """What the same file gives when nothing is killed."""
    academy = make_academy()
    reader = academy.enrol()
    document = reader.upload(pdf, class_id=academy.ids["class_id"])
    assert wait_until_ready(reader, document["document_id"])["state"] == "ready"
    return measure(academy, reader, document["document_id"])


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
def test_the_database_answers_once_it_is_on_disk(stack, setting):
    """Of which the loss of power would be the proof."""
    with psycopg.connect(stack.layout.database_url("postgres", driver="postgresql")) as connection:
        assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


@pytest.mark.parametrize("victim", ["ingest-worker", "nats", "postgres"])
def test_document_survives_the_death_of(victim, stack, make_academy, pdf, undisturbed):
    academy = make_academy()
    reader = academy.enrol()
    document = reader.upload(pdf, class_id=academy.ids["class_id"])
    wait_until_embedding(reader, document["document_id"])
    stack.kill(victim)
    ended = wait_until_ready(reader, document["document_id"])
    assert ended["state"] == "ready", ended["problem"]
    assert measure(academy, reader, document["document_id"]) == undisturbed
    assert_stack_recovers(stack)


def measure(academy: Academy, reader: Client, document_id: str) -> dict[str, Any]:
    """Everything that could be doubled or lost: chunks, vectors, usage rows, tokens."""
    document = patiently(reader, "GET", f"/documents/{document_id}")
    events = wait_for_ledger(academy, reader)
    receipt = patiently(reader, "DELETE", f"/documents/{document_id}")
    assert receipt["remaining"] == {"vectors": 0, "objects": 0, "chunks": 0}
    return {
        "pages": document["page_count"],
        "chunks": document["chunk_count"],
        "chunks stored": receipt["deleted"]["chunks"],
        "vectors stored": receipt["deleted"]["vectors"],
        "usage rows": len(events),
        "tokens": sum(event["input_tokens"] for event in events),
    }


def wait_for_ledger(academy: Academy, reader: Client) -> list[dict[str, Any]]:
    """The student's ledger lines once they have stopped growing."""
    query = {"class_id": academy.ids["class_id"]}
    seen: list[dict[str, Any]] = []
    until = time.monotonic() + SECONDS
    while True:
        rows: list[dict[str, Any]] = patiently(reader, "GET", "/usage/events", params=query)["items"]
        if rows and rows == seen:
            return rows
        assert time.monotonic() < until, "no usage reached the ledger"
        seen = rows
        time.sleep(2)


def wait_until_embedding(client: Client, document_id: str) -> None:
    until = time.monotonic() + SECONDS
    while True:
        document = client.call("GET", f"/documents/{document_id}")
        if document["state"] == "embedding" and 0.2 < document["progress"] < 0.8:
            return
        assert document["state"] != "ready", "too quick to be killed in the middle; use more pages"
        assert time.monotonic() < until
        time.sleep(0.05)


def wait_until_ready(client: Client, document_id: str) -> dict[str, Any]:
    until = time.monotonic() + SECONDS
    while True:
        document: dict[str, Any] = patiently(client, "GET", f"/documents/{document_id}")
        if document["state"] in {"ready", "failed", "rejected"}:
            return document
        assert time.monotonic() < until, f"stuck: {document}"
        time.sleep(0.2)


def patiently(client: Client, method: str, path: str, **arguments: Any) -> Any:
    """`settled`, and through the 503 of a service whose database is away for a moment; a 500 is never right."""
    until = time.monotonic() + 60
    while True:
        try:
            return client.settled(method, path, **arguments)
        except ApiError as error:
            if error.status not in {502, 503}:
                raise
        except HTTPError:
            pass
        assert time.monotonic() < until
        time.sleep(0.3)


def assert_stack_recovers(stack: Stack) -> None:
    stack.wait_ready(*(name for name in stack.states() if name != "supervisord"), timeout=60)
