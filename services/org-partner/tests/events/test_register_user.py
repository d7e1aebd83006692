"""The message door on a real bus: identity publishes, the worker remembers."""

import asyncio
from uuid import uuid4

import nats
from prometheus_client import CollectorRegistry

from chassis.clock import now
from contracts.envelope import encode, wrap
from contracts.identity import Tier, UserRegistered
from org_partner.worker import create_worker

DURABLE = "org_partner-register_user"


async def connect(server, user: str):
    prefix = f"_INBOX_{user}".encode()
    return await nats.connect(server.url, nkeys_seed_str=server.seed(user), inbox_prefix=prefix)


async def all_handled(connection) -> bool:
    info = await connection.jetstream().consumer_info("IDENTITY", DURABLE)
    return info.num_pending == 0 and info.num_ack_pending == 0


async def test_a_registration_on_the_bus_twice_is_one_known_user(settings, nats_server, sql) -> None:
    fact = UserRegistered(
        user_id=uuid4(),
        email=f"{uuid4().hex}@example.com",
        display_name="이서준",
        tier=Tier.USER,
        locale="ko",
        registered_at=now(),
    )
    body = encode(wrap(fact, event_id=uuid4(), time=now()))
    on_bus = {"nats_url": nats_server.url, "nats_nkey_seed": nats_server.seed("org_partner")}
    worker = create_worker(settings.model_copy(update=on_bus), registry=CollectorRegistry())
    identity, org_partner = await connect(nats_server, "identity"), await connect(nats_server, "org_partner")
    # Without message ids, so that it is the inbox that knows the second one.
    for _ in range(2):
        await identity.jetstream().publish(fact.type, body, stream="IDENTITY")
    await worker.start()
    try:
        async with asyncio.timeout(20):
            while not await all_handled(org_partner):  # noqa: ASYNC110  the state is the server's
                await asyncio.sleep(0.1)
    finally:
        await worker.stop()
        await worker.database.close()
        await identity.close()
        await org_partner.close()

    known = await sql.rows("SELECT user_id FROM org_partner.users WHERE email = %s", fact.email)
    assert known == [{"user_id": fact.user_id}]
    assert await sql.rows("SELECT consumer FROM org_partner.inbox") == [{"consumer": DURABLE}]
    assert await sql.rows("SELECT reason FROM org_partner.dead_letters") == []
