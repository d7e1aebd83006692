"""The message door: each durable of identity has its handler, and a fact goes through it into the tables."""

from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from contracts.envelope import decode, encode, wrap
from contracts.org_partner import MembershipGranted, Role
from contracts.streams import consumers_of
from identity.worker import create_worker


@pytest.fixture
async def door(settings):
    worker = create_worker(settings, registry=CollectorRegistry())
    yield worker
    await worker.database.close()


async def test_every_durable_has_a_handler(door) -> None:
    wanted = {consumer.durable for consumer in consumers_of("identity") if consumer.handler != "bury_exhausted"}

    assert {durable for _, durable in door._subscriptions} == wanted
    assert "identity-project_tenancy" in wanted


async def test_a_role_arrives_once(door, sql, account) -> None:
    fact = MembershipGranted(
        membership_id=uuid4(), user_id=account.user_id, org_id=uuid4(), role=Role.ORG_ADMIN, version=1, granted_at=now()
    )
    event = decode(encode(wrap(fact, event_id=uuid4(), time=now())))
    subscription = door._subscriptions["ORG_PARTNER", "identity-project_tenancy"]
    delivery = Delivery("identity-project_tenancy", event.id)
    await subscription.handler(event, delivery)
    with pytest.raises(AlreadyHandled):
        await subscription.handler(event, delivery)

    query = "SELECT role, is_active FROM identity.memberships WHERE user_id = %s"
    assert await sql.rows(query, account.user_id) == [{"role": "org_admin", "is_active": True}]
