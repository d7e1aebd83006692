"""Row-level security as `chassis.tenant` sets it up: the second wall, tried without the first one.

A small service of its own: rooms belong to orgs and have an owner, chairs belong to rooms, parts say who is in an org.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from contracts.tenancy import Tenant

TABLES = """
    CREATE TABLE IF NOT EXISTS usage_metrics.parts (user_id uuid, org_id uuid, is_active bool);
    CREATE TABLE IF NOT EXISTS usage_metrics.rooms (room_id uuid PRIMARY KEY, org_id uuid, owner_id uuid, hash bytea);
    CREATE TABLE IF NOT EXISTS usage_metrics.chairs (chair_id uuid PRIMARY KEY, room_id uuid);
    CREATE TABLE IF NOT EXISTS usage_metrics.notes (note_id uuid PRIMARY KEY, org_id uuid, reader_id uuid);
    GRANT SELECT, INSERT, UPDATE, DELETE ON usage_metrics.parts, usage_metrics.rooms, usage_metrics.chairs,
        usage_metrics.notes TO usage_metrics;
    TRUNCATE usage_metrics.parts, usage_metrics.rooms, usage_metrics.chairs, usage_metrics.notes;
    DROP POLICY IF EXISTS tenant ON usage_metrics.notes;
    DROP POLICY IF EXISTS shared ON usage_metrics.notes;
    DROP POLICY IF EXISTS tenant ON usage_metrics.parts;
    DROP POLICY IF EXISTS tenant ON usage_metrics.rooms;
    DROP POLICY IF EXISTS tenant ON usage_metrics.chairs;
