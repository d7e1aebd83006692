from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.errors import NotFound
from chassis.paging import Slice
from org_partner.service import qr_codes


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


@pytest.mark.parametrize("state", ["active", "used_up", "expired", "revoked"])
async def test_codes_are_found_by_what_they_are_good_for(world, sql, state) -> None:
    school = await world.school()
    fresh, spent, old, withdrawn = [await world.code(school, max_uses=1) for _ in range(4)]
    await world.wired.redemptions.redeem((await world.person()).caller, spent.code)
    await sql.rows(
        "UPDATE partner.invite_codes SET expires_at = now() WHERE invite_code_id = %s", old.row.invite_code_id
    )
    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, withdrawn.row.invite_code_id)

    rows = await world.wired.invite_codes.list_for_class(
        school.owner.caller, school.group.class_id, Slice(limit=100), state=state
    )

    made = {"active": fresh, "used_up": spent, "expired": old, "revoked": withdrawn}
    assert [row.invite_code_id for row in rows] == [made[state].row.invite_code_id]


async def test_a_code_has_a_label_a_note_and_a_picture_of_where_it_leads(world, school, settings) -> None:
    issued = await world.code(school, label="3월 등록", note="설명회\n참석자용")

    assert (issued.row.label, issued.row.note) == ("3월 등록", "설명회\n참석자용")
    assert issued.join_url == f"{settings.public_url}/join#code={issued.code}"
    assert issued.qr_png == qr_codes.png(issued.join_url)


async def test_issuing_and_revoking_are_told_without_the_code(world, school, sql) -> None:
    issued = await world.code(school)
    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, issued.row.invite_code_id)

    query = "SELECT action, detail::text AS detail FROM partner.activities WHERE target = %s ORDER BY occurred_at"
    told = await sql.rows(query, f"invite_code/{issued.row.invite_code_id}")
    assert [row["action"] for row in told] == ["invite_code.issued", "invite_code.revoked"]
    (row,) = await sql.rows("SELECT string_agg(payload::text, '') AS all FROM org_partner.outbox")
    assert issued.code not in row["all"]
    assert issued.code.replace("-", "") not in row["all"]


async def test_revoking_again_tells_nothing_again(world, school, sql) -> None:
    issued = await world.code(school)
    for _ in range(2):
        await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, issued.row.invite_code_id)

    entries = await sql.audits(target=f"invite_code/{issued.row.invite_code_id}")
    assert [entry.action for entry in entries] == ["invite_code.issued", "invite_code.revoked"]
