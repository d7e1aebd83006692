"""An event whose org, partner and class do not belong together is not booked and not logged."""

import asyncio
from uuid import uuid4

import pytest

from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Invalid, Unavailable
from contracts.tenancy import Tenant
from usage_metrics.service.places import PATIENT_TRIES


def _right(academy, place=0):
    org = academy.orgs[1 if place == 2 else 0]
    return {"org_id": org, "partner_id": academy.partners[place], "class_id": academy.classes[place]}


FORGED = {
    "class of another org": lambda a: {**_right(a), "class_id": a.classes[2]},
    "class of a sibling partner": lambda a: {**_right(a), "class_id": a.classes[1]},
    "partner of another org": lambda a: {"org_id": a.orgs[0], "partner_id": a.partners[2]},
    "class and partner of another org": lambda a: {**_right(a, 2), "org_id": a.orgs[0]},
    "class of another org, no partner": lambda a: {"org_id": a.orgs[0], "class_id": a.classes[2]},
    "invented org": lambda a: {**_right(a), "org_id": uuid4()},
}
TARGETS = {
    "class": lambda a: f"class/{a.classes[2]}",
    "partner": lambda a: f"partner/{a.partners[2]}",
    "org": lambda a: f"org/{a.orgs[1]}",
}


@pytest.mark.parametrize("kind", FORGED)
async def test_forged_usage_is_refused(academy, books, wired, make_usage, kind):
    before = await books.rows("SELECT count(*) FROM partner.usage_events")
    usage = make_usage(tenant=Tenant(user_id=academy.people["student"], **FORGED[kind](academy)))
    once = Delivery("usage_metrics-record_usage", uuid4(), attempt=PATIENT_TRIES + 1)

    with pytest.raises(Invalid) as caught:
        await wired.ledger.record(usage, event_id=uuid4(), once=once)

    assert caught.value.code == "tenant_disagrees"
    assert await books.rows("SELECT count(*) FROM partner.usage_events") == before
    assert await books.rows("SELECT * FROM usage_metrics.inbox WHERE event_id = %s", once.event_id) == []


@pytest.mark.parametrize("kind", FORGED)
async def test_a_forged_audit_event_is_refused(academy, books, make_entry, kind):
    with pytest.raises(Invalid) as caught:
        await books.note(make_entry(**FORGED[kind](academy)))

    assert caught.value.code == "tenant_disagrees"
    assert await books.rows("SELECT * FROM supervisor.audit_events") == []
    assert await books.rows("SELECT * FROM supervisor.audit_origins") == []


@pytest.mark.parametrize("noun", TARGETS)
async def test_an_audit_event_about_a_foreign_object_is_refused(academy, books, make_entry, noun):
    with pytest.raises(Invalid) as caught:
        await books.note(make_entry(target=TARGETS[noun](academy), org_id=academy.orgs[0]))

    assert caught.value.code == "tenant_disagrees"
    await books.note(make_entry(target=TARGETS[noun](academy), org_id=academy.orgs[1]))


async def test_an_audit_event_about_an_org_has_nothing_of_another_one(academy, books, make_entry):
    """Though it does not say which org it belongs to."""
    target = f"org/{academy.orgs[0]}"
    for foreign in ({"class_id": academy.classes[2]}, {"partner_id": academy.partners[2]}):
        with pytest.raises(Invalid) as caught:
            await books.note(make_entry(target=target, **foreign))
        assert caught.value.code == "tenant_disagrees"
    await books.note(make_entry(target=target, class_id=academy.classes[0]))


async def test_what_belongs_together_or_is_not_known_is_booked_and_logged(academy, books, make_usage, make_entry):
    unknown = {"org_id": uuid4(), "partner_id": uuid4(), "class_id": uuid4()}
    for where in (_right(academy), _right(academy, 2), unknown, {"org_id": academy.orgs[0]}, {}):
        await books.book(make_usage(tenant=Tenant(user_id=uuid4(), **where)))
        await books.note(make_entry(**where))
    new_class = {**_right(academy), "class_id": uuid4()}
    await books.note(make_entry(**new_class, target=f"class/{new_class['class_id']}"))

    assert await books.rows("SELECT count(*) FROM supervisor.audit_events") == [(6,)]


async def test_a_partner_that_has_moved_may_be_told_of_in_both_its_orgs_and_in_no_third(
    academy, books, make_usage, make_entry
):
    partner, (before, after) = uuid4(), academy.orgs
    for org in (before, after):
        await books.suspend(org, partner, status="active")

    for org in (before, after):
        where = {"org_id": org, "partner_id": partner}
        await books.book(make_usage(tenant=Tenant(user_id=uuid4(), **where)))
        await books.note(make_entry(**where, target=f"partner/{partner}"))
    with pytest.raises(Invalid):
        await books.note(make_entry(org_id=uuid4(), partner_id=partner))


async def test_news_that_are_overtaken_are_waited_for_a_little(academy, books, make_entry):
    """The move of a partner comes on another durable than what happens after it."""
    partner, (before, after) = uuid4(), academy.orgs
    await books.suspend(before, partner, status="active")
    entry, event_id = make_entry(org_id=after, partner_id=partner), uuid4()
    for attempt in range(1, PATIENT_TRIES + 1):
        with pytest.raises(Unavailable) as caught:
            await books.note(entry, event_id=event_id, attempt=attempt)
        assert caught.value.code == "tenant_unsettled"

    await books.suspend(after, partner, status="active")
    await books.note(entry, event_id=event_id, attempt=PATIENT_TRIES + 1)

    assert await books.rows("SELECT org_id FROM supervisor.audit_events") == [(after,)]


async def test_a_redriven_letter_is_not_waited_for(academy, wired, make_entry):
    once = Delivery("usage_metrics-record_audit", uuid4(), redriven=True)
    with pytest.raises(Invalid):
        await wired.audit.record(make_entry(**FORGED["invented org"](academy)), once=once)


async def test_many_facts_of_the_same_places_at_once_are_one(academy, books):
    partners = [uuid4() for _ in range(3)]
    await asyncio.gather(*(books.suspend(academy.orgs[n % 2], partners[n % 3]) for n in range(30)))

    query = "SELECT count(*) FROM usage_metrics.places WHERE place_id = ANY(%s)"
    assert await books.rows(query, partners) == [(6,)]


async def test_a_repeat_is_known_before_anything_is_looked_at(academy, books, make_entry):
    entry, event_id = make_entry(**_right(academy)), uuid4()
    await books.note(entry, event_id=event_id)

    with pytest.raises(AlreadyHandled):
        await books.note(entry, event_id=event_id)
