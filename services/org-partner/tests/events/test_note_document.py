"""The message door on a real bus: ingest publishes, the worker remembers, and buries what is forged."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import nats
from prometheus_client import CollectorRegistry

from chassis.clock import now
from contracts.envelope import encode, wrap
from contracts.ingest import DocumentDeleted, DocumentUploaded
from contracts.org_partner import ClassConfigured, ClassOpened
from contracts.tenancy import Tenant
from org_partner.worker import create_worker

DURABLE = "org_partner-note_document"


async def connect(server, user: str):
    prefix = f"_INBOX_{user}".encode()
    return await nats.connect(server.url, nkeys_seed_str=server.seed(user), inbox_prefix=prefix)


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  the state is the server's
            await asyncio.sleep(0.1)


def tenant_of(school) -> dict:
    place = {"org_id": school.org.org_id, "partner_id": school.partner.partner_id, "class_id": school.group.class_id}
    return place | {"user_id": school.owner.user_id}


def upload(**tenant) -> DocumentUploaded:
    return DocumentUploaded(
        document_id=uuid4(),
        version=1,
        tenant=Tenant(**tenant),
        title="교재.pdf",
        media_type="application/pdf",
        size_bytes=1,
        uploaded_at=now(),
    )


async def test_documents_on_the_bus_and_the_calendar_beside_them(settings, nats_server, sql, world, school) -> None:
    elsewhere = await world.school()
    kept, doomed = upload(**tenant_of(school)), upload(**tenant_of(school))
    forged = upload(**tenant_of(school) | {"org_id": elsewhere.org.org_id})
    for fact in (kept, doomed):
        await world.note(fact)
    both = [kept.document_id, doomed.document_id]
    await world.wired.materials.put(school.owner.caller, school.group.class_id, both)
    gone = DocumentDeleted(
        document_id=doomed.document_id, version=1, tenant=doomed.tenant, chunks_deleted=1, deleted_at=now()
    )
    waiting = await world.another_class(school, opens_at=now() + timedelta(days=1))
    await sql.rows("UPDATE partner.classes SET opens_at = now() WHERE class_id = %s", waiting.group.class_id)

    on_bus = {"nats_url": nats_server.url, "nats_nkey_seed": nats_server.seed("org_partner")}
    worker = create_worker(settings.model_copy(update=on_bus), registry=CollectorRegistry())
    ingest, org_partner = await connect(nats_server, "ingest"), await connect(nats_server, "org_partner")
    bodies = [(fact.type, encode(wrap(fact, event_id=uuid4(), time=now()))) for fact in (gone, forged)]
    # Without message ids, so that it is the inbox that knows the second one.
    for subject, body in (*bodies, bodies[0]):
        await ingest.jetstream().publish(subject, body, stream="INGEST")

    async def all_done() -> bool:
        info = await org_partner.jetstream().consumer_info("INGEST", DURABLE)
        opened = await sql.events(class_id=waiting.group.class_id)
        return info.num_pending == 0 and info.num_ack_pending == 0 and bool(opened)

    await worker.start()
    try:
        await until(all_done)
    finally:
        await worker.stop()
        await worker.database.close()
        await ingest.close()
        await org_partner.close()

    events = [e for e in await sql.events(class_id=school.group.class_id) if isinstance(e, ClassConfigured)]
    assert events[-1].material_ids == [kept.document_id]
    assert [event.version for event in events] == [1, 2, 3]
    # The bus may hold other suites' documents too.
    query = "SELECT consumer, reason FROM org_partner.dead_letters WHERE body LIKE %s"
    (letter,) = await sql.rows(query, f"%{forged.document_id}%")
    assert letter == {"consumer": DURABLE, "reason": "event_disagrees"}
    assert await sql.rows("SELECT 1 FROM org_partner.documents WHERE document_id = %s", forged.document_id) == []
    opened = await sql.events(class_id=waiting.group.class_id)
    assert [type(event) for event in opened] == [ClassOpened, ClassConfigured]