"""
WALLS = (
    *tenant.isolation("usage_metrics.parts", user="user_id"),
    *tenant.isolation("usage_metrics.rooms", user="owner_id", proof="hash"),
    *tenant.isolation("usage_metrics.notes", readable="usage_metrics.parts p WHERE p.user_id = notes.reader_id"),
    *tenant.isolation(
        "usage_metrics.chairs", org=None, through="usage_metrics.rooms r WHERE r.room_id = chairs.room_id"
    ),
)
ORGS_OF_USER = "SELECT p.org_id FROM usage_metrics.parts p WHERE p.user_id = p_user_id AND p.is_active"
CODE = b"\x00 what a code's hash looks like \xff"


@dataclass
class Rooms:
    database: Database

    async def run(self, context: tenant.Context | None, sql: str, **values: Any) -> list[Any]:
        async with self.database.transaction(context) as session:
            result = await session.execute(text(sql), values)
            return list(result.scalars()) if result.returns_rows else []

    async def seen(self, context: tenant.Context | None) -> set[UUID]:
        return set(await self.run(context, "SELECT room_id FROM usage_metrics.rooms"))

    async def add(
        self,
        org_id: UUID | None,
        *,
        owner: UUID | None = None,
        code: bytes | None = None,
        context: tenant.Context | None = tenant.PLATFORM,
    ) -> UUID:
        room_id = uuid4()
        sql = "INSERT INTO usage_metrics.rooms VALUES (:room_id, :org_id, :owner, :code)"
        await self.run(context, sql, room_id=room_id, org_id=org_id, owner=owner, code=code)
        return room_id

    async def joins(self, user_id: UUID, org_id: UUID, *, active: bool = True) -> None:
        sql = "INSERT INTO usage_metrics.parts VALUES (:user_id, :org_id, :active)"
        await self.run(tenant.PLATFORM, sql, user_id=user_id, org_id=org_id, active=active)


@pytest.fixture
async def rooms(made, store) -> AsyncIterator[Rooms]:
    async with await psycopg.AsyncConnection.connect(made.libpq_url("growfit_migrator")) as connection:
        await connection.execute(TABLES)
        for statement in (*WALLS, tenant.enter_function("usage_metrics", ORGS_OF_USER)):
            await connection.execute(statement)
    # One connection, so that each transaction meets what the one before left there.
    database = Database(made.url("usage_metrics"), store.plumbing, pool_size=1)
    yield Rooms(database)
    await database.close()


def caller(user_id: UUID | None = None, tier: str = "user") -> Principal:
    return Principal(user_id or uuid4(), tier, uuid4(), 0)


async def test_without_a_context_there_is_nothing_and_nothing_can_be_put_there(rooms) -> None:
    await rooms.add(uuid4(), owner=uuid4())
    assert await rooms.seen(None) == set()
    for org_id, owner in ((uuid4(), None), (None, uuid4()), (None, None)):
        with pytest.raises(ProgrammingError, match="row-level security"):
            await rooms.add(org_id, owner=owner, context=None)


async def test_a_person_sees_their_orgs_and_their_own(rooms) -> None:
    person, here, there = uuid4(), uuid4(), uuid4()
    await rooms.joins(person, here)
    mine, ours, own_elsewhere = (
        await rooms.add(here),
        await rooms.add(here, owner=uuid4()),
        await rooms.add(there, owner=person),
    )
    await rooms.add(there, owner=uuid4())
    await rooms.add(None)
    for context in (tenant.of(caller(person)), tenant.of_user(person)):
        assert await rooms.seen(context) == {mine, ours, own_elsewhere}


async def test_a_part_that_ended_opens_nothing_and_nobody_else_s_does(rooms) -> None:
    person, org = uuid4(), uuid4()
    await rooms.joins(person, org, active=False)
    await rooms.joins(uuid4(), org)
    await rooms.add(org)
    assert await rooms.seen(tenant.of_user(person)) == set()


async def test_a_person_in_many_orgs(rooms) -> None:
    person, orgs = uuid4(), [uuid4() for _ in range(30)]
    for org in orgs:
        await rooms.joins(person, org)
    made = {await rooms.add(org) for org in orgs}
    await rooms.add(uuid4())
    assert await rooms.seen(tenant.of_user(person)) == made


async def test_the_platform_sees_all(rooms) -> None:
    made = {await rooms.add(uuid4()), await rooms.add(None, owner=uuid4()), await rooms.add(None)}
    assert await rooms.seen(tenant.PLATFORM) == made
    assert await rooms.seen(tenant.of(caller(tier="supervisor"))) == made
    assert await rooms.seen(tenant.of(caller(tier="Supervisor"))) == set()


async def test_an_event_s_work_stays_in_its_tenant(rooms) -> None:
    person, org, other = uuid4(), uuid4(), uuid4()
    # Being in it counts for nothing here: the event says whose work it is.
    await rooms.joins(person, other)
    there, own = await rooms.add(org), await rooms.add(None, owner=person)
    await rooms.add(other)
    assert await rooms.seen(tenant.of_tenant(Tenant(org_id=org, user_id=person))) == {there, own}
    assert await rooms.seen(tenant.of_tenant(Tenant(user_id=person))) == {own}


async def test_another_org_s_rows_cannot_be_made_changed_or_taken_away(rooms) -> None:
    person, here, there = uuid4(), uuid4(), uuid4()
    await rooms.joins(person, here)
    mine, foreign = await rooms.add(here), await rooms.add(there)
    context = tenant.of_user(person)
    with pytest.raises(ProgrammingError, match="row-level security"):
        await rooms.add(there, context=context)
    for sql in (
        "UPDATE usage_metrics.rooms SET owner_id = NULL WHERE room_id = :room_id RETURNING room_id",
        "DELETE FROM usage_metrics.rooms WHERE room_id = :room_id RETURNING room_id",
        "SELECT room_id FROM usage_metrics.rooms WHERE room_id = :room_id FOR UPDATE",
    ):
        assert await rooms.run(context, sql, room_id=foreign) == []
    with pytest.raises(ProgrammingError, match="row-level security"):
        await rooms.run(context, "UPDATE usage_metrics.rooms SET org_id = :org_id", org_id=there)
    assert await rooms.seen(tenant.PLATFORM) == {mine, foreign}
    assert await rooms.run(context, "DELETE FROM usage_metrics.rooms RETURNING room_id") == [mine]


async def test_the_wall_stands_before_the_tables_owner_too(rooms, made) -> None:
    await rooms.add(uuid4())
    async with await psycopg.AsyncConnection.connect(made.libpq_url("growfit_migrator")) as connection:
        (count,) = await (await connection.execute("SELECT count(*) FROM usage_metrics.rooms")).fetchone()
        assert count == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            await connection.execute("INSERT INTO usage_metrics.rooms (room_id) VALUES (gen_random_uuid())")


@pytest.mark.parametrize("fails", [False, True], ids=["committed", "rolled back"])
async def test_a_context_ends_with_its_transaction(rooms, fails) -> None:
    """The same connection of the pool serves the next one, and there its settings are empty, not absent."""
    person, org = uuid4(), uuid4()
    await rooms.joins(person, org)
    await rooms.add(org, code=CODE)

    async def one(context: tenant.Context) -> int:
        async with rooms.database.transaction(context) as session:
            await tenant.present(session, CODE)
            pid: int = (await session.execute(text("SELECT pg_backend_pid() FROM usage_metrics.rooms"))).scalar_one()
            if fails:
                raise LookupError(pid)
        return pid

    for context in (tenant.of_user(person), tenant.PLATFORM, tenant.of_tenant(Tenant(org_id=org, user_id=person))):
        try:
            used = await one(context)
        except LookupError as failed:
            (used,) = failed.args
        async with rooms.database.transaction() as session:
            settings = ("user", "orgs", "platform", "proof")
            left = text("SELECT " + ", ".join(f"current_setting('app.{name}', true)" for name in settings))
            assert not any((await session.execute(left)).one())
            assert (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one() == used, "the same connection"
        assert await rooms.seen(None) == set()
        assert await rooms.seen(tenant.of_user(uuid4())) == set()


async def test_what_is_presented_shows_its_one_row_for_this_transaction(rooms) -> None:
    org = uuid4()
    room, _ = await rooms.add(org, code=CODE), await rooms.add(org, code=b"another")
    found = "SELECT room_id FROM usage_metrics.rooms"

    async def shown(proof: bytes, context: tenant.Context | None) -> list[UUID]:
        async with rooms.database.transaction(context) as session:
            await tenant.present(session, proof)
            return list((await session.execute(text(found))).scalars())

    for context in (None, tenant.of_user(uuid4())):
        assert await shown(CODE, context) == [room]
        assert await rooms.seen(context) == set()
        assert await shown(CODE[:-1], context) == []
        assert await shown(b"", context) == []


async def test_whoever_is_admitted_sees_that_org_besides_their_own(rooms) -> None:
    person, home, org = uuid4(), uuid4(), uuid4()
    await rooms.joins(person, home)
    mine, coded, beside = await rooms.add(home), await rooms.add(org, code=CODE), await rooms.add(org)
    await rooms.add(uuid4())
    for context, before in ((tenant.of_user(person), {mine}), (None, set())):
        async with rooms.database.transaction(context) as session:
            await tenant.admit(session, org)
            seen = set((await session.execute(text("SELECT room_id FROM usage_metrics.rooms"))).scalars())
        assert seen == before | {coded, beside}
        assert await rooms.seen(context) == before


async def test_rows_of_a_row_are_seen_with_it(rooms) -> None:
    person, here, there = uuid4(), uuid4(), uuid4()
    await rooms.joins(person, here)
    mine, foreign = await rooms.add(here), await rooms.add(there)
    context, sql = tenant.of_user(person), "INSERT INTO usage_metrics.chairs VALUES (gen_random_uuid(), :room_id)"
    await rooms.run(context, sql, room_id=mine)
    await rooms.run(tenant.PLATFORM, sql, room_id=foreign)
    with pytest.raises(ProgrammingError, match="row-level security"):
        await rooms.run(context, sql, room_id=foreign)
    with pytest.raises(ProgrammingError, match="row-level security"):
        await rooms.run(context, "UPDATE usage_metrics.chairs SET room_id = :room_id", room_id=foreign)
    chairs = "SELECT room_id FROM usage_metrics.chairs"
    assert await rooms.run(context, chairs) == [mine]
    assert await rooms.run(None, chairs) == []
    assert len(await rooms.run(tenant.PLATFORM, chairs)) == 2


async def test_a_person_cannot_name_their_own_orgs(rooms) -> None:
    """What is in the context are ids; the orgs come from the service's own table."""
    stranger, org = uuid4(), uuid4()
    await rooms.add(org)
    with pytest.raises(ProgrammingError, match="row-level security"):
        await rooms.run(
            tenant.of_user(stranger), "INSERT INTO usage_metrics.parts VALUES (:user_id, :org_id, true)",
            user_id=uuid4(), org_id=org,
        )  # fmt: skip
    assert await rooms.seen(tenant.of_user(stranger)) == set()


