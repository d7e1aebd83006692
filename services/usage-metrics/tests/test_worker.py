"""The message door on a real bus: both publishers' usage and org-partner's facts arrive, wrong ones are buried."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import nats
import psycopg
import pytest

from chassis.bus import inbox_prefix
from contracts import ingest, rag
from contracts.envelope import encode, wrap
from contracts.org_partner import ClassOpened
from usage_metrics.worker import create_worker


@pytest.fixture
async def publish(nats_server):
    clients = {}

    async def send(event, *, body=None):
        package = event.publisher()
        if package not in clients:
            clients[package] = await nats.connect(
                nats_server.url, nkeys_seed_str=nats_server.seed(package), inbox_prefix=inbox_prefix(package).encode()
            )
        body = body or encode(wrap(event, event_id=uuid4(), time=datetime.now(UTC)))
        await clients[package].jetstream().publish(event.type, body, stream=package.upper())
        return body

    yield send
    for client in clients.values():
        await client.close()


@pytest.fixture
async def open_door(settings, nats_server):
    doors = []

    async def start():
        wanted = {"nats_url": nats_server.url, "nats_nkey_seed": nats_server.seed("usage_metrics")}
        doors.append(create_worker(settings.model_copy(update=wanted)))
        await doors[-1].start()
        return doors[-1]

    yield start
    for door in doors:
        await door.stop()
        await door.database.close()


async def _until(look, expected):
    deadline = time.monotonic() + 20
    while (seen := await look()) != expected and time.monotonic() < deadline:  # noqa: ASYNC110  the change is the server's
        await asyncio.sleep(0.05)
    assert seen == expected


async def test_usage_of_both_publishers_and_tenancy_arrive_once(open_door, publish, books, make_usage):
    worker = await open_door()
    facts = make_usage().model_dump()
    body = await publish(ingest.UsageRecorded.model_validate(facts))
    # The same event again, past the stream's own dedupe: only the inbox knows it.
    await publish(ingest.UsageRecorded.model_validate(facts), body=body)
    await publish(rag.UsageRecorded.model_validate({**facts, "usage_id": uuid4()}))
    ids = {name: uuid4() for name in ("class_id", "course_id", "org_id", "partner_id")}
    await publish(ClassOpened.model_validate({**ids, "name": "1반", "version": 1, "opened_at": datetime.now(UTC)}))

    await _until(lambda: books.rows("SELECT count(*), sum(input_tokens) FROM partner.usage_events"), [(2, 200)])
    await _until(lambda: books.rows("SELECT name FROM usage_metrics.classes"), [("1반",)])
    assert await books.rows("SELECT sum(calls) FROM partner.usage_daily") == [(2,)]
    assert await worker.problems() == []


async def test_what_is_no_usage_is_buried_and_the_next_is_booked(open_door, publish, books, make_usage):
    await open_door()
    usage = make_usage()
    await publish(usage, body=b'{"type": "ingest.usage.recorded.v1", "data": {"input_tokens": -1}}')
    await publish(usage)

    await _until(lambda: books.rows("SELECT count(*) FROM partner.usage_events"), [(1,)])
    await _until(lambda: books.rows("SELECT reason FROM usage_metrics.dead_letters"), [("malformed",)])


async def test_the_door_makes_the_months_that_are_missing(emptied, open_door, books):
    this_month = "partner.usage_events_" + f"{datetime.now(UTC) + timedelta(hours=9):%Y_%m}"
    async with await psycopg.AsyncConnection.connect(emptied.libpq_url("growfit_migrator")) as connection:
        await connection.execute(f"DROP TABLE {this_month}")

    await open_door()

    await _until(lambda: books.rows("SELECT to_regclass(%s)::text", this_month), [(this_month,)])
