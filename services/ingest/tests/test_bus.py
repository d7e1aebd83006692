"""The message door on a real bus: forged events are buried and change nothing, the next ones are taken."""

import asyncio
import time
from uuid import uuid4

import growfit_documents as documents
import nats
import pytest

from chassis.bus import inbox_prefix
from chassis.clock import now
from contracts.envelope import encode, wrap
from contracts.identity import UserAnonymised
from contracts.ingest import ChunksEmbedded, DocumentFailed, PersonalDataErased
from contracts.org_partner import ClassOpened
from ingest.worker import create_worker


@pytest.fixture
async def publish(nats_server):
    clients = {}

    async def send(event) -> None:
        package = event.publisher()
        if package not in clients:
            prefix = inbox_prefix(package).encode()
            clients[package] = await nats.connect(
                nats_server.url, nkeys_seed_str=nats_server.seed(package), inbox_prefix=prefix
            )
        body = encode(wrap(event, event_id=uuid4(), time=now()))
        await clients[package].jetstream().publish(event.type, body, stream=package.upper())

    yield send
    for client in clients.values():
        await client.close()


@pytest.fixture
async def worker(settings, wired, nats_server, embedder_url):
    wanted = {"nats_url": nats_server.url, "nats_nkey_seed": nats_server.seed("ingest")}
    made = create_worker(settings.model_copy(update=wanted | {"embedding_base_url": embedder_url}))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def until(sql):
    async def asked(query: str, *values, expected) -> None:
        deadline = time.monotonic() + 30
        while (seen := await sql.rows(query, *values)) != expected and time.monotonic() < deadline:  # noqa: ASYNC110  the change is the server's
            await asyncio.sleep(0.05)
        assert seen == expected

    return asked


async def test_forged_events_are_buried_and_the_real_document_becomes_ready(
    ingest, publish, worker, until, words, sql
) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    document_id = await ingest.put(documents.korean_text(seed=91), person=school.teacher, class_id=school.class_id)
    event = await sql.announced(document_id)
    forged = [event.model_copy(update={"tenant": each}) for each in other.wrong_tenants(event.tenant)]
    forged.append(event.model_copy(update={"document_id": uuid4()}))
    stolen = ClassOpened(
        **other.ids, class_id=school.class_id, course_id=uuid4(), name="가로챈 반", version=9, opened_at=now()
    )
    for each in [*forged, stolen, other.lists(document_id, version=5, class_id=school.class_id)]:
        await publish(each)

    # The bus is the whole run's; what others left on it is not looked at.
    letters = """SELECT consumer, reason, count(*) FROM ingest.dead_letters
        WHERE body LIKE ANY (%s) GROUP BY 1, 2 ORDER BY 1"""
    about = [f"%{each}%" for each in (document_id, forged[-1].document_id, school.class_id)]
    await until(
        letters,
        about,
        expected=[
            {"consumer": "ingest-process_document", "reason": "document_not_found", "count": len(forged)},
            {"consumer": "ingest-project_tenancy", "reason": "tenant_contradicted", "count": 1},
            {"consumer": "ingest-share_materials", "reason": "tenant_contradicted", "count": 1},
        ],
    )
    state = 'SELECT state, reason FROM "user".documents WHERE document_id = %s'
    await until(state, document_id, expected=[{"state": "ready", "reason": None}])
    assert await ingest.sql.events(document_id, DocumentFailed) == []
    (ready,) = await ingest.sql.events(document_id, ChunksEmbedded)
    assert (ready.tenant, ready.scopes) == (event.tenant, [f"user:{school.teacher.user_id}"])
    query = "SELECT org_id, name FROM ingest.classes WHERE class_id = %s"
    assert await sql.rows(query, school.class_id) == [{"org_id": school.org_id, "name": "월수 저녁반"}]


async def test_an_anonymised_user_is_erased_and_reported(ingest, publish, worker, until, words, another) -> None:
    person = another()
    document_id = await ingest.put(words(40), person=person)
    await publish(UserAnonymised(user_id=person.user_id, version=3, anonymised_at=now()))

    await until(
        'SELECT state FROM "user".documents WHERE document_id = %s', document_id, expected=[{"state": "deleted"}]
    )
    reported = """SELECT payload->'data'->'remaining' AS remaining FROM ingest.outbox
        WHERE subject = %s AND payload->'data'->>'user_id' = %s"""
    await until(reported, PersonalDataErased.type, str(person.user_id), expected=[{"remaining": 0}])
