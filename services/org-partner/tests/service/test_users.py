from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import pytest

from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Conflict, Locale, NotFound
from contracts.identity import Tier, UserChanged, UserRegistered, UserStatus


def fact(**changes) -> UserRegistered:
    values = {
        "user_id": uuid4(),
        "email": f"{uuid4().hex}@example.com",
        "display_name": "이서준",
        "tier": Tier.USER,
        "locale": "ko",
        "registered_at": datetime(2026, 11, 1, tzinfo=UTC),
        "email_verified": True,
    }
    return UserRegistered(**(values | changes))


def delivery(event_id=None) -> Delivery:
    return Delivery("org_partner-register_user", event_id or uuid4())


def change(user_id, version: int, **changes) -> UserChanged:
    values = {
        "user_id": user_id,
        "email": f"{uuid4().hex}@example.com",
        "display_name": "이서준",
        "tier": Tier.USER,
        "locale": "ko",
        "status": UserStatus.ACTIVE,
        "token_epoch": 0,
        "version": version,
        "changed_at": datetime(2026, 11, version, tzinfo=UTC),
        "email_verified": True,
    }
    return UserChanged(**(values | changes))


async def known(sql, user_id) -> list[dict]:
    query = "SELECT email, display_name, status, version, told_at FROM org_partner.users WHERE user_id = %s"
    return await sql.rows(query, user_id)


async def test_a_registration_is_kept_with_a_lower_case_address(world, sql) -> None:
    event = fact(email=f"Seojun.{uuid4().hex}@Example.com")

    await world.wired.users.register(event, delivery())

    assert await known(sql, event.user_id) == [
        {
            "email": event.email.lower(),
            "display_name": "이서준",
            "status": "active",
            "version": 1,
            "told_at": event.registered_at,
        }
    ]


async def test_the_same_delivery_twice_has_one_effect(world, sql) -> None:
    event, once = fact(), delivery()

    await world.wired.users.register(event, once)
    with pytest.raises(AlreadyHandled):
        await world.wired.users.register(event, once)

    assert len(await known(sql, event.user_id)) == 1


async def verified(sql, user_id) -> bool:
    (row,) = await sql.rows("SELECT email_verified FROM org_partner.users WHERE user_id = %s", user_id)
    return row["email_verified"]


@pytest.mark.parametrize(("told", "kept"), [(True, True), (False, False), (None, False)])
async def test_an_address_counts_as_verified_only_when_that_was_told(world, sql, told, kept) -> None:
    event = fact(email_verified=told)
    await world.wired.users.register(event, delivery())
    assert await verified(sql, event.user_id) is kept

    await world.wired.users.register(change(event.user_id, 2, email_verified=not kept), delivery())
    assert await verified(sql, event.user_id) is not kept
    # What is older than that changes nothing.
    await world.wired.users.register(change(event.user_id, 1, email_verified=kept), delivery())
    await world.wired.users.register(event, delivery())
    assert await verified(sql, event.user_id) is not kept


async def test_a_new_address_has_to_be_verified_anew(world, school) -> None:
    person = await world.person()
    new = f"new-{uuid4().hex}@example.com"
    await world.wired.users.register(change(person.user_id, 2, email=new, email_verified=False), delivery())

    with pytest.raises(Conflict) as caught:
        await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=new)
    assert caught.value.code == "user_unverified"


async def test_who_verified_an_address_once_and_gave_it_up_is_not_its_holder(world, school) -> None:
    before, now_ = await world.person(announced=False), await world.person(announced=False)
    email = f"{uuid4().hex}@example.com"
    for person, year, proven in ((before, 2024, True), (now_, 2026, False)):
        told = {"registered_at": datetime(year, 1, 1, tzinfo=UTC), "email_verified": proven}
        await world.wired.users.register(fact(user_id=person.user_id, email=email, **told), delivery())

    with pytest.raises(Conflict):
        await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=email)
    verdicts = await world.wired.roster_imports.run(
        school.owner.caller, school.group.class_id, f"email\n{email}\n".encode(), locale=Locale.EN
    )
    assert [each.message.code for each in verdicts] == ["unknown_user"]


async def test_the_same_user_in_another_event_changes_nothing(world, sql) -> None:
    event = fact()
    await world.wired.users.register(event, delivery())
    before = await known(sql, event.user_id)

    await world.wired.users.register(fact(user_id=event.user_id, display_name="딴 이름"), delivery())

    assert await known(sql, event.user_id) == before


async def test_an_address_means_its_latest_holder_in_whatever_order_the_events_come(world, school) -> None:
    early, late = await world.person(announced=False), await world.person(announced=False)
    email = f"{uuid4().hex}@example.com"
    for person, year in ((late, 2026), (early, 2024)):
        event = fact(user_id=person.user_id, email=email, registered_at=datetime(year, 1, 1, tzinfo=UTC))
        await world.wired.users.register(event, delivery())

    membership = await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=email)

    assert membership.user_id == late.user_id


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_facts_in_any_order_leave_the_latest(world, sql, order) -> None:
    registered = fact()
    facts = [registered, change(registered.user_id, 2), change(registered.user_id, 3, display_name="이서윤")]

    for place in (*order, *order):
        await world.wired.users.register(facts[place], delivery())

    (row,) = await known(sql, registered.user_id)
    assert (row["email"], row["display_name"], row["version"]) == (facts[2].email, "이서윤", 3)


async def test_a_new_address_is_found_and_the_old_one_is_not(world, school) -> None:
    person = await world.person()
    new = f"new-{uuid4().hex}@example.com"
    await world.wired.users.register(change(person.user_id, 2, email=new.upper()), delivery())
    add = world.wired.orgs.add_admin

    assert (await add(school.admin.caller, school.org.org_id, email=new)).user_id == person.user_id
    with pytest.raises(NotFound):
        await add(school.admin.caller, school.org.org_id, email=person.email)


@pytest.mark.parametrize("status", [UserStatus.SUSPENDED, UserStatus.DEACTIVATED])
async def test_somebody_who_is_locked_out_is_given_no_role(world, school, status) -> None:
    person = await world.person()
    for version, each in ((2, status), (3, UserStatus.ACTIVE)):
        told = change(person.user_id, version, email=person.email, status=each)
        if each is UserStatus.ACTIVE:
            with pytest.raises(NotFound):
                await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=person.email)
        await world.wired.users.register(told, delivery())

    assert await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=person.email)
