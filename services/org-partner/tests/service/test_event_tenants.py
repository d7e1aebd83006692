"""What other services say of an object's tenant must be so here; else it is forged, and nothing is done with it."""

from uuid import uuid4

import pytest

from chassis import tenant
from chassis.errors import Invalid
from contracts.tenancy import Tenant
from org_partner.service import permission


def told(org=None, partner=None, group=None) -> Tenant:
    return Tenant(org_id=org, partner_id=partner, class_id=group, user_id=uuid4())


async def check(world, tenant_: Tenant, context) -> None:
    async with world.wired.database.transaction(context) as session:
        await permission.check_event_tenant(session, tenant_)


@pytest.mark.parametrize("as_platform", [True, False])
async def test_what_is_so_passes(world, school, as_platform) -> None:
    ids = (school.org.org_id, school.partner.partner_id, school.group.class_id)

    for depth in range(4):
        named = told(*ids[:depth])
        await check(world, named, tenant.PLATFORM if as_platform else tenant.of_tenant(named))


@pytest.mark.parametrize("as_platform", [True, False])
async def test_what_does_not_belong_together_is_refused(world, school, as_platform) -> None:
    sibling, other = await world.sibling(school), await world.school()
    org, partner, group = school.org.org_id, school.partner.partner_id, school.group.class_id
    forged = {
        "another org's class": told(org, partner, other.group.class_id),
        "a sibling's class": told(org, partner, sibling.group.class_id),
        "another org's partner": told(org, other.partner.partner_id),
        "another org's partner and class": told(org, other.partner.partner_id, other.group.class_id),
        "our partner and class in another org": told(other.org.org_id, partner, group),
        "a class without its partner": told(org, None, group),
        "a class without its org": told(None, partner, group),
        "a partner without its org": told(None, partner),
        "no such org": told(uuid4()),
        "no such partner": told(org, uuid4()),
        "no such class": told(org, partner, uuid4()),
    }

    for name, each in forged.items():
        with pytest.raises(Invalid) as caught:
            await check(world, each, tenant.PLATFORM if as_platform else tenant.of_tenant(each))
        assert caught.value.code == "event_disagrees", name
