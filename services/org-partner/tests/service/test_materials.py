import asyncio
from uuid import uuid4

import pytest

from chassis.clock import now
from chassis.errors import Conflict, Forbidden, Invalid, NotFound
from chassis.paging import Slice
from contracts.ingest import DocumentDeleted
from contracts.org_partner import ClassConfigured, Role
from contracts.tenancy import Tenant
from org_partner.service import materials

PAGE = Slice(limit=200)


async def listed(world, school, person=None) -> list:
    person = person or school.owner
    rows = await world.wired.materials.list_for_class(person.caller, school.group.class_id, PAGE)
    return [row.document_id for row in reversed(rows)]


async def configured(sql, school) -> list[ClassConfigured]:
    events = await sql.events(class_id=school.group.class_id)
    return [event for event in events if isinstance(event, ClassConfigured)]


async def test_materials_are_put_added_and_taken_out_and_each_change_is_told(world, sql) -> None:
    school = await world.school()
    first, second, third = [await world.document(school.owner) for _ in range(3)]
    place = (school.owner.caller, school.group.class_id)

    await world.wired.materials.put(*place, [first, second])
    await world.wired.materials.add(*place, third)
    await world.wired.materials.remove(*place, first)
    await world.wired.materials.put(*place, [third])

    told = await configured(sql, school)
    assert [set(event.material_ids) for event in told] == [
        set(),
        {first, second},
        {first, second, third},
        {second, third},
        {third},
    ]
    assert [event.version for event in told] == [1, 2, 3, 4, 5]
    assert await listed(world, school) == [third]


async def test_what_is_there_already_changes_nothing(world, sql) -> None:
    school = await world.school()
    document_id = await world.document(school.owner)
    place = (school.owner.caller, school.group.class_id)
    await world.wired.materials.put(*place, [document_id])
    before = len(await configured(sql, school))

    await world.wired.materials.put(*place, [document_id, document_id])
    await world.wired.materials.add(*place, document_id)

    assert len(await configured(sql, school)) == before


async def test_ten_additions_at_once_are_one(world, sql) -> None:
    school = await world.school()
    document_id = await world.document(school.owner)

    await asyncio.gather(
        *(world.wired.materials.add(school.owner.caller, school.group.class_id, document_id) for _ in range(10))
    )

    assert len(await configured(sql, school)) == 2
    assert await listed(world, school) == [document_id]


async def test_ones_own_documents_and_what_is_open_at_the_partner_may_become_materials(world, sql) -> None:
    school = await world.school()
    sibling, elsewhere, other = await world.sibling(school), await world.school(), await world.another_class(school)
    colleague, student = await world.staff(school, Role.INSTRUCTOR), await world.student(school)
    gone, supervisor = await world.staff(school, Role.INSTRUCTOR), await world.supervisor()
    mine = await world.document(school.owner)
    left_behind = await world.shared(gone, other)
    await sql.rows("UPDATE partner.memberships SET revoked_at = now() WHERE user_id = %s", gone.user_id)
    usable = [
        mine,
        await world.document(school.owner, school),
        await world.document(school.owner, sibling),
        await world.shared(colleague, school),
        await world.shared(colleague, other, sibling),
        left_behind,
    ]
    closed = await world.shared(colleague, school)
    refused = [
        uuid4(),
        await world.document(colleague),
        await world.document(colleague, school),
        await world.document(school.admin),
        await world.document(gone),
        await world.document(gone, school),
        await world.document(student),
        await world.document(student, school),
        await world.document(sibling.owner),
        await world.document(sibling.owner, sibling),
        await world.shared(sibling.owner, sibling),
        await world.shared(elsewhere.owner, elsewhere),
        await world.document(elsewhere.owner, elsewhere),
        await world.document(await world.person()),
        await world.document(supervisor),
        await world.shared(colleague, document_id=closed, version=3),
    ]
    place = (school.owner.caller, school.group.class_id)
    # Nobody uploads to a class of an org in which they never had a part: whoever tells so is not believed.
    with pytest.raises(Invalid):
        await world.document(school.owner, elsewhere)

    for document_id in refused:
        for attempt in (
            world.wired.materials.add(*place, document_id),
            world.wired.materials.put(*place, [mine, document_id]),
        ):
            with pytest.raises(NotFound) as caught:
                await attempt
            assert (caught.value.code, caught.value.values) == ("document_not_found", {})
    assert await listed(world, school) == []
    await world.wired.materials.put(*place, usable)
    assert set(await listed(world, school)) == set(usable)
    for person in (school.admin, supervisor):
        with pytest.raises(NotFound):
            await world.wired.materials.add(person.caller, school.group.class_id, await world.document(colleague))
    # Who works for nobody there has nothing that its students could be shown.
    with pytest.raises(NotFound):
        await world.wired.materials.add(supervisor.caller, school.group.class_id, await world.document(supervisor))
    await world.wired.materials.add(school.admin.caller, school.group.class_id, await world.document(school.admin))


