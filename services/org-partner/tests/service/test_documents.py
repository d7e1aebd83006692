"""The projection of ingest's documents: right in any order, once, and deaf to what is forged."""

import asyncio
import itertools
from uuid import uuid4

import pytest

from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Invalid
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared, DocumentUploaded
from contracts.org_partner import Role
from contracts.tenancy import Tenant


def facts(tenant: Tenant) -> tuple:
    """The life of one document."""
    head = {"document_id": uuid4(), "tenant": tenant}
    return (
        DocumentUploaded(
            **head, version=1, title="처음 제목", media_type="text/plain", size_bytes=1, uploaded_at=now()
        ),
        ChunksEmbedded(
            **head,
            version=1,
            title="처음 제목",
            scopes=[],
            page_count=1,
            chunk_count=1,
            index="i",
            model="m",
            dimension=1,
            embedded_at=now(),
        ),
        DocumentShared(**head, version=2, title="새 제목", scopes=[], shared_at=now()),
        DocumentDeleted(**head, version=2, chunks_deleted=1, deleted_at=now()),
    )


async def known(sql, document_id) -> dict:
    (row,) = await sql.rows("SELECT * FROM org_partner.documents WHERE document_id = %s", document_id)
    return row


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
async def test_in_whatever_order_the_facts_come_the_deleted_stays_deleted(world, sql, order) -> None:
    life = facts(Tenant(user_id=uuid4()))
    for place in order:
        await world.note(life[place])

    assert (await known(sql, life[0].document_id))["is_live"] is False


async def test_projects_and_agents_that_a_document_is_in_are_nothing_to_a_class(world, sql) -> None:
    owner = uuid4()
    uploaded, _, shared, _ = facts(Tenant(user_id=owner))
    scopes = [f"user:{owner}", f"project:{uuid4()}", f"agent:{uuid4()}"]
    await world.note(uploaded)
    await world.note(shared.model_copy(update={"scopes": scopes}))

    assert (await known(sql, uploaded.document_id))["title"] == "새 제목"


async def test_the_newest_title_stands(world, sql) -> None:
    uploaded, embedded, shared, deleted = facts(Tenant(user_id=uuid4()))
    for fact in (shared, uploaded, embedded):
        await world.note(fact)
    assert (await known(sql, uploaded.document_id))["title"] == "새 제목"

    await world.note(deleted)
    assert (await known(sql, uploaded.document_id))["title"] == "새 제목"


async def test_the_place_is_kept(world, school, sql) -> None:
    document_id = await world.document(school.owner, school)

    row = await known(sql, document_id)

    assert (row["owner_id"], row["org_id"]) == (school.owner.user_id, school.org.org_id)
    assert (row["partner_id"], row["class_id"]) == (school.partner.partner_id, school.group.class_id)


async def test_the_same_delivery_twice_has_one_effect(world) -> None:
    uploaded, *_ = facts(Tenant(user_id=uuid4()))
    once = Delivery("org_partner-note_document", uuid4())
    await world.wired.documents.note(uploaded, once)

    with pytest.raises(AlreadyHandled):
        await world.wired.documents.note(uploaded, once)


async def test_the_same_delivery_to_five_at_once_has_one_effect(world) -> None:
    uploaded, *_ = facts(Tenant(user_id=uuid4()))
    once = Delivery("org_partner-note_document", uuid4())

    done = await asyncio.gather(*(world.wired.documents.note(uploaded, once) for _ in range(5)), return_exceptions=True)

    assert sorted(str(type(each).__name__) for each in done) == ["AlreadyHandled"] * 4 + ["NoneType"]


async def test_a_fact_whose_tenant_does_not_hold_together_is_refused(world, school, sql) -> None:
    elsewhere = await world.school()
    here = {"org_id": school.org.org_id, "partner_id": school.partner.partner_id, "class_id": school.group.class_id}
    forged = (
        here | {"org_id": elsewhere.org.org_id},
        here | {"partner_id": elsewhere.partner.partner_id},
        here | {"class_id": elsewhere.group.class_id},
        here | {"org_id": uuid4()},
        here | {"org_id": None},
    )
    for place in forged:
        uploaded, *_ = facts(Tenant(user_id=school.owner.user_id, **place))
        with pytest.raises(Invalid) as caught:
            await world.note(uploaded)
        assert caught.value.code == "event_disagrees"
        assert await sql.rows("SELECT 1 FROM org_partner.documents WHERE document_id = %s", uploaded.document_id) == []


async def test_nobodys_document_becomes_anothers(world, school, sql) -> None:
    document_id, thief = await world.document(school.owner, school), await world.school()
    place = {"org_id": thief.org.org_id, "partner_id": thief.partner.partner_id, "class_id": thief.group.class_id}
    own = {"org_id": school.org.org_id, "partner_id": school.partner.partner_id, "class_id": school.group.class_id}

    for tenant in (Tenant(user_id=school.owner.user_id, **place), Tenant(user_id=thief.owner.user_id, **own)):
        forged = DocumentDeleted(document_id=document_id, version=9, tenant=tenant, chunks_deleted=0, deleted_at=now())
        with pytest.raises(Invalid):
            await world.note(forged)
    assert (await known(sql, document_id))["is_live"] is True


async def test_nobodys_document_is_opened_to_another_orgs_class(world, school, sql) -> None:
    """Of a class, or of no org: to neither a foreign class, nor one that there is not, nor another person."""
    other, colleague = await world.school(), await world.staff(school, Role.INSTRUCTOR)
    for document_id, tenant in (
        (await world.document(school.owner, school), inside(school)),
        (await world.document(school.owner), Tenant(user_id=school.owner.user_id)),
    ):
        before = await known(sql, document_id)
        for scope in (
            f"class:{other.group.class_id}",
            f"class:{uuid4()}",
            f"user:{colleague.user_id}",
            "class:x",
        ):
            shared = {"document_id": document_id, "tenant": tenant, "title": "교재.pdf", "shared_at": now()}
            with pytest.raises(Invalid) as caught:
                await world.note(DocumentShared(**shared, version=2, scopes=[scope]))
            assert caught.value.code == "event_disagrees"
        assert await known(sql, document_id) == before


async def test_a_teachers_own_document_is_opened_where_they_teach_or_once_did(world, school, sql) -> None:
    gone = await world.staff(school, Role.INSTRUCTOR)
    document_id = await world.shared(gone, school)
    await sql.rows("UPDATE partner.memberships SET revoked_at = now() WHERE user_id = %s", gone.user_id)
    await world.shared(gone, school, document_id=document_id, version=3)

    assert (await known(sql, document_id))["class_ids"] == [school.group.class_id]


def inside(school) -> Tenant:
    place = {"org_id": school.org.org_id, "partner_id": school.partner.partner_id, "class_id": school.group.class_id}
    return Tenant(user_id=school.owner.user_id, **place)
