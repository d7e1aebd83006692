"""The message door on a real bus: forged events are buried and change nothing, the next ones are taken."""

import asyncio
import time
from uuid import uuid4

import nats
import pytest

from chassis.bus import inbox_prefix
from chassis.clock import now
from contracts.envelope import encode, wrap
from contracts.identity import UserAnonymised
from contracts.ingest import VectorReadSwitched
from contracts.org_partner import ClassOpened
from contracts.rag import PersonalDataErased
from rag.worker import create_worker


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
async def worker(settings, nats_server):
    wanted = {"nats_url": nats_server.url, "nats_nkey_seed": nats_server.seed("rag")}
    made = create_worker(settings.model_copy(update=wanted))
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


async def test_forged_events_are_buried_and_the_next_are_taken(library, publish, worker, until, sql) -> None:
    school, other = await library.open_school(), await library.open_school()
    teacher = school.teacher
    event = library.embedded(uuid4(), scopes=[teacher.scope, school.scope], title="교재", place=school.place(teacher))
    await publish(event)
    document = "SELECT org_id, scopes, is_live, version FROM rag.documents WHERE document_id = %s"
    admitted = {"org_id": school.org_id, "scopes": [teacher.scope, school.scope], "is_live": True, "version": 2}
    await until(document, event.document_id, expected=[admitted])

    elsewhere = other.place(teacher)
    await publish(library.embedded(event.document_id, scopes=[teacher.scope], place=elsewhere, version=9))
    await publish(library.shared(event, teacher.scope, other.scope, version=9))
    await publish(library.deleted(event.document_id, elsewhere, version=9))
    stolen = {"class_id": school.class_id, "course_id": uuid4(), "name": "가로챈 반", "version": 9}
    await publish(ClassOpened(**other.ids, **stolen, opened_at=now()))
    # The bus is the whole run's; what others left on it is not looked at.
    letters = """SELECT consumer, reason, count(*) FROM rag.dead_letters
        WHERE body LIKE ANY (%s) GROUP BY 1, 2 ORDER BY 1"""
    about = [f"%{each}%" for each in (event.document_id, school.class_id)]
    buried = [
        {"consumer": "rag-admit_document", "reason": "document_contradicted", "count": 3},
        {"consumer": "rag-project_tenancy", "reason": "tenant_contradicted", "count": 1},
    ]
    await until(letters, about, expected=buried)
    assert await sql.rows(document, event.document_id) == [admitted]

    await publish(library.shared(event, teacher.scope, version=2))
    await until(document, event.document_id, expected=[admitted | {"scopes": [teacher.scope], "version": 4}])


async def test_an_anonymised_user_is_erased_and_reported(library, publish, worker, until, another) -> None:
    person = another()
    await library.wired.conversations.open(person.user_id, title="", class_id=None, document_ids=[])
    await publish(UserAnonymised(user_id=person.user_id, version=3, anonymised_at=now()))

    await until('SELECT 1 FROM "user".conversations WHERE user_id = %s', person.user_id, expected=[])
    reported = """SELECT payload->'data'->'remaining' AS remaining FROM rag.outbox
        WHERE subject = %s AND payload->'data'->>'user_id' = %s"""
    await until(reported, PersonalDataErased.type, str(person.user_id), expected=[{"remaining": 0}])


async def test_where_to_read_is_followed_and_what_is_forged_is_buried(publish, worker, until) -> None:
    index = {"index": "pgvector:multilingual-e5-small:384", "backend": "pgvector", "model": "multilingual-e5-small"}
    one, other = uuid4(), uuid4()
    at = {"dimension": 384, "switched_at": now()}
    await publish(VectorReadSwitched(**index, **at, switch_id=one, version=4))
    await publish(VectorReadSwitched(**index, **at, switch_id=other, version=3))
    told = "SELECT version, switch_id FROM rag.vector_reads ORDER BY version"
    rows = [{"version": 3, "switch_id": other}, {"version": 4, "switch_id": one}]
    await until(told, expected=rows)

    forged = uuid4()
    await publish(VectorReadSwitched(**index, **at, switch_id=forged, version=4))
    await publish(VectorReadSwitched(**index | {"backend": "qdrant"}, **at, switch_id=forged, version=9))
    buried = {"consumer": "rag-follow_vector_reads", "reason": "vector_reads_contradicted", "count": 2}
    letters = "SELECT consumer, reason, count(*) FROM rag.dead_letters WHERE body LIKE %s GROUP BY 1, 2"
    await until(letters, f"%{forged}%", expected=[buried])
    await until(told, expected=rows)
