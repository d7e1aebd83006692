"""Row-level security holds where a query has forgotten its filter: as the service's own role, without any condition."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from chassis import tenant
from chassis.tenant import Context
from contracts.tenancy import Tenant

TABLES = [
    *('"user".documents', '"user".chunks', "ingest.memberships", "ingest.classes", "ingest.tenants"),
    *("ingest.document_shares", "ingest.class_materials", "ingest.erased_users"),
    *("ingest.uploads", "ingest.pending_objects", "ingest.shelves"),
]
NEW = """INSERT INTO "user".documents
    (document_id, owner_id, org_id, scopes, title, media_type, size_bytes, sha256, storage_key)
    VALUES (gen_random_uuid(), :owner_id, :org_id, ARRAY[]::text[], 't', 'text/plain', 1, '', 'k')"""
NEW_CHUNK = """INSERT INTO "user".chunks
    (document_id, revision, ordinal, chunk_id, page_from, page_to, char_start, char_end, text)
    VALUES (:document_id, 1, 999, gen_random_uuid(), 1, 1, 0, 1, 't')"""


@pytest.fixture(scope="module")
def run(wired):
    """`run(context, "SELECT …")`: the first column of what the service's role gets, or the rows that it changed."""

    async def statement(context: Context | None, query: str, **values: Any) -> Any:
        async with wired.database.transaction(context) as session:
            result = await session.execute(text(query), values)
            return list(result.scalars()) if result.returns_rows else result.rowcount

    return statement


@pytest.fixture(scope="module")
async def schools(ingest, words, stand_in, another):
    """Two schools; in each a shared and a private document of the teacher, homework, and one of no org."""
    made = []
    for _ in range(2):
        school = await ingest.open_school()
        place = {"person": school.teacher, "class_id": school.class_id}
        documents = {
            "shared": await ingest.put(words(30), shared=True, **place),
            "private": await ingest.put(words(31, seed=2), **place),
            "homework": await ingest.put(words(32, seed=3), person=school.student, class_id=school.class_id),
            "personal": await ingest.put(words(33, seed=4), person=school.teacher),
        }
        for document_id in documents.values():
            assert (await ingest.process(document_id, stand_in()))["state"] == "ready"
        made.append((school, documents))
    return made


async def test_a_person_sees_their_own_rows_and_their_orgs_and_no_others(schools, run) -> None:
    (school, own), (_, foreign) = schools
    org = {own["shared"], own["private"], own["homework"]}
    for person, documents in ((school.teacher, org | {own["personal"]}), (school.student, org)):
        context = tenant.of_user(person.user_id)
        assert set(await run(context, 'SELECT document_id FROM "user".documents')) == documents
        assert set(await run(context, 'SELECT DISTINCT document_id FROM "user".chunks')) == documents
        assert await run(context, "SELECT class_id FROM ingest.classes") == [school.class_id]
        assert await run(context, "SELECT document_id FROM ingest.document_shares") == [own["shared"]]
        assert documents & set(foreign.values()) == set()


async def test_without_a_context_nothing_is_there_and_nothing_can_be_written(schools, run) -> None:
    for table in TABLES:
        assert await run(None, f"SELECT count(*) FROM {table}") == [0]
    assert await run(None, """UPDATE "user".documents SET title = 'mine'""") == 0
    with pytest.raises(ProgrammingError, match="row-level security"):
        await run(None, NEW, owner_id=uuid4(), org_id=None)


async def test_a_stranger_sees_nothing(schools, run, another) -> None:
    for table in TABLES:
        assert await run(tenant.of_user(another().user_id), f"SELECT count(*) FROM {table}") == [0]


async def test_the_platform_sees_all(schools, run) -> None:
    every = {each for _, documents in schools for each in documents.values()}

    assert set(await run(tenant.PLATFORM, 'SELECT document_id FROM "user".documents')) >= every


async def test_nothing_of_another_org_is_written(schools, run, another) -> None:
    (school, _), (other, foreign) = schools
    context = tenant.of_user(school.teacher.user_id)
    for owner_id, org_id in ((another().user_id, other.org_id), (another().user_id, None)):
        with pytest.raises(ProgrammingError, match="row-level security"):
            await run(context, NEW, owner_id=owner_id, org_id=org_id)
    for document_id in foreign.values():
        with pytest.raises(ProgrammingError, match="row-level security"):
            await run(context, NEW_CHUNK, document_id=document_id)
        away = """UPDATE "user".documents SET title = 'mine' WHERE document_id = :document_id"""
        assert await run(context, away, document_id=document_id) == 0
        assert await run(context, 'DELETE FROM "user".chunks WHERE document_id = :id', id=document_id) == 0
    given_away = 'UPDATE "user".documents SET org_id = :org_id, owner_id = :owner_id'
    with pytest.raises(ProgrammingError, match="row-level security"):
        await run(context, given_away, org_id=other.org_id, owner_id=uuid4())


