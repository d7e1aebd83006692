"""What the database itself refuses the service's role: nobody who takes the service over can rewrite ledger or log."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

ADD = {"SELECT", "INSERT"}
CHANGE = ADD | {"UPDATE"}

# What the code does with each table, and nothing more. Whoever needs another right adds it to the migration's GRANTS
# and here, with the code that uses it.
RIGHTS = {
    # The relay marks and the tidy deletes; a letter is settled and stays.
    "usage_metrics.outbox": CHANGE | {"DELETE"},
    "usage_metrics.inbox": ADD | {"DELETE"},
    "usage_metrics.dead_letters": CHANGE,
    "usage_metrics.revocations": CHANGE | {"DELETE"},
    "usage_metrics.platform_settings": CHANGE,
    "usage_metrics.request_counts": CHANGE | {"DELETE"},
    "usage_metrics.classes": CHANGE,
    "usage_metrics.tenants": CHANGE,
    # Erased with the account.
    "usage_metrics.memberships": CHANGE | {"DELETE"},
    "usage_metrics.erased_users": ADD,
    "usage_metrics.places": ADD,
    "partner.usage_events": ADD,
    # Made anew from the ledger.
    "partner.usage_daily": CHANGE | {"DELETE"},
    "supervisor.audit_events": ADD,
    # Erased with the account, never changed.
    "supervisor.audit_origins": ADD | {"DELETE"},
}

# A right on one column counts as well: an UPDATE of a single column is an UPDATE.
QUERY = """
    SELECT n.nspname || '.' || c.relname, p.privilege
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES', 'DELETE', 'TRUNCATE', 'TRIGGER']) p(privilege)
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND CASE WHEN p.privilege IN ('DELETE', 'TRUNCATE', 'TRIGGER')
               THEN has_table_privilege('usage_metrics', c.oid, p.privilege)
               ELSE has_any_column_privilege('usage_metrics', c.oid, p.privilege) END"""

FORBIDDEN = [
    "UPDATE partner.usage_events SET input_tokens = 0",
    "DELETE FROM partner.usage_events",
    "TRUNCATE partner.usage_events",
    "DROP TABLE partner.usage_events",
    "ALTER TABLE partner.usage_events DETACH PARTITION partner.usage_events_default",
    "UPDATE partner.usage_events_default SET input_tokens = 0",
    "DELETE FROM partner.usage_events_default",
    "SELECT * FROM partner.usage_events_default",
    """INSERT INTO partner.usage_events SELECT * FROM partner.usage_events
       ON CONFLICT (occurred_at, event_id) DO UPDATE SET input_tokens = 0""",
    "CREATE TABLE partner.usage_events_2031_01 (LIKE partner.usage_events)",
    "CREATE TABLE usage_metrics.anything (id int)",
    "TRUNCATE partner.usage_daily",
    "UPDATE supervisor.audit_events SET outcome = 'succeeded'",
    "DELETE FROM supervisor.audit_events",
    "TRUNCATE supervisor.audit_events",
    "DROP TABLE supervisor.audit_events",
    "ALTER TABLE supervisor.audit_events DISABLE ROW LEVEL SECURITY",
    "DROP POLICY tenant ON supervisor.audit_events",
    "SELECT * FROM supervisor.audit_events_default",
    "DELETE FROM supervisor.audit_events_default",
    """INSERT INTO supervisor.audit_events SELECT * FROM supervisor.audit_events
       ON CONFLICT (occurred_at, audit_id) DO UPDATE SET outcome = 'refused'""",
    "UPDATE supervisor.audit_origins SET ip = '192.0.2.1'",
    "DELETE FROM usage_metrics.erased_users",
    "SELECT usage_metrics.make_partitions_of('usage_metrics', 'outbox')",
    "SELECT usage_metrics.wall_partition('usage_metrics', 'outbox')",
]


async def test_the_role_has_exactly_the_rights_that_the_code_uses(books):
    found = {}
    for table, right in await books.rows(QUERY):
        found.setdefault(table, set()).add(right)

    assert found == RIGHTS


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_service_cannot(books, make_usage, make_entry, database, statement):
    await books.book(make_usage())
    await books.note(make_entry())

    # With a context that shows everything, so that it is the rights that refuse.
    with psycopg.connect(database.libpq_url("usage_metrics")) as connection:
        connection.execute("SET app.platform = 'on'")
        with pytest.raises(InsufficientPrivilege):
            connection.execute(statement)

    assert await books.rows("SELECT input_tokens FROM partner.usage_events") == [(100,)]
    assert await books.rows("SELECT outcome FROM supervisor.audit_events") == [("succeeded",)]


async def test_other_services_cannot_read_usage_or_log(database):
    for role in ("identity", "org_partner", "ingest", "rag", "vector_reader", "vector_writer"):
        for table in (
            "partner.usage_events",
            "partner.usage_daily",
            "supervisor.audit_events",
            "supervisor.audit_origins",
        ):
            with psycopg.connect(database.libpq_url(role)) as connection, pytest.raises(InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}")


async def test_only_this_service_may_make_partitions(database):
    with psycopg.connect(database.libpq_url("org_partner")) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT usage_metrics.make_partitions()")
