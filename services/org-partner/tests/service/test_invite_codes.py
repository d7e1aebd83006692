from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.errors import NotFound
from chassis.paging import Slice


async def states(world, school) -> dict:
    rows = await world.wired.invite_codes.list_for_class(school.owner.caller, school.group.class_id, Slice(limit=100))
    return {row.invite_code_id: row.state for row in rows}


async def test_a_code_is_nowhere_in_the_database(world, school, sql) -> None:
    issued = await world.code(school)
    columns = "code.*, (SELECT string_agg(payload::text, '') FROM org_partner.outbox) AS events"
    (row,) = await sql.rows(
        f"SELECT {columns} FROM partner.invite_codes code WHERE invite_code_id = %s", issued.row.invite_code_id
    )

    plain = issued.code.replace("-", "")
    for value in row.values():
        shown = bytes(value).decode("latin-1") if isinstance(value, bytes) else str(value)
        assert issued.code not in shown
        assert plain not in shown
    assert len(row["code_hash"]) == 32


async def test_the_list_tells_what_each_code_is_good_for(world, sql) -> None:
    school = await world.school()
    fresh, spent, old, withdrawn = [await world.code(school, max_uses=1) for _ in range(4)]
    await world.wired.redemptions.redeem((await world.person()).caller, spent.code)
    await sql.rows(
        "UPDATE partner.invite_codes SET expires_at = now() WHERE invite_code_id = %s", old.row.invite_code_id
    )
    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, withdrawn.row.invite_code_id)

    assert await states(world, school) == {
        fresh.row.invite_code_id: "active",
        spent.row.invite_code_id: "used_up",
        old.row.invite_code_id: "expired",
        withdrawn.row.invite_code_id: "revoked",
    }


async def test_revoking_twice_keeps_the_first_time_and_the_students(world, school, sql) -> None:
    issued, person = await world.code(school), await world.person()
    await world.wired.redemptions.redeem(person.caller, issued.code)
    place = (school.owner.caller, school.group.class_id, issued.row.invite_code_id)
    query = "SELECT revoked_at FROM partner.invite_codes WHERE invite_code_id = %s"

    await world.wired.invite_codes.revoke(*place)
    first = await sql.rows(query, issued.row.invite_code_id)
    await world.wired.invite_codes.revoke(*place)

    assert await sql.rows(query, issued.row.invite_code_id) == first
    seen, _ = await world.wired.classes.get(person.caller, school.group.class_id)
    assert seen.name == school.group.name


async def test_a_code_is_revoked_only_through_its_own_class(world, school) -> None:
    sibling = await world.sibling(school)
    issued = await world.code(sibling)

    for group, code_id in ((school.group, issued.row.invite_code_id), (sibling.group, uuid4())):
        with pytest.raises(NotFound) as caught:
            await world.wired.invite_codes.revoke(school.admin.caller, group.class_id, code_id)
        assert caught.value.code == "invite_code_not_found"
    assert (await states(world, sibling))[issued.row.invite_code_id] == "active"


async def test_a_code_lives_as_long_as_it_was_asked_for(world, school) -> None:
    issued = await world.wired.invite_codes.issue(
        school.owner.caller, school.group.class_id, lifetime=timedelta(hours=36), max_uses=3
    )

    assert issued.row.expires_at - issued.row.created_at == timedelta(hours=36)
    assert (issued.row.max_uses, issued.row.used_count, issued.row.state) == (3, 0, "active")
