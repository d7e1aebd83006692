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
from contracts.identity import UserAnonymised
from contracts.org_partner import ClassOpened
from contracts.streams import SERVICES
from contracts.tenancy import Tenant
from contracts.usage_metrics import PersonalDataErased
from usage_metrics.service import places
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


@pytest.mark.parametrize("publisher", SERVICES)
async def test_audit_events_of_every_service_arrive_once(open_door, publish, books, make_entry, publisher):
    await open_door()
    entry = make_entry(publisher)
    body = await publish(entry)
    await publish(entry, body=body)
    last = make_entry(publisher)
    await publish(last)

    query = "SELECT audit_id FROM supervisor.audit_events WHERE publisher = %s ORDER BY recorded_at"
    await _until(lambda: books.rows(query, publisher), [(entry.audit_id,), (last.audit_id,)])


async def test_forged_events_are_buried_and_the_next_are_taken(
    open_door, publish, books, make_entry, make_usage, academy, monkeypatch
):
    monkeypatch.setattr(places, "PATIENT_TRIES", 0)
    await open_door()
    where = {"org_id": academy.orgs[0], "partner_id": academy.partners[0], "class_id": academy.classes[2]}
    ledger = (await books.rows("SELECT count(*) FROM partner.usage_events"))[0][0]
    await publish(make_entry("rag", **where))
    await publish(make_entry("rag", org_id=academy.orgs[0]))
    await publish(make_usage(tenant=Tenant(user_id=uuid4(), **where)))
    await publish(make_usage())

    letters = "SELECT subject, reason FROM usage_metrics.dead_letters ORDER BY 1"
    buried = [("ingest.usage.recorded.v1", "tenant_disagrees"), ("rag.audit.recorded.v1", "tenant_disagrees")]
    await _until(lambda: books.rows(letters), buried)
    # The true one; and that each of the two forged ones was refused.
    await _until(lambda: books.rows("SELECT count(*) FROM supervisor.audit_events"), [(3,)])
    refused = "SELECT count(*) FROM supervisor.audit_events WHERE action = 'event.refused'"
    await _until(lambda: books.rows(refused), [(2,)])
    await _until(lambda: books.rows("SELECT count(*) FROM partner.usage_events"), [(ledger + 1,)])


async def test_an_anonymised_user_is_erased_and_the_report_published(open_door, publish, books, make_entry):
    user_id = uuid4()
    await books.note(make_entry(actor_id=user_id))
    await open_door()

    await publish(UserAnonymised(user_id=user_id, version=3, anonymised_at=datetime.now(UTC)))

    await _until(lambda: books.rows("SELECT count(*) FROM supervisor.audit_origins"), [(0,)])
    reported = """SELECT payload -> 'data' ->> 'user_id', (payload -> 'data' -> 'remaining')::int
                  FROM usage_metrics.outbox WHERE published_at IS NOT NULL AND subject = %s"""
    await _until(lambda: books.rows(reported, PersonalDataErased.type), [(str(user_id), 0)])


@pytest.mark.parametrize("table", ["partner.usage_events", "supervisor.audit_events"])
async def test_the_door_makes_the_months_that_are_missing(emptied, open_door, books, table):
    this_month = f"{table}_{datetime.now(UTC) + timedelta(hours=9):%Y_%m}"
    async with await psycopg.AsyncConnection.connect(emptied.libpq_url("growfit_migrator")) as connection:
        await connection.execute(f"DROP TABLE {this_month}")

    await open_door()

    await _until(lambda: books.rows("SELECT to_regclass(%s)::text", this_month), [(this_month,)])