async def test_what_is_shared_is_read_and_neither_changed_nor_locked(rooms) -> None:
    """Shared with a person in another org: what they see is the owner's all the same."""
    reader, stranger, there = uuid4(), uuid4(), uuid4()
    for person in (reader, stranger):
        await rooms.joins(person, uuid4())
    sql = "INSERT INTO usage_metrics.notes VALUES (gen_random_uuid(), :org_id, :reader_id) RETURNING org_id"
    await rooms.run(tenant.PLATFORM, sql, org_id=there, reader_id=reader)
    notes, context = "SELECT org_id FROM usage_metrics.notes", tenant.of_user(reader)
    assert await rooms.run(context, notes) == [there]
    assert await rooms.run(tenant.of_user(stranger), notes) == []
    assert await rooms.run(None, notes) == []
    for attempt in (
        "UPDATE usage_metrics.notes SET reader_id = NULL RETURNING org_id",
        "UPDATE usage_metrics.notes SET org_id = (SELECT max(org_id::text)::uuid FROM usage_metrics.parts) RETURNING 1",
        "DELETE FROM usage_metrics.notes RETURNING org_id",
        "SELECT org_id FROM usage_metrics.notes FOR UPDATE",
        "SELECT org_id FROM usage_metrics.notes FOR SHARE",
    ):
        assert await rooms.run(context, attempt) == [], attempt
    with pytest.raises(ProgrammingError, match="row-level security"):
        await rooms.run(context, sql, org_id=there, reader_id=reader)
    assert await rooms.run(context, notes) == [there]