async def test_facts_in_any_order_end_with_whom_the_newest_names(world) -> None:
    school = await world.school()
    colleague = await world.staff(school, Role.INSTRUCTOR)
    place = (school.owner.caller, school.group.class_id)
    document_id = await world.shared(colleague, version=3)
    await world.shared(colleague, school, document_id=document_id, version=2)
    with pytest.raises(NotFound):
        await world.wired.materials.add(*place, document_id)

    await world.shared(colleague, school, document_id=document_id, version=4)
    await world.document(colleague, document_id=document_id, version=4)

    await world.wired.materials.add(*place, document_id)


async def test_who_left_the_partner_leaves_what_was_put_in(world, sql) -> None:
    school = await world.school()
    colleague = await world.staff(school, Role.INSTRUCTOR)
    theirs, mine = await world.document(colleague), await world.document(school.owner)
    place = (school.owner.caller, school.group.class_id)
    await world.wired.materials.put(colleague.caller, school.group.class_id, [theirs])
    await sql.rows("UPDATE partner.memberships SET revoked_at = now() WHERE user_id = %s", colleague.user_id)
    later = await world.document(colleague)

    await world.wired.materials.put(*place, [theirs, mine])

    assert set(await listed(world, school)) == {theirs, mine}
    rows = await world.wired.materials.list_for_class(*place, PAGE)
    assert [(row.title, row.is_live) for row in rows] == [("AI 기초.pdf", True)] * 2
    with pytest.raises(NotFound):
        await world.wired.materials.add(*place, later)


async def test_there_are_only_so_many(world, monkeypatch) -> None:
    monkeypatch.setattr(materials, "MAX_MATERIALS", 2)
    school = await world.school()
    ids = [await world.document(school.owner) for _ in range(3)]
    place = (school.owner.caller, school.group.class_id)
    await world.wired.materials.put(*place, ids[:2])

    for attempt in (world.wired.materials.add(*place, ids[2]), world.wired.materials.put(*place, ids)):
        with pytest.raises(Conflict) as caught:
            await attempt
        assert (caught.value.code, caught.value.values) == ("too_many_materials", {"limit": 2})
    await world.wired.materials.put(*place, ids[1:])


async def test_students_see_materials_and_only_who_teaches_chooses_them(world) -> None:
    school = await world.school()
    student, assistant = await world.student(school), await world.staff(school, Role.ASSISTANT)
    document_id = await world.document(school.owner)
    await world.wired.materials.put(school.owner.caller, school.group.class_id, [document_id])

    assert await listed(world, school, student) == await listed(world, school, assistant) == [document_id]
    for person in (student, assistant):
        for attempt in (
            world.wired.materials.put(person.caller, school.group.class_id, []),
            world.wired.materials.add(person.caller, school.group.class_id, document_id),
            world.wired.materials.remove(person.caller, school.group.class_id, document_id),
        ):
            with pytest.raises(Forbidden):
                await attempt


async def test_taking_out_what_is_not_in(world, school) -> None:
    elsewhere = await world.school()
    theirs = await world.document(elsewhere.owner)
    await world.wired.materials.put(elsewhere.owner.caller, elsewhere.group.class_id, [theirs])

    for document_id in (uuid4(), theirs, await world.document(school.owner)):
        with pytest.raises(NotFound):
            await world.wired.materials.remove(school.owner.caller, school.group.class_id, document_id)
    assert await listed(world, elsewhere) == [theirs]


def deleted(document_id, owner) -> DocumentDeleted:
    return DocumentDeleted(
        document_id=document_id, version=1, tenant=Tenant(user_id=owner.user_id), chunks_deleted=0, deleted_at=now()
    )


async def test_a_deleted_document_leaves_every_class_and_that_is_told(world, sql) -> None:
    school = await world.school()
    other, draft = await world.another_class(school), await world.another_class(school, status="draft")
    doomed, kept = await world.document(school.owner), await world.document(school.owner)
    for each in (school, other, draft):
        await world.wired.materials.put(school.owner.caller, each.group.class_id, [doomed, kept])

    await world.note(deleted(doomed, school.owner))

    for each in (school, other):
        assert (await configured(sql, each))[-1].material_ids == [kept]
    assert await configured(sql, draft) == []
    assert [await listed(world, each) for each in (school, other, draft)] == [[kept]] * 3
    with pytest.raises(NotFound):
        await world.wired.materials.add(school.owner.caller, school.group.class_id, doomed)


async def test_a_document_that_is_deleted_while_it_is_added_never_stays(world) -> None:
    school = await world.school()
    for _ in range(10):
        document_id = await world.document(school.owner)
        await asyncio.gather(
            world.wired.materials.add(school.owner.caller, school.group.class_id, document_id),
            world.note(deleted(document_id, school.owner)),
            return_exceptions=True,
        )

    assert await listed(world, school) == []


async def test_a_deletion_and_a_change_of_materials_at_once_never_wait_for_each_other_for_ever(world) -> None:
    school = await world.school()
    other = await world.another_class(school)
    kept = await world.document(school.owner)
    for _ in range(6):
        document_id = await world.document(school.owner)
        for each in (school, other):
            await world.wired.materials.put(school.owner.caller, each.group.class_id, [document_id, kept])
        results = await asyncio.gather(
            world.note(deleted(document_id, school.owner)),
            *(world.wired.materials.put(school.owner.caller, each.group.class_id, [kept]) for each in (other, school)),
            return_exceptions=True,
        )

        assert results == [None, None, None]
        assert await listed(world, school) == await listed(world, other) == [kept]
