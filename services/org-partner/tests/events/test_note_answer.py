"""The message door on a real bus: rag publishes answers, the worker counts them once, and buries forged ones."""

import asyncio
from uuid import uuid4

import nats
from prometheus_client import CollectorRegistry

from chassis.clock import now
from contracts.envelope import encode, wrap
from contracts.rag import MessageAnswered
from contracts.tenancy import Tenant
from contracts.usage import Outcome
from org_partner.worker import create_worker

DURABLE = "org_partner-note_answer"


async def connect(server, user: str):
    prefix = f"_INBOX_{user}".encode()
    return await nats.connect(server.url, nkeys_seed_str=server.seed(user), inbox_prefix=prefix)


async def all_handled(connection) -> bool:
    info = await connection.jetstream().consumer_info("RAG", DURABLE)
    return info.num_pending == 0 and info.num_ack_pending == 0


def answered(tenant: Tenant) -> bytes:
    fact = MessageAnswered(
        message_id=uuid4(),
        conversation_id=uuid4(),
        tenant=tenant,
        model="growfit-extractive",
        outcome=Outcome.COMPLETED,
        citation_count=1,
        duration_ms=1,
        answered_at=now(),
    )
    return encode(wrap(fact, event_id=uuid4(), time=now()))


async def test_an_answer_twice_counts_once_and_a_forged_one_is_dead(settings, nats_server, world, school, sql) -> None:
    student, other = await world.student(school), await world.school()
    tenant = Tenant(
        org_id=school.org.org_id,
        partner_id=school.partner.partner_id,
        class_id=school.group.class_id,
        user_id=student.user_id,
    )
    genuine, forged = answered(tenant), answered(tenant.model_copy(update={"org_id": other.org.org_id}))
    on_bus = {"nats_url": nats_server.url, "nats_nkey_seed": nats_server.seed("org_partner")}
    worker = create_worker(settings.model_copy(update=on_bus), registry=CollectorRegistry())
    rag, org_partner = await connect(nats_server, "rag"), await connect(nats_server, "org_partner")
    # Without message ids, so that it is the inbox that knows the second one.
    for body in (genuine, forged, genuine):
        await rag.jetstream().publish(MessageAnswered.type, body, stream="RAG")
    await worker.start()
    try:
        async with asyncio.timeout(20):
            while not await all_handled(org_partner):  # noqa: ASYNC110  the state is the server's
                await asyncio.sleep(0.1)
    finally:
        await worker.stop()
        await worker.database.close()
        await rag.close()
        await org_partner.close()

    query = "SELECT class_id, user_id, questions FROM partner.class_activity_daily WHERE class_id = %s"
    counts = await sql.rows(query, school.group.class_id)
    assert counts == [{"class_id": school.group.class_id, "user_id": student.user_id, "questions": 1}]
    query = "SELECT consumer, reason FROM org_partner.dead_letters WHERE body LIKE %s"
    letters = await sql.rows(query, f"%{other.org.org_id}%")
    assert letters == [{"consumer": DURABLE, "reason": "event_disagrees"}]
