"""The second wall, as the service's own role meets it: past every permission check, a tenant's rows are its own."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from chassis import tenant
from chassis.clock import now
from chassis.errors import Locale
from contracts import digests
from contracts.org_partner import Role
from org_partner.models import Base

# Every table of the domain. Those of other columns than org_id would need a word of their own here.
TABLES = sorted(table.name for table in Base.metadata.tables.values() if table.schema == "partner")

# A row for each table that no step of the scene leaves one in; the values are org, partner, class.
FILL = [
    f"WITH given (org_id, partner_id, class_id) AS (VALUES (%s::uuid, %s::uuid, %s::uuid)) INSERT INTO partner.{rest}"
    for rest in (
        "llm_settings (settings_id, org_id) SELECT gen_random_uuid(), org_id FROM given",
        (
            "class_materials (class_id, document_id, org_id, partner_id, added_by)"
            " SELECT class_id, gen_random_uuid(), org_id, partner_id, gen_random_uuid() FROM given"
        ),
        (
            "settlement_policies (policy_id, org_id, version, kind, fixed_fee, tiers, minimum_amount, currency,"
            " rounding, effective_from, adopted_by) SELECT gen_random_uuid(), org_id, 1, 'fixed_fee', 1, '[]', 0,"
            " 'KRW', 'down', now() + interval '1 day', gen_random_uuid() FROM given"
        ),
        (
            "class_activity_daily (class_id, day, user_id, org_id, partner_id, last_at)"
            " SELECT class_id, current_date, gen_random_uuid(), org_id, partner_id, now() FROM given"
        ),
    )
]


@dataclass(frozen=True)
class Scene:
    here: Any
    there: Any
    # Somebody with a role in `here` alone.
    insider: Any
    code: str
    token: str


@pytest.fixture(scope="module")
async def scene(world, sql, postbox) -> Scene:
    """Two orgs with something in every table."""
    schools = []
    for _ in range(2):
        school, supervisor, invited = await world.school(), await world.supervisor(), await world.person()
        org_id, partner_id, class_id = school.org.org_id, school.partner.partner_id, school.group.class_id
        await world.student(school)
        await world.wired.domains.add(supervisor.caller, org_id, domain=f"{uuid4().hex}.example.com")
        await world.wired.invitations.invite_to_org(school.admin.caller, org_id, email=invited.email, locale=Locale.KO)
        issued = await world.code(school)
        schools.append((school, issued.code, await postbox.token(invited.email)))
        for statement in FILL:
            await sql.rows(statement, org_id, partner_id, class_id)
    (here, _, _), (there, code, token) = schools
    return Scene(here, there, await world.staff(here, Role.INSTRUCTOR), code, token)


async def orgs_seen(world, context, table: str) -> set[UUID]:
    async with world.wired.database.transaction(context) as session:
        return set((await session.execute(text(f"SELECT DISTINCT org_id FROM partner.{table}"))).scalars())


@pytest.mark.parametrize("table", TABLES)
async def test_in_an_orgs_context_there_is_nothing_of_another_org(world, scene, table) -> None:
    here, there = scene.here.org.org_id, scene.there.org.org_id

    assert {here, there} <= await orgs_seen(world, tenant.PLATFORM, table), "the scene has no row to hide"
    assert await orgs_seen(world, tenant.of(scene.insider.caller), table) == {here}
    assert await orgs_seen(world, tenant.Context(uuid4(), frozenset({here})), table) == {here}


@pytest.mark.parametrize("table", TABLES)
async def test_without_a_context_and_for_a_stranger_there_is_nothing_at_all(world, scene, table) -> None:
    assert await orgs_seen(world, None, table) == set()
    assert await orgs_seen(world, tenant.of((await world.person()).caller), table) == set()


@pytest.mark.parametrize("table", TABLES)
async def test_in_an_orgs_context_nothing_of_another_org_is_changed_or_deleted(world, scene, sql, table) -> None:
    there = scene.there.org.org_id
    query = f"SELECT t::text AS body FROM partner.{table} t WHERE org_id = %s ORDER BY 1"
    before = await sql.rows(query, there)
    for statement in (
        f"UPDATE partner.{table} SET org_id = org_id WHERE org_id = :org_id",
        f"DELETE FROM partner.{table} WHERE org_id = :org_id",
    ):
        try:
            async with world.wired.database.transaction(tenant.of(scene.insider.caller)) as session:
                result = await session.execute(text(statement), {"org_id": there})
                assert result.rowcount == 0, statement
        except ProgrammingError as error:
            # The role may not do it with any row.
            assert "permission denied" in str(error)  # noqa: PT017

    assert await sql.rows(query, there) == before


async def test_a_row_is_neither_written_into_another_org_nor_moved_there(world, scene) -> None:
    here, there = scene.here.org.org_id, scene.there.org.org_id
    statements = {
        "INSERT INTO partner.courses (course_id, org_id, name) VALUES (:id, :there, 'x')": {"id": uuid4()},
        "INSERT INTO partner.org_domains (domain_id, org_id, domain) VALUES (:id, :there, 'x.example.com')": {
            "id": uuid4()
        },
        "INSERT INTO partner.memberships (membership_id, user_id, org_id, role) "
        "VALUES (:id, :user, :there, 'org_admin')": {"id": uuid4(), "user": scene.here.admin.user_id},
        "INSERT INTO partner.activities (activity_id, org_id, action, target, detail) "
        "VALUES (:id, :there, 'a.b', 'x/1', '{}')": {"id": uuid4()},
        "UPDATE partner.memberships SET org_id = :there WHERE org_id = :here": {},
        "UPDATE partner.invitations SET org_id = :there WHERE org_id = :here": {},
        "UPDATE partner.partners SET org_id = :there WHERE org_id = :here": {},
    }
    for statement, values in statements.items():
        values |= {name: value for name, value in {"here": here, "there": there}.items() if f":{name}" in statement}
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with world.wired.database.transaction(tenant.Context(uuid4(), frozenset({here}))) as session:
                await session.execute(text(statement), values)


async def test_nobody_writes_themselves_a_role_or_a_place_in_another_org(world, scene) -> None:
    """One's own rows are read wherever they are; to write them takes a part in the org."""
    person, there = scene.there.admin.user_id, scene.there.org.org_id
    statements = {
        (
            "INSERT INTO partner.memberships (membership_id, user_id, org_id, role)"
            " VALUES (:id, :user, :there, 'org_admin')"
        ),
        "INSERT INTO partner.students (student_id, user_id, org_id) VALUES (:id, :user, :there)",
    }
    nowhere = tenant.Context(person, frozenset())
    for statement in statements:
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with world.wired.database.transaction(nowhere) as session:
                await session.execute(text(statement), {"id": uuid4(), "user": person, "there": there})
    async with world.wired.database.transaction(nowhere) as session:
        own = "FROM partner.memberships WHERE user_id = :user"
        assert (await session.execute(text(f"SELECT role {own}"), {"user": person})).scalars().all() == ["org_admin"]
        changed = await session.execute(
            text("UPDATE partner.memberships SET version = 9 WHERE user_id = :user"), {"user": person}
        )
        assert changed.rowcount == 0


