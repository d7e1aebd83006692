"""The books are right: what the ledger holds is what the bus was told.

Beside `e2e`, because it reads the bus as downstream analytics does; no client of the gateway can. It runs after
`e2e` on the same stack, and so it checks the books of all that happened there too.
"""

import asyncio
import json
import time
from typing import Any

import nats
import pytest
from growfit_documents import korean_pdf

from growfit_local.credentials import seed_name

TENANTS = 3
DOCUMENTS = 2
# One embedding of each document, then the question's embedding and its answer.
CALLS = DOCUMENTS + 2


@pytest.fixture(scope="module")
def tenants(make_academy: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Each with documents of its own and a question about them, so that ingest and rag both have something to book."""
    folder, made = tmp_path_factory.mktemp("accounting"), []
    for number in range(TENANTS):
        academy = make_academy()
        student, class_id, document_ids = academy.enrol(), academy.ids["class_id"], []
        for at in range(DOCUMENTS):
            path = folder / f"{number}-{at}.pdf"
            path.write_bytes(korean_pdf(1, seed=100_000 + 10 * number + at, marker=f"장부어{number}번기관"))
            document_ids.append(student.upload(path, class_id=class_id)["document_id"])
        for document_id in document_ids:
            assert student.ready(document_id)["state"] == "ready"
        body = {"class_id": class_id, "document_ids": document_ids}
        conversation = student.settled("POST", "/conversations", json=body)
        for _ in student.ask(conversation["conversation_id"], f"장부어{number}번기관은 무엇인가요?"):
            pass
        made.append(academy)
    return made


def test_ledger_equals_events(stack, supervisor, tenants):
    """The sums that analytics reads from the bus are those that the supervisor and each partner see."""
    events: dict[str, dict[str, Any]] = {}
    until = time.monotonic() + 60
    while True:
        asyncio.run(read_usage_events(stack, events))
        booked = totals(supervisor.call("GET", "/usage/summary"))
        complete = all(len(of_partner(events, academy)) >= CALLS for academy in tenants)
        if complete and booked == sums(events.values()):
            break
        assert time.monotonic() < until, f"ledger {booked}, events {sums(events.values())}"
        time.sleep(1)
    assert booked[0] >= TENANTS * CALLS
    for academy in tenants:
        query = {"partner_id": academy.ids["partner_id"]}
        mine = of_partner(events, academy)
        assert len(mine) == CALLS
        assert totals(academy.owner.settled("GET", "/usage/summary", params=query)) == sums(mine)


def totals(summary: dict[str, Any]) -> tuple[int, int, int]:
    found = summary["totals"]
    return found["calls"], found["input_tokens"], found["output_tokens"]


def sums(events: Any) -> tuple[int, int, int]:
    counted = [(event["input_tokens"], event["output_tokens"]) for event in events]
    return len(counted), sum(each[0] for each in counted), sum(each[1] for each in counted)


def of_partner(events: dict[str, dict[str, Any]], academy: Any) -> list[dict[str, Any]]:
    return [event for event in events.values() if event["tenant"].get("partner_id") == academy.ids["partner_id"]]


async def read_usage_events(stack: Any, seen: dict[str, dict[str, Any]]) -> None:
    """Add the usage events that came since the last time, by their ids, read as a downstream subscriber does."""
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
                        seen[body["id"]] = body["data"]
                    await message.ack()
    finally:
        await client.close()
