"""Fifty documents at once by five tenants: all ready, everybody finds their own alone, and the books are right."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nats
import pytest
from growfit_documents import korean_pdf

from growfit_local.client import ApiError
from growfit_local.credentials import seed_name

TENANTS = 5
DOCUMENTS = 10


@pytest.fixture(scope="module")
def tenants(make_academy: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Each with ten documents that carry its own word, uploaded all at the same time."""
    folder = tmp_path_factory.mktemp("tenants")
    made = []
    for number in range(TENANTS):
        academy = make_academy()
        paths = []
        for at in range(DOCUMENTS):
            path = folder / f"tenant-{number}-document-{at}.pdf"
            path.write_bytes(korean_pdf(1, seed=1000 * number + at, marker=f"표지어{number}번기관"))
            paths.append(path)
        made.append({"number": number, "academy": academy, "student": academy.enrol(), "paths": paths})
    jobs = [(tenant, path) for at in range(DOCUMENTS) for tenant in made for path in [tenant["paths"][at]]]
    with ThreadPoolExecutor(16) as threads:
        uploaded = threads.map(
            lambda job: job[0]["student"].upload(job[1], class_id=job[0]["academy"].ids["class_id"]), jobs
        )
        for (tenant, _), document in zip(jobs, uploaded, strict=True):
            tenant.setdefault("document_ids", []).append(document["document_id"])
    return made


def test_all_become_ready(tenants):
    for tenant in tenants:
        for document_id in tenant["document_ids"]:
            assert tenant["student"].ready(document_id)["state"] == "ready"


def test_everybody_finds_only_their_own(tenants):
    for tenant in tenants:
        own = set(tenant["document_ids"])
        for other in tenants:
            query = {"query": f"표지어{other['number']}번기관", "top_k": 50}
            hits = tenant["student"].call("POST", "/search", json=query)["hits"]
            assert hits
            assert {hit["document_id"] for hit in hits} <= own
        listed = tenant["student"].call("GET", "/documents", params={"limit": 200})["items"]
        assert {document["document_id"] for document in listed} == own


def test_foreign_documents_answer_like_missing_ones(tenants):
    mine, theirs = tenants[0]["student"], tenants[1]["document_ids"][0]
    missing = "00000000-0000-4000-8000-000000000000"
    for method, path in [
        ("GET", "/documents/{}"),
        ("GET", "/documents/{}/events"),
        ("DELETE", "/documents/{}"),
    ]:
        foreign, absent = (_refusal(mine, method, path.format(key)) for key in (theirs, missing))
        assert foreign.status == absent.status == 404
        assert foreign.problem["detail"] == absent.problem["detail"]
    for key in (theirs, missing):
        with pytest.raises(ApiError) as refused:
            mine.call("POST", "/conversations", json={"document_ids": [key]})
        assert (refused.value.status, refused.value.code) == (404, "document_not_found")
        with pytest.raises(ApiError) as refused:
            mine.call("POST", "/search", json={"query": "무엇", "document_ids": [key]})
        assert refused.value.status == 404


def test_ledger_equals_events(stack, supervisor, tenants):
    """The sum of tokens that analytics reads from the bus is the sum that the supervisor sees."""
    until = time.monotonic() + 60
    while True:
        events = asyncio.run(read_usage_events(stack))
        totals = supervisor.call("GET", "/usage/summary")["totals"]
        booked = (totals["calls"], totals["input_tokens"], totals["output_tokens"])
        told = (
            len(events),
            sum(event["input_tokens"] for event in events.values()),
            sum(event["output_tokens"] for event in events.values()),
        )
        if booked == told:
            break
        assert time.monotonic() < until, f"ledger {booked}, events {told}"
        time.sleep(1)
    assert told[0] >= TENANTS * DOCUMENTS
    for tenant in tenants:
        partner = tenant["academy"].ids["partner_id"]
        mine = [event for event in events.values() if event["tenant"].get("partner_id") == partner]
        summary = tenant["academy"].owner.settled("GET", "/usage/summary", params={"partner_id": partner})
        assert summary["totals"]["input_tokens"] == sum(event["input_tokens"] for event in mine)


_seen: dict[str, dict[str, Any]] = {}


async def read_usage_events(stack: Any) -> dict[str, dict[str, Any]]:
    """Every usage event so far by its id, read as a downstream subscriber does."""
    client = await nats.connect(
        stack.layout.nats_url,
        nkeys_seed_str=stack.layout.secrets[seed_name("analytics")],
        inbox_prefix=b"_INBOX_analytics",
    )
    try:
        jetstream = client.jetstream()
        for stream in ("INGEST", "RAG"):
            reader = await jetstream.pull_subscribe_bind(durable="analytics-read", stream=stream)
            while True:
                try:
                    batch = await reader.fetch(100, timeout=1)
                except TimeoutError:
                    break
                for message in batch:
                    body = json.loads(message.data)
                    if message.subject.endswith("usage.recorded.v1"):
                        _seen[body["id"]] = body["data"]
                    await message.ack()
    finally:
        await client.close()
    return _seen


def _refusal(client: Any, method: str, path: str) -> ApiError:
    with pytest.raises(ApiError) as refused:
        client.call(method, path)
    return refused.value