async def test_without_a_context_nothing_is_written(world) -> None:
    statement = text("INSERT INTO partner.orgs (org_id, name) VALUES (:id, 'x')")

    with pytest.raises(ProgrammingError, match="row-level security"):
        async with world.wired.database.transaction() as session:
            await session.execute(statement, {"id": uuid4()})


@pytest.mark.parametrize("way", ["code", "token"])
async def test_a_row_of_proof_is_shown_to_who_presents_it_and_opens_its_org_when_admitted(world, scene, way) -> None:
    proof = digests.of_code(scene.code) if way == "code" else digests.of_token(scene.token)
    table = "invite_codes" if way == "code" else "invitations"
    there = scene.there.org.org_id
    count = text(f"SELECT count(*) FROM partner.{table}")
    courses = text("SELECT count(*) FROM partner.courses WHERE org_id = :org_id")
    stranger = await world.person()

    async with world.wired.database.transaction(tenant.of(stranger.caller)) as session:
        assert (await session.execute(count)).scalar_one() == 0
        await tenant.present(session, secrets.token_bytes(32))
        assert (await session.execute(count)).scalar_one() == 0
        await tenant.present(session, proof)
        assert (await session.execute(count)).scalar_one() == 1
        assert (await session.execute(courses, {"org_id": there})).scalar_one() == 0
        await tenant.admit(session, there)
        assert (await session.execute(courses, {"org_id": there})).scalar_one() == 1
        assert await orgs_of(session) == {there}


async def orgs_of(session) -> set[UUID]:
    return set((await session.execute(text("SELECT org_id FROM partner.orgs"))).scalars())


async def test_a_context_ends_with_its_transaction_and_is_nobody_elses(world, scene) -> None:
    """Ten transactions on few connections: none finds what the one before could see."""
    here = scene.here.org.org_id
    for _ in range(10):
        async with world.wired.database.transaction(tenant.of(scene.insider.caller)) as session:
            assert await orgs_of(session) == {here}
        async with world.wired.database.transaction() as session:
            assert await orgs_of(session) == set()


async def test_a_colleagues_document_of_no_org_is_read_once_a_class_lists_it_and_never_changed(
    world, scene, sql
) -> None:
    here, colleague = scene.here, await world.staff(scene.here, Role.INSTRUCTOR)
    private, open_, listed = await world.document(colleague), await world.shared(colleague, here), uuid4()
    await world.document(colleague, document_id=listed)
    await world.wired.materials.add(colleague.caller, here.group.class_id, listed)
    ids = {"ids": [private, open_, listed]}
    where = "FROM org_partner.documents WHERE document_id = ANY (:ids)"
    changes = ("title = 'mine'", f"owner_id = '{scene.insider.user_id}'", f"org_id = '{here.org.org_id}'")

    async with world.wired.database.transaction(tenant.of(scene.insider.caller)) as session:
        seen = (await session.execute(text(f"SELECT document_id {where}"), ids)).scalars().all()
        assert set(seen) == {open_, listed}
        assert (await session.execute(text(f"SELECT 1 {where} FOR SHARE"), ids)).all() == []
        for change in changes:
            changed = text(f"UPDATE org_partner.documents SET {change} WHERE document_id = ANY (:ids)")
            assert (await session.execute(changed, ids)).rowcount == 0
    async with world.wired.database.transaction(tenant.of(scene.there.admin.caller)) as session:
        assert (await session.execute(text(f"SELECT document_id {where}"), ids)).all() == []


async def test_ones_own_wrong_tries_are_ones_own(world, sql) -> None:
    person, other = await world.person(), await world.person()
    await sql.rows(
        "INSERT INTO org_partner.refused_redemptions (refusal_id, user_id, refused_at) VALUES (%s, %s, %s)",
        uuid4(),
        person.user_id,
        now() - timedelta(minutes=1),
    )
    count = text("SELECT count(*) FROM org_partner.refused_redemptions WHERE user_id = :user_id")

    for caller, seen in ((person, 1), (other, 0)):
        async with world.wired.database.transaction(tenant.of(caller.caller)) as session:
            assert (await session.execute(count, {"user_id": person.user_id})).scalar_one() == seen
