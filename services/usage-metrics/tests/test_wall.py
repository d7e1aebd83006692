"""Row-level security, without any filter beside it: what the database itself keeps from a transaction's context."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis import tenant
from contracts.org_partner import ClassOpened, EnrollmentEnded, MembershipGranted, Role, StudentEnrolled
from contracts.tenancy import Tenant

WALLED = (
    "partner.usage_events",
    "partner.usage_daily",
    "supervisor.audit_events",
    "supervisor.audit_origins",
    "usage_metrics.memberships",
    "usage_metrics.classes",
    "usage_metrics.tenants",
    "usage_metrics.places",
    "usage_metrics.erased_users",
)
# Whose rows a table holds; the others are for the service's own work alone.
OF_ORGS = ("partner.usage_events", "partner.usage_daily", "supervisor.audit_events", "usage_metrics.memberships")
OF_ORGS += ("usage_metrics.classes", "usage_metrics.tenants")
# Without a tenant: events on their way, and what identity decides for everybody.
OPEN = ("outbox", "inbox", "dead_letters", "revocations", "platform_settings", "request_counts", "alembic_version")
NOW = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)


@pytest.fixture
async def two(books, make_usage, make_entry):
    """Two orgs with a row of each in every table: (org, its admin)."""
    made = []
    for _ in range(2):
        org, partner, class_id, user = uuid4(), uuid4(), uuid4(), uuid4()
        where = {"org_id": org, "partner_id": partner, "class_id": class_id}
        role = {"membership_id": uuid4(), "user_id": user, "org_id": org, "role": Role.ORG_ADMIN, "version": 1}
        await books.project(
            MembershipGranted.model_validate({**role, "granted_at": NOW}),
            ClassOpened.model_validate({**where, "course_id": uuid4(), "name": "1반", "version": 1, "opened_at": NOW}),
        )
        await books.suspend(org, status="active")
        await books.book(make_usage(tenant=Tenant(user_id=user, **where)))
        await books.note(make_entry(actor_id=user, **where))
        await books.erase(uuid4())
        made.append((org, user))
    return made


async def _orgs_in(wired, context, table, column="org_id"):
    async with wired.database.transaction(context) as session:
        return {row[0] for row in await session.execute(text(f"SELECT {column} FROM {table}"))}


@pytest.mark.parametrize("table", WALLED)
async def test_without_a_context_there_is_nothing(two, wired, books, table):
    assert (await books.rows(f"SELECT count(*) FROM {table}"))[0][0] >= 2
    async with wired.database.transaction() as session:
        assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


@pytest.mark.parametrize("table", OF_ORGS)
async def test_who_is_in_one_org_sees_nothing_of_the_other(two, wired, table):
    for org, user in two:
        assert await _orgs_in(wired, tenant.of_user(user), table) == {org}
        assert await _orgs_in(wired, tenant.of_tenant(Tenant(user_id=uuid4(), org_id=org)), table) == {org}
    assert await _orgs_in(wired, tenant.PLATFORM, table) == {org for org, _ in two}


async def test_where_somebody_came_from_is_theirs_also_inside_an_org(two, wired):
    for org, user in two:
        assert await _orgs_in(wired, tenant.of_user(user), "supervisor.audit_origins", "user_id") == {user}
        colleague = tenant.of_tenant(Tenant(user_id=uuid4(), org_id=org))
        assert await _orgs_in(wired, colleague, "supervisor.audit_origins", "user_id") == set()


@pytest.mark.parametrize("table", ["usage_metrics.places", "usage_metrics.erased_users"])
async def test_what_the_service_keeps_for_itself_is_nobodys(two, wired, table):
    for _, user in two:
        async with wired.database.transaction(tenant.of_user(user)) as session:
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_who_did_something_or_had_it_done_to_them_sees_that_entry_in_a_foreign_org_too(
    two, wired, books, make_entry
):
    me = uuid4()
    mine = [make_entry(actor_id=me, org_id=two[0][0]), make_entry(target=f"user/{me}", org_id=two[1][0])]
    for entry in mine:
        await books.note(entry)

    seen = await _orgs_in(wired, tenant.of_user(me), "supervisor.audit_events", "audit_id")

    assert seen == {entry.audit_id for entry in mine}


INSERTS = {
    "partner.usage_events": "(event_id, usage_id, org_id, user_id, operation, provider, model, input_tokens, "
    "output_tokens, estimated, outcome, reference, occurred_at) VALUES (gen_random_uuid(), gen_random_uuid(), :org, "
    ":user, 'chat', 'p', 'm', 1, 1, false, 'completed', 'r', now())",
    "partner.usage_daily": "VALUES (now(), :org, NULL, NULL, :user, 'chat', 'm', 1, 1, 1, 0, 0, 0)",
    "supervisor.audit_events": "(audit_id, publisher, action, outcome, actor_id, org_id, detail, occurred_at) "
    "VALUES (gen_random_uuid(), 'identity', 'user.suspended', 'succeeded', :user, :org, '{}', now())",
    "supervisor.audit_origins": "(audit_id, occurred_at, user_id) VALUES (:org, now(), :user)",
    "usage_metrics.memberships": "(membership_id, user_id, org_id, is_active, version) "
    "VALUES (gen_random_uuid(), :user, :org, true, 1)",
    "usage_metrics.classes": "(class_id, org_id, partner_id, is_open, version) "
    "VALUES (gen_random_uuid(), :org, :user, true, 1)",
    "usage_metrics.tenants": "(tenant_id, org_id, is_active, version) VALUES (:user, :org, true, 1)",
    "usage_metrics.places": "VALUES (:org, :user)",
    "usage_metrics.erased_users": "VALUES (:user)",
}


@pytest.mark.parametrize("table", WALLED)
async def test_nobody_writes_for_an_org_or_a_person_that_is_not_theirs(two, wired, table):
    (mine, me), (theirs, other) = two
    for context in (None, tenant.of_user(me), tenant.of_tenant(Tenant(user_id=me, org_id=mine))):
        with pytest.raises(DBAPIError, match="row-level security"):
            async with wired.database.transaction(context) as session:
                await session.execute(text(f"INSERT INTO {table} {INSERTS[table]}"), {"org": theirs, "user": other})


async def test_an_update_or_a_delete_reaches_no_foreign_row(two, wired, books):
    (_, me), _ = two
    async with wired.database.transaction(tenant.of_user(me)) as session:
        await session.execute(text("UPDATE partner.usage_daily SET calls = 99"))
        await session.execute(text("DELETE FROM supervisor.audit_origins"))

    assert await books.rows("SELECT calls FROM partner.usage_daily ORDER BY 1") == [(1,), (99,)]
    assert len(await books.rows("SELECT user_id FROM supervisor.audit_origins")) == 1


async def test_a_class_that_somebody_has_left_is_read_by_them_and_never_changed(two, wired, books):
    (org, _), _ = two
    ((class_id, partner_id),) = await books.rows(
        f"SELECT class_id, partner_id FROM usage_metrics.classes WHERE org_id = '{org}'"
    )
    place = {"class_id": class_id, "partner_id": partner_id, "org_id": org}
    me, enrollment = uuid4(), {"enrollment_id": uuid4(), "student_id": uuid4(), **place}
    facts = {**enrollment, "user_id": me}
    await books.project(
        StudentEnrolled.model_validate({**facts, "version": 1, "enrolled_at": NOW}),
        EnrollmentEnded.model_validate({**facts, "version": 2, "ended_at": NOW}),
    )

    assert await _orgs_in(wired, tenant.of_user(me), "usage_metrics.classes", "class_id") == {class_id}
    async with wired.database.transaction(tenant.of_user(me)) as session:
        for change in ("name = 'mine'", "is_open = false"):
            changed = await session.execute(text(f"UPDATE usage_metrics.classes SET {change}"))
            assert changed.rowcount == 0


async def test_a_context_ends_with_its_transaction(two, wired):
    async with wired.database.transaction(tenant.PLATFORM):
        pass
    for _ in range(20):
        assert await _orgs_in(wired, None, "partner.usage_events") == set()


async def test_every_table_but_the_open_ones_and_every_partition_is_behind_the_wall(database):
    query = """
        SELECT c.oid::regclass::text, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
            SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polwithcheck IS NOT NULL)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND (n.nspname = 'usage_metrics' OR c.relname ~ '^(usage|audit)_')
    """
    with psycopg.connect(database.libpq_url("postgres")) as connection:
        walled = dict(connection.execute(query).fetchall())
    plain = {table for table, behind in walled.items() if not behind}

    assert plain == {f"usage_metrics.{name}" for name in OPEN}
    assert set(WALLED) < set(walled)
    assert sum(bool(re.search(r"_20\d\d_\d\d$", table)) for table in walled) >= 8


@pytest.mark.parametrize("table", ["partner.usage_events", "supervisor.audit_events"])
async def test_a_partition_made_later_is_no_way_around_the_wall(books, wired, database, make_usage, make_entry, table):
    late = datetime.now(UTC) - timedelta(days=400)
    partition = f"{table}_{late + timedelta(hours=9):%Y_%m}"
    await books.book(make_usage(occurred_at=late))
    await books.note(make_entry(occurred_at=late))

    await wired.partitions.make_missing()

    found = await books.rows(f"SELECT tableoid::regclass::text FROM {table}")
    assert found == [(partition,)]
    with psycopg.connect(database.libpq_url("usage_metrics")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(f"SELECT * FROM {partition}")
    # Its owner is let in by no context but the platform's.
    with psycopg.connect(database.libpq_url("growfit_migrator")) as connection:
        assert connection.execute(f"SELECT * FROM {partition}").fetchall() == []
        connection.execute("SET app.platform = 'on'")
        assert len(connection.execute(f"SELECT * FROM {partition}").fetchall()) == 1


async def test_making_partitions_leaves_the_callers_context_as_it_was(wired):
    async with wired.database.transaction() as session:
        await session.execute(text("SELECT usage_metrics.make_partitions()"))
        assert (await session.execute(text("SELECT current_setting('app.platform', true)"))).scalar_one() in (None, "")