async def test_an_event_s_tenant_opens_that_tenant_alone(schools, run) -> None:
    (school, own), (other, _) = schools
    teacher = school.teacher.user_id
    seen: dict[str, set[UUID]] = {}
    for name, place in {
        "own": Tenant(org_id=school.org_id, user_id=teacher),
        "personal": Tenant(user_id=teacher),
        "forged": Tenant(org_id=other.org_id, user_id=uuid4()),
    }.items():
        seen[name] = set(await run(tenant.of_tenant(place), 'SELECT document_id FROM "user".documents'))

    assert seen["own"] == set(own.values())
    assert seen["personal"] == set(own.values()) - {own["homework"]}
    assert seen["forged"] & set(own.values()) == set()


async def test_a_document_of_no_org_is_seen_through_the_class_it_is_shared_with_and_not_changed(
    ingest, schools, run, words, stand_in, another
) -> None:
    (school, _), (other, _) = schools
    owner = another()
    document_id = await ingest.put(words(40, seed=9), person=owner)
    await ingest.process(document_id, stand_in())
    share = """INSERT INTO ingest.document_shares (document_id, target_id, owner_id, is_listed)
        VALUES (:id, :class_id, :owner, true)"""
    await run(tenant.PLATFORM, share, id=document_id, class_id=school.class_id, owner=owner.user_id)
    query = 'SELECT count(*) FROM "user".documents WHERE document_id = :id'
    student = tenant.of_user(school.student.user_id)

    assert await run(student, query, id=document_id) == [1]
    assert await run(tenant.of_user(other.student.user_id), query, id=document_id) == [0]
    for change in ("title = 'mine'", "owner_id = :me", "org_id = :org_id"):
        update = f'UPDATE "user".documents SET {change} WHERE document_id = :id'
        values = {"me": school.student.user_id, "org_id": school.org_id}
        assert await run(student, update, id=document_id, **{k: v for k, v in values.items() if f":{k}" in change}) == 0
    assert await run(student, f"{query.replace('count(*)', '1')} FOR UPDATE", id=document_id) == []

    chunks = 'SELECT count(*) FROM "user".chunks WHERE document_id = :id'
    (held,) = await run(tenant.of_user(owner.user_id), chunks, id=document_id)
    assert held > 0
    assert await run(student, chunks, id=document_id) == [held]
    assert await run(tenant.of_user(other.student.user_id), chunks, id=document_id) == [0]
    for statement in ("""UPDATE "user".chunks SET text = 'mine'""", 'DELETE FROM "user".chunks'):
        assert await run(student, f"{statement} WHERE document_id = :id", id=document_id) == 0
    with pytest.raises(ProgrammingError, match="row-level security"):
        await run(student, NEW_CHUNK, document_id=document_id)
    assert await run(tenant.of_user(owner.user_id), NEW_CHUNK, document_id=document_id) == 1


async def test_where_else_a_document_is_is_its_owners_alone_to_see(ingest, schools, run) -> None:
    (school, own), (other, _) = schools
    teacher, document_id, shelf_id = school.teacher, own["personal"], uuid4()
    share = """INSERT INTO ingest.document_shares (document_id, target_id, kind, owner_id, is_listed)
        VALUES (:id, :shelf_id, 'agent', :owner, true)"""
    shelf = """INSERT INTO ingest.shelves (shelf_id, kind, owner_id, is_live, version)
        VALUES (:shelf_id, 'agent', :owner, true, 1)"""
    await run(tenant.PLATFORM, shelf, shelf_id=shelf_id, owner=teacher.user_id)
    await run(tenant.PLATFORM, share, id=document_id, shelf_id=shelf_id, owner=teacher.user_id)
    queries = (
        "SELECT count(*) FROM ingest.shelves WHERE shelf_id = :shelf_id",
        "SELECT count(*) FROM ingest.document_shares WHERE target_id = :shelf_id",
        'SELECT count(*) FROM "user".documents NATURAL JOIN ingest.document_shares WHERE target_id = :shelf_id',
    )
    for query in queries:
        assert await run(tenant.of_user(teacher.user_id), query, shelf_id=shelf_id) == [1]
        for reader in (school.student, other.teacher):
            assert await run(tenant.of_user(reader.user_id), query, shelf_id=shelf_id) == [0]
    await run(tenant.PLATFORM, "DELETE FROM ingest.document_shares WHERE target_id = :id", id=shelf_id)
