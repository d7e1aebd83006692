"""The message door on a real bus: identity publishes, the worker remembers, and forgets."""

import asyncio
from uuid import uuid4

import nats
from prometheus_client import CollectorRegistry

from chassis.clock import now
from contracts.envelope import encode, wrap
from contracts.identity import Tier, UserAnonymised, UserChanged, UserRegistered, UserStatus
from contracts.org_partner import PersonalDataErased
from org_partner.worker import create_worker

REGISTER, ERASE = "org_partner-register_user", "org_partner-erase_user"


async def connect(server, user: str):
    prefix = f"_INBOX_{user}".encode()
    return await nats.connect(server.url, nkeys_seed_str=server.seed(user), inbox_prefix=prefix)


async def all_handled(connection) -> bool:
    infos = [await connection.jetstream().consumer_info("IDENTITY", durable) for durable in (REGISTER, ERASE)]
    return all(info.num_pending == 0 and info.num_ack_pending == 0 for info in infos)


async def publish_and_handle(settings, nats_server, bodies: list[tuple[str, bytes]]) -> None:
    """Without message ids, so that it is the inbox that knows what comes again."""
    on_bus = {"nats_url": nats_server.url, "nats_nkey_seed": nats_server.seed("org_partner")}
    worker = create_worker(settings.model_copy(update=on_bus), registry=CollectorRegistry())
    identity, org_partner = await connect(nats_server, "identity"), await connect(nats_server, "org_partner")
    for subject, body in bodies:
        await identity.jetstream().publish(subject, body, stream="IDENTITY")
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


def envelope(fact) -> tuple[str, bytes]:
    return fact.type, encode(wrap(fact, event_id=uuid4(), time=now()))


async def dead_about(sql, user_id) -> list[dict]:
    return await sql.rows("SELECT reason FROM org_partner.dead_letters WHERE body LIKE %s", f"%{user_id}%")


def registration() -> UserRegistered:
    return UserRegistered(
        user_id=uuid4(),
        email=f"{uuid4().hex}@example.com",
        display_name="이서준",
        tier=Tier.USER,
        locale="ko",
        registered_at=now(),
    )


async def test_a_registration_on_the_bus_twice_is_one_known_user(settings, nats_server, sql) -> None:
    fact, event_id = registration(), uuid4()
    twice = [(fact.type, encode(wrap(fact, event_id=event_id, time=now())))] * 2
    await publish_and_handle(settings, nats_server, twice)

    known = await sql.rows("SELECT user_id FROM org_partner.users WHERE email = %s", fact.email)
    assert known == [{"user_id": fact.user_id}]
    # The bus may hold other suites' people too.
    query = "SELECT consumer FROM org_partner.inbox WHERE event_id = %s"
    assert await sql.rows(query, event_id) == [{"consumer": REGISTER}]
    assert await dead_about(sql, fact.user_id) == []


async def test_changes_and_an_erasure_on_the_bus_twice_and_out_of_order(settings, nats_server, sql, world) -> None:
    person = await world.person(announced=False)
    named = {"user_id": person.user_id, "email": person.email, "tier": Tier.USER, "locale": "ko"}
    registered = UserRegistered(**named, display_name="이서준", registered_at=now())
    told = {"token_epoch": 0, "changed_at": now(), **named}
    facts = [
        UserChanged(**told, display_name="이서윤", status=UserStatus.ACTIVE, version=2),
        registered,
        UserAnonymised(user_id=person.user_id, version=3, anonymised_at=now()),
        UserChanged(**told, display_name="탈퇴", status=UserStatus.ANONYMISED, version=3),
    ]
    await publish_and_handle(settings, nats_server, [envelope(fact) for fact in facts] * 2)

    known = await sql.rows(
        "SELECT email, display_name, status FROM org_partner.users WHERE user_id = %s", person.user_id
    )
    assert known == [{"email": None, "display_name": None, "status": "anonymised"}]
    (report,) = await sql.events(user_id=person.user_id)
    assert (type(report), report.remaining) == (PersonalDataErased, 0)
    assert await dead_about(sql, person.user_id) == []
